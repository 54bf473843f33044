#!/usr/bin/env python3
"""Shows that the simulator bites: puts faults into the cores, one at a time, and seeks the seed.

Each is put into a copy of the tree that git knows; the tree itself is left alone. Prints a table of
the faults, the seed that found each, and how it was told.

    tests/sim/prove.py                  # all of them
    tests/sim/prove.py retry cancel     # those with one of these words in what they are
"""

import pathlib
import re
import subprocess
import sys
import tempfile
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEEDS = 1000


class Fault(NamedTuple):
    what: str
    file: str
    before: str
    after: str


FAULTS = [
    Fault("a lost slot: a FINAL for what was cancelled meanwhile does not free it",
          "broker/core/dispatcher.cpp",
          "  if (request.phase == Phase::answered) return free_slot(request, step);\n"
          "  if (final.seq",
          "  if (request.phase == Phase::answered) return;\n  if (final.seq"),
    Fault("a missing CANCEL: a client that is gone leaves its work at the worker",
          "broker/core/dispatcher.cpp",
          "  close(request, \"ABANDONED\", {}, step);\n  if (request.at_worker()) {\n"
          "    cancel_at_worker(request, step);",
          "  close(request, \"ABANDONED\", {}, step);\n  if (request.at_worker()) {\n"
          "    request.ask_at = step.now + options_.expiry();\n    requests_.rearm(request);"),
    Fault("an off-by-one seq: a part may leave one out",
          "broker/core/dispatcher.cpp",
          "  if (chunk.seq != request.chunks) {", "  if (chunk.seq > request.chunks + 1) {"),
    Fault("a retry after a CHUNK",
          "broker/core/dispatcher.cpp",
          "  return request.phase == Phase::sent && request.retry",
          "  return request.phase != Phase::waiting && request.retry"),
    Fault("a stale instance answered: an older one resumes the session of a newer",
          "broker/core/worker_sessions_register.cpp",
          "  if (info.instance == named->instance) {", "  if (info.instance <= named->instance) {"),
    Fault("a grant that was lowered is not",
          "broker/core/worker_sessions.cpp",
          "  worker.slots = std::min(heartbeat.slots, slots_max);",
          "  worker.slots = std::max(worker.slots, std::min(heartbeat.slots, slots_max));"),
    Fault("STATUS is no barrier: it speaks of what was sent after its PROBE too",
          "broker/core/worker_sessions_register.cpp",
          "    if (request.binding <= bindings && !working",
          "    if (request.binding <= bindings + 1000 && !working"),
    Fault("what waits is not given the slot that an acknowledged CANCEL frees",
          "broker/core/dispatcher.cpp",
          "  WorkerInfo& worker = *request.worker;\n  drop_attempt(request, step);\n"
          "  fill(worker, step);",
          "  drop_attempt(request, step);"),
    Fault("a worker with a slot free again is chosen from as if it had none",
          "broker/core/in_flight_table.cpp",
          "  if (worker.holds.empty()) worker.idle_since = now;\n  worker.touch();",
          "  if (worker.holds.empty()) worker.idle_since = now;"),
    Fault("an agent goes on with what was cancelled",
          "worker_agent/core/agent_requests.cpp",
          "  out.push_back(StopJob{job});\n  const RequestInHand", "  const RequestInHand"),
    Fault("an agent takes one request more than it has slots",
          "worker_agent/core/agent_requests.cpp",
          "requests_.count() >= profile_.slots()", "requests_.count() > profile_.slots()"),
    Fault("a client ends what is late two intervals later than it may",
          "client/core/client_core.cpp",
          "    set_deadline(id, entry, entry.due + beat());",
          "    set_deadline(id, entry, entry.due + beat() * 3);"),
    Fault("a time between parts that is not looked at",
          "broker/core/dispatcher.cpp",
          "    request.idle_until = step.now + request.idle_timeout;",
          "    request.idle_until = time_never;"),
    Fault("a worker is taken for dead an interval too soon",
          "broker/core/options.hpp",
          "    return heartbeat_interval * static_cast<std::int64_t>(heartbeat_liveness);",
          "    return heartbeat_interval * static_cast<std::int64_t>(heartbeat_liveness - 1);"),
    Fault("what a worker refused goes back to it at once",
          "broker/core/dispatcher.cpp",
          "  request.avoid(refuser.session, step.now + options_.heartbeat_interval, step.now);",
          "  request.avoid(refuser.session, step.now, step.now);"),
    Fault("a client waits for a silent broker for ever",
          "client/core/client_core.cpp",
          "  if (waiting() && now - silent_since_ >= options_.expiry()) {",
          "  if (waiting() && now - silent_since_ >= options_.expiry() * 1000) {"),
]


def run(command, **options):
    return subprocess.run(command, text=True, capture_output=True, check=False, **options)


def build(tree):
    done = run(["cmake", "--build", "--preset", "dev", "--target", "sim"], cwd=tree)
    if done.returncode != 0:
        sys.exit(f"does not build:\n{done.stdout[-3000:]}")


def hunt(tree):
    """The seed that finds it, and what was said of it; nothing where none does."""
    done = run(["build/dev/bin/sim", "--seeds", str(SEEDS), "--jobs", "1"], cwd=tree)
    if done.returncode == 0:
        return None
    seed = re.search(r"^seed (\d+): ([a-z ]+)$", done.stdout, re.MULTILINE)
    told = re.search(r"^seed \d+: \w+ broken at [\d.]+ s: (.*)$|internal error at \S+ (.*)$",
                     done.stdout, re.MULTILINE)
    return seed.group(1), seed.group(2), next(filter(None, told.groups()), "") if told else ""


def main(words):
    chosen = [f for f in FAULTS if not words or any(word in f.what for word in words)]
    with tempfile.TemporaryDirectory() as room:
        archive = subprocess.run(["git", "-C", str(ROOT), "archive", "HEAD"], check=True,
                                 capture_output=True)
        subprocess.run(["tar", "-x", "-C", room], input=archive.stdout, check=True)
        run(["cmake", "--preset", "dev"], cwd=room)
        print("building without a fault", file=sys.stderr)
        build(room)
        missed = 0
        print("| fault | found by seed | as |\n|---|---|---|")
        for fault in chosen:
            path = pathlib.Path(room, fault.file)
            sound = path.read_text()
            if sound.count(fault.before) != 1:
                sys.exit(f"{fault.file} has not exactly one place for: {fault.what}")
            path.write_text(sound.replace(fault.before, fault.after))
            print(f"building with: {fault.what}", file=sys.stderr)
            build(room)
            found = hunt(room)
            path.write_text(sound)
            missed += found is None
            seed, how, told = found or ("none", f"nothing in {SEEDS} seeds", "")
            print(f"| {fault.what} (`{fault.file}`) | {seed} | {how}: {told} |", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
