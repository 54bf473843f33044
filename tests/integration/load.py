"""A client with many requests outstanding, half of them streamed, that keeps the whole story of
each: when it was sent, how and when it ended, and which worker it was at.
"""

import json
import threading
import time

import zmq

import peers


class Story:
    def __init__(self, name, streamed, sent):
        self.name = name
        self.streamed = streamed
        self.sent = sent
        self.ended = None
        self.worker = None
        self.code = None  # of its ERROR; None: FINAL
        self.reason = None
        self.chunks = 0
        self.faults = []  # what broke the protocol's promise

    @property
    def failed(self):
        return self.code is not None

    def __repr__(self):
        how = "open" if self.ended is None else "ok" if not self.failed else f"{self.code}"
        return (f"{self.name}({'streamed' if self.streamed else 'whole'}, {how}, {self.reason}, "
                f"at {self.worker}, {self.chunks} chunks)")


class Load:
    """Runs in a thread of its own between start() and finish()."""

    def __init__(self, frontend, model, outstanding=24, timeout_ms=8000):
        self.stories = []
        self.strays = []  # answers to no open request
        self._frontend = frontend
        self._model = model
        self._outstanding = outstanding
        self._timeout_ms = timeout_ms
        self._open = {}
        self._stopping = threading.Event()
        self._ended = threading.Condition()
        self._ended_count = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def ended(self):
        """Those that have ended so far."""
        with self._ended:
            return [s for s in self.stories if s.ended is not None]

    def wait_for_more(self, count, seconds=20.0):
        """Until so many more requests have ended than have now."""
        with self._ended:
            goal = self._ended_count + count
            if not self._ended.wait_for(lambda: self._ended_count >= goal, seconds):
                raise AssertionError(f"{self._ended_count} of {goal} requests ended")

    def finish(self, seconds=30.0):
        """Sends no more, waits for the ends of all that is open."""
        self._stopping.set()
        self._thread.join(seconds)
        if self._thread.is_alive():
            raise AssertionError(f"no end of {list(self._open.values())[:5]}")
        return self.stories

    def _run(self):
        with peers.Client(self._frontend) as client:
            client.connected()
            while self._open or not self._stopping.is_set():
                while len(self._open) < self._outstanding and not self._stopping.is_set():
                    self._send(client)
                if client.socket.poll(50, zmq.POLLIN):
                    self._take(client.receive(0))

    def _send(self, client):
        name = f"r{len(self.stories)}"
        streamed = len(self.stories) % 2 == 0
        body = json.dumps({"model": self._model, "stream": streamed, "user": name,
                           "messages": [{"role": "user", "content": name}]})
        story = Story(name, streamed, time.monotonic())
        with self._ended:
            self.stories.append(story)
        request_id = client.request(self._model, body.encode(), stream=streamed,
                                    timeout=self._timeout_ms, request_id=name)
        self._open[request_id] = story

    def _take(self, message):
        if message.type not in (peers.CHUNK, peers.FINAL, peers.ERROR):
            return
        story = self._open.get(message.id)
        if story is None:
            self.strays.append(message)
            return
        meta = message.elements[-1]
        story.worker = meta.get("worker", story.worker)
        if message.type == peers.CHUNK:
            if message.elements[1] != story.chunks:
                story.faults.append(f"chunk {message.elements[1]} instead of {story.chunks}")
            story.chunks += 1
            return
        if message.type == peers.ERROR:
            story.code, story.reason = message.elements[1], meta.get("reason")
        elif message.elements[1] != story.chunks:
            story.faults.append(f"FINAL counts {message.elements[1]} chunks, not {story.chunks}")
        del self._open[message.id]
        with self._ended:
            story.ended = time.monotonic()
            self._ended_count += 1
            self._ended.notify_all()
