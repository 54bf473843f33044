"""Programs that were not written here, or not in C++, and the house's own beside them: started by
tests, each client asked and each worker begun in the same words.
"""

import json
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import sys
import unittest
from typing import NamedTuple

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))

import peers  # noqa: E402
from muster_processes import BIN, SOON, Agent, Program, TookTooLong, die_with_the_test  # noqa: E402

NODE_MAJOR_MIN = 20
CANCELLED = 49900


def need_node(package):
    """Skips, saying why, where this machine can't run the package."""
    node = shutil.which("node")
    if node is None:
        raise unittest.SkipTest("Node.js is not installed")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.strip().lstrip("v").split(".")[0]) < NODE_MAJOR_MIN:
        raise unittest.SkipTest(f"Node.js {version.strip()} is older than {NODE_MAJOR_MIN}")
    if not (HERE / "node_modules" / package).exists():
        raise unittest.SkipTest(f"{package} is not installed: tools/test interop does that")
    return node


def python(program):
    return [sys.executable, HERE / program]


def node(program):
    need_node("@msgpack/msgpack")
    return [need_node("zeromq"), HERE / program]


def events(payload):
    """The data of server-sent events."""
    return [line[len("data: "):] for line in payload.decode().split("\n")
            if line.startswith("data: ")]


# ---- workers: started by endpoint, name, model, slots and the seconds before each part -----------


def agent(endpoint, name, model, slots=4, pace=0.0):
    return Agent(name, endpoint, "--demo", "--slots", slots, **{
        "echo.model": model, "echo.per_token": f"{round(pace * 1000)}ms"})


def _worker(command, endpoint, name, model, slots, pace):
    return Program(name, [*command, "--broker", endpoint, "--name", name, "--model", model,
                          "--slots", slots, "--pace", pace])


def python_worker(endpoint, name, model, slots=4, pace=0.0):
    return _worker(python("worker.py"), endpoint, name, model, slots, pace)


def node_worker(endpoint, name, model, slots=4, pace=0.0):
    return _worker(node("worker.mjs"), endpoint, name, model, slots, pace)


# ---- clients ------------------------------------------------------------------------------------


class Outcome(NamedTuple):
    """How a client's question ended: with an answer, or with an error's code and reason."""

    text: str
    code: int
    reason: str
    exit_code: int
    stderr: str


class Asking:
    """A client that has a question under way. Where `cancel_after` so many parts is given, it
    cancels it then by itself, or else `cancelled_by_interrupt` is true."""

    cancelled_by_interrupt = False

    def __init__(self, broker, model, question, stream=True, cancel_after=None):
        self._stream = stream
        self._out = b""
        self.process = subprocess.Popen(
            [str(c) for c in self.command(broker, model, question, cancel_after)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=die_with_the_test)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def first_part(self):
        """Waits until something of the answer has been printed."""
        ready, _, _ = select.select([self.process.stdout], [], [], SOON)
        if ready:
            self._out += os.read(self.process.stdout.fileno(), 1)
        if not self._out:
            raise TookTooLong(f"no part came: {self.end()}")

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def end(self):
        """Waits for the outcome."""
        with self:
            try:
                out, err = self.process.communicate(timeout=SOON)
            except subprocess.TimeoutExpired:
                raise TookTooLong(f"{self.process.args} goes on") from None
        return self.outcome(self.process.returncode, self._out + out, err.decode())


class MusterAsk(Asking):
    """The house's own client."""

    CODES = {"NO_WORKER": peers.NO_WORKER, "WORKER_LOST": peers.WORKER_LOST}
    CANCELLED_EXIT = 130
    cancelled_by_interrupt = True

    def command(self, broker, model, question, _):
        return [BIN / "muster", "ask", "--broker", broker, "--model", model,
                *([] if self._stream else ["--no-stream"]), question]

    def outcome(self, exit_code, out, err):
        told = re.search(r"muster: ([A-Z_]+):.*\(reason (\w+)", err)
        code = self.CODES.get(told[1], -1) if told else 0
        if exit_code == self.CANCELLED_EXIT:
            code = CANCELLED
        return Outcome(out.decode().rstrip("\n"), code, told[2] if told else "", exit_code, err)


class ForeignClient(Asking):
    """client.py and client.mjs: they take a body and print what comes, as it comes."""

    def command(self, broker, model, question, cancel_after):
        body = {"model": model, "stream": self._stream,
                "messages": [{"role": "user", "content": question}]}
        return [*self.program(), "--broker", broker, "--model", model,
                *(["--stream"] if self._stream else []),
                *([] if cancel_after is None else ["--cancel-after-parts", cancel_after]),
                json.dumps(body)]

    def outcome(self, exit_code, out, err):
        told = re.search(r"^error (\d+) (\S+):", err)
        return Outcome(self._text(out), int(told[1]) if told else 0, told[2] if told else "",
                       exit_code, err)

    def _text(self, out):
        if not self._stream:
            return json.loads(out)["choices"][0]["message"]["content"] if out else ""
        parts = [json.loads(event) for event in events(out) if event != "[DONE]"]
        return "".join(choice["delta"].get("content", "")
                       for part in parts for choice in part["choices"])


class PythonClient(ForeignClient):
    @staticmethod
    def program():
        return python("client.py")


class NodeClient(ForeignClient):
    @staticmethod
    def program():
        return node("client.mjs")
