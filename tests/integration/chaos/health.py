#!/usr/bin/env python3
"""Model servers that fail or hang although their /health says 200, and clients that read slowly:
what the others feel of it. Prints what docs/reliability.md tells.

    /usr/bin/python3 tests/integration/chaos/health.py [CASE...]

Cases: fails, hangs, slow.
"""

import argparse
import collections
import contextlib
import json
import statistics
import sys
import threading
import time

import zmq

from stage import Cluster, ModelServer, peers, plan, say, wait_until

MODEL = "chaos"


def wait(seconds):
    threading.Event().wait(seconds)


class Two(contextlib.ExitStack):
    """Two workers of one model, of which the first is going to misbehave."""

    def __init__(self, **broker):
        super().__init__()
        self.cluster = self.enter_context(Cluster(**broker))
        self.servers = [self.cluster.add(ModelServer(f"s{n}", MODEL)) for n in range(2)]
        for n, server in enumerate(self.servers):
            self.cluster.agent(f"w{n}", "--server", server.url, **{"worker.slots": 128})
        self.client = self.enter_context(peers.Client(self.cluster.broker.frontend)).connected()
        self.asked = 0

    def ask(self, **more):
        self.asked += 1
        return self.client.request(MODEL, plan(f"n{self.asked}", **more), stream=True)

    def ends(self, count):
        """The ends of `count` requests, asked one after the other."""
        return [self.client.end_of(self.ask(delay_ms=5)) for _ in range(count)]

    def explain(self, what):
        print(f"{what}:\n" + self.cluster.muster("why", "--model", MODEL).stdout.strip())


def by_worker(ends):
    return collections.Counter(
        ("failed at " if e.type == peers.ERROR else "answered by ") + e.elements[-1]["worker"]
        for e in ends)


def fails():
    """500 to everything, then well again."""
    with Two(**{"ejection.duration": "3s"}) as two:
        two.servers[0].behave("fail")
        ends = two.ends(100)
        print(f"a server that fails, 100 requests: {dict(by_worker(ends))}")
        two.explain("put aside")
        two.servers[0].behave("well")
        began = time.monotonic()
        wait_until("w0 is back", lambda: by_worker(two.ends(4)).get("answered by w0"))
        print(f"well again: it has answered a request after {time.monotonic() - began:.1f} s")
        two.explain("taken back")
        return sum(e.type == peers.ERROR for e in ends) == 5


def hangs():
    """No answer to anything, while /health says 200; then well again."""
    with Two(**{"worker.stall": "3s"}) as two:
        two.servers[0].behave("hang")
        began = time.monotonic()
        hanging = [two.ask(delay_ms=5) for _ in range(8)]
        two.cluster.wait_for_worker("w0", lambda w: w.get("stalled"))
        print(f"a server that hangs is stalled after {time.monotonic() - began:.1f} s "
              f"(worker.stall 3 s)")
        two.explain("stalled")
        ends = two.ends(50)
        print(f"50 requests then: {dict(by_worker(ends))}")
        two.servers[0].behave("well")
        for wire_id in hanging:
            two.client.cancel(wire_id)
        began = time.monotonic()
        two.cluster.wait_for_worker("w0", lambda w: not w.get("stalled"))
        print(f"what hung was cancelled: no longer stalled after {time.monotonic() - began:.1f} s")
        ends_after = by_worker(two.ends(20))
        print(f"20 requests then: {dict(ends_after)}")
        return set(by_worker(ends)) == {"answered by w1"} and "answered by w0" in ends_after


class Slow:
    """A client that asks for long answers and reads nothing."""

    def __init__(self, frontend):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.setsockopt(zmq.RCVHWM, 1)
        self.socket.setsockopt(zmq.RCVBUF, 4096)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(frontend)
        for number in range(1, 9):
            self.socket.send_multipart([
                peers.header(peers.REQUEST, number, MODEL, {
                    "path": "/v1/chat/completions", "stream": True}),
                plan(f"slow{number}", parts=100_000, delay_ms=20, pad=4000)])


def honest(frontend, seconds, times, faults):
    """One client that asks one short question after the other."""
    with peers.Client(frontend) as client:
        client.connected()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            began = time.monotonic()
            end = client.end_of(client.request(MODEL, plan("honest", delay_ms=5), stream=True))
            times.append((time.monotonic() - began) * 1000)
            if end.type == peers.ERROR:
                faults.append(end)
            wait(0.5)


def crowd(two, seconds):
    times, faults = [], []
    clients = [threading.Thread(target=honest,
                                args=(two.cluster.broker.frontend, seconds, times, faults))
               for _ in range(100)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    times.sort()
    return times, faults


def tell_crowd(what, two, times, faults):
    print(f"{what}: {len(times)} requests, median {statistics.median(times):.1f} ms, "
          f"p99 {times[int(len(times) * 0.99)]:.1f} ms, {len(faults)} failed; "
          f"broker {two.cluster.broker.resident_kib() / 1024:.0f} MiB")


def slow():
    """A hundred honest clients, alone and beside ten that ask for streams and do not read."""
    with Two(**{"limits.client_backlog": "1MiB"}) as two:
        tell_crowd("100 honest clients", two, *crowd(two, 8))
        slow_ones = [Slow(two.cluster.broker.frontend) for _ in range(10)]
        times, faults = crowd(two, 15)
        tell_crowd("beside 10 that do not read", two, times, faults)
        stats = two.cluster.stats()
        print(f"cut off: {stats['clients_cut_off']}; slots still taken: {stats['in_flight']}")
        for one in slow_ones:
            one.socket.close()
        return not faults and stats["clients_cut_off"] == 10 and stats["in_flight"] == 0


CASES = {"fails": fails, "hangs": hangs, "slow": slow}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    well = True
    for case in parser.parse_args().cases or CASES:
        say(case)
        well = CASES[case]() and well
    print(json.dumps({"well": well}))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
