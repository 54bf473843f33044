#!/usr/bin/env python3
"""Asks a model through one of Muster's brokers and prints the parts of the answer as they come. It
ends with 0, or with a line on standard error and 1. In brackets: sections of docs/protocol.md.

    client.py --broker tcp://127.0.0.1:5555 --model parrot --stream 'good morning'
"""

import argparse
import secrets
import sys
import time

import peer
from peer import Type


class Failed(Exception):
    pass


class Client:
    """One request, from the connection to its end."""

    def __init__(self, options):
        self.options = options
        self.socket = peer.dial(options.broker)
        self.id = secrets.randbits(64)  # any uint will do [2]
        self.asked = self.ended = False
        self.parts = 0
        self.interval, self.expiry = peer.TIMES
        self.dead_at = self.beat_at = time.monotonic() + self.expiry

    def run(self):
        while not self.ended:
            wait = min(self.beat_at, self.dead_at) - time.monotonic()
            self.socket.poll(max(0, wait) * 1000)
            now = time.monotonic()
            while not self.ended and self.socket.poll(0):  # whatever comes is a sign of life
                self.dead_at = now + 2 * self.expiry  # [7]
                self.on_message(*peer.receive(self.socket), now)
            if now >= self.dead_at:
                raise Failed("nothing is heard of the broker")
            if now >= self.beat_at:  # its answer tells that the broker lives [7]
                peer.send(self.socket, Type.HEARTBEAT, {})
                self.beat_at = now + self.interval

    def on_message(self, header, payload, now):
        match header:
            case None if self.asked:  # a new connection: what was asked on the old one is lost [1]
                raise Failed("the connection to the broker broke")
            case None:
                self.ask()
                self.beat_at = now
            case [1, Type.CHUNK, self.id, seq, _meta, *_]:
                self.on_part(seq, payload)
                self.parts += 1
                self.cancel_if_it_is_enough()
            case [1, Type.FINAL, self.id, seq, _meta, *_]:
                self.on_part(seq, payload)
                self.ended = True
            # An ERROR that is a `duplicate` is not about the request, which goes on [4].
            case [1, Type.ERROR, self.id, code, message, meta, *_] if not meta.get("duplicate"):
                raise Failed(f"{code} {meta.get('reason') or '-'}: {message}")
            case [1, Type.HEARTBEAT, terms, *_]:
                self.interval, self.expiry = peer.times(terms)
            # Other ids are none of ours. Unknown types are ignored [2].

    def ask(self):
        options = {"path": self.options.path, "stream": self.options.stream}
        peer.send(self.socket, Type.REQUEST, self.id, self.options.model, options,
                  payload=self.options.body.encode())
        self.asked = True
        self.cancel_if_it_is_enough()

    def on_part(self, seq, payload):
        if seq != self.parts:  # also at FINAL: the answer is whole only where none is missing [4]
            peer.send(self.socket, Type.CANCEL, self.id)
            raise Failed(f"part {seq} came where part {self.parts} was due")
        sys.stdout.buffer.write(payload)
        sys.stdout.buffer.flush()

    def cancel_if_it_is_enough(self):
        """The end is still the broker's to say: ERROR CANCELLED, or a FINAL that was under way."""
        if self.parts == self.options.cancel_after_parts:
            peer.send(self.socket, Type.CANCEL, self.id)


def main():
    flags = argparse.ArgumentParser(description="Asks a model through a broker.")
    flags.add_argument("--broker", required=True, help="the broker's frontend")
    flags.add_argument("--model", required=True)
    flags.add_argument("--path", default="/v1/chat/completions")
    flags.add_argument("--stream", action="store_true", help="take the answer part by part")
    flags.add_argument("--cancel-after-parts", type=int, metavar="N")
    flags.add_argument("body")
    client = Client(flags.parse_args())
    try:
        client.run()
    except Failed as failure:
        sys.exit(f"error {failure}")
    finally:
        peer.hang_up(client.socket)


if __name__ == "__main__":
    main()
