#!/usr/bin/env node
// Asks a model through one of Muster's brokers and prints the parts of the answer as they come. It
// ends with 0, or with a line on standard error and 1. In brackets: sections of docs/protocol.md.
//
//     client.mjs --broker tcp://127.0.0.1:5555 --model parrot --stream 'good morning'

import {randomBytes} from "node:crypto";
import {parseArgs} from "node:util";
import {Peer, Type} from "./peer.mjs";

// One request, from the connection to its end.
class Client extends Peer {
    id = randomBytes(8).readBigUInt64BE(); // any uint will do [2]
    backoff = this.expiry; // no second socket: a broker that says nothing for so long is not there
    asked = false;
    parts = 0;

    constructor(options, body) {
        super(options.broker);
        this.options = options;
        this.enough = Number(options["cancel-after-parts"]); // NaN, which nothing equals: never
        this.body = body;
    }

    onMessage([type, ...elements], payload) {
        if (type === undefined) return this.onConnection();
        if (type === Type.HEARTBEAT) return this.learn(elements[0]);
        const [id, ...more] = elements;
        if (id !== this.id) return; // none of ours
        switch (type) {
            case Type.CHUNK:
                if (!this.isNextPart(more[0], payload)) return;
                this.parts++;
                return this.cancelIfItIsEnough();
            case Type.FINAL:
                if (this.isNextPart(more[0], payload)) this.close();
                return;
            case Type.ERROR:
                return this.onError(...more);
            // Unknown types are ignored [2].
        }
    }

    onConnection() {
        // A new connection: what was asked on the old one is lost [1].
        if (this.asked) return this.fail("the connection to the broker broke");
        this.asked = true;
        const {model, path, stream} = this.options;
        this.send([Type.REQUEST, this.id, model, {path, stream}], this.body);
        this.cancelIfItIsEnough();
        this.heartbeat();
    }

    // Prints it if it is. Also at FINAL: the answer is whole only where no part is missing [4].
    isNextPart(seq, payload) {
        if (Number(seq) === this.parts) {
            process.stdout.write(payload);
            return true;
        }
        this.send([Type.CANCEL, this.id]);
        this.fail(`part ${seq} came where part ${this.parts} was due`);
        return false;
    }

    // One that is a `duplicate` is not about the request, which goes on [4].
    onError(code, message, meta) {
        if (!meta.duplicate) this.fail(`${code} ${meta.reason ?? "-"}: ${message}`);
    }

    // The end is still the broker's to say: ERROR CANCELLED, or a FINAL that was under way.
    cancelIfItIsEnough() {
        if (this.parts === this.enough) this.send([Type.CANCEL, this.id]);
    }

    // Its answer tells that the broker lives [7].
    heartbeat() {
        this.send([Type.HEARTBEAT, {}]);
        this.nextBeat = setTimeout(() => this.heartbeat(), this.interval);
    }

    onSilence() {
        this.fail("nothing is heard of the broker");
    }

    fail(why) {
        console.error(`error ${why}`);
        process.exitCode = 1;
        this.close();
    }
}

const {values, positionals: [body]} = parseArgs({allowPositionals: true, options: {
    broker: {type: "string"}, model: {type: "string"},
    path: {type: "string", default: "/v1/chat/completions"},
    stream: {type: "boolean", default: false}, "cancel-after-parts": {type: "string"}
}});
await new Client(values, body).run();
