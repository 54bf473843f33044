"""What became of a storm's requests, by the journals of those that asked: each has ended once, with
the right answer or an error, within the time that it was allowed; not with an error where all are
well, and not with more of them than bounds.py allows where its own broker is. An end is what the
client library makes of what comes: a second word for a request that has ended never gets here."""

import json

from bounds import AFTER_S, WellTimes
from strikes import NS

# Beyond a request's deadline: the client waits a heartbeat longer for the broker's own word
# (client/core/client_core.hpp), and all of this shares two cores with what is being killed.
LATE_NS = 5 * NS
SILENCE = "CANCELLED"  # without a reason: the client ends what nobody answered, when it is closed
RIGHT = ("answered", "cancelled as asked")
WHOLE_S = 300  # as long as this a run is to have seen everything
SHOWN_MAX = 5


class Kind:
    """All requests that have ended in one way. Times are in nanoseconds."""

    def __init__(self):
        self.count = 0
        self.longest_wait = 0            # from when it was asked to its end
        self.longest_over = -(1 << 62)   # from its deadline to its end: below 0 where it came first

    def add(self, wait, over):
        self.count += 1
        self.longest_wait = max(self.longest_wait, wait)
        self.longest_over = max(self.longest_over, over)


class Verdict:
    """`well_from`, in nanoseconds: what is asked from then on may not fail. `around` tells for each
    client, by its place's name, what its requests depend on. `floor`: so many are to be answered
    right each second while strikes last."""

    def __init__(self, began, seconds, well_from, around, floor):
        self.began, self.ended = began, began + int(seconds * NS)
        self.seconds = seconds
        self.well_from = well_from
        self.around, self.floor = around, floor
        self.kinds = {}            # by result
        self.well_times = WellTimes()
        self.answered_right = 0  # of those asked under strikes
        self.asked = 0
        self.exempt = 0            # asked by clients that were killed, and not answered until then
        self.asked_again = 0
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
        over = story["ended"] - story["sent"] - story["allowed_ms"] * NS // 1000
        if over > 0:
            over -= place.was_frozen(number, story["sent"], story["ended"])
        self.kinds.setdefault(result, Kind()).add(story["ended"] - story["sent"], over)
        self.asked_again += len(story.get("retries", ()))
        if result in ("wrong", "twice"):
            return self.wrong(f"an answer that is {result}", story)
        if result == SILENCE:
            return self.wrong("silence", story)
        lately_frozen = place.was_frozen(number, story["sent"] - AFTER_S * NS, story["ended"])
        if result.startswith(SILENCE) and not lately_frozen:
            return self.wrong("given up by its broker, and its client was never frozen", story)
        if story["sent"] >= self.well_from and result not in RIGHT:
            return self.wrong("an error where all are well", story)
        if self.began <= story["sent"] < self.ended:
            self.answered_right += result == "answered"
            if not lately_frozen:
                what = self.well_times.judge(self.around[place.name], story, result in RIGHT)
                if what is not None:
                    self.wrong(what, story)
        if over > LATE_NS:
            self.wrong(f"{over / NS:.1f} s later than it was allowed", story)
        return None

    def sum_up(self):
        """When all places have been read: what is to be wrong with the whole."""
        if self.rate < self.floor:
            self.wrong(f"only {self.rate:,.0f} requests a second were answered right while strikes "
                       f"lasted, and {self.floor:,.0f} are to be")
        for what, story in self.well_times.faults(self.asked, self.seconds >= WHOLE_S):
            self.wrong(what, story)

    @property
    def rate(self):
        return self.answered_right / self.seconds

    @property
    def longest_over(self):
        """Of all kinds, in seconds, and 0 where all came before their deadlines."""
        return max([0, *(kind.longest_over for kind in self.kinds.values())]) / NS

    def ends(self):
        """Of each kind of end: its name, its reason, how many, and its longest times, in seconds;
        the most frequent first."""
        for result, kind in sorted(self.kinds.items(), key=lambda item: -item[1].count):
            name, reason = (result, "") if result in RIGHT else [*result.split(" ", 1), ""][:2]
            yield {"end": name, "reason": reason, "requests": kind.count,
                   "longest_wait_s": round(kind.longest_wait / NS, 2),
                   "longest_beyond_its_deadline_s": round(kind.longest_over / NS, 2)}

    def facts(self):
        return {"requests": self.asked, "ends": list(self.ends()),
                "of_killed_clients": self.exempt, "asked_again": self.asked_again,
                "answered_right_per_second": round(self.rate, 1), "floor": self.floor,
                "longest_beyond_its_deadline_s": round(self.longest_over, 2),
                "of_well_brokers": self.well_times.facts(), "violations": len(self.violations)}

    def table(self):
        """A deadline that was not reached is told as the time that was left, below zero."""
        lines = ["| how they ended | reason | requests | longest wait | longest beyond deadline |",
                 "|---|---|---|---|---|"]
        for end in self.ends():
            reason = f" {end['reason']}".rstrip()
            lines.append(f"| {end['end']} |{reason} | {end['requests']:,} "
                         f"| {end['longest_wait_s']:.2f} s "
                         f"| {end['longest_beyond_its_deadline_s']:+.2f} s |")
        lines += [f"| open at clients that were killed | | {self.exempt:,} | | |",
                  f"| all | | {self.asked:,} | | {self.longest_over:+.2f} s |"]
        return "\n".join(lines)


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
