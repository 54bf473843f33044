#!/usr/bin/env node
// A worker for Muster's brokers. Where others have a model server, it has an echo. What there is to
// say of a request is said by an asynchronous function of its own. In brackets: sections of
// docs/protocol.md.
//
//     worker.mjs --broker tcp://127.0.0.1:5556 --name parrot0 --model parrot --slots 4

import {randomInt} from "node:crypto";
import {once} from "node:events";
import {setTimeout as pause} from "node:timers/promises";
import {parseArgs} from "node:util";
import * as echoModel from "./echo_model.mjs";
import {Code, Peer, Type} from "./peer.mjs";

class Worker extends Peer {
    instance = BigInt(Date.now()) * 1024n + BigInt(randomInt(1024)); // [6]
    jobs = new Map(); // by broker id, what aborts it. A connection that ends does not end them [7]
    progress = 0n;
    state = "ready";
    patience = () => (this.registered ? 2 : 1) * this.expiry; // nothing can be lost before [7]

    constructor(options) {
        super(options.broker);
        this.options = options;
        this.setMaxListeners(0); // each job may wait for "registered"
    }

    // Takes no more, finishes, and says goodbye.
    async stop() {
        this.stopping = true;
        this.setState("draining");
        while (this.jobs.size > 0) await once(this, "said");
        if (this.registered) this.send([Type.DEREGISTER, "stopped"]);
        this.close();
    }

    onMessage([type, ...elements], payload) {
        const [first] = elements;
        switch (type) {
            case undefined: // this connection is new [1]
                return this.register();
            case Type.REQUEST:
                return this.onRequest(...elements.slice(0, 3), payload);
            case Type.CANCEL: // answered also where there is no such job [4]
                return this.fail(first, Code.CANCELLED, "cancelled");
            case Type.REGISTERED:
                this.learn(first);
                this.registered = true;
                this.emit("registered");
                return this.heartbeat();
            case Type.REREGISTER: // where a REGISTER is under way there is nothing to do [6]
                return this.registered && this.register();
            case Type.DISMISS:
                return this.onDismiss(...elements);
            case Type.PROBE:
                return this.registered && this.send([Type.STATUS, first, this.info()]);
            case Type.DRAIN:
                return this.setState(first || this.stopping ? "draining" : "ready");
            // A HEARTBEAT has done its work by coming. Unknown types are ignored [2].
        }
    }

    onRequest(id, model, options, payload) {
        if (model !== this.options.model)
            return this.fail(id, Code.UNKNOWN_MODEL, `${model} is not served here`);
        if (this.state !== "ready" || this.jobs.size >= this.options.slots)
            return this.fail(id, Code.REFUSED, "no slot is free"); // [8]
        this.begin(id, async (signal) => {
            const {type, parts, rest} = echoModel.answer(payload, options.stream);
            const meta = {status: 200, type, worker: this.options.name};
            for (const [seq, part] of parts.entries()) {
                await pause(this.options.pace, undefined, {signal});
                await this.say([Type.CHUNK, id, seq, seq === 0 ? meta : {}], part, signal);
            }
            await pause(this.options.pace, undefined, {signal});
            await this.say([Type.FINAL, id, parts.length, meta], rest, signal);
        });
    }

    fail(id, code, message) {
        const header = [Type.ERROR, id, code, message, {retryable: false}];
        this.begin(id, (signal) => this.say(header, "", signal));
    }

    // Says this of the request, and no more what was being said of it.
    begin(id, saying) {
        const job = new AbortController();
        this.jobs.get(id)?.abort();
        this.jobs.set(id, job);
        saying(job.signal).catch((error) => {
            if (!job.signal.aborted) throw error;
        });
    }

    // It is held back until REGISTERED has come [1], be it on a later connection. With its end
    // said, and no later, a request is in hand no more: the broker may use its slot at once.
    async say([type, id, ...more], payload, signal) {
        while (!(this.registered && this.send([type, id, ...more], payload)))
            await once(this, "registered", {signal});
        if (type !== Type.CHUNK) this.jobs.delete(id);
        if (type !== Type.ERROR) this.progress++;
        this.emit("said");
    }

    // The broker is silent from here on, and so dialled and asked again after the expiry time.
    onDismiss(code, reason) {
        console.error(`dismissed: ${code} ${reason}`);
        this.registered = false;
        for (const job of this.jobs.values()) job.abort();
        this.jobs.clear();
        if (code !== Code.REPLACED) return;
        process.exitCode = 1;
        this.close();
    }

    register() {
        this.registered = false;
        this.send([Type.REGISTER, this.info()]);
    }

    info() {
        const {name, model, slots} = this.options;
        return {worker: name, instance: this.instance, models: [model], slots, state: this.state,
            active: [...this.jobs.keys()]};
    }

    setState(state) {
        this.state = state;
        this.heartbeat();
    }

    heartbeat() {
        clearTimeout(this.nextBeat);
        if (!this.registered) return;
        this.nextBeat = setTimeout(() => this.heartbeat(), this.interval);
        this.send([Type.HEARTBEAT, {slots: this.options.slots, grant: 0, queue_length: 0,
            state: this.state, progress: this.progress}]);
    }
}

const {values} = parseArgs({options: {
    broker: {type: "string"}, name: {type: "string"}, model: {type: "string"},
    slots: {type: "string", default: "1"}, pace: {type: "string", default: "0"} // seconds
}});
const worker = new Worker({...values, slots: Number(values.slots), pace: values.pace * 1000});
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => worker.stop());
await worker.run();
