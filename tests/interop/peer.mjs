// What client.mjs and worker.mjs share: the words of the protocol, and the sockets that a peer
// dials with, one after the other. In brackets: sections of docs/protocol.md.

import {EventEmitter} from "node:events";
import {decode, encode} from "@msgpack/msgpack";
import {Dealer} from "zeromq";

export const Type = { // [3]
    REQUEST: 0x01, CANCEL: 0x02, CHUNK: 0x11, FINAL: 0x12, ERROR: 0x13,
    HEARTBEAT: 0x20, REGISTER: 0x21, REGISTERED: 0x22, REREGISTER: 0x23,
    DEREGISTER: 0x24, DISMISS: 0x25, PROBE: 0x26, STATUS: 0x27, DRAIN: 0x28
};

export const Code = { // [5]: those that these two peers have to know
    UNKNOWN_MODEL: 40301, REPLACED: 40901, REFUSED: 42904, CANCELLED: 49900
};

// An id needs all 64 bits, and a number has 53 of them: ids are BigInts, on their way in and out.
// With this option a number from 2^32 on would be written as a float, which is no uint [2]: what
// may grow so large is a BigInt too.
const options = {useBigInt64: true};

// A subclass has onMessage(header, payload): the header's elements after the version, none for the
// empty first frame [1].
export class Peer extends EventEmitter {
    interval = 1000; // milliseconds, like all times here; until the broker tells its own [7]
    expiry = 3000;
    backoff = 1000;
    registered = false; // a worker's: whether it has a session

    constructor(endpoint) {
        super();
        this.endpoint = endpoint;
    }

    // Dials, and dials again where a broker is silent, until closed.
    async run() {
        while (!this.closed) {
            // A new socket each time: the connection of the old one may be dead without knowing it.
            this.socket = new Dealer({ // it sets no routing id [1]
                immediate: true,
                sendHighWaterMark: 0, sendTimeout: 0 // writable wherever a connection stands
            });
            this.registered = false;
            this.socket.connect(this.endpoint);
            this.expectWordWithin(this.backoff * (0.75 + Math.random() / 4));
            this.backoff = Math.min(2 * this.backoff, this.expiry);
            for await (const [frame, ...payload] of this.socket) {
                this.backoff = 1000;
                const [version, ...header] = frame.length > 0 ? decode(frame, options) : [1];
                if (version === 1) this.onMessage(header, Buffer.concat(payload));
                if (!this.closed) this.expectWordWithin(this.patience()); // any word will do [7]
            }
        }
    }

    patience() {
        return 2 * this.expiry;
    }

    expectWordWithin(ms) {
        clearTimeout(this.silence);
        this.silence = setTimeout(() => this.onSilence(), ms);
    }

    onSilence() {
        this.socket.linger = 0;
        this.socket.close(); // and run() goes on
    }

    close() {
        this.closed = true;
        clearTimeout(this.silence);
        clearTimeout(this.nextBeat);
        this.socket.linger = 1000; // what was said last may still go out
        this.socket.close();
    }

    // Tells whether the message was sent: not where no connection stands.
    send(header, payload = "") {
        if (this.socket.closed || !this.socket.writable) return false;
        const frames = [encode([1, ...header], options)];
        if (payload.length > 0) frames.push(payload);
        this.socket.send(frames).catch(() => {}); // lost with a connection that ends this moment
        return true;
    }

    learn(terms) {
        this.interval = Number(terms.interval);
        this.expiry = this.interval * Number(terms.liveness);
    }
}
