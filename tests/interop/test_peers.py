"""Every client with every worker, through a real broker: the house's own in C++, and the peers in
Python and JavaScript that rest on docs/protocol.md alone.
"""

import signal
import unittest

import foreign  # which also makes way to the helpers of tests/integration
import peers
from muster_processes import SOON, Broker, Cluster, folder

WORDS = "to be, or not to be: grüße 🙂 \\ \" '"
# At this pace a long answer takes longer than any test waits: what is seen of it is a part.
PACE = 0.02
LONG = " ".join(f"word{n}" for n in range(int(2 * SOON / PACE)))


def beginning(words):
    return " ".join(LONG.split()[:words])


class Pair:
    """The cases; a subclass names the client and the worker."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = cls.enterClassContext(Cluster())
        cls.start("quick", slots=2)
        cls.start("slow", pace=PACE)

    @classmethod
    def start(cls, model, **more):
        """A worker that has its model's name."""
        worker = cls.cluster.add(cls.worker(cls.cluster.broker.backend, model, model, **more))
        cls.cluster.wait_for_worker(model, lambda w: w["state"] == "ready")
        return worker

    @classmethod
    def asking(cls, model, question, **more):
        return cls.client(cls.cluster.broker.frontend, model, question, **more)

    def check_answer(self, question, outcome):
        self.assertEqual((0, 0, question), (outcome.exit_code, outcome.code, outcome.text), outcome)

    def check_error(self, code, reason, outcome):
        self.assertEqual((code, reason), (outcome.code, outcome.reason), outcome)
        self.assertNotEqual(0, outcome.exit_code, outcome)

    def test_a_whole_answer(self):
        self.check_answer(WORDS, self.asking("quick", WORDS, stream=False).end())

    def test_a_stream(self):
        self.check_answer(WORDS, self.asking("quick", WORDS).end())

    def test_a_long_stream(self):
        question = beginning(500)
        self.check_answer(question, self.asking("quick", question).end())

    def test_more_questions_than_slots(self):
        questions = [f"question {n}" for n in range(5)]
        for question, asking in [(q, self.asking("quick", q)) for q in questions]:
            self.check_answer(question, asking.end())
        self.assertEqual(0, self.cluster.workers()["quick"]["failed"])

    def cancelled(self, model, after, **more):
        """Has a long answer cancelled after so many parts; the client's outcome."""
        asking = self.asking(model, LONG, cancel_after=after, **more)
        if asking.cancelled_by_interrupt:
            self.cluster.wait_for_worker(model, lambda w: w["in_flight"] == 1)
            if after:
                asking.first_part()
            asking.interrupt()
        outcome = asking.end()
        self.assertEqual(foreign.CANCELLED, outcome.code, outcome)
        self.assertNotEqual(0, outcome.exit_code, outcome)
        # The slot is free only when the worker has acknowledged it.
        self.cluster.wait_for_worker(model, lambda w: w["in_flight"] == 0)
        return outcome

    def test_cancelled_in_mid_stream(self):
        outcome = self.cancelled("slow", after=3)
        self.assertTrue(outcome.text and LONG.startswith(outcome.text), outcome)
        self.check_answer("and again", self.asking("slow", "and again").end())

    def test_cancelled_before_anything_came(self):
        self.start("silent", pace=SOON)
        self.assertEqual("", self.cancelled("silent", after=0, stream=False).text)

    def test_a_model_that_nobody_serves(self):
        self.check_error(peers.NO_WORKER, "unknown_model", self.asking("nobody", WORDS).end())

    def test_a_worker_killed_in_mid_stream(self):
        worker = self.start("doomed", pace=PACE)
        asking = self.asking("doomed", LONG)
        asking.first_part()
        worker.signal(signal.SIGKILL)
        outcome = asking.end()
        self.assertEqual(peers.WORKER_LOST, outcome.code, outcome)
        self.assertIn(outcome.reason, ("unreachable", "expired"), outcome)
        self.assertNotEqual(0, outcome.exit_code, outcome)
        self.assertTrue(outcome.text and LONG.startswith(outcome.text), outcome)

    def test_a_worker_stopped_in_mid_stream(self):
        worker = self.start("leaving", pace=PACE)
        question = beginning(50)
        asking = self.asking("leaving", question)
        asking.first_part()
        worker.signal(signal.SIGTERM)
        self.check_answer(question, asking.end())
        self.assertEqual(0, worker.ends())
        gone = self.cluster.wait_for_worker("leaving", lambda w: w.get("gone") is not None)
        self.assertIn("deregistered", gone["reason"], gone)
        self.check_error(peers.NO_WORKER, "none_live", self.asking("leaving", WORDS).end())


class MusterAndAgent(Pair, unittest.TestCase):
    client, worker = foreign.MusterAsk, staticmethod(foreign.agent)


class MusterAndPython(Pair, unittest.TestCase):
    client, worker = foreign.MusterAsk, staticmethod(foreign.python_worker)


class MusterAndNode(Pair, unittest.TestCase):
    client, worker = foreign.MusterAsk, staticmethod(foreign.node_worker)


class PythonAndAgent(Pair, unittest.TestCase):
    client, worker = foreign.PythonClient, staticmethod(foreign.agent)


class PythonAndPython(Pair, unittest.TestCase):
    client, worker = foreign.PythonClient, staticmethod(foreign.python_worker)


class PythonAndNode(Pair, unittest.TestCase):
    client, worker = foreign.PythonClient, staticmethod(foreign.node_worker)


class NodeAndAgent(Pair, unittest.TestCase):
    client, worker = foreign.NodeClient, staticmethod(foreign.agent)


class NodeAndPython(Pair, unittest.TestCase):
    client, worker = foreign.NodeClient, staticmethod(foreign.python_worker)


class NodeAndNode(Pair, unittest.TestCase):
    client, worker = foreign.NodeClient, staticmethod(foreign.node_worker)


class BrokerRestarted:
    """A broker that dies and is started again; a subclass names the worker."""

    def test_the_worker_comes_back_by_itself(self):
        place = self.enterContext(folder())
        ends = {"frontend": f"ipc://{place}/frontend", "backend": f"ipc://{place}/backend"}
        cluster = self.enterContext(Cluster(**ends))
        cluster.add(self.worker(cluster.broker.backend, "w0", "slow", slots=1, pace=PACE))
        cluster.wait_for_worker("w0", lambda w: w["state"] == "ready")
        lost = self.enterContext(foreign.MusterAsk(cluster.broker.frontend, "slow", LONG))
        lost.first_part()
        cluster.broker.signal(signal.SIGKILL)
        cluster.broker.ends()
        cluster.broker = cluster.add(Broker(**ends))
        cluster.wait_for_worker("w0", lambda w: w["state"] == "ready")
        # Its one slot is taken by what nobody waits for any more, until that is cancelled.
        answer = foreign.MusterAsk(cluster.broker.frontend, "slow", "and again").end()
        self.assertEqual((0, "and again"), (answer.exit_code, answer.text), answer)


class BrokerRestartedUnderAgent(BrokerRestarted, unittest.TestCase):
    worker = staticmethod(foreign.agent)


class BrokerRestartedUnderPython(BrokerRestarted, unittest.TestCase):
    worker = staticmethod(foreign.python_worker)


class BrokerRestartedUnderNode(BrokerRestarted, unittest.TestCase):
    worker = staticmethod(foreign.node_worker)


if __name__ == "__main__":
    unittest.main()
