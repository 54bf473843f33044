"""Which errors a request of a storm may end in while its broker is well, and how many of them may.

A broker is well for a request if nothing has befallen it from AFTER_S before the request was asked
until its end: neither killed, frozen nor restarted, and back for as long; nor was the client frozen
then. Such a request's workers may have been struck all the same; all of a model are once, as
planned, and what is asked while they are gone is told so, and at once.
"""

import collections
import dataclasses

from strikes import NS

AT_ONCE_S = 1     # at most, until it is said that there is no worker
GONE_SAID = ("NO_WORKER", "WORKER_LOST")  # how: the latter of what was at one when it went
AFTER_S = 5       # until agents are with a broker that is back, and clients with what they missed
LOSSES = 3        # so often a request that had not begun has lost its worker: both retries used
SEEN_MIN = 0.01   # of the requests: where fewer were asked of well brokers a run shows nothing


@dataclasses.dataclass(frozen=True)
class Bound:
    what: str
    names: tuple     # of errors
    share: float     # of what was asked of well brokers, at most
    only: str = "all"

    def __str__(self):
        return f"{self.what}: " + (f"at most {self.share:.2%}" if self.share else "none")


BOUNDS = (
    Bound("NO_WORKER, OVERLOADED", ("NO_WORKER", "OVERLOADED"), 0.005),
    Bound("NO_WORKER, OVERLOADED although a worker of the model was well",
          ("NO_WORKER", "OVERLOADED"), 0.0005, "served"),
    Bound("UNREACHABLE, CONNECTION_LOST, SHUTTING_DOWN",
          ("UNREACHABLE", "CONNECTION_LOST", "SHUTTING_DOWN"), 0.0005),
    Bound("TIMED_OUT, WORKER_TIMEOUT", ("TIMED_OUT", "WORKER_TIMEOUT"), 0.005),
    Bound("WORKER_LOST of streams that had begun", ("WORKER_LOST",), 0.01, "begun"),
    Bound("WORKER_LOST of others, their retries used up", ("WORKER_LOST",), 0.0005, "not begun"),
    Bound("WORKER_FAILED", ("WORKER_FAILED",), 0.005),
)
NAMED = {name for bound in BOUNDS for name in bound.names}
OTHERS = Bound("any other error", (), 0)
TOLD = (f"Of the requests whose broker and client had been well for {AFTER_S} s and stayed so: "
        + "; ".join(map(str, (*BOUNDS, OTHERS))) + ". WORKER_LOST where nothing of the answer had "
        f"come is wrong unless the model's workers were struck {LOSSES} times meanwhile. What is "
        f"asked while all workers of a model are gone is told so within {AT_ONCE_S} s.")


@dataclasses.dataclass(frozen=True)
class Around:
    """What the requests of one client depend on."""

    broker: object   # a Place
    workers: list    # of the model: for each the Places of all that it takes to answer

    def broker_was_well(self, story):
        return not self.broker.strikes_felt(story["sent"], story["ended"], AFTER_S)

    def a_worker_was_well(self, story):
        return any(not any(place.strikes_felt(story["sent"], story["ended"], AFTER_S)
                           for place in places) for places in self.workers)

    def all_were_gone(self, story):
        """When it was asked."""
        return all(any(place.is_struck_at(story["sent"]) for place in places)
                   for places in self.workers)

    def losses(self, story):
        return sum(place.strikes_felt(story["sent"], story["ended"], AFTER_S)
                   for places in self.workers for place in places)


class WellTimes:
    """What was asked of well brokers while strikes lasted, and the errors among it."""

    def __init__(self):
        self.asked = 0
        self.errors = collections.Counter()  # by Bound
        self.examples = {}                   # a story of each
        self.gone = collections.Counter()    # asked while all workers were gone, by result
        self.longest_gone = 0                # until one of these ended in an error, in nanoseconds

    def judge(self, around, story, right):
        """Counts the request, if it is one of these; what is wrong with it by itself, or None."""
        if not around.broker_was_well(story):
            return None
        if around.all_were_gone(story):
            return self.judge_gone(story, right)
        self.asked += 1
        if right:
            return None
        name = story["result"].split()[0]
        only = {"all"}
        if name in ("NO_WORKER", "OVERLOADED") and around.a_worker_was_well(story):
            only.add("served")
        if name == "WORKER_LOST":
            begun = story["stream"] and story["parts"] > 0
            only.add("begun" if begun else "not begun")
            if not begun and around.losses(story) < LOSSES:
                return "WORKER_LOST of what had not begun and could be retried"
        for bound in BOUNDS if name in NAMED else (OTHERS,):
            if name not in NAMED or (name in bound.names and bound.only in only):
                self.errors[bound] += 1
                self.examples.setdefault(bound, story)
        return None

    def judge_gone(self, story, right):
        name = story["result"].split()[0]
        self.gone[name] += 1
        if right:
            return None
        if name not in GONE_SAID:
            return f"no worker of its model was there, and it was told {name}"
        wait = story["ended"] - story["sent"]
        self.longest_gone = max(self.longest_gone, wait)
        return ("no worker of its model was there, and it was not told at once"
                if wait > AT_ONCE_S * NS else None)

    def faults(self, requests, whole):
        """(a sentence, a story or None) for each bound that does not hold. In a run that is not
        `whole` the outage of all workers is short, and no broker may be well just then."""
        if whole and not self.gone["NO_WORKER"]:
            yield "nothing was asked while all workers of a model were gone", None
        if self.asked <= SEEN_MIN * requests:
            yield f"only {self.asked} of {requests} requests were asked of a well broker", None
        for bound, count in self.errors.items():
            if count > bound.share * self.asked:
                yield (f"{count} of {self.asked} requests of well brokers ended so; {bound}",
                       self.examples[bound])

    def facts(self):
        return {"requests": self.asked, "while_all_were_gone": dict(self.gone),
                "longest_until_told_so_s": round(self.longest_gone / NS, 2),
                "errors": {bound.what: self.errors[bound] for bound in (*BOUNDS, OTHERS)}}

    def table(self):
        lines = [f"| {self.asked:,} requests whose broker was well | requests | share | at most |",
                 "|---|---|---|---|"]
        for bound in (*BOUNDS, OTHERS):
            count = self.errors[bound]
            lines.append(f"| {bound.what} | {count:,} | {count / max(1, self.asked):.3%} "
                         f"| {bound.share:.2%} |")
        ends = ", ".join(f"{count:,} {name}" for name, count in self.gone.most_common())
        lines += ["", f"asked while all workers of the model were gone: {ends or 'none'}; the last "
                  f"error among these after {self.longest_gone / NS:.2f} s (at most {AT_ONCE_S} s)"]
        return "\n".join(lines)
