"""What became of a storm's requests, by the journals of those that asked: each answered once, with
the right answer, within the time that it was allowed, and not with an error where all are well."""

import collections
import json

from strikes import NS

# Beyond a request's deadline: the client waits a heartbeat longer for the broker's own word
# (client/core/client_core.hpp), and all of this shares two cores with what is being killed.
LATE_NS = 5 * NS
SILENCE = "cancelled"  # how the client ends what nobody answered, when it is closed
RIGHT = ("answered", "cancelled as asked")
SHOWN_MAX = 5


class Verdict:
    """`well_from`, in nanoseconds: what is asked from then on may not fail."""

    def __init__(self, began, seconds, well_from):
        self.began, self.ended = began, began + int(seconds * NS)
        self.seconds = seconds
        self.well_from = well_from
        self.results = collections.Counter()
        self.answered_right = 0  # of those asked under strikes
        self.asked = 0
        self.exempt = 0            # asked by clients that were killed, and not answered until then
        self.asked_again = 0
        self.longest_over_ns = None
        self.violations = []       # (what, the story or None)

    def wrong(self, what, story=None):
        self.violations.append((what, story))

    def read(self, place):
        """All clients that there were at one place."""
        for number, load in enumerate(place.programs):
            told = 0
            for story in stories(load):
                told += 1
                self.judge(place, number, story)
            if number in place.killed:
                asked = max(told, last_said(load)[0])
                self.exempt += asked - told
                self.asked += asked
            else:
                self.asked += told
                self.closed(load, told)

    def closed(self, load, told):
        summary = load.summary()
        if summary is None:
            self.wrong(f"{load.name} ended without a word, with {load.process.returncode}")
        elif summary["sent"] != told or load.process.returncode != 0:
            self.wrong(f"{load.name}: {told} stories, ended with {load.process.returncode}: "
                       f"{json.dumps(summary)}")

    def judge(self, place, number, story):
        result = story["result"]
        self.results[result] += 1
        self.asked_again += len(story.get("retries", ()))
        if result in ("wrong", "twice"):
            return self.wrong(f"an answer that is {result}", story)
        if result == SILENCE:
            return self.wrong("silence", story)
        if story["sent"] >= self.well_from and result not in RIGHT:
            return self.wrong("an error where all are well", story)
        if result == "answered" and self.began <= story["sent"] < self.ended:
            self.answered_right += 1
        over = story["ended"] - story["sent"] - story["allowed_ms"] * NS // 1000
        if over > 0:
            over -= place.was_frozen(number, story["sent"], story["ended"])
        if self.longest_over_ns is None or over > self.longest_over_ns:
            self.longest_over_ns = over
        if over > LATE_NS:
            self.wrong(f"{over / NS:.1f} s later than it was allowed", story)
        return None

    @property
    def rate(self):
        return self.answered_right / self.seconds

    def facts(self):
        return {"requests": self.asked, "answers": dict(self.results.most_common()),
                "of_killed_clients": self.exempt, "asked_again": self.asked_again,
                "answered_right_per_second": round(self.rate, 1),
                "longest_beyond_its_deadline_s": round((self.longest_over_ns or 0) / NS, 2),
                "violations": len(self.violations)}

    def table(self):
        rows = [("requests", self.asked), *self.results.most_common(),
                ("of killed clients, never told", self.exempt), ("asked again", self.asked_again)]
        lines = ["| how they ended | requests |", "|---|---|"]
        return "\n".join(lines + [f"| {what} | {count:,} |" for what, count in rows])


def stories(load):
    """The journal; of one that was killed the last line may be cut."""
    with open(load.journal, encoding="utf-8") as lines:
        for line in lines:
            try:
                yield json.loads(line)
            except ValueError:
                return


def last_said(load):
    """How many requests it had asked, and how many of these were open, when it last told."""
    told = [line for line in load.lines if line.startswith("sent ")]
    line = told[-1] if told else "sent 0, open 0"
    return [int(part.split()[1]) for part in line.split(",")[:2]]


def last_ended(load):
    asked, still_open = last_said(load)
    return asked - still_open


def tell(verdict, storm, programs):
    """Each violation with the request's story, what befell meanwhile, and what logs said of it."""
    for what, story in verdict.violations[:SHOWN_MAX]:
        print(f"VIOLATION: {what}")
        if story is None:
            continue
        print(f"  journal: {json.dumps(story)}")
        for strike in storm.between(story["sent"] - 5 * NS, story["ended"]):
            print(f"  meanwhile, {strike}")
        for program in programs:
            for line in program.lines:
                if f'"{story["nonce"]}"' in line:
                    print(f"  {program.name} (process {program.pid}): {line}")
    if len(verdict.violations) > SHOWN_MAX:
        print(f"... and {len(verdict.violations) - SHOWN_MAX} more")
