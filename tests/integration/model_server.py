#!/usr/bin/env python3
"""A model server in the shape of OpenAI's API, to be killed, frozen and watched by tests.

It answers a prompt with `--tokens` words, `--delay` seconds apart, streamed or not, and tells on
its standard output, one JSON object a line, what it sees: {"event": "listening" | "request" |
"answered" | "closed", "user": the request's own name for itself}. "closed" is a client that hung
up before its answer was complete.
"""

import argparse
import asyncio
import json
import ssl


def tell(event, **more):
    print(json.dumps({"event": event, **more}), flush=True)


class Server:
    def __init__(self, options):
        self.options = options

    async def serve(self, reader, writer):
        try:
            while await self.one_request(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def one_request(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {k.lower(): v.strip() for k, v in
                   (line.split(":", 1) for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if method == "GET":
            return await self.about(path, writer)
        return await self.complete(path, json.loads(body), reader, writer)

    async def about(self, path, writer):
        known = {"/health": {"status": "ok"},
                 "/v1/models": {"object": "list",
                                "data": [{"id": model, "object": "model"}
                                         for model in self.options.model]}}
        await self.reply(writer, 200 if path in known else 404, known.get(path, {"error": path}))
        return True

    async def complete(self, path, request, reader, writer):
        user = request.get("user", "")
        tell("request", user=user, path=path)
        hung_up = asyncio.ensure_future(reader.read(1))
        try:
            whole = await self.answer(request, writer, hung_up)
        except ConnectionError:
            whole = False
        tell("answered" if whole else "closed", user=user)
        hung_up.cancel()
        # What the client may have sent meanwhile is lost with `hung_up`: one request a connection.
        return False

    async def answer(self, request, writer, hung_up):
        words = [f"w{n} " for n in range(self.options.tokens)]
        if request.get("stream"):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                         b"connection: close\r\n\r\n")
        for word in words:
            await asyncio.wait({hung_up}, timeout=self.options.delay)
            if hung_up.done():
                return False
            if request.get("stream"):
                part = {"object": "chat.completion.chunk", "model": request.get("model"),
                        "choices": [{"index": 0, "delta": {"content": word}}]}
                writer.write(f"data: {json.dumps(part)}\n\n".encode())
                await writer.drain()
        if request.get("stream"):
            writer.write(b"data: [DONE]\n\n")
            await writer.drain()
        else:
            message = {"role": "assistant", "content": "".join(words)}
            await self.reply(writer, 200, {
                "object": "chat.completion", "model": request.get("model"),
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}, close=True)
        return True

    async def reply(self, writer, status, value, close=False):
        body = json.dumps(value).encode()
        writer.write(f"HTTP/1.1 {status} {'OK' if status == 200 else 'Not Found'}\r\n"
                     f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
                     f"connection: {'close' if close else 'keep-alive'}\r\n\r\n".encode() + body)
        await writer.drain()


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", nargs="+", default=["test-model"])
    parser.add_argument("--tokens", type=int, default=5)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each word")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--certificate", help="a file; with it and its key, TLS is spoken")
    parser.add_argument("--key", help="a file")
    options = parser.parse_args()
    tls = None
    if options.certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(options.certificate, options.key)
    server = await asyncio.start_server(Server(options).serve, "127.0.0.1", options.port, ssl=tls)
    tell("listening", port=server.sockets[0].getsockname()[1])
    async with server:
        await server.serve_forever()


asyncio.run(main())
