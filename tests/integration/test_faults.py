"""Three workers under load, and one of them, or its model server, is killed or frozen.

In each case: `muster workers` tells the truth in time; every request gets exactly one end; an error
only where the request was in flight at the victim; whatever is sent after the fault was told is
served by the others. The broker has its default heartbeat: 1 s, dead after 3.
"""

import signal
import time
import unittest

import peers
from load import Load
from muster_processes import Cluster

MODEL = "test-model"
EXPIRY = 3.0  # interval x liveness, the defaults
CHECK = 0.5   # the agents' health interval and timeout; three missed: unhealthy
LATER = 120   # requests served after the fault was told


def not_plainly_ready(worker):
    """Whether the broker tells that this worker is not to be counted on."""
    return (worker["state"] != "ready" or worker["suspect"] or worker["broken"]
            or worker.get("gone") is not None)


class FaultCase(unittest.TestCase):
    def setUp(self):
        self.cluster = self.enterContext(Cluster())
        self.servers = [self.cluster.model_server(f"server{n}", "--model", MODEL, "--tokens", 5,
                                                  "--delay", 0.02) for n in range(3)]
        self.agents = [
            self.cluster.agent(f"w{n}", "--server", server.url, **{
                "worker.slots": 8, "server.health_interval": f"{int(CHECK * 1000)}ms",
                "server.health_timeout": f"{int(CHECK * 1000)}ms"})
            for n, server in enumerate(self.servers)]
        self.load = Load(self.cluster.broker.frontend, MODEL).start()
        self.load.wait_for_more(60)

    def strike(self, program, number, told_within, told=not_plainly_ready):
        """Sends the signal; returns when it was sent and when `muster workers` had told."""
        struck = time.monotonic()
        program.signal(number)
        self.cluster.wait_for_worker("w1", told, told_within)
        seen = time.monotonic()
        print(f"{self.id()}: told after {seen - struck:.2f} s (bound {told_within:.1f} s)")
        return struck, seen

    def check_stories(self, struck, told, codes):
        """`codes`: how a request that was in flight at the victim may have ended."""
        self.load.wait_for_more(LATER)
        stories = self.load.finish()
        failed = [s for s in stories if s.failed]
        print(f"{self.id()}: {len(stories)} requests, {len(failed)} failed: "
              f"{sorted({(s.code, s.reason) for s in failed}, key=str)}")
        self.assertEqual([], self.load.strays)
        self.assertEqual([], [s for s in stories if s.faults or s.ended is None])
        self.assertEqual([], [s for s in failed if s.worker != "w1" or s.code not in codes])
        self.assertEqual([], [s for s in failed if s.ended < struck or s.sent > told])
        later = [s for s in stories if s.sent > told]
        self.assertGreaterEqual(len(later), LATER // 2)
        self.assertEqual({"w0", "w2"}, {s.worker for s in later})

    def others_are_ready(self):
        workers = self.cluster.workers()
        for name in ("w0", "w2"):
            self.assertFalse(not_plainly_ready(workers[name]), workers[name])


class AgentKilled(FaultCase):
    def test_it(self):
        struck, told = self.strike(self.agents[1], signal.SIGKILL, EXPIRY)
        self.others_are_ready()
        self.check_stories(struck, told, {peers.WORKER_LOST})
        gone = self.cluster.wait_for_worker("w1", lambda w: w.get("gone") is not None)
        self.assertTrue(gone["reason"], gone)


class AgentFrozen(FaultCase):
    def test_it(self):
        struck, told = self.strike(self.agents[1], signal.SIGSTOP, EXPIRY)
        self.others_are_ready()
        self.cluster.wait_for_worker("w1", lambda w: w.get("gone") is not None,
                                     struck + EXPIRY + 1.0 - time.monotonic())
        gone = time.monotonic()
        print(f"{self.id()}: gone after {gone - struck:.2f} s")
        self.check_stories(struck, gone, {peers.WORKER_LOST})
        self.agents[1].signal(signal.SIGCONT)
        self.cluster.wait_for_worker("w1", lambda w: not not_plainly_ready(w))


class ModelServerKilled(FaultCase):
    def test_it(self):
        struck, told = self.strike(self.servers[1], signal.SIGKILL, EXPIRY,
                                   lambda w: w["state"] == "unhealthy")
        self.others_are_ready()
        self.check_stories(struck, told, {peers.WORKER_LOST, peers.WORKER_FAILED})
        self.assertTrue(self.agents[1].running)


class ModelServerFrozen(FaultCase):
    def test_it(self):
        # The last good check may have begun just before: four intervals and three time-outs.
        checks = 4 * CHECK + 3 * CHECK
        struck, told = self.strike(self.servers[1], signal.SIGSTOP, EXPIRY + checks,
                                   lambda w: w["state"] == "unhealthy")
        self.others_are_ready()
        self.check_stories(struck, told,
                           {peers.WORKER_LOST, peers.WORKER_FAILED, peers.WORKER_TIMEOUT})
        self.servers[1].signal(signal.SIGCONT)
        self.cluster.wait_for_worker("w1", lambda w: w["state"] == "ready")


if __name__ == "__main__":
    unittest.main()
