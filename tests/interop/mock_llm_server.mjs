// @dwmkerr/mock-llm, an OpenAI-compatible server of somebody else's, on a port of the system's
// choice. It answers with the last message of the conversation.

import {createServer} from "@dwmkerr/mock-llm/dist/server.js";
import {getDefaultConfig} from "@dwmkerr/mock-llm/dist/config.js";

const config = {...getDefaultConfig(), streaming: {chunkSize: 4, chunkIntervalMs: 1}};
const server = createServer(config, "127.0.0.1", 0).listen(0, "127.0.0.1", () =>
    console.log(JSON.stringify({event: "listening", port: server.address().port})));
