"""What client.py and worker.py share: the words of the protocol, its frames, and the socket that a
peer dials with. In brackets: sections of docs/protocol.md.
"""

import enum

import msgpack
import zmq

Type = enum.IntEnum("Type", {  # [3]
    "REQUEST": 0x01, "CANCEL": 0x02, "CHUNK": 0x11, "FINAL": 0x12, "ERROR": 0x13,
    "HEARTBEAT": 0x20, "REGISTER": 0x21, "REGISTERED": 0x22, "REREGISTER": 0x23,
    "DEREGISTER": 0x24, "DISMISS": 0x25, "PROBE": 0x26, "STATUS": 0x27, "DRAIN": 0x28})

Code = enum.IntEnum("Code", {  # [5]: those that these two peers have to know
    "UNKNOWN_MODEL": 40301, "REPLACED": 40901, "REFUSED": 42904, "CANCELLED": 49900})

# In seconds [7].
TIMES = 1.0, 3.0  # (interval, expiry time), until the broker tells its own
BACKOFF = 1.0  # before the first new socket


def dial(endpoint):
    """A socket that connects for as long as it lives. It sets no routing id [1]."""
    socket = zmq.Context.instance().socket(zmq.DEALER)
    socket.setsockopt(zmq.IMMEDIATE, 1)
    socket.setsockopt(zmq.SNDHWM, 0)  # so that a send fails only where no connection stands
    socket.connect(endpoint)
    return socket


def hang_up(socket):
    """Ends the last socket; what was said last has a second to go out."""
    socket.close(linger=1000)
    zmq.Context.instance().term()


def send(socket, *header, payload=b""):
    """Sends a message, unless no connection stands; returns whether it was sent."""
    frames = [msgpack.packb([1, *header])]
    if payload:
        frames.append(payload)
    try:
        socket.send_multipart(frames, zmq.DONTWAIT)
        return True
    except zmq.Again:
        return False


def receive(socket):
    """The next message, [1, type, ...] and its payload; None for the empty first frame [1]."""
    header, *payload = socket.recv_multipart()
    return msgpack.unpackb(header) if header else None, b"".join(payload)


def times(terms):
    """(interval, expiry time) as a broker tells them."""
    interval = terms["interval"] / 1000
    return interval, interval * terms["liveness"]
