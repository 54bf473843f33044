"""In place of a model server: repeats the words that it is asked. A chat is answered as OpenAI's
API would answer it, any other body as it is. The protocol knows nothing of this: bodies are opaque.
"""

import json
import re


def answer(body, stream):
    """(content type, the answer's parts, the rest): without `stream` there is only the rest."""
    try:
        words = re.findall(r"\s*\S+", json.loads(body)["messages"][-1]["content"])
    except (ValueError, LookupError, TypeError):  # no chat
        words = re.findall(rb"\s*\S+", body)
        return ("text/plain", words, b"") if stream else ("text/plain", [], b"".join(words))
    if not stream:
        message = {"role": "assistant", "content": "".join(words)}
        return "application/json", [], choice("chat.completion", message=message)
    parts = [b"data: %s\n\n" % choice("chat.completion.chunk", delta={"content": word})
             for word in words]
    return "text/event-stream", parts, b"data: [DONE]\n\n"


def choice(kind, **fields):
    return json.dumps({"object": kind, "choices": [{"index": 0, **fields}]}).encode()
