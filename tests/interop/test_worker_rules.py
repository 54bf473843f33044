"""The rules of docs/protocol.md for workers, held against the peers that were written from it and
against the house's own agent, by a broker that says only what the test says.
"""

import json
import signal
import time
import unittest

import foreign  # which also makes way to the helpers of tests/integration
import msgpack
import peers
from scripted_broker import (
    A_WHILE, DRAIN, PROBE, STATUS, ScriptedBroker, nine_bytes, terms, uint)

MODEL, PATH = "parrot", "/v1/chat/completions"
UNKNOWN_MODEL, REPLACED, NAME_TAKEN, REFUSED, CANCELLED = 40301, 40901, 40902, 42904, 49900
UNHURRIED = 5.0  # an interval in which a test is over
PACE = 0.02
LONG = " ".join(f"word{n}" for n in range(2000))  # at that pace, longer than any test
IDS = [2**32, 2**53 + 1, 2**64 - 1]


class Rules:
    """A subclass names the worker."""

    def start(self, slots=2, pace=0.0, empty_first_frame=True):
        self.broker = self.enterContext(ScriptedBroker(empty_first_frame))
        self.program = self.enterContext(
            self.worker(self.broker.endpoint, "w0", MODEL, slots=slots, pace=pace))

    def begin(self, interval=UNHURRIED, liveness=3, **more):
        """A session that stands; returns what the worker has told of itself."""
        self.start(**more)
        info = self.broker.hear_a(peers.REGISTER).elements[0]
        self.broker.say(peers.REGISTERED, terms(interval, liveness))
        if info["state"] != "ready":
            self.heartbeat_with_state("ready")
        return info

    def heartbeat_with_state(self, state):
        while True:
            _, beat = self.broker.hear_until(peers.HEARTBEAT)
            if beat.elements[0]["state"] == state:
                return

    def ask(self, id, words="good morning", stream=False, model=MODEL, **options):
        body = {"stream": stream, "messages": [{"role": "user", "content": words}]}
        self.broker.say(peers.REQUEST, id, model, {"path": PATH, "stream": stream, **options},
                        payload=json.dumps(body).encode())

    def check_error(self, id, code):
        error = self.broker.hear_a(peers.ERROR)
        self.assertEqual((id, code), (error.id, error.elements[1]), error)
        self.assertIn("retryable", error.elements[3])

    def check_whole_answer(self, id, words="good morning"):
        final = self.broker.hear_a(peers.FINAL)
        self.assertEqual((id, 0), (final.id, final.elements[1]), final)
        message = json.loads(final.payload)["choices"][0]["message"]
        self.assertEqual(words, message["content"])

    def check_stream_goes_on(self, id, seq):
        for expected in range(seq, seq + 3):
            chunk = self.broker.hear_a(peers.CHUNK)
            self.assertEqual((id, expected), (chunk.id, chunk.elements[1]), chunk)

    def test_nothing_is_said_before_the_empty_first_frame(self):
        self.start(empty_first_frame=False)
        self.broker.wait_for_a_connection()
        self.assertIsNone(self.broker.hear(A_WHILE))

    def test_registering(self):
        self.start()
        info = self.broker.hear().elements[0]
        models = [m if isinstance(m, str) else m["name"] for m in info["models"]]
        self.assertEqual(("w0", 2, []), (info["worker"], info["slots"], info.get("active", [])))
        self.assertIn((info["state"], models), [("ready", [MODEL]), ("starting", [])])
        self.assertTrue(uint(info["instance"]), info)
        age = time.time() - info["instance"] / 1024 / 1000
        self.assertTrue(0 <= age < 60, age)
        self.assertIsNone(self.broker.hear(A_WHILE))

    def test_all_else_is_held_back_until_registered(self):
        info = self.begin(pace=PACE)
        self.ask(IDS[0], LONG, stream=True)
        self.check_stream_goes_on(IDS[0], 0)
        self.broker.say(peers.REREGISTER)
        self.broker.say(peers.REREGISTER)  # one REGISTER is under way then
        before, again = self.broker.hear_until(peers.REGISTER)
        self.assertEqual((info["instance"], [IDS[0]]),
                         (again.elements[0]["instance"], again.elements[0]["active"]))
        self.assertIsNone(self.broker.hear(A_WHILE))
        self.broker.say(peers.REGISTERED, terms(UNHURRIED))
        self.check_stream_goes_on(IDS[0], 3 + len(before))

    def test_a_connection_that_is_new_is_registered_on(self):
        self.begin(pace=PACE)
        self.ask(IDS[0], LONG, stream=True)
        self.check_stream_goes_on(IDS[0], 0)
        self.broker.send(b"")
        before, again = self.broker.hear_until(peers.REGISTER)
        self.assertEqual([IDS[0]], again.elements[0]["active"])
        self.broker.say(peers.REGISTERED, terms(UNHURRIED))
        self.check_stream_goes_on(IDS[0], 3 + len(before))

    def test_a_silent_broker_is_dialled_anew(self):
        interval, liveness = 0.3, 3
        info = self.begin(interval=interval, liveness=liveness, pace=PACE)
        silent_since = time.monotonic()
        self.ask(IDS[0], LONG, stream=True)
        before, again = self.broker.hear_until(peers.REGISTER)
        self.assertGreaterEqual(time.monotonic() - silent_since, 2 * interval * liveness)
        self.assertNotIn(again.connection, {m.connection for m in before})
        self.assertEqual((info["instance"], [IDS[0]]),
                         (again.elements[0]["instance"], again.elements[0]["active"]))
        self.broker.say(peers.REGISTERED, terms(UNHURRIED))
        chunks = [m for m in before if m.type == peers.CHUNK]
        self.assertEqual(list(range(len(chunks))), [m.elements[1] for m in chunks])
        next_seq = self.broker.hear_a(peers.CHUNK).elements[1]
        # Not equal: what was said last on the old connection may have been lost with it.
        self.assertGreaterEqual(next_seq, len(chunks))
        self.check_stream_goes_on(IDS[0], next_seq + 1)

    def test_heartbeats(self):
        self.begin(interval=0.05, liveness=200)
        began = time.monotonic()
        for _ in range(5):
            body = self.broker.hear_a(peers.HEARTBEAT).elements[0]
            self.assertEqual((2, "ready"), (body["slots"], body["state"]))
            self.assertTrue(uint(body["grant"]) and uint(body["queue_length"]), body)
        self.assertLess(time.monotonic() - began, 3.0)  # at the default interval it would be 4

    def test_replaced(self):
        self.begin()
        self.broker.say(peers.DISMISS, REPLACED, "a newer instance is there")
        self.assertNotEqual(0, self.program.ends())
        while heard := self.broker.hear(0):
            self.assertNotEqual(peers.REGISTER, heard.type)

    def test_its_name_is_taken(self):
        self.begin(interval=0.5, pace=PACE)
        self.ask(IDS[0], LONG, stream=True)
        self.check_stream_goes_on(IDS[0], 0)
        dismissed = time.monotonic()
        self.broker.say(peers.DISMISS, NAME_TAKEN, "somebody else has it")
        _, again = self.broker.hear_until(peers.REGISTER)
        self.assertGreater(time.monotonic() - dismissed, A_WHILE)
        self.assertEqual([], again.elements[0].get("active", []))

    def test_a_whole_answer(self):
        self.begin()
        self.ask(IDS[0])
        self.check_whole_answer(IDS[0])

    def test_a_stream(self):
        self.begin()
        self.ask(IDS[0], "a b c", stream=True)
        chunks, final = self.broker.hear_until(peers.FINAL)
        chunks = [m for m in chunks if m.type == peers.CHUNK]
        self.assertGreaterEqual(len(chunks), 3)
        self.assertEqual([[IDS[0], n] for n in range(len(chunks) + 1)],
                         [m.elements[:2] for m in [*chunks, final]])
        self.assertEqual((200, "w0"), tuple(chunks[0].elements[2][k] for k in ("status", "worker")))
        data = foreign.events(b"".join(m.payload for m in [*chunks, final]))
        self.assertEqual("[DONE]", data.pop())
        words = [choice["delta"].get("content", "") for d in data
                 for choice in json.loads(d)["choices"]]
        self.assertEqual("a b c", "".join(words))

    def test_ids_keep_their_64_bits_and_their_form(self):
        self.begin()
        for id in IDS:
            self.ask(id)
            final = self.broker.hear_a(peers.FINAL)
            self.assertEqual(nine_bytes(id), final.header[3:12])
        self.broker.say(peers.CANCEL, IDS[-1] - 1)
        self.check_error(IDS[-1] - 1, CANCELLED)

    def test_cancel(self):
        self.begin(slots=1, pace=PACE)
        self.ask(IDS[0], LONG, stream=True)
        self.check_stream_goes_on(IDS[0], 0)
        self.broker.say(peers.CANCEL, IDS[0])
        _, error = self.broker.hear_until(peers.ERROR)
        self.assertEqual((IDS[0], CANCELLED), (error.id, error.elements[1]), error)
        self.ask(IDS[1])  # its slot is free, and nothing more is said of the other
        self.check_whole_answer(IDS[1])
        self.broker.say(peers.CANCEL, IDS[1])
        self.check_error(IDS[1], CANCELLED)  # of an id that it does not have any more

    def test_what_exceeds_the_slots_is_refused(self):
        self.begin(slots=2, pace=1.0)
        for id in IDS:
            self.ask(id, LONG, stream=True)
        _, error = self.broker.hear_until(peers.ERROR)
        self.assertEqual((IDS[2], REFUSED), (error.id, error.elements[1]), error)

    def test_a_model_that_it_does_not_serve(self):
        self.begin()
        self.ask(IDS[0], model="somebody else's")
        self.check_error(IDS[0], UNKNOWN_MODEL)

    def test_what_is_not_known_is_ignored(self):
        self.begin()
        self.broker.say(0x7f, {"of": "a later version"})
        self.broker.send(msgpack.packb([2, peers.REREGISTER]))
        self.ask(IDS[0], later={"version": 2}, stream_options=None, trace=None)
        self.check_whole_answer(IDS[0])
        self.broker.say(peers.REREGISTER, "an element more")
        self.broker.hear_a(peers.REGISTER)
        self.broker.say(peers.REGISTERED, {**terms(UNHURRIED), "later": [1]}, "an element more")
        self.broker.say(peers.HEARTBEAT, {"grant": 0, "in_flight": 0, "queued": 0, "later": 1})
        self.ask(IDS[1])
        self.check_whole_answer(IDS[1])

    def test_stopping(self):
        self.begin(pace=PACE)
        self.ask(IDS[0], " ".join(LONG.split()[:150]), stream=True)
        self.check_stream_goes_on(IDS[0], 0)
        self.program.signal(signal.SIGTERM)
        self.heartbeat_with_state("draining")
        self.ask(IDS[1])
        chunks, error = self.broker.hear_until(peers.ERROR)
        self.assertEqual((IDS[1], REFUSED), (error.id, error.elements[1]), error)
        _, final = self.broker.hear_until(peers.FINAL)
        self.assertEqual(IDS[0], final.id)
        self.broker.hear_a(peers.DEREGISTER)
        self.assertEqual(0, self.program.ends())
        self.assertIsNone(self.broker.hear(0))


class ControlRules:
    """For workers that can be probed and drained by their brokers."""

    def test_probed(self):
        info = self.begin(pace=PACE)
        self.ask(IDS[0], LONG, stream=True)
        self.broker.say(PROBE, 2**64 - 1)
        _, status = self.broker.hear_until(STATUS)
        self.assertEqual([2**64 - 1, {**info, "active": [IDS[0]]}], status.elements)
        self.assertTrue(uint(status.elements[0]))

    def test_drained(self):
        self.begin()
        self.broker.say(DRAIN, True)
        self.heartbeat_with_state("draining")
        self.ask(IDS[0])
        self.check_error(IDS[0], REFUSED)
        self.broker.say(DRAIN, False)
        self.heartbeat_with_state("ready")
        self.ask(IDS[1])
        self.check_whole_answer(IDS[1])


class Agent(Rules, unittest.TestCase):
    worker = staticmethod(foreign.agent)


class PythonWorker(Rules, ControlRules, unittest.TestCase):
    worker = staticmethod(foreign.python_worker)


class NodeWorker(Rules, ControlRules, unittest.TestCase):
    worker = staticmethod(foreign.node_worker)


if __name__ == "__main__":
    unittest.main()
