"""What brokers still hold when all is over, which is to be nothing."""

import contextlib
import json

from stage import muster, wait_until

TABLES = ("in_flight", "queued", "held_bytes", "clients")
ODDITIES = ("suspect", "broken", "stalled", "ejected", "gone", "in_flight", "queue_length")


def ask(frontend, what):
    answer = muster(what, "--json", broker=frontend)
    return json.loads(answer.stdout) if answer.returncode == 0 else None


def left_at(frontend, workers):
    """At one broker: requests in a table, and workers that are not ready and free."""
    stats, answer = ask(frontend, "status"), ask(frontend, "workers")
    if stats is None or answer is None:
        return {"answers": False}
    left = {table: stats[table] for table in TABLES if stats[table]}
    rows = {row["worker"]: row for row in answer["workers"]}
    for worker in workers:
        row = rows.get(worker, {"state": "unknown"})
        oddities = {key: row[key] for key in ODDITIES if row.get(key)}
        if row["state"] != "ready" or oddities:
            left[worker] = {"state": row["state"], **oddities}
    return left


def grants_missing(frontends, slots):
    """How many of their slots workers grant to all brokers together, where it is not all."""
    granted = dict.fromkeys(slots, 0)
    for frontend in frontends:
        for row in (ask(frontend, "workers") or {"workers": []})["workers"]:
            granted[row["worker"]] += row["slots"]
    return {worker: count for worker, count in granted.items() if count != slots[worker]}


def what_is_left(frontends, slots, seconds):
    """One sentence for each thing that has not gone in that time; `frontends` and `slots` by the
    names of brokers and workers."""
    found = []

    def nothing():
        found[:] = [f"{name}: left when all was over: {json.dumps(left)}"
                    for name, frontend in frontends.items()
                    if (left := left_at(frontend, slots))]
        missing = grants_missing(frontends.values(), slots)
        found.extend(f"{worker} grants {count} of {slots[worker]} slots"
                     for worker, count in missing.items())
        return not found
    with contextlib.suppress(AssertionError):
        wait_until("nothing is left", nothing, seconds)
    return found
