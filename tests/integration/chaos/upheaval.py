#!/usr/bin/env python3
"""A load with answers from 10 ms to a minute, streamed and not, while everything around it is
restarted, cut off and drained; then the broker itself. Needs root, for a network of its own.

    sudo /usr/bin/python3 tests/integration/chaos/upheaval.py [--rate 40] [--longest-ms 60000]

First part: the agents are restarted one after the other, the broker's host is cut off for 2 s, a
worker is drained; no request may fail. Second part: the broker is restarted, by SIGTERM and by
SIGKILL; what is outstanding then ends, or is asked again and answered right, within 3 s.
"""

import argparse
import collections
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading

from stage import Broker, Cluster, Load, ModelServer, folder, now, say

MODEL = "chaos"
WORKERS = 3
SLOTS = {"worker.slots": 512}
SECOND = 1_000_000_000
SOON_NS = 3 * SECOND


class Network:
    """A namespace for the broker, that can be cut off."""

    def __init__(self):
        self.name = f"muster{os.getpid()}"
        self.here, self.there = f"mh{os.getpid()}", f"mt{os.getpid()}"
        self.address = "10.213.7.2"

    def __enter__(self):
        inside = ["ip", "-n", self.name]
        for command in (["ip", "netns", "add", self.name],
                        ["ip", "link", "add", self.here, "type", "veth", "peer", "name",
                         self.there, "netns", self.name],
                        ["ip", "address", "add", "10.213.7.1/24", "dev", self.here],
                        ["ip", "link", "set", self.here, "up"],
                        [*inside, "address", "add", f"{self.address}/24", "dev", self.there],
                        [*inside, "link", "set", self.there, "up"]):
            subprocess.run(command, check=True)
        return self

    def __exit__(self, *_):
        subprocess.run(["ip", "link", "delete", self.here], check=False)
        subprocess.run(["ip", "netns", "delete", self.name], check=False)

    def cut(self, seconds):
        subprocess.run(["ip", "link", "set", self.here, "down"], check=True)
        wait(seconds)
        subprocess.run(["ip", "link", "set", self.here, "up"], check=True)


def wait(seconds):
    threading.Event().wait(seconds)


class Stage:
    def __init__(self, stack, options):
        self.options = options
        self.network = stack.enter_context(Network())
        self.place = stack.enter_context(folder())
        within = ["ip", "netns", "exec", self.network.name]
        anywhere = f"tcp://{self.network.address}:*"
        self.how = {"within": within, "broker.stop_timeout": "5s"}
        self.cluster = stack.enter_context(
            Cluster(frontend=anywhere, backend=anywhere, **self.how))
        self.how.update(frontend=self.cluster.broker.frontend, backend=self.cluster.broker.backend)
        self.servers = [self.cluster.add(ModelServer(f"s{n}", MODEL, watch=False))
                        for n in range(WORKERS)]
        self.agents = [self.start_agent(n) for n in range(WORKERS)]

    def start_agent(self, n):
        return self.cluster.agent(f"w{n}", "--server", self.servers[n].url, **SLOTS)

    def load(self, name, patience_ms):
        say(f"{name}: load begins")
        return self.cluster.add(Load(
            self.cluster.broker.frontend, self.place / name, name, rate=self.options.rate,
            seconds=100_000, long_share=1, longest_ms=self.options.longest_ms,
            patience_ms=patience_ms))

    def finish(self, load):
        load.signal(signal.SIGTERM)
        code = load.ends(self.options.longest_ms / 1000 + 60)
        print(f"{load.name}: exit {code}; {load.lines[-1]}", flush=True)
        return load.stories()

    def restart_broker(self, number):
        """When its process had ended."""
        self.cluster.broker.signal(number)
        self.cluster.broker.ends()
        ended = now()
        self.cluster.broker = self.cluster.add(Broker(**self.how))
        return ended

    def upheaval(self):
        load = self.load("first", 30_000)
        wait(5)
        for n in range(WORKERS):
            say(f"agent w{n} is restarted")
            self.agents[n].signal(signal.SIGTERM)
            code = self.agents[n].ends(self.options.longest_ms / 1000 + 30)
            assert code == 0, f"the agent ended with {code}"
            self.agents[n] = self.start_agent(n)
        say("the broker's host is cut off for 2 s")
        self.network.cut(2)
        wait(5)
        say("w1 is drained")
        drained = self.cluster.muster("drain", "w1", "--wait", "--reason", "upheaval",
                                      seconds=self.options.longest_ms / 1000 + 30)
        assert drained.returncode == 0, drained
        self.cluster.muster("undrain", "w1")
        wait(2)
        stories = self.finish(load)
        results = collections.Counter(s["result"] for s in stories)
        print(f"agents restarted, host cut off, worker drained: {len(stories)} requests, "
              f"{dict(results)}, {sum(len(s.get('retries', [])) for s in stories)} asked again")
        return set(results) == {"answered"}

    def restarts(self):
        load = self.load("second", 120_000)  # enough to be asked three times
        wait(10)
        say("the broker gets SIGTERM, and starts again")
        struck = {"SIGTERM": self.restart_broker(signal.SIGTERM)}
        wait(15)
        say("the broker is killed, and starts again")
        struck["SIGKILL"] = self.restart_broker(signal.SIGKILL)
        wait(10)
        stories = self.finish(load)
        well = True
        for how, at in struck.items():
            well = judge(how, at, struck.values(), stories) and well
        return well

    def nothing_is_left(self):
        workers = self.cluster.workers()
        taken = {name: w["in_flight"] for name, w in workers.items() if w["in_flight"]}
        if taken:
            print(f"slots are still taken: {taken}")
        return not taken


def judge(how, at, every_end, stories):
    """What was open when the broker's process ended; none may wait for an error for long after
    that, or after a later end of the broker's."""
    ends, late, longest = collections.Counter(), [], 0
    for story in stories:
        if not story["sent"] < at < story["ended"]:
            continue
        answered = story["result"] == "answered"
        ends["asked again, answered right" if answered and "retries" in story
             else story["result"]] += 1
        if not answered:
            waited = min(story["ended"] - end for end in every_end if end < story["ended"])
            longest = max(longest, waited)
            if waited > SOON_NS:
                late.append(story)
    print(f"broker restarted by {how}: {sum(ends.values())} outstanding: {dict(ends)}; "
          f"the last error after {longest / 1e9:.2f} s")
    for story in late[:5]:
        print(f"  later than {SOON_NS / 1e9:.0f} s: {json.dumps(story)}")
    return not late and "wrong" not in ends


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=40, help="requests a second")
    parser.add_argument("--longest-ms", type=int, default=60_000, help="of the answers")
    parser.add_argument("--only", choices=("upheaval", "restarts"))
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        stage = Stage(stack, options)
        well = True
        for part in [options.only] if options.only else ("upheaval", "restarts"):
            well = getattr(stage, part)() and well
        well = stage.nothing_is_left() and well
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
