#!/usr/bin/env python3
"""How soon a request that lost its worker is with another one, and a client's going away with the
model server: many trials of each, as a table of docs/reliability.md.

    /usr/bin/python3 tests/integration/chaos/failover.py [--trials 200] [--pairs 8] [CASE...]

Cases: killed, frozen, server, cancel, vanished. Each pair is a model of its own with two agents,
each before a model server of its own; the pairs run beside each other, at times of their own. The
broker has its default heartbeat: 1 s, dead after 3.
"""

import argparse
import concurrent.futures
import contextlib
import random
import signal
import subprocess
import sys
import threading

from stage import (HERE, Cluster, Figures, ModelServer, now, peers, plan, say, wait_until,
                   workers_of)

INTERVAL_MS, EXPIRY_MS = 1000, 3000
HOUR_MS = 3_600_000
STEP = {"worker.slots": 4, "server.health_interval": "1s"}


class Pair:
    """Two workers of one model, and a client."""

    def __init__(self, cluster, number):
        self.cluster = cluster
        self.model = f"m{number}"
        self.servers = [cluster.add(ModelServer(f"{self.model}s{n}", self.model))
                        for n in range(2)]
        self.agents = [self.start_agent(n) for n in range(2)]
        self.client = peers.Client(cluster.broker.frontend).connected()
        self.chance = random.Random(number)
        self.asked = 0
        # One thread to the end: what a thread has started dies with it.
        self.thread = concurrent.futures.ThreadPoolExecutor(1)
        self.wait_for_both()

    def start_agent(self, n):
        return self.cluster.agent(f"{self.model}w{n}", "--server", self.servers[n].url,
                                  ready=False, **STEP)

    def wait_for_both(self):
        def both():
            workers = workers_of(self.client)
            seen = [workers.get(f"{self.model}w{n}", {}) for n in range(2)]
            return all(w.get("state") == "ready" and not w["suspect"] and not w["broken"]
                       and w.get("gone") is None for w in seen)
        wait_until(f"both workers of {self.model}", both)

    def saw(self, n, event, nonce):
        return wait_until(f"'{event}' of {nonce}", lambda: self.servers[n].saw(event, nonce))

    def ask(self, **more):
        """A request that is at a worker, and at which; what it is called here and there."""
        self.asked += 1
        nonce = f"{self.model}-{self.asked}"
        wire_id = self.client.request(self.model, plan(nonce, **more), stream=True)
        at = wait_until("a worker", lambda: next(
            (f"{n}" for n in range(2) if self.servers[n].saw("request", nonce)), None))
        return wire_id, nonce, int(at)

    def a_while(self):
        """Somewhere within an interval, so that the trials see every phase of a heartbeat."""
        threading.Event().wait(self.chance.uniform(0.0, INTERVAL_MS / 1000))

    def lost(self, strike, heal, figures):
        """One trial: strikes at the worker of a request that waits for its answer."""
        wire_id, nonce, victim = self.ask(delay_ms=HOUR_MS)
        self.a_while()
        began = now()
        strike(victim)
        figures.add(began, self.saw(1 - victim, "request", nonce)["at"])
        self.client.cancel(wire_id)
        heal(victim)
        self.wait_for_both()

    def killed(self, figures):
        def heal(n):
            self.agents[n].stop()
            self.agents[n] = self.start_agent(n)
        self.lost(lambda n: self.agents[n].signal(signal.SIGKILL), heal, figures)

    def frozen(self, figures):
        self.lost(lambda n: self.agents[n].signal(signal.SIGSTOP),
                  lambda n: self.agents[n].signal(signal.SIGCONT), figures)

    def server(self, figures):
        def heal(n):
            port = self.servers[n].port
            self.servers[n].stop()
            self.servers[n] = self.cluster.add(
                ModelServer(self.servers[n].name, self.model, port))
        self.lost(lambda n: self.servers[n].signal(signal.SIGKILL), heal, figures)

    def cancel(self, figures):
        wire_id, nonce, at = self.ask(parts=100_000, delay_ms=20)
        self.client.receive_a(peers.CHUNK)
        self.a_while()
        began = now()
        self.client.cancel(wire_id)
        figures.add(began, self.saw(at, "closed", nonce)["at"])

    def vanished(self, figures):
        self.asked += 1
        nonce = f"{self.model}-{self.asked}"
        with subprocess.Popen([sys.executable, HERE / "asking.py", self.cluster.broker.frontend,
                               self.model, nonce], stdout=subprocess.PIPE) as asking:
            asking.stdout.readline()  # a part has come
            at = next(n for n in range(2) if self.servers[n].saw("request", nonce))
            self.a_while()
            began = now()
            asking.kill()
            figures.add(began, self.saw(at, "closed", nonce)["at"])


CASES = {
    "killed": ("agent killed (SIGKILL) → its request at another worker", f"< {INTERVAL_MS} ms"),
    "frozen": ("agent frozen (SIGSTOP) → its request at another worker",
               f"< {EXPIRY_MS + INTERVAL_MS} ms"),
    "server": ("model server killed → its request at another worker", "at once"),
    "cancel": ("CANCEL in mid-stream → model server's connection closed", "p99 < 250 ms"),
    "vanished": ("client killed in mid-stream → model server's connection closed",
                 "p99 < 250 ms"),
}


def trials(pairs, case, count):
    figures = Figures(*CASES[case])

    def run(pair):
        for _ in range(count // len(pairs)):
            getattr(pair, case)(figures)

    runs = [pair.thread.submit(run, pair) for pair in pairs]
    while concurrent.futures.wait(runs, 10).not_done:
        say(f"{case}: {len(figures.milliseconds)} of {count}")
    faults = [f"{case}: {run.exception()}" for run in runs if run.exception()]
    return figures, faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=200, help="of each case")
    parser.add_argument("--pairs", type=int, default=8, help="that run beside each other")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    options = parser.parse_args()
    every_fault = []
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(Cluster())
        pairs = [Pair(cluster, number) for number in range(options.pairs)]
        print("| what | bound | trials | median | p99 | longest |")
        print("|---|---|---|---|---|---|")
        for case in options.cases or CASES:
            figures, faults = trials(pairs, case, options.trials)
            print(figures.row(), flush=True)
            every_fault += faults
        for pair in pairs:
            pair.client.close()
    for fault in every_fault:
        say(fault)
    return 1 if every_fault else 0


if __name__ == "__main__":
    sys.exit(main())
