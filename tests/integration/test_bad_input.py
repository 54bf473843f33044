"""Peers that send rubbish, by the thousand and on both sockets: the broker lives, grows by no more
than a bound, counts what it was sent, and serves the others as if nothing were there.
"""

import contextlib
import os
import random
import socket
import threading
import unittest
import urllib.parse

import msgpack

import peers
from muster_processes import Cluster

GROWTH_KIB_MAX = 96 * 1024
ROUNDS = 40


def nested(depth):
    """Arrays in arrays, one a byte."""
    return b"\x91" * depth + b"\x00"


def rubbish(seed):
    """Header frames that no peer should send, each with why."""
    draw = random.Random(seed)
    yield "noise", draw.randbytes(draw.randrange(1, 200))
    yield "empty", b""
    yield "no array", msgpack.packb({"a": 1})
    yield "another version", msgpack.packb([2, peers.REQUEST, 1, "m", {}])
    yield "no type", msgpack.packb([1])
    yield "an unknown type", msgpack.packb([1, 0x77, 1])
    yield "a reserved type", msgpack.packb([1, 0x03, 1])
    yield "an array that claims 4 billion", b"\xdd\xff\xff\xff\xff\x01"
    yield "a string that claims 4 billion", b"\x94\x01\x01\x01\xdb\xff\xff\xff\xff"
    yield "a map that claims 4 billion", b"\x95\x01\x01\x01\xa1m\xdf\xff\xff\xff\xff"
    yield "deeply nested", b"\x95\x01\x01\x01\xa1m" + nested(60000)
    yield "cut off", msgpack.packb([1, peers.REQUEST, 1, "m", {"path": "/x"}])[:-3]
    yield "a negative id", msgpack.packb([1, peers.REQUEST, -1, "m", {}])
    yield "an id of text", msgpack.packb([1, peers.REQUEST, "x", "m", {}])
    yield "a model of numbers", msgpack.packb([1, peers.REQUEST, 9, 5, {}])
    yield "a name over the limit", msgpack.packb([1, peers.REQUEST, 9, "m" * 129, {}])
    yield "no utf-8", b"\x95\x01\x01\x09\xa2\xff\xfe\x80"
    yield "a header over the limit", msgpack.packb([1, peers.REQUEST, 9, "m", {"x": "y" * 65536}])
    yield "options that are wrong", msgpack.packb([1, peers.REQUEST, 9, "m", {"timeout": "x"}])
    yield "no time at all", msgpack.packb([1, peers.REQUEST, 9, "m", {"timeout": 0}])
    yield "map keys that are no text", msgpack.packb([1, peers.REQUEST, 9, "m", {1: 2}])
    yield "an unknown query", msgpack.packb([1, peers.QUERY, 9, "secrets", {}])
    yield "a worker's message", msgpack.packb([1, peers.FINAL, 9, 0, {}])


def absurd_infos():
    """REGISTERs that no worker should send."""
    good = {"worker": "absurd", "instance": 1, "models": ["m"], "slots": 1, "state": "ready"}
    for field in good:
        yield {k: v for k, v in good.items() if k != field}
    for changed in ({"worker": ""}, {"worker": "w" * 129}, {"worker": 5}, {"slots": 4097},
                    {"slots": -1}, {"instance": 2**60}, {"instance": "x"}, {"models": "m"},
                    {"models": [{"aliases": []}]}, {"models": [7]}, {"models": ["m" * 129]},
                    {"state": 1}, {"speed": 0}, {"speed": -1.0},
                    {"speed": float("nan")}, {"labels": [1]}, {"active": ["x"]}):
        yield {**good, **changed}


class Steady:
    """A well-behaved client that asks all the time; every answer must be the right one."""

    def __init__(self, frontend):
        self.answers = 0
        self.faults = []
        self._frontend = frontend
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._thread.join(20)

    def _run(self):
        body = b'{"messages": [{"role": "user", "content": "all is well"}]}'
        with peers.Client(self._frontend) as client:
            client.connected()
            while not self._stopping.is_set():
                end = client.end_of(client.request("echo", body))
                if end.type != peers.FINAL or b"all is well" not in end.payload:
                    self.faults.append(end)
                self.answers += 1


