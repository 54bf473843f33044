"""Peers of a broker written from docs/protocol.md alone, over libzmq: what they send is exactly
what a test says, so that they can also send what no program of the house would.
"""

import itertools
import os
import time

import msgpack
import zmq

REQUEST, CANCEL = 0x01, 0x02
CHUNK, FINAL, ERROR = 0x11, 0x12, 0x13
HEARTBEAT, REGISTER, REGISTERED, REREGISTER, DEREGISTER, DISMISS = range(0x20, 0x26)
QUERY, ANSWER = 0x30, 0x31

NO_WORKER, WORKER_TIMEOUT, WORKER_LOST, WORKER_FAILED = 50005, 50006, 50007, 50001
BAD_REQUEST = 40001

# A body that any chat model takes.
HELLO = b'{"messages": [{"role": "user", "content": "hello"}]}'

_context = zmq.Context.instance()


def header(*elements):
    return msgpack.packb([1, *elements])


class Message:
    """A message with its header read: `type`, the elements after it, and the payload frames."""

    def __init__(self, frames):
        if frames == [b""]:
            self.type, self.elements = None, []  # the empty frame: this connection is new
        else:
            decoded = msgpack.unpackb(frames[0], strict_map_key=False)
            self.type, self.elements = decoded[1], decoded[2:]
        self.payload = b"".join(frames[1:])

    @property
    def id(self):
        return self.elements[0]

    def __repr__(self):
        return f"Message({self.type}, {self.elements}, {len(self.payload)} bytes)"


class Peer:
    def __init__(self, endpoint):
        self.socket = _context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.IMMEDIATE, 1)
        self.socket.setsockopt(zmq.LINGER, 2000)
        self.socket.connect(endpoint)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, *frames):
        self.socket.send_multipart(list(frames))

    def receive(self, seconds=10.0):
        """The next message, or None where none comes in time."""
        if not self.socket.poll(max(0, int(seconds * 1000)), zmq.POLLIN):
            return None
        return Message(self.socket.recv_multipart())

    def receive_a(self, *types, seconds=10.0):
        """The next message of one of these types; others, heartbeats say, are passed over."""
        deadline = time.monotonic() + seconds
        while True:
            message = self.receive(deadline - time.monotonic())
            assert message is not None, f"no message of type {types} within {seconds} s"
            if message.type in types:
                return message

    def connected(self):
        """Waits for the empty frame that the broker sends first."""
        message = self.receive()
        assert message is not None and message.type is None, message
        return self


class Client(Peer):
    def __init__(self, endpoint):
        super().__init__(endpoint)
        self._ids = itertools.count(1)

    def request(self, model, body=HELLO, **options):
        request_id = next(self._ids)
        options.setdefault("path", "/v1/chat/completions")
        self.send(header(REQUEST, request_id, model, options), body)
        return request_id

    def cancel(self, request_id):
        self.send(header(CANCEL, request_id))

    def end_of(self, request_id, seconds=10.0):
        """The FINAL or ERROR of this request; what belongs to others is passed over."""
        while True:
            message = self.receive_a(FINAL, ERROR, seconds=seconds)
            if message.id == request_id:
                return message

    def query(self, name, **arguments):
        request_id = next(self._ids)
        self.send(header(QUERY, request_id, name, arguments))
        while True:
            message = self.receive_a(ANSWER, ERROR)
            if message.id == request_id:
                return message


class Worker(Peer):
    """A worker without a model server: it answers only what the test lets it answer."""

    def __init__(self, endpoint, name, models=("raw",), slots=4, **info):
        super().__init__(endpoint)
        instance = int(time.time() * 1000) * 1024 + int.from_bytes(os.urandom(2), "big") % 1024
        self.info = {"worker": name, "instance": instance, "models": list(models), "slots": slots,
                     "state": "ready", **info}

    def register(self):
        self.send(header(REGISTER, self.info))
        return self.receive_a(REGISTERED, DISMISS)

    def heartbeat(self, **body):
        self.send(header(HEARTBEAT, {"slots": self.info["slots"], "grant": 0, "queue_length": 0,
                                     "state": self.info["state"], **body}))
