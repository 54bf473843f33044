// In place of a model server: repeats the words that it is asked. A chat is answered as OpenAI's
// API would answer it, any other body as it is. The protocol knows nothing of this: bodies are
// opaque.

const choice = (object, fields) => JSON.stringify({object, choices: [{index: 0, ...fields}]});

function chatText(body) {
    try {
        const text = JSON.parse(body).messages.at(-1).content;
        return typeof text === "string" ? text : undefined;
    } catch {
        return undefined;
    }
}

// {type, parts, rest}, with texts: without `stream` there is only the rest.
export function answer(body, stream) {
    const text = chatText(body);
    const words = (text ?? String(body)).match(/\s*\S+/g) ?? [];
    if (text === undefined)
        return {type: "text/plain", parts: stream ? words : [], rest: stream ? "" : words.join("")};
    if (!stream) {
        const message = {role: "assistant", content: words.join("")};
        return {type: "application/json", parts: [], rest: choice("chat.completion", {message})};
    }
    const part = (content) => choice("chat.completion.chunk", {delta: {content}});
    return {
        type: "text/event-stream",
        parts: words.map((word) => `data: ${part(word)}\n\n`),
        rest: "data: [DONE]\n\n"
    };
}
