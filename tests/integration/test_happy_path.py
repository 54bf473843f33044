"""A request goes through broker and agent to a model, and its answer comes back."""

import json
import statistics
import time
import unittest

import peers
from muster_processes import Cluster, muster, wait_until

FAILED_EXIT, NO_WORKER_EXIT, OVERLOADED_EXIT, TIMED_OUT_EXIT = 1, 3, 4, 5


class Ask(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(Cluster())
        cls.cluster.agent("demo", "--demo")

    def test_the_answer_is_printed(self):
        answer = self.cluster.ask("--model", "echo", "to be or not to be")
        self.assertEqual((0, "to be or not to be\n"), (answer.returncode, answer.stdout), answer)

    def test_the_only_model_need_not_be_named(self):
        answer = self.cluster.ask("hello there")
        self.assertEqual((0, "hello there\n"), (answer.returncode, answer.stdout), answer)

    def test_without_a_stream(self):
        answer = self.cluster.ask("--no-stream", "hello there")
        self.assertEqual((0, "hello there\n"), (answer.returncode, answer.stdout), answer)

    def test_the_question_from_standard_input(self):
        answer = self.cluster.ask("-", stdin="from a pipe\n")
        self.assertEqual((0, "from a pipe\n"), (answer.returncode, answer.stdout), answer)

    def test_large_and_unusual_text(self):
        words = "grüße 🙂 \\ \" ' " * 2000
        answer = self.cluster.ask("-", stdin=words)
        self.assertEqual(words.split(), answer.stdout.split(), answer.stderr)

    def test_tables_for_people(self):
        for command, word in (("models", "echo"), ("workers", "demo"), ("status", "requests")):
            shown = self.cluster.muster(command)
            self.assertEqual(0, shown.returncode, shown)
            self.assertIn(word, shown.stdout)

    def test_json_for_programs(self):
        models = json.loads(self.cluster.muster("models", "--json").stdout)["models"]
        self.assertEqual(["echo"], [m["name"] for m in models])
        self.assertEqual((1, 1), (models[0]["workers"], models[0]["ready"]))
        worker = self.cluster.workers()["demo"]
        self.assertEqual(("ready", False, False, ["echo"]), (
            worker["state"], worker["suspect"], worker["broken"],
            [m if isinstance(m, str) else m["name"] for m in worker["models"]]))
        before = self.cluster.stats()["requests"]
        self.cluster.ask("one more")
        self.assertEqual(before + 1, self.cluster.stats()["requests"])


class Queue(unittest.TestCase):
    def test_requests_wait_for_a_free_slot(self):
        with Cluster() as cluster, peers.Client(cluster.broker.frontend) as client:
            cluster.agent("w0", "--demo", **{"worker.slots": 2, "echo.first_token": "20ms"})
            client.connected()
            requests = {client.request("echo") for _ in range(30)}
            ends = [client.receive_a(peers.FINAL, peers.ERROR) for _ in range(30)]
            self.assertEqual(requests, {e.id for e in ends if e.type == peers.FINAL})
            wait_until("all slots free",
                       lambda: cluster.workers()["w0"]["in_flight"] == 0)


class TwoBrokers(unittest.TestCase):
    def test_one_agent_serves_both(self):
        with Cluster() as one, Cluster() as other:
            one.agent("w0", "--demo", "--broker", other.broker.backend, "--slots", "8")
            other.wait_for_worker("w0", lambda w: w["state"] == "ready")
            for cluster in (one, other):
                self.assertEqual("hello\n", cluster.ask("hello").stdout)
            shares = [cluster.workers()["w0"]["slots"] for cluster in (one, other)]
            self.assertEqual(8, sum(shares), shares)


class Refusals(unittest.TestCase):
    def test_a_model_that_nobody_serves(self):
        with Cluster() as cluster:
            answer = cluster.ask("--model", "nobody", "hello")
            self.assertEqual(NO_WORKER_EXIT, answer.returncode, answer)
            self.assertIn("NO_WORKER", answer.stderr)
            self.assertIn("unknown_model", answer.stderr)

    def test_a_model_whose_worker_is_gone(self):
        with Cluster() as cluster:
            agent = cluster.agent("demo", "--demo")
            agent.process.terminate()
            self.assertEqual(0, agent.ends())
            answer = cluster.ask("--model", "echo", "hello")
            self.assertEqual(NO_WORKER_EXIT, answer.returncode, answer)
            self.assertIn("none_live", answer.stderr)

    def test_a_request_out_of_time(self):
        with Cluster() as cluster:
            cluster.agent("demo", "--demo", **{"echo.first_token": "1m"})
            answer = cluster.ask("--timeout", "300ms", "hello")
            self.assertEqual(TIMED_OUT_EXIT, answer.returncode, answer)

    def test_a_full_queue(self):
        with Cluster(**{"queue.depth_max": 1}) as cluster:
            cluster.agent("demo", "--demo", **{"worker.slots": 1, "echo.first_token": "1m"})
            with peers.Client(cluster.broker.frontend) as client:
                client.connected()
                client.request("echo")
                client.request("echo")
                answer = cluster.ask("--model", "echo", "hello")
                self.assertEqual(OVERLOADED_EXIT, answer.returncode, answer)

    def test_no_broker_at_all(self):
        with Cluster() as cluster:
            endpoint = cluster.broker.frontend
        answer = muster("ask", "--timeout", "500ms", "hello", broker=endpoint)
        self.assertEqual(FAILED_EXIT, answer.returncode, answer)
        self.assertIn(endpoint, answer.stderr)


class NoWorkerAtOnce(unittest.TestCase):
    def test_it(self):
        with Cluster() as cluster, peers.Client(cluster.broker.frontend) as client:
            client.connected()
            times = []
            for _ in range(200):
                asked = time.perf_counter()
                end = client.end_of(client.request("nobody"))
                times.append((time.perf_counter() - asked) * 1000)
                self.assertEqual((peers.ERROR, peers.NO_WORKER), (end.type, end.elements[1]))
                self.assertEqual("unknown_model", end.elements[3]["reason"])
                self.assertFalse(end.elements[3]["retryable"])
            median, worst = statistics.median(times), max(times)
            print(f"NO_WORKER: median {median:.2f} ms, worst {worst:.2f} ms of {len(times)}")
            self.assertLess(median, 5.0)


if __name__ == "__main__":
    unittest.main()
