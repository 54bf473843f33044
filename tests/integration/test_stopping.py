"""Stopping: what is in hand is finished, what is cancelled really stops."""

import os
import signal
import subprocess
import unittest

import peers
from muster_processes import BIN, Cluster, die_with_the_test


class Brokers(unittest.TestCase):
    def test_a_signal_stops_it_cleanly(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with Cluster() as cluster:
                cluster.broker.signal(number)
                self.assertEqual(0, cluster.broker.ends())


class Draining(unittest.TestCase):
    def test_what_is_in_hand_is_finished(self):
        at_once = {"no_worker.restart_grace": "0s"}
        with Cluster(**at_once) as cluster, peers.Client(cluster.broker.frontend) as client:
            server = cluster.model_server("server", "--tokens", 40, "--delay", 0.05)
            agent = cluster.agent("w0", "--server", server.url)
            client.connected()
            whole = client.request("test-model", b'{"user": "whole"}')
            streamed = client.request("test-model", b'{"user": "streamed", "stream": true}',
                                      stream=True)
            for user in ("whole", "streamed"):
                server.wait_for("the request", lambda r, u=user: r.get("user") == u)
            agent.signal(signal.SIGTERM)
            cluster.wait_for_worker("w0", lambda w: w["state"] == "draining")
            refused = client.end_of(client.request("test-model"))
            self.assertEqual((peers.NO_WORKER, "all_draining"),
                             (refused.elements[1], refused.elements[3]["reason"]))
            ends = [client.receive_a(peers.FINAL, peers.ERROR) for _ in range(2)]
            self.assertEqual({peers.FINAL}, {e.type for e in ends}, ends)
            self.assertEqual({whole, streamed}, {e.id for e in ends})
            self.assertEqual(0, agent.ends())
            gone = cluster.workers()["w0"]
            self.assertIsNotNone(gone.get("gone"), gone)

    def test_a_second_signal_stops_at_once(self):
        with Cluster() as cluster, peers.Client(cluster.broker.frontend) as client:
            agent = cluster.agent("w0", "--demo", **{"echo.first_token": "5m"})
            client.connected()
            request = client.request("echo")
            cluster.wait_for_worker("w0", lambda w: w["in_flight"] == 1)
            agent.signal(signal.SIGTERM)
            cluster.wait_for_worker("w0", lambda w: w["state"] == "draining")
            agent.signal(signal.SIGTERM)
            agent.ends()
            self.assertEqual(peers.NO_WORKER, client.end_of(request).elements[1])


class Cancelling(unittest.TestCase):
    def setUp(self):
        self.cluster = self.enterContext(Cluster())
        self.server = self.cluster.model_server("server", "--tokens", 10000, "--delay", 0.05)
        self.cluster.agent("w0", "--server", self.server.url)

    def server_saw_it_closed(self):
        self.server.wait_for("that its client hung up", lambda r: r["event"] == "closed")
        self.cluster.wait_for_worker("w0", lambda w: w["in_flight"] == 0)

    def test_ctrl_c(self):
        asking = subprocess.Popen(
            [BIN / "muster", "ask", "--broker", self.cluster.broker.frontend, "a long story"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
            preexec_fn=die_with_the_test)
        with asking:
            self.assertTrue(os.read(asking.stdout.fileno(), 1))
            asking.send_signal(signal.SIGINT)
            self.assertNotEqual(0, asking.wait(10))
        self.server_saw_it_closed()

    def test_cancel_of_a_whole_answer(self):
        with peers.Client(self.cluster.broker.frontend) as client:
            client.connected()
            request = client.request("test-model")
            self.server.wait_for("the request", lambda r: r["event"] == "request")
            client.cancel(request)
            end = client.end_of(request)
            self.assertEqual((peers.ERROR, 49900), (end.type, end.elements[1]))
        self.server_saw_it_closed()

    def test_a_request_out_of_time_stops_at_the_server_too(self):
        with peers.Client(self.cluster.broker.frontend) as client:
            client.connected()
            end = client.end_of(client.request("test-model", timeout=300))
            self.assertEqual((peers.WORKER_TIMEOUT, "running"),
                             (end.elements[1], end.elements[3]["reason"]))
        self.server_saw_it_closed()


if __name__ == "__main__":
    unittest.main()
