"""What befalls the processes of a storm: a schedule that one seed draws, and the places it strikes.

A place is a process with a name, that is started again after each of its deaths. A strike takes it
from being well to being well again: killed and started after a while, frozen and thawed, or told to
stop and started when it has. Strikes are drawn before anything runs, so that a run's can be had
again; what a place is at when its time comes is not foreseen, and a strike at one that has not come
back yet is passed over.
"""

import collections
import dataclasses
import random
import signal

from stage import now, say

HOWS = ("killed", "frozen", "restarted")
FROZEN_S, DOWN_S = (0.5, 10.0), (0.2, 3.0)
RESTART_S = 8.0  # what it may take to stop; nothing else strikes there meanwhile
REST_S = 2.0     # between two strikes at one place
NS = 1_000_000_000


@dataclasses.dataclass(frozen=True)
class Strike:
    at: float       # seconds from the storm's beginning
    place: str
    how: str
    lasts: float    # until it is thawed, or started again; a restart takes as long as it takes

    @property
    def over(self):
        return self.at + (RESTART_S if self.how == "restarted" else self.lasts) + REST_S


def meet(one, other):
    return one.at < other.over and other.at < one.over


def draw_strikes(seed, places, seconds, fixed=(), every=1, hows=HOWS, models=()):
    """One strike each second, or each `every` seconds, at a place of chance that has none, beside
    those that are fixed. `models` has for each model its workers, and for each of these the places
    that it takes to answer: chance never strikes all workers of a model at once."""
    chance = random.Random(seed)
    at_place = {place: [s for s in fixed if s.place == place] for place in places}
    for second in range(2, int(seconds), every):
        at, how = round(second + chance.random(), 2), chance.choice(hows)
        lasts = round(chance.uniform(*(FROZEN_S if how == "frozen" else DOWN_S)), 1)
        possible = [Strike(at, place, how, lasts) for place in sorted(places)]
        def is_struck(worker, strike):
            return strike.place in worker or any(
                meet(strike, s) for place in worker for s in at_place[place])

        free = [strike for strike in possible
                if not any(meet(strike, s) for s in at_place[strike.place])
                and not any(all(is_struck(worker, strike) for worker in model) for model in models
                            if any(strike.place in worker for worker in model))]
        if free:
            at_place[(drawn := chance.choice(free)).place].append(drawn)
    strikes = [strike for each in at_place.values() for strike in each]
    return sorted(strikes, key=lambda s: (s.at, s.place))


class Place:
    """Where a process is. `start` starts one, and gets how many there were before it."""

    def __init__(self, name, start):
        self.name = name
        self.kind = name.rstrip("0123456789")
        self._start = start
        self.programs = []   # all that there were: the last one is the present one
        self.killed = set()  # which of them, by their number
        self.frozen = []     # the number of one, from when, to when, in nanoseconds
        self.spells = []     # from when, to when it was not well, in nanoseconds
        self.fell = []       # what ended by itself, which nothing may
        self.rises_at = None  # when it is thawed or started again
        self.leaving = False
        self.begin()

    @property
    def program(self):
        return self.programs[-1]

    @property
    def well(self):
        return self.rises_at is None and not self.leaving and self.program.running

    def begin(self):
        self.rises_at, self.leaving = None, False
        self.programs.append(self._start(len(self.programs)))
        self.recovered()

    def recovered(self):
        if self.spells:
            self.spells[-1][1] = now()

    def struck(self, strike):
        self.spells.append([now(), None])
        if strike.how == "frozen":
            self.program.signal(signal.SIGSTOP)
            self.frozen.append([len(self.programs) - 1, now(), None])
        elif strike.how == "killed":
            self.killed.add(len(self.programs) - 1)
            self.program.signal(signal.SIGKILL)
        else:
            self.leave()
        if strike.how != "restarted":
            self.rises_at = now() + int(strike.lasts * NS)

    def leave(self):
        self.program.signal(signal.SIGTERM)
        self.leaving = True

    def look_after(self):
        """Brings it back where its time has come."""
        if self.rises_at is not None and now() >= self.rises_at:
            self.rise()
        elif self.leaving and not self.program.running:
            self.begin()
        elif self.rises_at is None and not self.program.running:
            self.fell.append(self.program)
            self.spells.append([now(), None])
            self.begin()

    def rise(self):
        if self.frozen and self.frozen[-1][2] is None:
            self.program.signal(signal.SIGCONT)
            self.frozen[-1][2] = now()
            self.rises_at = None
            self.recovered()
        else:
            self.begin()

    def was_frozen(self, number, began, ended):
        """For how much of that time one of its programs was, in nanoseconds."""
        return sum(max(0, min(ended, end or ended) - max(began, begin))
                   for who, begin, end in self.frozen if who == number)

    def is_struck_at(self, moment):
        return any(begin <= moment and (end is None or moment <= end)
                   for begin, end in self.spells)

    def strikes_felt(self, began, ended, after):
        """How many there were in that time, or less than `after` seconds over when it began."""
        return sum(begin <= ended and (end is None or began < end + after * NS)
                   for begin, end in self.spells)


class ClientPlace(Place):
    """A client that is told to stop has answers to wait for: the next one begins beside it."""

    def leave(self):
        super().leave()
        self.begin()


class Storm:
    def __init__(self, places, strikes, planned=()):
        self.planned = planned  # those among them that may not be passed over
        self.places = {place.name: place for place in places}
        self.coming = collections.deque(strikes)
        self.began = now()
        self.done = []  # (when, strike)
        self.passed_over = []

    def turn(self):
        """Whatever is due."""
        for place in self.places.values():
            place.look_after()
        while self.coming and now() >= self.began + int(self.coming[0].at * NS):
            strike = self.coming.popleft()
            place = self.places[strike.place]
            if not place.well:
                self.passed_over.append(strike)
                continue
            say(f"{(now() - self.began) / NS:6.1f} s: {place.name} is {strike.how}"
                + ("" if strike.how == "restarted" else f", for {strike.lasts} s"))
            place.struck(strike)
            self.done.append((now(), strike))

    def over(self):
        """Everything is thawed and started."""
        for place in self.places.values():
            if place.rises_at is not None:
                place.rise()

    @property
    def all_are_well(self):
        for place in self.places.values():
            place.look_after()
        return all(place.well for place in self.places.values())

    def counts(self):
        """How often what befell which kind of process."""
        return collections.Counter((self.places[s.place].kind, s.how) for _, s in self.done)

    def between(self, began, ended):
        return [f"{(at - self.began) / NS:.1f} s: {s.place} {s.how}"
                + ("" if s.how == "restarted" else f" for {s.lasts} s")
                for at, s in self.done if began <= at <= ended]
