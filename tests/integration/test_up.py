"""tools/up with programs that are built already."""

import os
import re
import signal
import subprocess
import tempfile
import unittest

from muster_processes import BIN, ROOT, Cluster, ModelServer, die_with_the_test, wait_until

UP = ROOT / "tools/up"


def up(*arguments, seconds=60):
    return subprocess.run([UP, "--bin", BIN, *arguments], stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=seconds, check=False)


def logs():
    """A folder for what a killed tools/up can't take away."""
    return tempfile.TemporaryDirectory(prefix="muster-test-")


def alive(pid):
    """Whether the process is there and has not ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as listed:
        return [int(child) for child in listed.read().split()]


class Up(unittest.TestCase):
    def test_once(self):
        answer = up("--once", "--port", "0")
        self.assertEqual(0, answer.returncode, answer)
        question = re.search(r'muster ask .*"(.*)"', answer.stdout).group(1)
        self.assertIn(f"\n{question}\n", answer.stdout)

    def test_once_before_a_model_server(self):
        with ModelServer("server") as server:
            answer = up("--once", "--port", "0", "--server", server.url)
            self.assertEqual(0, answer.returncode, answer)
            self.assertIn("w0 w1 w2 w3 w4", answer.stdout)

    def test_once_before_a_server_of_several_models(self):
        with ModelServer("server", "--model", "one", "another") as server:
            answer = up("--once", "--port", "0", "--server", server.url)
            self.assertEqual(0, answer.returncode, answer)
            self.assertIn("w0 w1 w2 w3 w4", answer.stdout)

    def test_a_port_in_use(self):
        with Cluster() as cluster:
            port = cluster.broker.frontend.rsplit(":", 1)[1]
            answer = up("--once", "--port", port)
        self.assertEqual(1, answer.returncode, answer)
        self.assertIn("in use", answer.stderr)
        self.assertIn(port, answer.stderr)
        self.assertIn("--port", answer.stderr)

    def test_flags_that_are_wrong(self):
        for flags in (["--twice"], ["--port", "http"], ["--server"]):
            self.assertEqual(1, up(*flags).returncode, flags)

    def test_it_stays_until_ctrl_c_and_leaves_nothing_behind(self):
        for number in (signal.SIGINT, signal.SIGKILL):
            staying = subprocess.Popen([UP, "--bin", BIN, "--port", "0"], text=True,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, preexec_fn=die_with_the_test,
                                       env={**os.environ, "TMPDIR": self.enterContext(logs())})
            self.addCleanup(staying.stdout.close)
            self.addCleanup(staying.wait)
            self.addCleanup(staying.kill)
            for line in staying.stdout:
                if "Ctrl-C" in line:
                    break
            wait_until("only broker and agent", lambda pid=staying.pid: len(children(pid)) == 2)
            started = children(staying.pid)
            os.kill(staying.pid, number)
            self.assertNotEqual(0, staying.wait(20))
            wait_until("both children have ended",
                       lambda pids=started: not any(alive(pid) for pid in pids))


if __name__ == "__main__":
    unittest.main()
