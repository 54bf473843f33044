// A model server for load: OpenAI's path, answers that can be foretold byte by byte, thousands of
// requests a second. A request's body says what its answer shall be:
//
//   {"stream": true, "nonce": "c0-17", "parts": 5, "delay_ms": 20, "model": …}
//
// Each part comes `delay_ms` after the one before, and is longer by "pad": N bytes; a whole answer
// comes after all of its parts. With --watch it tells on standard output, one JSON object a line
// and `at` in nanoseconds of the system's monotonic clock, of every request that comes and every
// one whose client hung up.
//
//   node model_server.mjs MODEL [PORT] [--watch]
//
// A line on standard input changes how it behaves: "well", "fail" (500 to every request) or "hang"
// (no request is answered). /health says 200 all the while.

import http from "node:http";
import {createInterface} from "node:readline";

const [model, port] = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const watch = process.argv.includes("--watch");
let behaviour = "well";

const tell = (event, more = {}) =>
    console.log(JSON.stringify({event, at: Number(process.hrtime.bigint()), ...more}));

const reply = (response, status, value) => {
    const body = JSON.stringify(value);
    response.writeHead(status, {
        "content-type": "application/json", "content-length": Buffer.byteLength(body)
    });
    response.end(body);
};

function stream(request, response) {
    const {nonce, parts, delay_ms: delay, pad} = request;
    const padding = pad ? `,"pad":"${"x".repeat(pad)}"` : "";
    response.writeHead(200, {"content-type": "text/event-stream"});
    let part = 0;
    const next = () => {
        response.write(`data: {"nonce":"${nonce}","part":${part}${padding}}\n\n`);
        part += 1;
        if (part < parts) return response.timer = setTimeout(next, delay);
        response.end("data: [DONE]\n\n");
    };
    response.timer = setTimeout(next, delay);
}

function answer(request, response) {
    const {nonce, parts, delay_ms: delay} = request;
    if (watch) tell("request", {nonce});
    response.on("close", () => {
        clearTimeout(response.timer);
        if (watch && !response.writableFinished) tell("closed", {nonce});
    });
    if (behaviour === "fail") return reply(response, 500, {error: {message: "told to fail"}});
    if (behaviour === "hang") return;
    if (request.stream) return stream(request, response);
    response.timer = setTimeout(() => reply(response, 200, {nonce, parts}), parts * delay);
}

const server = http.createServer({keepAliveTimeout: 60000}, (request, response) => {
    if (request.url === "/health") return reply(response, 200, {});
    if (request.url === "/v1/models") {
        return reply(response, 200, {object: "list", data: [{id: model, object: "model"}]});
    }
    if (request.method !== "POST") return reply(response, 404, {error: {message: request.url}});
    const pieces = [];
    request.on("data", (piece) => pieces.push(piece));
    request.on("end", () => answer(JSON.parse(Buffer.concat(pieces)), response));
});
server.listen(Number(port ?? 0), "127.0.0.1", 4096,
    () => tell("listening", {port: server.address().port}));

createInterface({input: process.stdin}).on("line", (line) => {
    behaviour = line;
    tell("behaviour", {behaviour});
});
