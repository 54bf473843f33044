#!/usr/bin/env python3
"""Chaos: under a load of thousands of requests a second a process of chance is killed, frozen or
restarted every second, brokers among them; one broker is frozen for a minute, another is gone for
two, and once all model servers are gone together. Every request ends exactly once, with the right
answer or with an error, soon after its deadline at the latest; a set number is answered right each
second; errors are few where a request's own broker is well; once all are well again none fails, and
in the end nothing is left.

    /usr/bin/python3 tests/integration/chaos/storm.py [--seconds 300] [--seed 1]

MUSTER_BIN names the programs, build/dev/bin where it is not set. The planned outages are shorter in
a run of less than 300 s, but what follows them is not, so that a bound of errors may not hold; a
short run or a slow machine may want a lower --floor. --help has the bounds. --debug has broker and
agents log a line for each request.
"""

import argparse
import contextlib
import json
import pathlib
import signal
import sys
import threading

from aftermath import what_is_left
from bounds import TOLD, Around
from stage import Agent, Broker, Load, ModelServer, folder, now, say, wait_until
from strikes import NS, ClientPlace, Place, Storm, Strike, draw_strikes
from verdict import Verdict, tell

BROKERS, ECHOES, SERVERS = 3, 4, 3
SLOTS = {"echo": 2048, "agent": 512}  # of each kind of agent
ECHO_MS = 50
LONGEST_MS = 60_000
SETTLES_S = 20  # after the last strike: what has been put aside is taken back, backlogs are gone
CALM_S = 10     # then the load goes on for so long, and nothing may fail
SOON_S = 60     # all are started again; nothing is left


class Fleet:
    """Several brokers, agents connected to all of them, and clients of each."""

    def __init__(self, options, place):
        self.options = options
        self.folder = place
        self.more = {"log.level": "debug"} if options.debug else {}
        self.brokers = [Place(f"broker{n}", self.broker(n)) for n in range(BROKERS)]
        self.servers = [Place(f"server{n}", self.server(n)) for n in range(SERVERS)]
        self.agents = [Place(f"echo{n}", self.echo(n)) for n in range(ECHOES)]
        self.agents += [Place(f"agent{n}", self.agent(n)) for n in range(SERVERS)]
        self.clients = []
        self.around = {}  # by the names of clients

    def broker(self, n):
        # An address of its own for each, so that nobody's outgoing connection has its port while it
        # is gone.
        addresses = {}

        def start(_):
            anywhere = f"tcp://127.0.0.{10 + n}:*"
            broker = Broker(frontend=addresses.get("frontend", anywhere),
                            backend=addresses.get("backend", anywhere),
                            **{"broker.name": f"broker{n}", "broker.stop_timeout": "3s",
                               "queue.depth_max": 4096, **self.more})
            broker.name = f"broker{n}"
            addresses.update(frontend=broker.frontend, backend=broker.backend)
            return broker
        return start

    def server(self, n):
        ports = []

        def start(_):
            server = ModelServer(f"server{n}", "chaos", ports[0] if ports else 0, watch=False)
            ports[:] = [server.port]
            return server
        return start

    def worker(self, name, kind, *flags, **more):
        first, *others = [place.program.backend for place in self.brokers]
        flags = [*flags, *(word for backend in others for word in ("--broker", backend))]
        return Agent(name, first, *flags, **{
            "worker.slots": SLOTS[kind], "worker.drain_timeout": "5s", **more, **self.more})

    def echo(self, n):
        return lambda _: self.worker(f"echo{n}", "echo", "--demo", **{
            "echo.model": "echo", "echo.first_token": "10ms", "echo.per_token": f"{ECHO_MS}ms"})

    def agent(self, n):
        return lambda _: self.worker(f"agent{n}", "agent", "--server", self.servers[n].program.url,
                                     **{"server.health_interval": "1s"})

    def client(self, name, broker, rate, **more):
        def start(number):
            unique = f"{name}.{number}"
            return Load(broker.program.frontend, self.folder / unique, unique, rate=rate,
                        seconds=100_000, seed=self.options.seed + number, longest_ms=LONGEST_MS,
                        streamed_share=0.3, cancelled_share=0.01, **more)
        return ClientPlace(name, start)

    def begin_load(self):
        """As much at each broker, a fifth of it for the model servers."""
        rate = self.options.rate / BROKERS
        for n, broker in enumerate(self.brokers):
            clients = [self.client(f"client{3 * n + k}", broker, 0.4 * rate, model="echo",
                                   echo_ms=ECHO_MS) for k in range(2)]
            clients.append(self.client(f"client{3 * n + 2}", broker, 0.2 * rate))
            workers = [self.echo_workers, self.echo_workers, self.served_workers]
            self.around.update((client.name, Around(broker, those))
                               for client, those in zip(clients, workers))
            self.clients += clients

    @property
    def echo_workers(self):
        return [[agent] for agent in self.agents[:ECHOES]]

    @property
    def served_workers(self):
        return [list(both) for both in zip(self.agents[ECHOES:], self.servers)]

    @property
    def models(self):
        """By name: for each its workers, for each of these what it takes."""
        return [[{place.name for place in places} for places in workers]
                for workers in (self.echo_workers, self.served_workers)]

    @property
    def places(self):
        return [*self.brokers, *self.servers, *self.agents, *self.clients]

    def programs(self):
        return [program for place in self.places for program in place.programs]

    def stop(self):
        for program in reversed(self.programs()):
            program.stop()


