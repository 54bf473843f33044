"""A model server behind TLS: with a certificate that is trusted it answers, and what is wrong with
another is told in one sentence. The certificates are made for the test, and last a day.
"""

import subprocess
import unittest

from muster_processes import Cluster, folder


def certificate(path, name, address):
    """Makes a certificate that has signed itself, and its key, for a server at this address."""
    files = path / f"{name}.pem", path / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
                    "-subj", f"/CN={name}", "-addext", f"subjectAltName={address}",
                    "-out", files[0], "-keyout", files[1]],
                   check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    return files


class Tls(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(folder())
        self.cluster = self.enterContext(Cluster())

    def serve(self, name="server", address="IP:127.0.0.1"):
        file, key = certificate(self.folder, name, address)
        return self.cluster.model_server(name, "--certificate", file, "--key", key), file

    def complaint(self, server, ca_file=None):
        """What the agent says of a server that it can't talk to, and nothing else of it."""
        more = {"server.ca_file": ca_file} if ca_file else {}
        agent = self.cluster.agent("w0", "--server", server.url, ready=False,
                                   **{"server.health_interval": "20ms", **more})
        said = agent.wait_for("why it waits", lambda r: r.get("event") == "waiting")
        checks = server.url.replace("https", "no answer at https")
        self.assertIn(checks, said["message"])
        self.assertNotIn("\n", said["message"])
        self.cluster.wait_for_worker("w0", lambda w: w["state"] == "starting")
        self.assertEqual([said], [r for r in agent.records if r.get("event") == "waiting"])
        return said["message"]

    def test_a_server_that_is_trusted_answers(self):
        server, file = self.serve()
        self.cluster.agent("w0", "--server", server.url, **{"server.ca_file": file})
        answer = self.cluster.ask("hello")
        self.assertEqual((0, "w0 w1 w2 w3 w4 \n"), (answer.returncode, answer.stdout), answer)
        whole = self.cluster.ask("--no-stream", "hello")
        self.assertEqual((0, "w0 w1 w2 w3 w4 \n"), (whole.returncode, whole.stdout), whole)

    def test_a_server_that_nobody_vouches_for_is_told_so(self):
        server, _ = self.serve()
        self.assertRegex(self.complaint(server), r"TLS failed: .*self.signed certificate")

    def test_a_server_that_another_vouches_for_is_told_so(self):
        server, _ = self.serve()
        other, _ = certificate(self.folder, "other", "IP:127.0.0.1")
        self.assertRegex(self.complaint(server, other), r"TLS failed: .*certificate")

    def test_a_certificate_for_another_host_is_told_so(self):
        server, file = self.serve(address="DNS:elsewhere.example")
        self.assertRegex(self.complaint(server, file), r"TLS failed: .*127\.0\.0\.1")

    def test_a_file_without_a_certificate_is_told_so(self):
        server, _ = self.serve()
        nothing = self.folder / "nothing.pem"
        nothing.write_text("nothing\n", encoding="utf-8")
        self.assertRegex(self.complaint(server, nothing), r"TLS failed: .*nothing\.pem")


if __name__ == "__main__":
    unittest.main()