class BadInput(unittest.TestCase):
    def setUp(self):
        self.cluster = self.enterContext(Cluster())
        self.cluster.agent("demo", "--demo")
        self.broker = self.cluster.broker

    @contextlib.contextmanager
    def others_unharmed(self):
        """Around a flood: the others are served meanwhile, and the broker stays as it was."""
        before = self.broker.resident_kib()
        with Steady(self.broker.frontend) as steady:
            yield
            answers = steady.answers
            self.assertEqual("and after\n", self.cluster.ask("and after").stdout)
        grown = self.broker.resident_kib() - before
        print(f"{self.id()}: {answers} answers meanwhile, {grown} KiB grown")
        self.assertEqual([], steady.faults)
        self.assertGreater(steady.answers, 0)
        self.assertTrue(self.broker.running)
        self.assertLess(grown, GROWTH_KIB_MAX)

    def counted(self, side):
        """By reason, what was bad from `clients` or `workers`."""
        return self.cluster.stats()["faults"][side]

    def test_a_flood_at_the_frontend(self):
        with self.others_unharmed():
            for seed in range(ROUNDS):
                with peers.Peer(self.broker.frontend) as peer:
                    peer.connected()
                    for _, frame in rubbish(seed):
                        peer.send(frame)
                        peer.send(frame, b"payload", b"")
        counted = self.counted("clients")
        self.assertGreater(sum(counted.values()), ROUNDS * 20, counted)
        self.assertGreater(len(counted), 4, counted)

    def test_bad_requests_are_answered_where_an_id_can_be_read(self):
        with peers.Client(self.broker.frontend) as client:
            client.connected()
            for options in ({"timeout": 0}, {"timeout": "soon"}, {"priority": []}):
                client.send(peers.header(peers.REQUEST, 77, "echo", options), b"{}")
                self.assertEqual(peers.BAD_REQUEST, client.end_of(77).elements[1], options)
            client.send(peers.header(peers.REQUEST, 78, "m" * 129, {}), b"{}")
            self.assertEqual(peers.BAD_REQUEST, client.end_of(78).elements[1])
            client.send(peers.header(peers.REQUEST, 79, "echo", {}), *[b"x"] * 40)
            self.assertEqual(peers.BAD_REQUEST, client.end_of(79).elements[1])
            client.send(peers.header(peers.QUERY, 80, "secrets", {}))
            self.assertEqual(peers.BAD_REQUEST, client.end_of(80).elements[1])

    def test_a_flood_at_the_backend(self):
        with self.others_unharmed():
            for seed in range(ROUNDS):
                with peers.Peer(self.broker.backend) as peer:
                    peer.connected()
                    for _, frame in rubbish(seed):
                        peer.send(frame)
                        peer.send(frame, b"payload", b"")
                    for info in absurd_infos():
                        peer.send(peers.header(peers.REGISTER, info))
        counted = self.counted("workers")
        self.assertGreater(sum(counted.values()), ROUNDS * 20, counted)
        self.assertNotIn("absurd", self.cluster.workers())

    def test_a_registered_worker_that_turns_bad_is_dismissed(self):
        with peers.Worker(self.broker.backend, "bad") as worker:
            worker.connected()
            self.assertEqual(peers.REGISTERED, worker.register().type)
            for _, frame in rubbish(1):
                for _ in range(20):
                    worker.send(frame)
            worker.receive_a(peers.DISMISS)
        self.assertEqual("all is well\n", self.cluster.ask("--model", "echo", "all is well").stdout)

    def test_a_stranger_at_the_backend_is_asked_to_register(self):
        with peers.Worker(self.broker.backend, "stranger") as worker:
            worker.connected()
            worker.heartbeat()
            worker.receive_a(peers.REREGISTER)
            self.assertEqual(peers.REGISTERED, worker.register().type)

    def test_answers_that_break_the_order(self):
        with peers.Worker(self.broker.backend, "raw") as worker, \
                peers.Client(self.broker.frontend) as client:
            worker.connected()
            worker.register()
            client.connected()
            for frames, streamed in (
                    ([peers.CHUNK, 1, {}], True), ([peers.CHUNK, 0, {}], False),
                    ([peers.FINAL, 3, {}], True)):
                request = client.request("raw", stream=streamed)
                at_worker = worker.receive_a(peers.REQUEST)
                worker.send(peers.header(frames[0], at_worker.id, *frames[1:]), b"x")
                end = client.end_of(request)
                self.assertEqual((peers.WORKER_LOST, "stream_broken"),
                                 (end.elements[1], end.elements[3]["reason"]))
                if frames[0] == peers.CHUNK:
                    cancelled = worker.receive_a(peers.CANCEL)
                    worker.send(peers.header(peers.ERROR, cancelled.id, 49900, "stopped", {}))

    def test_what_is_no_zeromq(self):
        with self.others_unharmed():
            for endpoint in (self.broker.frontend, self.broker.backend):
                address = urllib.parse.urlparse(endpoint)
                for text in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", os.urandom(4096), b"\xff" * 64):
                    with socket.create_connection((address.hostname, address.port)) as peer:
                        with contextlib.suppress(ConnectionError):
                            peer.sendall(text)


class OverTheLimit(unittest.TestCase):
    def test_a_frame_over_the_limit(self):
        with Cluster(**{"limits.frame_bytes_max": "64KiB"}) as cluster:
            cluster.agent("demo", "--demo")
            with peers.Client(cluster.broker.frontend) as client:
                client.connected()
                end = client.end_of(client.request("echo", b"x" * (64 * 1024 + 1)))
                self.assertEqual((peers.ERROR, peers.BAD_REQUEST), (end.type, end.elements[1]))
            with peers.Client(cluster.broker.frontend) as client:
                client.connected()
                client.request("echo", b"x" * (8 * 1024 * 1024))
            self.assertEqual("still here\n", cluster.ask("still here").stdout)


if __name__ == "__main__":
    unittest.main()