def run(fleet, options):
    part = min(1.0, options.seconds / 300)
    minutes = [Strike(30 * part, "broker0", "frozen", 60 * part),
               Strike(110 * part, "broker1", "killed", 120 * part),
               *(Strike(260 * part, place.name, "killed", 5 * part) for place in fleet.servers)]
    fleet.begin_load()
    strikes = draw_strikes(options.seed, [p.name for p in fleet.places], options.seconds, minutes,
                           models=fleet.models)
    say(f"{len(strikes)} strikes; {options.rate:.0f} requests a second")
    storm = Storm(fleet.places, strikes, minutes)
    pause = threading.Event()
    while now() < storm.began + int(options.seconds * NS):
        storm.turn()
        pause.wait(0.02)
    say("calm: all are thawed and started")
    storm.over()
    wait_until("all are started", lambda: storm.all_are_well, SOON_S)
    verdict = Verdict(storm.began, options.seconds, now() + SETTLES_S * NS, fleet.around,
                      options.floor)
    pause.wait(SETTLES_S + CALM_S)
    storm.turn()  # nothing has ended by itself meanwhile
    say("the load ends; what is open is waited for")
    for place in fleet.clients:
        place.program.signal(signal.SIGTERM)
    for load in (program for place in fleet.clients for program in place.programs):
        with contextlib.suppress(AssertionError):  # one that goes on has no word to be judged by
            load.ends(LONGEST_MS / 1000 + 60)
    frontends = {place.name: place.program.frontend for place in fleet.brokers}
    for what in what_is_left(frontends, {p.name: SLOTS[p.kind] for p in fleet.agents}, SOON_S):
        verdict.wrong(what)
    return storm, verdict


def report(fleet, storm, verdict, options):
    for place in fleet.places:
        for program in place.fell:
            verdict.wrong(f"{program.name} has ended by itself, with {program.process.returncode}:"
                          f"\n{program.tail(5)}")
    for strike in storm.passed_over:
        if strike in storm.planned:
            verdict.wrong(f"{strike.place} was not well when it was to be {strike.how} by plan")
    for place in fleet.clients:
        verdict.read(place)
    verdict.sum_up()
    print(verdict.table())
    print(f"\nanswered right under strikes: {verdict.rate:,.0f} a second (at least "
          f"{options.floor:,.0f}); asked again: {verdict.asked_again:,}\n")
    print(verdict.well_times.table())
    kinds = sorted({place.kind for place in fleet.places})
    counts = storm.counts()
    print("\n| | killed | frozen | restarted |\n|---|---|---|---|")
    for kind in kinds:
        print(f"| {kind} | " + " | ".join(str(counts[kind, how]) for how in
                                         ("killed", "frozen", "restarted")) + " |")
    print()
    tell(verdict, storm, fleet.programs())
    strikes = {f"{kind} {how}": count for (kind, how), count in sorted(counts.items())}
    print(json.dumps({"seed": options.seed, "seconds": round(verdict.seconds), **verdict.facts(),
                      "strikes": strikes, "passed_over": len(storm.passed_over)}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0],
                                     epilog=TOLD)
    parser.add_argument("--seconds", type=float, default=300, help="of strikes")
    parser.add_argument("--rate", type=float, default=3000, help="requests a second")
    parser.add_argument("--floor", type=float, default=2000,
                        help="so many are answered right each second of strikes, or the run fails")
    parser.add_argument("--seed", type=int, default=1, help="draws the strikes")
    parser.add_argument("--debug", action="store_true", help="a line in the logs for each request")
    parser.add_argument("--journals", type=pathlib.Path, help="a folder to keep them in")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        fleet = Fleet(options, options.journals or stack.enter_context(folder()))
        stack.callback(fleet.stop)
        storm, verdict = run(fleet, options)
        report(fleet, storm, verdict, options)
    return 1 if verdict.violations else 0


if __name__ == "__main__":
    sys.exit(main())
