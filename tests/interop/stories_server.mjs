// A real language model behind OpenAI's API: node-llama-cpp runs the GGUF file given as the first
// argument; /v1/completions, /v1/chat/completions, /v1/models, /health and, as llama.cpp's own
// server has it, /props. Says {"event": "listening", "port": N} once it can be asked.
//
// The stories models know no chat: of a conversation, the last message is the prompt.

import http from "node:http";
import {getLlama, LlamaCompletion} from "node-llama-cpp";

const MODEL = "stories260K";
const SLOTS = 2;
const CONTEXT = 512; // what the model was trained with; its file says 128
const BODY_BYTES_MAX = 1024 * 1024;

const tell = (event, more = {}) => console.log(JSON.stringify({event, ...more}));

const llama = await getLlama({build: "never", gpu: false, skipDownload: true, logLevel: "error"});
const model = await llama.loadModel({
    modelPath: process.argv[2],
    metadataOverrides: {llama: {context_length: CONTEXT}}
});
// One thread: a model this small is slower with more, by far where the cores are busy.
const context = await model.createContext({contextSize: CONTEXT, sequences: SLOTS, threads: 1});
const free = Array.from({length: SLOTS}, () => context.getSequence());
const waiting = [];

const takeSequence = () => free.length > 0
    ? Promise.resolve(free.pop())
    : new Promise((resolve) => waiting.push(resolve));
const giveBack = (sequence) => {
    const next = waiting.shift();
    if (next) next(sequence); else free.push(sequence);
};

async function generate(request, prompt, signal, onText) {
    const sequence = await takeSequence();
    try {
        const completion = new LlamaCompletion({contextSequence: sequence});
        return await completion.generateCompletionWithMeta(prompt, {
            maxTokens: request.max_tokens ?? 100,
            temperature: request.temperature ?? 0.8,
            signal,
            stopOnAbortSignal: true,
            onTextChunk: onText
        });
    } finally {
        giveBack(sequence);
    }
}

// The shapes of the two APIs: what differs is where the text stands.
const completions = {
    object: "text_completion",
    partObject: "text_completion",
    prompt: (request) => request.prompt,
    part: (text) => ({text}),
    whole: (text) => ({text})
};
const chat = {
    object: "chat.completion",
    partObject: "chat.completion.chunk",
    prompt: (request) => request.messages?.at(-1)?.content,
    part: (text) => ({delta: {content: text}}),
    whole: (text) => ({message: {role: "assistant", content: text}})
};

const reply = (response, status, value) => {
    response.writeHead(status, {"content-type": "application/json"});
    response.end(JSON.stringify(value));
};

async function complete(shape, request, response) {
    const prompt = shape.prompt(request);
    if (typeof prompt !== "string")
        return reply(response, 400, {error: {message: "no prompt", type: "invalid_request_error"}});
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    const answer = (object, choice, finish) => ({
        object,
        model: MODEL,
        choices: [{index: 0, finish_reason: finish, ...choice}]
    });
    const event = (value) => response.write(`data: ${value}\n\n`);
    if (request.stream)
        response.writeHead(200, {"content-type": "text/event-stream"});
    const {response: text, metadata} = await generate(request, prompt, gone.signal, (piece) => {
        if (request.stream)
            event(JSON.stringify(answer(shape.partObject, shape.part(piece), null)));
    });
    const finish = metadata.stopReason === "maxTokens" ? "length" : "stop";
    tell(response.destroyed ? "closed" : "answered");
    if (!request.stream)
        return reply(response, 200, answer(shape.object, shape.whole(text), finish));
    event(JSON.stringify(answer(shape.partObject, shape.part(""), finish)));
    event("[DONE]");
    response.end();
}

async function readJson(request) {
    let body = "";
    for await (const piece of request) {
        body += piece;
        if (body.length > BODY_BYTES_MAX) throw new Error("body too large");
    }
    return JSON.parse(body);
}

const about = {
    "/health": {status: "ok"},
    "/props": {total_slots: SLOTS},
    "/v1/models": {object: "list", data: [{id: MODEL, object: "model"}]}
};
const shapes = {"/v1/completions": completions, "/v1/chat/completions": chat};

const server = http.createServer(async (request, response) => {
    try {
        if (request.method === "GET" && about[request.url])
            return reply(response, 200, about[request.url]);
        if (request.method === "POST" && shapes[request.url])
            return await complete(shapes[request.url], await readJson(request), response);
        reply(response, 404, {error: {message: `no ${request.url}`}});
    } catch (error) {
        if (response.headersSent) response.destroy();
        else reply(response, 400, {error: {message: String(error)}});
    }
});
server.listen(0, "127.0.0.1", () => tell("listening", {port: server.address().port}));
