"""Model servers that were not written here, through broker and agent: a real language model, and
somebody else's idea of OpenAI's API.
"""

import json
import os
import pathlib
import platform
import unittest

from foreign import HERE, events, need_node  # makes way to the helpers of tests/integration
import peers
from muster_processes import ROOT, Cluster, Program

MODEL_FILE = pathlib.Path(os.environ.get(
    "MUSTER_TEST_MODEL", ROOT.parent / "shared/models/stories260K.gguf"))
LOADING = 60.0


class NodeServer(Program):
    def __init__(self, name, node, *arguments):
        super().__init__(name, [node, HERE / arguments[0], *arguments[1:]], stream="stdout",
                         env={"NODE_ENV": "production"})
        heard = self.wait_for("listening", lambda r: r.get("event") == "listening", LOADING)
        self.url = f"http://127.0.0.1:{heard['port']}"


class Streamed:
    """One streamed request to its end: its payloads, part by part."""

    def __init__(self, client, model, path, body):
        request = client.request(model, json.dumps(body).encode(), path=path, stream=True)
        self.parts = []
        while True:
            message = client.receive_a(peers.CHUNK, peers.FINAL, peers.ERROR, seconds=30)
            assert message.id == request, message
            self.parts.append(message.payload)
            if message.type != peers.CHUNK:
                self.end = message
                return

    @property
    def data(self):
        return events(b"".join(self.parts))


class RealModel(unittest.TestCase):
    OPENING = "Once upon a time"
    STORY = ", there was a little girl named Lily. She loved to play outside in the park"

    @classmethod
    def setUpClass(cls):
        if not MODEL_FILE.exists():
            raise unittest.SkipTest(f"no model file {MODEL_FILE} (MUSTER_TEST_MODEL names another)")
        if platform.machine() != "x86_64":
            raise unittest.SkipTest("the binary of llama.cpp that is installed is for x86_64")
        node = need_node("@node-llama-cpp/linux-x64")
        cls.cluster = cls.enterClassContext(Cluster())
        cls.server = cls.cluster.add(NodeServer("stories", node, "stories_server.mjs", MODEL_FILE))
        cls.cluster.agent("gpu0", "--server", cls.server.url)

    def test_a_story_through_a_pipe(self):
        answer = self.cluster.ask("--model", "stories260K", "--temperature", "0", "-",
                                  stdin=self.OPENING + "\n", seconds=60)
        self.assertEqual(0, answer.returncode, answer)
        self.assertTrue(answer.stdout.startswith(self.STORY), answer.stdout)

    def test_it_comes_part_by_part(self):
        with peers.Client(self.cluster.broker.frontend) as client:
            client.connected()
            told = Streamed(client, "stories260K", "/v1/completions", {
                "model": "stories260K", "prompt": self.OPENING, "stream": True, "temperature": 0,
                "max_tokens": 30})
        self.assertEqual(peers.FINAL, told.end.type, told.end)
        self.assertGreater(len(told.parts), 5)
        self.assertEqual("[DONE]", told.data[-1])
        texts = [json.loads(d)["choices"][0]["text"] for d in told.data[:-1]]
        self.assertTrue("".join(texts).startswith(", there was a little girl named Lily"), texts)

    def test_a_whole_answer(self):
        answer = self.cluster.ask("--model", "stories260K", "--temperature", "0", "--no-stream",
                                  self.OPENING, seconds=60)
        self.assertEqual(0, answer.returncode, answer)
        self.assertTrue(answer.stdout.startswith(self.STORY), answer.stdout)

    def test_what_the_agent_learned_of_the_server(self):
        worker = self.cluster.workers()["gpu0"]
        self.assertEqual((2, "ready"), (worker["slots"], worker["state"]))

    def test_more_questions_than_the_server_has_slots(self):
        body = json.dumps({"prompt": self.OPENING, "temperature": 0, "max_tokens": 10}).encode()
        with peers.Client(self.cluster.broker.frontend) as client:
            client.connected()
            asked = {client.request("stories260K", body, path="/v1/completions") for _ in range(8)}
            ends = [client.receive_a(peers.FINAL, peers.ERROR, seconds=30) for _ in asked]
        self.assertEqual(asked, {e.id for e in ends if e.type == peers.FINAL})
        texts = {json.loads(e.payload)["choices"][0]["text"] for e in ends}
        self.assertEqual({", there was a little girl named Lily"}, texts)


class ForeignServer(unittest.TestCase):
    MODEL = "gpt-5.2"  # what mock-llm says it serves

    @classmethod
    def setUpClass(cls):
        node = need_node("@dwmkerr/mock-llm")
        cls.cluster = cls.enterClassContext(Cluster())
        cls.server = cls.cluster.add(NodeServer("mock-llm", node, "mock_llm_server.mjs"))
        cls.cluster.agent("w0", "--server", cls.server.url)

    def test_asked_as_a_person_would(self):
        for flags in ([], ["--no-stream"]):
            answer = self.cluster.ask("--model", self.MODEL, *flags, "a word in your ear")
            self.assertEqual((0, "a word in your ear\n"), (answer.returncode, answer.stdout),
                             answer)

    def test_its_stream_comes_in_whole_events(self):
        with peers.Client(self.cluster.broker.frontend) as client:
            client.connected()
            told = Streamed(client, self.MODEL, "/v1/chat/completions", {
                "model": self.MODEL, "stream": True,
                "messages": [{"role": "user", "content": "one two three four"}]})
        self.assertEqual(peers.FINAL, told.end.type, told.end)
        self.assertEqual("[DONE]", told.data[-1])
        self.assertGreater(len(told.parts), 2)
        for part in told.parts:
            self.assertTrue(part == b"" or part.endswith(b"\n\n"), part)
        words = [json.loads(d)["choices"][0]["delta"]["content"] for d in told.data[:-1]]
        self.assertEqual("one two three four", "".join(words))

    def test_its_refusal_is_passed_on(self):
        with peers.Client(self.cluster.broker.frontend) as client:
            client.connected()
            end = client.end_of(client.request(self.MODEL, b"{}", path="/v1/no/such/thing"))
        self.assertEqual((peers.FINAL, 404), (end.type, end.elements[2]["status"]), end)
        self.assertIn(b"Not Found", end.payload)


if __name__ == "__main__":
    unittest.main()
