"""What goes wrong at the start is told in one clear sentence; what can come right is waited for."""

import contextlib
import json
import random
import re
import signal
import socket
import unittest

from muster_processes import (ANY_PORT, JSON_LOG, Agent, Broker, Cluster, ModelServer, folder,
                              muster, run, settings, wait_until)


def free_port():
    """A port that nothing listens on now, and that no connection is given for its own end later."""
    while True:
        port = random.randrange(10_000, 30_000)  # below those that systems give
        with contextlib.closing(socket.socket()) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Configuration(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(folder())

    def write(self, text):
        path = self.folder / "broker.toml"
        path.write_text(text, encoding="utf-8")
        return path

    def test_every_fault_at_once_with_its_place(self):
        path = self.write('[broker]\nfrontnd = ["tcp://127.0.0.1:0"]\nio_threads = "two"\n'
                          '[heartbeat]\ninterval = "1 fortnight"\n')
        for more in ([], ["--check-config"]):
            answer = run("muster-broker", "--config", path, *more)
            self.assertNotEqual(0, answer.returncode)
            for place in (f"{path}:2:1", f"{path}:3:", f"{path}:5:", "frontend", "io_threads",
                          "interval"):
                self.assertIn(place, answer.stderr)

    def test_a_running_broker_reads_its_file_again(self):
        path = self.write('[routing]\npolicy = "lottery"\n')
        with Broker(config=path) as broker:
            def policy():
                answer = muster("status", "--json", broker=broker.frontend)
                return json.loads(answer.stdout)["policy"]
            self.assertEqual("lottery", policy())
            self.write('[routing]\npolicy = "round_robin"\n[broker]\nname = "other"\n')
            broker.signal(signal.SIGHUP)
            kept = broker.wait_for("what is kept", lambda r: r.get("key") == "broker.name")
            self.assertIn("can't change while running", kept["message"])
            wait_until("the new policy", lambda: policy() == "round_robin")
            self.write('[routing]\npolicy = "best"\n')
            broker.signal(signal.SIGHUP)
            broker.wait_for("the fault", lambda r: f"{path}:2:" in r.get("message", ""))
            self.assertEqual("round_robin", policy())
            broker.signal(signal.SIGTERM)
            self.assertEqual(0, broker.ends())

    def test_a_running_agent_reads_its_configuration_again(self):
        path = self.write("[worker]\nslots = 3\n")
        with Cluster() as cluster:
            agent = cluster.agent("a", "--demo", "--config", path)
            self.assertEqual(3, cluster.workers()["a"]["slots"])
            self.write("[worker]\nslots = 5\n")
            agent.signal(signal.SIGHUP)
            cluster.wait_for_worker("a", lambda w: w["slots"] == 5)

    def test_a_file_that_is_no_toml(self):
        path = self.write("[broker\nname = 1\n")
        answer = run("muster-broker", "--config", path)
        self.assertNotEqual(0, answer.returncode)
        self.assertIn(f"{path}:1:", answer.stderr)

    def test_a_missing_file(self):
        for program in ("muster-broker", "muster-agent"):
            answer = run(program, "--config", self.folder / "none.toml")
            self.assertNotEqual(0, answer.returncode)
            self.assertIn("none.toml", answer.stderr)

    def test_a_good_file_is_called_good(self):
        path = self.write('[broker]\nname = "here"\n')
        answer = run("muster-broker", "--config", path, "--check-config")
        self.assertEqual(0, answer.returncode, answer)

    def test_print_config_tells_where_each_value_comes_from(self):
        path = self.write('[broker]\nname = "here"\n')
        answer = run("muster-broker", "--config", path, "--set", "heartbeat.liveness=5",
                     "--print-config", env={"MUSTER_BROKER__IO_THREADS": "2"})
        self.assertEqual(0, answer.returncode, answer)
        lines = {line.split("=")[0].strip(): line for line in answer.stdout.splitlines()
                 if "=" in line}
        self.assertIn("here", lines["name"])
        self.assertIn("broker.toml:2", lines["name"])
        self.assertIn("5", lines["liveness"])
        self.assertIn("--set", lines["liveness"])
        self.assertIn("MUSTER_BROKER__IO_THREADS", lines["io_threads"])
        self.assertIn("default", lines["interval"])


class Flags(unittest.TestCase):
    def test_help_and_version(self):
        for program in ("muster-broker", "muster-agent", "muster"):
            for flag in ("--help", "--version"):
                answer = run(program, flag)
                self.assertEqual(0, answer.returncode, answer)
                self.assertTrue(answer.stdout.strip(), answer)

    def test_a_flag_that_does_not_exist(self):
        for program in ("muster-broker", "muster-agent", "muster"):
            answer = run(program, "--no-such-flag")
            self.assertNotEqual(0, answer.returncode)
            self.assertIn("--no-such-flag", answer.stderr)


class Memory(unittest.TestCase):
    def test_a_broker_asks_for_large_pages_and_can_be_told_not_to(self):
        def asked(**more):
            said = run("muster-broker", "--version", env={"MIMALLOC_VERBOSE": "1", **more}).stderr
            found = re.search(r"large_os_pages': (\d)", said)
            return int(found[1]) if found else None

        if asked() is None:
            self.skipTest("this broker was built without mimalloc")
        self.assertEqual((1, 0), (asked(), asked(MIMALLOC_LARGE_OS_PAGES="0")))


class Endpoints(unittest.TestCase):
    def start_broker(self, frontend):
        return run("muster-broker", *settings({"broker.frontend": json.dumps([frontend]),
                                               "broker.backend": json.dumps([ANY_PORT])}))

    def test_a_port_in_use(self):
        with Cluster() as cluster:
            answer = self.start_broker(cluster.broker.frontend)
            self.assertNotEqual(0, answer.returncode)
            self.assertIn(cluster.broker.frontend.rsplit(":", 1)[1], answer.stderr)
            self.assertIn("in use", answer.stderr)

    def test_an_endpoint_that_is_none(self):
        for endpoint in ("nonsense", "tcp://127.0.0.1:notaport", "carrier-pigeon://roof"):
            answer = self.start_broker(endpoint)
            self.assertNotEqual(0, answer.returncode, endpoint)
            self.assertIn(endpoint, answer.stderr)

    def test_an_agent_with_an_endpoint_that_is_none(self):
        answer = run("muster-agent", "--demo", "--broker", "nonsense")
        self.assertNotEqual(0, answer.returncode)
        self.assertIn("nonsense", answer.stderr)


class TheWrongSide(unittest.TestCase):
    def test_a_client_at_the_backend_is_told_so_at_once(self):
        with Cluster() as cluster:
            backend = cluster.broker.backend
            for command in (["status"], ["ask", "--model", "echo", "hello"]):
                answer = muster(*command, "--timeout", "10m", broker=backend)
                self.assertEqual(1, answer.returncode, answer)
                self.assertIn(f"what answers at {backend} is a broker's backend", answer.stderr)
                self.assertEqual(1, answer.stderr.count("\n"), answer.stderr)


class Waiting(unittest.TestCase):
    """Agents keep trying, and say so once."""

    def test_an_agent_before_its_broker(self):
        frontend, backend = (f"tcp://127.0.0.1:{free_port()}" for _ in range(2))
        with Agent("early", backend, "--demo") as agent:
            said = agent.wait_for("that no broker is there",
                                  lambda r: r["level"] in ("warning", "error"))
            self.assertIn(backend, json.dumps(said))
            with Cluster(frontend=frontend, backend=backend) as cluster:
                cluster.wait_for_worker("early", lambda w: w["state"] == "ready")
                self.assertEqual("hello\n", cluster.ask("hello").stdout)
            complaints = [r for r in agent.records if r["level"] in ("warning", "error")
                          and r["time"] < cluster.broker.records[0]["time"]]
            self.assertEqual([said], complaints)

    def test_an_agent_before_its_model_server(self):
        port = free_port()
        with Cluster() as cluster:
            agent = cluster.agent("early", "--server", f"http://127.0.0.1:{port}", ready=False,
                                  **{"worker.models": '["test-model"]',
                                     "server.health_interval": "100ms"})
            cluster.wait_for_worker("early", lambda w: w["state"] == "starting")
            cluster.add(ModelServer("late", "--port", port))
            cluster.wait_for_worker("early", lambda w: w["state"] == "ready")
            self.assertEqual(0, cluster.ask("hello").returncode)
            self.assertTrue(agent.running)

    def test_a_broker_that_comes_back(self):
        with Cluster() as cluster:
            cluster.agent("steady", "--demo")
            broker = cluster.broker
            broker.stop()
            cluster.broker = cluster.add(Broker(frontend=broker.frontend, backend=broker.backend))
            cluster.wait_for_worker("steady", lambda w: w["state"] == "ready")
            self.assertEqual("again\n", cluster.ask("again").stdout)


class Logs(unittest.TestCase):
    def test_a_log_in_a_file(self):
        with folder() as path:
            file = path / "broker.log"
            with Agent("quiet", ANY_PORT.replace("*", str(free_port())), "--demo",
                       **{**JSON_LOG, "log.file": str(file)}):
                wait_until("lines in the file", lambda: file.exists() and file.read_text())
            self.assertTrue(all(json.loads(line)["message"]
                                for line in file.read_text().splitlines()))


if __name__ == "__main__":
    unittest.main()
