#!/usr/bin/env python3
"""A worker for Muster's brokers. Where others have a model server, it has an echo. One loop: what
has come is read, then what is due is said. In brackets: sections of docs/protocol.md.

    worker.py --broker tcp://127.0.0.1:5556 --name parrot0 --model parrot --slots 4
"""

import argparse
import random
import signal
import sys
import time
from collections import deque

import echo_model
import peer
from peer import Code, Type


class Worker:
    def __init__(self, options):
        self.options = options
        self.instance = int(time.time() * 1000) * 1024 + random.randrange(1024)  # [6]
        # What is still to be said of each request in hand: by broker id, (when, message) in order.
        # A connection that ends does not end them [7].
        self.jobs = {}
        self.progress = 0
        self.drained = self.stopping = self.replaced = False
        self.interval, self.expiry = peer.TIMES
        self.beat_at, self.backoff = 0, peer.BACKOFF
        self.dial()

    def run(self):
        """Works until it is told to stop and has finished, or until it is replaced."""
        while not self.replaced and not (self.stopping and not self.jobs):
            wake_at = [self.dead_at, time.monotonic() + 0.1]  # a signal does not end the wait
            if self.registered:
                wake_at += [self.beat_at, *(said[0][0] for said in self.jobs.values())]
            self.socket.poll(max(0, min(wake_at) - time.monotonic()) * 1000)
            now = time.monotonic()
            while self.socket.poll(0):  # whatever comes is a sign of life
                self.on_message(*peer.receive(self.socket), now)
                patience = self.expiry * (2 if self.registered else 1)  # [7]
                self.dead_at, self.backoff = now + patience, peer.BACKOFF
            if now >= self.dead_at:
                self.socket.close(linger=0)
                self.dial()
            self.say_what_is_due(now)
        self.say(Type.DEREGISTER, "stopped")
        peer.hang_up(self.socket)

    def dial(self):
        """A new socket, not the old one again: its connection may be dead without knowing it."""
        self.socket = peer.dial(self.options.broker)
        self.registered = False
        self.dead_at = time.monotonic() + self.backoff * random.uniform(0.75, 1)
        self.backoff = min(2 * self.backoff, self.expiry)

    def on_message(self, header, payload, now):
        match header:
            case None:  # this connection is new [1]
                self.register()
            case [1, Type.REQUEST, id, model, options, *_]:
                if model != self.options.model:
                    self.fail(id, Code.UNKNOWN_MODEL, f"{model} is not served here")
                elif self.state != "ready" or len(self.jobs) >= self.options.slots:
                    self.fail(id, Code.REFUSED, "no slot is free")  # [8]
                else:
                    self.answer(id, options, payload, now)
            case [1, Type.CANCEL, id, *_]:  # answered also where there is no such job [4]
                self.fail(id, Code.CANCELLED, "cancelled")
            case [1, Type.REGISTERED, terms, *_]:
                self.registered, self.beat_at = True, now
                self.interval, self.expiry = peer.times(terms)
            case [1, Type.REREGISTER, *_] if self.registered:  # else a REGISTER is under way [6]
                self.register()
            case [1, Type.DISMISS, code, reason, *_]:
                print(f"dismissed: {code} {reason}", file=sys.stderr)
                self.jobs.clear()
                self.registered, self.replaced = False, code == Code.REPLACED
                # The broker is silent now, and so dialled and asked again after the expiry time.
            case [1, Type.PROBE, nonce, *_]:
                self.say(Type.STATUS, nonce, self.info())
            case [1, Type.DRAIN, on, *_]:
                self.drained, self.beat_at = on, now
            # A HEARTBEAT has done its work by coming. Unknown types are ignored [2].

    def answer(self, id, options, body, now):
        content_type, parts, rest = echo_model.answer(body, options.get("stream"))
        meta = {"status": 200, "type": content_type, "worker": self.options.name}
        said = [(Type.CHUNK, id, seq, {} if seq else meta, part) for seq, part in enumerate(parts)]
        said.append((Type.FINAL, id, len(parts), meta, rest))
        self.jobs[id] = deque(
            (now + self.options.pace * n, message) for n, message in enumerate(said, 1))

    def fail(self, id, code, message):
        self.jobs[id] = deque([(0, (Type.ERROR, id, code, message, {"retryable": False}, b""))])

    @property
    def state(self):
        return "draining" if self.drained or self.stopping else "ready"

    def info(self):
        return {"worker": self.options.name, "instance": self.instance, "state": self.state,
                "models": [self.options.model], "slots": self.options.slots,
                "active": list(self.jobs)}

    def register(self):
        self.registered = False
        peer.send(self.socket, Type.REGISTER, self.info())

    def say(self, *header, payload=b""):
        """All but REGISTER. It is held back until REGISTERED has come; returns whether it went."""
        self.registered = self.registered and peer.send(self.socket, *header, payload=payload)
        return self.registered

    def say_what_is_due(self, now):
        if now >= self.beat_at and self.say(Type.HEARTBEAT, {
                "slots": self.options.slots, "grant": 0, "queue_length": 0, "state": self.state,
                "progress": self.progress}):
            self.beat_at = now + self.interval
        for id, said in list(self.jobs.items()):
            due, (*header, payload) = said[0]
            if now >= due and self.say(*header, payload=payload):
                said.popleft()
                self.progress += header[0] != Type.ERROR
                if not said:
                    del self.jobs[id]


def main():
    flags = argparse.ArgumentParser(description="A worker that echoes.")
    for name in ("--broker", "--name", "--model"):
        flags.add_argument(name, required=True)
    flags.add_argument("--slots", type=int, default=1)
    flags.add_argument("--pace", type=float, default=0, help="seconds before each part")
    worker = Worker(flags.parse_args())

    def stop(number, _):
        worker.stopping, worker.beat_at = True, 0  # tells its state
        signal.signal(number, signal.SIG_DFL)  # a second signal does not wait

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    worker.run()
    sys.exit(1 if worker.replaced else 0)


if __name__ == "__main__":
    main()
