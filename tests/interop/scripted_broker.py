"""The broker's end of docs/protocol.md in a test's hands: it says what the test says, and gives
back what the program under test has said, message by message.
"""

import time

import msgpack
import peers
import zmq

PROBE, STATUS, DRAIN = 0x26, 0x27, 0x28
WITH_ID = (peers.REQUEST, peers.CANCEL, peers.CHUNK, peers.FINAL, peers.ERROR, peers.ANSWER)
LIMITS = {"header_bytes": 65536, "frame_bytes": 67108864, "message_bytes": 67108864, "frames": 16,
          "name_bytes": 128}
SOON = 10.0
A_WHILE = 0.4  # long enough to have said something, had there been anything to say


def terms(interval, liveness=3):
    """`interval` in seconds."""
    return {"broker": "scripted", "instance": 1740723166642177, "interval": int(interval * 1000),
            "liveness": liveness, "limits": LIMITS, "features": []}


def uint(value):
    return type(value) is int and 0 <= value < 2**64


def nine_bytes(number):
    """The form in which a broker writes ids."""
    return b"\xcf" + number.to_bytes(8, "big")


def header(kind, *elements):
    if kind not in WITH_ID:
        return peers.header(kind, *elements)
    id, *more = elements
    return (bytes([0x93 + len(more), 1, kind]) + nine_bytes(id)
            + b"".join(msgpack.packb(element) for element in more))


class Heard(peers.Message):
    """A message, with the connection that it came on and the bytes of its header."""

    def __init__(self, frames):
        super().__init__(frames[1:])
        self.connection = frames[0]
        self.header = frames[1]


class ScriptedBroker:
    """One program dials it. It speaks on the connection that was last registered or asked on."""

    def __init__(self, empty_first_frame=True):
        self.socket = zmq.Context.instance().socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.PROBE_ROUTER, empty_first_frame)
        self.socket.setsockopt(zmq.LINGER, 0)
        self._monitor = self.socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        port = self.socket.bind_to_random_port("tcp://127.0.0.1")
        self.endpoint = f"tcp://127.0.0.1:{port}"
        self.connection = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.disable_monitor()
        self._monitor.close()
        self.socket.close()

    def wait_for_a_connection(self):
        assert self._monitor.poll(SOON * 1000), "nobody has connected"
        self._monitor.recv_multipart()

    def say(self, kind, *elements, payload=None):
        self.send(header(kind, *elements), *([] if payload is None else [payload]))

    def send(self, *frames):
        self.socket.send_multipart([self.connection, *frames])

    def hear(self, seconds=SOON):
        """The next message, or None where none comes in time."""
        if not self.socket.poll(max(0, seconds) * 1000):
            return None
        heard = Heard(self.socket.recv_multipart())
        if heard.type in (peers.REGISTER, peers.REQUEST, peers.QUERY):
            self.connection = heard.connection
        return heard

    def hear_until(self, kind, seconds=SOON):
        """All that is said before the first message of this type, and that message."""
        before = []
        deadline = time.monotonic() + seconds
        while True:
            heard = self.hear(deadline - time.monotonic())
            assert heard is not None, f"no message of type {kind} within {seconds} s, but {before}"
            if heard.type == kind:
                return before, heard
            before.append(heard)

    def hear_a(self, kind):
        """The next message but for heartbeats, which must be of this type."""
        before, heard = self.hear_until(kind)
        before = [m for m in before if m.type != peers.HEARTBEAT]
        assert before == [], f"{before} came before a message of type {kind}"
        return heard
