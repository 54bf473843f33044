"""Starts the programs of the house and what stands around them, on loopback, on ports of the
system's choice. All that is started here dies with the test, and every wait has a deadline.

    with Cluster() as cluster:
        cluster.agent("--demo")
        print(cluster.ask("Hello").stdout)
"""

import contextlib
import ctypes
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("MUSTER_BIN", ROOT / "build/dev/bin"))
HERE = pathlib.Path(__file__).resolve().parent

# A generous bound on anything that should take a moment: reached only where something is wrong.
SOON = 20.0
POLL = 0.02

_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def die_with_the_test():
    """Runs in each child. Ctrl-C works there even where the test's own is switched off, as it is
    for what a shell has put in the background."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class TookTooLong(AssertionError):
    pass


def wait_until(what, condition, seconds=SOON):
    """The condition's first true value; polls, since what it looks at can't wake us."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise TookTooLong(f"not within {seconds:.1f} s: {what}")
        pause.wait(POLL)


class Program:
    """A running program whose lines of JSON on one of its streams are read as they come."""

    def __init__(self, name, command, stream="stderr", env=None, stdin=subprocess.DEVNULL):
        self.name = name
        self._lines = []
        self._changed = threading.Condition()
        other = {"stdout": "stderr", "stderr": "stdout"}[stream]
        self.process = subprocess.Popen(
            [str(c) for c in command], stdin=stdin, preexec_fn=die_with_the_test,
            env={**os.environ, **(env or {})},
            **{stream: subprocess.PIPE, other: subprocess.DEVNULL})
        self._reader = threading.Thread(
            target=self._read, args=(getattr(self.process, stream),), daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _read(self, stream):
        for raw in stream:
            with self._changed:
                self._lines.append(raw.decode(errors="replace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    @property
    def lines(self):
        with self._changed:
            return list(self._lines)

    @property
    def records(self):
        """The lines that are JSON objects."""
        found = []
        for line in self.lines:
            with contextlib.suppress(ValueError):
                record = json.loads(line)
                if isinstance(record, dict):
                    found.append(record)
        return found

    def wait_for(self, what, matches, seconds=SOON):
        """The first record that matches."""
        deadline = time.monotonic() + seconds
        with self._changed:
            seen = 0
            while True:
                while seen < len(self._lines):
                    with contextlib.suppress(ValueError):
                        record = json.loads(self._lines[seen])
                        if isinstance(record, dict) and matches(record):
                            return record
                    seen += 1
                if not self._reader.is_alive() and seen >= len(self._lines):
                    raise TookTooLong(f"{self.name} ended without saying: {what}\n{self.tail()}")
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise TookTooLong(f"{self.name} did not say in time: {what}\n{self.tail()}")
                self._changed.wait(min(remaining, 0.2))

    def tail(self, count=40):
        return "\n".join(f"  {self.name}| {line}" for line in self._lines[-count:])

    @property
    def pid(self):
        return self.process.pid

    @property
    def running(self):
        return self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def ends(self, seconds=SOON):
        """Its exit code; it must come by itself."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise TookTooLong(f"{self.name} goes on\n{self.tail()}") from None
        self._reader.join(SOON)
        return code

    def stop(self):
        if self.running:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait(SOON)
        self._reader.join(SOON)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                stream.close()

    def resident_kib(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        return 0


def settings(values):
    """{"log.level": "debug"} as the flags that every program takes."""
    return [f"--set={key}={value}" for key, value in values.items()]


JSON_LOG = {"log.format": "json"}
ANY_PORT = "tcp://127.0.0.1:*"


class Broker(Program):
    def __init__(self, frontend=ANY_PORT, backend=ANY_PORT, config=None, within=(), **more):
        """`within`: the words of a command that it is run by."""
        file = ["--config", config] if config else []
        super().__init__("broker", [*within, BIN / "muster-broker", *file,
                                    "--frontend", frontend, "--backend", backend,
                                    *settings({**JSON_LOG, **more})])
        listening = self.wait_for("listening", lambda r: r.get("message") == "listening")
        self.frontend = listening["frontend"]
        self.backend = listening["backend"]


class Agent(Program):
    def __init__(self, name, broker, *flags, **more):
        values = {**JSON_LOG, "worker.name": name, **more}
        super().__init__(name, [BIN / "muster-agent", "--broker", broker, *flags,
                                *settings(values)])


class ModelServer(Program):
    """model_server.py as a process of its own, so that it can be killed and frozen."""

    def __init__(self, name, *flags):
        super().__init__(name, [sys.executable, HERE / "model_server.py", *flags],
                         stream="stdout")
        self.port = self.wait_for("listening", lambda r: r["event"] == "listening")["port"]
        scheme = "https" if "--certificate" in flags else "http"
        self.url = f"{scheme}://127.0.0.1:{self.port}"


class Cluster:
    """One broker, and what is started around it."""

    def __init__(self, **broker_settings):
        self.programs = []
        self.broker = None
        self._settings = broker_settings

    def __enter__(self):
        self.broker = self.add(Broker(**self._settings))
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None and not issubclass(kind, unittest.SkipTest):
            for program in self.programs:
                print(program.tail(), file=sys.stderr)
        for program in reversed(self.programs):
            program.stop()

    def add(self, program):
        self.programs.append(program)
        return program

    def agent(self, name, *flags, ready=True, **more):
        agent = self.add(Agent(name, self.broker.backend, *flags, **more))
        if ready:
            self.wait_for_worker(name, lambda w: w["state"] == "ready")
        return agent

    def model_server(self, name, *flags):
        return self.add(ModelServer(name, *flags))

    def muster(self, *arguments, **options):
        return muster(*arguments, broker=self.broker.frontend, **options)

    def ask(self, *arguments, **options):
        return self.muster("ask", *arguments, **options)

    def workers(self):
        """By name, what the broker tells of its workers."""
        answer = self.muster("workers", "--json")
        assert answer.returncode == 0, answer
        return {w["worker"]: w for w in json.loads(answer.stdout)["workers"]}

    def wait_for_worker(self, name, matches, seconds=SOON):
        def look():
            worker = self.workers().get(name)
            return worker if worker is not None and matches(worker) else None
        return wait_until(f"worker {name} as expected", look, seconds)

    def stats(self):
        answer = self.muster("status", "--json")
        assert answer.returncode == 0, answer
        return json.loads(answer.stdout)


def muster(*arguments, broker=None, stdin="", env=None, seconds=SOON):
    """Runs the command-line client to its end."""
    command, *rest = arguments
    flags = ["--broker", broker] if broker else []
    return subprocess.run(
        [str(BIN / "muster"), command, *flags, *map(str, rest)], input=stdin, text=True,
        capture_output=True, timeout=seconds, check=False, env={**os.environ, **(env or {})})


def run(program, *arguments, env=None, seconds=SOON):
    """Runs one of the programs to its end."""
    return subprocess.run(
        [str(BIN / program), *map(str, arguments)], stdin=subprocess.DEVNULL, text=True,
        capture_output=True, timeout=seconds, check=False, env={**os.environ, **(env or {})},
        preexec_fn=die_with_the_test)


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory(prefix="muster-test-") as path:
        yield pathlib.Path(path)
