#!/usr/bin/env python3
"""Ten million requests, with streams, cancels, and agents and clients that come and go: does the
memory of those that stay grow, and is every table empty in the end?

    /usr/bin/python3 tests/integration/chaos/soak.py [--count 10000000]

MUSTER_BIN names the programs, build/dev/bin where it is not set. Prints a row each 500,000
requests; what is resident after the first million may not grow by more than --growth-mib, and the
count of those that have ended may not stand still for a minute.
"""

import argparse
import contextlib
import json
import signal
import sys
import threading

from aftermath import what_is_left
from stage import Agent, Broker, Load, now, say, wait_until
from strikes import NS, ClientPlace, Place, Storm, draw_strikes
from verdict import last_ended

SLOTS = 1024
STEP, WARM = 500_000, 1_000_000
LONG_S = 3600  # no run is as long
STRIKE_EVERY_S = 2
STILL_S = 60  # without an end
SOON_S = 60


class Soak:
    """Two agents and a client that stay, two of each that come and go."""

    def __init__(self, options):
        self.options = options
        self.broker = Broker()
        self.agents = {name: self.agent(name) for name in ("steady0", "steady1")}
        self.passing = [Place(f"agent{n}", lambda _, n=n: self.agent(f"agent{n}"))
                        for n in range(2)]
        self.client = self.load("client", options.window)
        self.clients = [ClientPlace(f"client{n}", self.passing_load(n)) for n in range(2)]

    def agent(self, name):
        return Agent(name, self.broker.backend, "--demo", **{
            "worker.slots": SLOTS, "worker.drain_timeout": "2s", "echo.model": "echo",
            "echo.first_token": "1ms", "echo.per_token": "1ms"})

    def load(self, name, window, seed=0):
        return Load(self.broker.frontend, None, name, window=window, seconds=LONG_S,
                    seed=self.options.seed + seed, model="echo", echo_ms=1, shortest_ms=1,
                    shorter_ms=4, longest_ms=2000, long_share=0.0005, streamed_share=0.25,
                    cancelled_share=0.02)

    def passing_load(self, n):
        return lambda number: self.load(f"client{n}.{number}", 32, 100 * (n + 1) + number)

    def loads(self):
        return [self.client, *(load for place in self.clients for load in place.programs)]

    def ended(self):
        return sum(last_ended(load) for load in self.loads())

    def resident(self):
        """MiB of those that stay."""
        staying = {"broker": self.broker, **self.agents, "client": self.client}
        return {name: program.resident_kib() / 1024 for name, program in staying.items()}

    def stop(self):
        programs = [*self.loads(), *self.agents.values(), self.broker,
                    *(agent for place in self.passing for agent in place.programs)]
        for program in programs:
            program.stop()


class Samples:
    def __init__(self):
        self.rows = []
        self.began = now()

    def add(self, ended, resident):
        seconds = (now() - self.began) / NS
        if not self.rows:
            names = " | ".join(f"{name}, MiB" for name in resident)
            print(f"| requests | seconds | {names} |\n|---|---|{'---|' * len(resident)}")
        figures = " | ".join(f"{mib:.1f}" for mib in resident.values())
        print(f"| {ended:,} | {seconds:.0f} | {figures} |", flush=True)
        self.rows.append((ended, resident))

    def growth(self):
        """By name, how much more than after the first million there was at the most, in MiB."""
        after = [resident for ended, resident in self.rows if ended >= WARM]
        if not after:
            return {}
        return {name: round(max(row[name] for row in after) - after[0][name], 1)
                for name in after[0]}


class Progress:
    def __init__(self):
        self.ended, self.since = 0, now()

    def still(self, ended):
        """Whether nothing has ended for too long."""
        if ended != self.ended:
            self.ended, self.since = ended, now()
        return now() - self.since > STILL_S * NS


def run(soak, options):
    """Also tells whether there were enough; False: their count has stood still."""
    strikes = draw_strikes(options.seed, [p.name for p in soak.passing + soak.clients],
                           LONG_S, every=STRIKE_EVERY_S, hows=("killed", "restarted"))
    storm = Storm(soak.passing + soak.clients, strikes)
    samples, due, pause, progress = Samples(), STEP, threading.Event(), Progress()
    while (ended := soak.ended()) < options.count and not progress.still(ended):
        storm.turn()
        if ended >= due:
            samples.add(ended, soak.resident())
            due += STEP
        pause.wait(0.1)
    if ended >= options.count:
        samples.add(ended, soak.resident())
    storm.over()
    # One that has just been started would end of SIGTERM before it listens to it.
    with contextlib.suppress(AssertionError):  # what is not back is told of by judge()
        wait_until("all are well, and every client has asked",
                   lambda: storm.all_are_well and all(last_ended(load) > 0 for load in soak.loads()
                                                      if load.running), SOON_S)
    say("the load ends")
    for load in soak.loads():
        if load.running:
            load.signal(signal.SIGTERM)
    for load in soak.loads():
        with contextlib.suppress(AssertionError):  # judge() sees that it has no exit status
            load.ends(SOON_S)
    return storm, samples, ended >= options.count


def judge(soak, storm, samples, enough, options):
    faults = [f"{name} has grown by {mib} MiB since the first million"
              for name, mib in samples.growth().items() if mib > options.growth_mib]
    if not enough:
        faults.append(f"no request has ended for {STILL_S} s; {soak.ended():,} of "
                      f"{options.count:,} have in all")
    killed = {id(place.programs[n]) for place in soak.clients for n in place.killed}
    for load in soak.loads():
        if id(load) not in killed and load.process.returncode != 0:
            faults.append(f"{load.name}: exit {load.process.returncode}; {load.lines[-1:]}")
    faults += [f"{program.name} has ended by itself, with {program.process.returncode}"
               for place in storm.places.values() for program in place.fell]
    slots = dict.fromkeys([*soak.agents, *(place.name for place in soak.passing)], SLOTS)
    return faults + what_is_left({"broker": soak.broker.frontend}, slots, SOON_S)


def report(soak, storm, samples, faults):
    answers = {}
    for load in soak.loads():
        summary = load.summary() or {}
        for kind in ("sent", "ended", "answered", "cancelled", "retries", "wrong", "twice"):
            answers[kind] = answers.get(kind, 0) + summary.get(kind, 0)
        for error, count in summary.get("errors", {}).items():
            answers[error] = answers.get(error, 0) + count
        answers["longest_beyond_what_it_takes_ms"] = max(
            answers.get("longest_beyond_what_it_takes_ms", 0), summary.get("longest_wait_ms", 0))
    for fault in faults:
        print(f"VIOLATION: {fault}")
    strikes = {f"{kind} {how}": count for (kind, how), count in sorted(storm.counts().items())}
    print(json.dumps({"requests": soak.ended(), "of_clients_that_told": answers,
                      "strikes": strikes, "growth_mib": samples.growth(),
                      "violations": len(faults)}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000_000, help="of requests")
    parser.add_argument("--window", type=int, default=200, help="that one client has open")
    parser.add_argument("--growth-mib", type=float, default=4, help="since the first million")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        soak = Soak(options)
        stack.callback(soak.stop)
        storm, samples, enough = run(soak, options)
        faults = judge(soak, storm, samples, enough, options)
        report(soak, storm, samples, faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
