"""The rules of docs/protocol.md for clients, held against the peers that were written from it and
against `muster ask`, by a broker that says only what the test says.
"""

import json
import time
import unittest

import foreign  # which also makes way to the helpers of tests/integration
import peers
from scripted_broker import A_WHILE, ScriptedBroker, terms, uint

MODEL, PATH = "parrot", "/v1/chat/completions"


def part(word):
    """A part of an answer as a model server streams it."""
    choices = [{"index": 0, "delta": {"content": word}}]
    return b"data: %s\n\n" % json.dumps({"choices": choices}).encode()


class Rules:
    """A subclass names the client."""

    def start(self, empty_first_frame=True, stream=True):
        self.broker = self.enterContext(ScriptedBroker(empty_first_frame))
        self.asking = self.enterContext(
            self.client(self.broker.endpoint, MODEL, "good morning", stream=stream))

    def begin(self, **more):
        """A request that the broker has in hand; returns the REQUEST."""
        self.start(**more)
        self.before_the_request()
        request = self.broker.hear_a(peers.REQUEST)
        self.id = request.id
        return request

    def before_the_request(self):
        """What else the client wants to know first: nothing."""

    def chunk(self, seq, word, id=None, **meta):
        if seq == 0:
            meta.update(status=200, type="text/event-stream")
        self.broker.say(peers.CHUNK, self.id if id is None else id, seq, meta, "one more",
                        payload=part(word))

    def final(self, seq, id=None):
        self.broker.say(peers.FINAL, self.id if id is None else id, seq, {},
                        payload=b"data: [DONE]\n\n")

    def check_answer(self, text):
        outcome = self.asking.end()
        self.assertEqual((0, 0, text), (outcome.exit_code, outcome.code, outcome.text), outcome)

    def check_failed(self):
        outcome = self.asking.end()
        self.assertNotEqual(0, outcome.exit_code, outcome)
        self.assertNotEqual("", outcome.stderr, outcome)
        return outcome

    def check_given_up(self):
        """A broker that is taken for dead: what was asked of it ends."""
        self.check_failed()

    def test_nothing_is_said_before_the_empty_first_frame(self):
        self.start(empty_first_frame=False)
        self.broker.wait_for_a_connection()
        self.assertIsNone(self.broker.hear(A_WHILE))

    def test_what_is_asked(self):
        for stream in (True, False):
            request = self.begin(stream=stream)
            id, model, options = request.elements
            self.assertTrue(uint(id), request)
            self.assertEqual((MODEL, stream, PATH),
                             (model, options.get("stream", False), options["path"]))
            self.assertEqual("good morning",
                             json.loads(request.payload)["messages"][-1]["content"])

    def test_a_stream(self):
        self.begin()
        for seq, word in enumerate(("good", " ", "morning")):
            self.chunk(seq, word)
        self.final(3)
        self.check_answer("good morning")

    def test_what_is_for_another_id_is_ignored(self):
        self.begin()
        other = self.id ^ 1  # as near as can be: a float could not tell them apart
        self.chunk(0, "not this", id=other)
        self.final(0, id=other)
        self.broker.say(peers.ERROR, other, peers.NO_WORKER, "not this", {"retryable": False})
        self.chunk(0, "this")
        self.final(1)
        self.check_answer("this")

    def test_an_error(self):
        self.begin()
        self.chunk(0, "the beginning")
        self.broker.say(peers.ERROR, self.id, peers.WORKER_LOST, "it is gone",
                        {"retryable": True, "reason": "expired"})
        outcome = self.check_failed()
        self.assertEqual((peers.WORKER_LOST, "expired"), (outcome.code, outcome.reason), outcome)

    def test_a_duplicate_does_not_end_the_request(self):
        self.begin()
        duplicate = {"retryable": False, "duplicate": True}
        self.broker.say(peers.ERROR, self.id, peers.BAD_REQUEST, "once more", duplicate)
        self.chunk(0, "goes")
        self.broker.say(peers.ERROR, self.id, peers.BAD_REQUEST, "once more", duplicate)
        self.chunk(1, " on")
        self.final(2)
        self.check_answer("goes on")

    def test_what_is_not_known_is_ignored(self):
        self.begin()
        self.broker.say(0x7f, self.id, 0, {})
        self.chunk(0, "known", later={"a": [1]}, headers=None)
        self.final(1)
        self.check_answer("known")

    def test_a_missing_part(self):
        self.begin()
        self.chunk(0, "one")
        self.chunk(2, "three")
        self.final(2)  # who only counts has nothing to say against it
        self.check_failed()

    def test_a_missing_last_part(self):
        self.begin()
        self.chunk(0, "one")
        self.final(2)
        self.check_failed()

    def test_a_connection_that_is_new_has_lost_the_request(self):
        self.begin()
        self.chunk(0, "one")
        broke = time.monotonic()
        self.broker.send(b"")
        self.check_failed()
        self.assertLess(time.monotonic() - broke, 2.0)  # silence would be noticed after 3
        while heard := self.broker.hear(0):
            self.assertNotEqual(peers.REQUEST, heard.type)

    def test_a_broker_lives_as_long_as_it_answers_heartbeats(self):
        interval = 0.3
        self.begin()
        for _ in range(8):  # for far longer than the three intervals of silence that it takes
            _, heartbeat = self.broker.hear_until(peers.HEARTBEAT)
            self.assertEqual([{}], heartbeat.elements)
            self.broker.say(peers.HEARTBEAT, {**terms(interval), "draining": False})
        answered = time.monotonic()
        self.check_given_up()
        self.assertGreaterEqual(time.monotonic() - answered, 3 * interval)


class MusterAsk(Rules, unittest.TestCase):
    client = foreign.MusterAsk

    def before_the_request(self):
        query = self.broker.hear_a(peers.QUERY)
        self.broker.say(peers.ANSWER, query.id, {"models": [
            {"name": MODEL, "aliases": [], "workers": 1, "ready": 1, "free_slots": 1,
             "queued": 0}]})

    def check_given_up(self):
        """It asks again, on another connection and under another id, and takes that answer."""
        first = self.broker.connection
        _, again = self.broker.hear_until(peers.REQUEST)
        self.assertNotEqual(first, again.connection)
        self.assertNotEqual(self.id, again.id)
        self.id = again.id
        self.chunk(0, "hello")
        self.final(1)
        self.check_answer("hello")


class PythonClient(Rules, unittest.TestCase):
    client = foreign.PythonClient


class NodeClient(Rules, unittest.TestCase):
    client = foreign.NodeClient


if __name__ == "__main__":
    unittest.main()
