"""What `muster` makes of answers that are no text, as a worker of the test's own gives them, and of
an output that takes none; of a broker that is restarted, and of a worker that is drained.
"""

import json
import signal
import subprocess
import unittest

import peers
from muster_processes import BIN, SOON, Broker, Cluster

EVENTS = "text/event-stream"
FACE = json.dumps("\N{GRINNING FACE}")[1:-1]  # two escapes, each half of it
HALVES = FACE[:6], FACE[6:]


def event(content):
    """`content`: as it stands between the quotes of JSON."""
    return f'data: {{"choices": [{{"delta": {{"content": "{content}"}}}}]}}\n\n'.encode()


class OddAnswers(unittest.TestCase):
    def setUp(self):
        # The worker says nothing between its answers, and is not to be taken for dead.
        self.cluster = self.enterContext(Cluster(**{"heartbeat.liveness": 100}))
        self.worker = self.enterContext(peers.Worker(self.cluster.broker.backend, "odd"))
        self.worker.connected()
        self.assertEqual(peers.REGISTERED, self.worker.register().type)

    def ask(self, *flags, meta, parts=()):
        """(exit code, standard output, standard error) where the answer comes in these parts."""
        command = [BIN / "muster", "ask", "--broker", self.cluster.broker.frontend, "--model",
                   "raw", *flags, "Anyone?"]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as asking:
            request = self.worker.receive_a(peers.REQUEST, seconds=SOON).id
            for number, part in enumerate(parts):
                self.worker.send(
                    peers.header(peers.CHUNK, request, number, {} if number else meta), part)
            self.worker.send(
                peers.header(peers.FINAL, request, len(parts), {} if parts else meta))
            out, err = asking.communicate(timeout=SOON)
        return asking.returncode, out, err

    def test_an_answer_without_text_is_no_failure_and_said_to_be_one(self):
        said = "muster: the model server of worker odd answered with status {} and no text{}\n"
        for status, meta, parts, more in (
                (204, {}, (), ""),
                (200, {}, (), ""),
                (200, {"type": EVENTS}, (b"data: [DONE]\n\n",), "; --json shows what it sent")):
            code, out, err = self.ask(meta={"status": status, "worker": "odd", **meta}, parts=parts)
            self.assertEqual((0, "", said.format(status, more)), (code, out, err))

    def test_a_redirect_is_a_failure(self):
        for flags, out in (((), ""), (("--json",), "<a>moved</a>\n")):
            answer = self.ask(*flags, meta={"status": 301, "type": "text/html"},
                              parts=(b"<a>moved</a>",))
            self.assertEqual((1, out), answer[:2])
            self.assertIn("status 301", answer[2])

    def test_half_a_character_does_not_end_the_stream(self):
        answer = self.ask(meta={"status": 200, "type": EVENTS}, parts=(
            event("well "), event(HALVES[0]), event(HALVES[1]), event(f" {FACE}")))
        self.assertEqual((0, "well \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"
                          " \N{GRINNING FACE}\n", ""), answer)


class Output(unittest.TestCase):
    def test_an_output_that_takes_nothing_is_a_failure_and_told(self):
        with Cluster() as cluster, open("/dev/full", "w", encoding="utf-8") as full:
            cluster.agent("demo", "--demo")
            for command in (["workers"], ["status", "--json"], ["ask", "hello"]):
                answer = subprocess.run(
                    [BIN / "muster", "--broker", cluster.broker.frontend, *command], check=False,
                    stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, text=True,
                    timeout=SOON)
                self.assertEqual(
                    (1, "muster: standard output can't be written: No space left on device\n"),
                    (answer.returncode, answer.stderr), command)


class Restart(unittest.TestCase):
    def test_a_broker_that_was_killed_and_is_back_is_asked_again(self):
        with Cluster(**{"no_worker.restart_grace": "20s"}) as cluster:
            cluster.agent("slow", "--demo", **{"echo.first_token": "4s"})
            first = cluster.broker
            with subprocess.Popen(
                    [BIN / "muster", "ask", "--broker", first.frontend, "--model", "echo", "so"],
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    text=True) as asking:
                cluster.wait_for_worker("slow", lambda w: w["in_flight"] == 1)
                first.signal(signal.SIGKILL)
                first.ends()
                cluster.broker = cluster.add(Broker(
                    first.frontend, first.backend, **{"no_worker.restart_grace": "20s"}))
                out, err = asking.communicate(timeout=SOON)
            self.assertEqual((0, "so\n"), (asking.returncode, out), err)
            self.assertIn("the question is asked again", err)


class Drain(unittest.TestCase):
    def test_drain_waits_for_what_is_in_hand_and_undrain_takes_it_back(self):
        with Cluster() as cluster:
            cluster.agent("slow", "--demo", **{"echo.first_token": "4s"})
            with subprocess.Popen(
                    [BIN / "muster", "ask", "--broker", cluster.broker.frontend, "--model", "echo",
                     "so"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as asking:
                cluster.wait_for_worker("slow", lambda w: w["in_flight"] == 1)
                drained = cluster.muster("drain", "slow", "--wait")
                self.assertEqual((0, "slow has drained\n"), (drained.returncode, drained.stdout))
                self.assertEqual("so\n", asking.communicate(timeout=SOON)[0])
            self.assertEqual(3, cluster.ask("--model", "echo", "so").returncode)
            self.assertEqual(0, cluster.muster("undrain", "slow").returncode)
            cluster.wait_for_worker("slow", lambda w: w["state"] == "ready")
            why = cluster.muster("why", "--model", "echo").stdout
            self.assertRegex(why, "^echo\n  slow  YES  ")
            self.assertEqual(1, cluster.muster("drain", "nobody").returncode)


if __name__ == "__main__":
    unittest.main()
