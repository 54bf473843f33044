"""What the runs of this folder stand on: the programs of the house, model servers that foretell
their answers, loads that check them, and figures of many trials.
"""

import json
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import peers  # noqa: E402
from muster_processes import (  # noqa: E402
    BIN, Agent, Broker, Cluster, Program, folder, muster, wait_until)

__all__ = ["Agent", "Broker", "Cluster", "Figures", "Load", "ModelServer", "folder", "muster",
           "now", "peers", "plan", "say", "wait_until", "workers_of"]


def now():
    """Nanoseconds of the clock that all of these programs go by."""
    return time.monotonic_ns()


def say(text):
    print(text, file=sys.stderr, flush=True)


def plan(nonce, parts=1, delay_ms=20, stream=True, pad=0):
    """The body of a request, as model_server.mjs takes it."""
    return json.dumps({"model": "any", "messages": [], "stream": stream, "nonce": nonce,
                       "parts": parts, "delay_ms": delay_ms, "pad": pad}).encode()


class ModelServer(Program):
    def __init__(self, name, model, port=0, watch=True):
        super().__init__(name, ["node", HERE / "model_server.mjs", model, port,
                                *(["--watch"] if watch else [])],
                         stream="stdout", stdin=subprocess.PIPE)
        self.port = self.wait_for("listening", lambda r: r["event"] == "listening")["port"]
        self.url = f"http://127.0.0.1:{self.port}"

    def behave(self, how):
        self.process.stdin.write(f"{how}\n".encode())
        self.process.stdin.flush()
        self.wait_for("behaviour", lambda r: r.get("behaviour") == how)

    def saw(self, event, nonce):
        """The record of this event of that request, if it has come."""
        return next((r for r in self.records
                     if r["event"] == event and r.get("nonce") == nonce), None)


class Load(Program):
    """chaos_client; its journal, where it has one, is what became of each request."""

    def __init__(self, broker, journal, name="c", **options):
        self.journal = pathlib.Path(journal) if journal else None
        flags = [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]
        if journal:
            flags += ["--journal", journal]
        super().__init__(f"load {name}", [BIN / "chaos_client", "--broker", broker, "--name", name,
                                          *flags])

    def summary(self):
        """What it says of itself at its end; None where it did not come to that."""
        return next((r for r in self.records if "sent" in r), None)

    def stories(self):
        return [json.loads(line) for line in self.journal.read_text().splitlines()]


class Figures:
    """Milliseconds of many trials of one thing."""

    def __init__(self, what, bound):
        self.what = what
        self.bound = bound
        self.milliseconds = []

    def add(self, began, ended):
        self.milliseconds.append((ended - began) / 1e6)

    def row(self):
        times = sorted(self.milliseconds)
        if not times:
            return f"| {self.what} | {self.bound} | 0 | | | |"
        p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
        return (f"| {self.what} | {self.bound} | {len(times)} | {statistics.median(times):.0f} ms "
                f"| {p99:.0f} ms | {times[-1]:.0f} ms |")


def workers_of(client):
    """By name, what the broker tells this client of its workers."""
    answer = client.query("workers")
    assert answer.type == peers.ANSWER, answer
    return {w["worker"]: w for w in answer.elements[1]["workers"]}
