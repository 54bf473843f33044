#pragma once

// What the naive model (naive_controller.hpp) knows: one plain struct for each thing that a broker
// knows of, kept in a map or a list and found by going through all of it.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/core/action.hpp"
#include "broker/core/event.hpp"

namespace muster::test::naive {

using broker::Action;
using Session = std::uint64_t;  // counts up; 0: none

// One session of one worker (docs/protocol.md, section 6).
struct Worker {
  Session session = 0;
  WorkerConnection connection;
  WorkerDescription said;  // as it has said last; `active` is not kept
  std::uint64_t grant = 0;
  std::optional<std::uint64_t> progress;
  std::optional<double> kv_cache_usage;

  bool broken = false;
  bool to_move = false;  // it broke, and what had arrived since has not all been read yet
  bool suspect = false;
  bool spared = false;  // it fell silent together with all others
  Time last_heard{};
  Time heartbeat_at{};  // the next one to it
  Time idle_since{};

  bool stalled = false;
  Time progressed{};     // when something was last got done, less the time without work since
  Duration fruitless{};  // without work: how long it had some before, and nothing came of it
  bool aside = false;
  Time aside_until{};
  std::uint64_t failures_in_row = 0;

  struct Probing {
    std::uint64_t nonce = 0;
    Time sent{};
    std::uint64_t bindings = 0;  // what was sent to it later, its STATUS does not tell of
  };
  std::optional<Probing> probe;  // not answered yet
  std::optional<bool> drain_owed;

  std::uint64_t served = 0;
  std::uint64_t failed = 0;
  std::uint64_t refused = 0;
  std::uint64_t malformed = 0;
  Time malformed_since{};
};

// A request until its client has its answer and no slot is taken for it; or an orphan.
struct Request {
  ClientConnection client;
  std::uint64_t id = 0;
  std::uint64_t number = 0;  // in order of arrival
  muster::Request said;
  std::string header;  // behind its id
  std::string payload;
  std::uint64_t held_bytes = 0;
  Time received{};
  Time until = time_never;
  Time first_until = time_never;
  Duration idle_timeout{};

  bool fresh = true;      // it came by this very event
  bool answered = false;  // its client has its answer
  bool orphan = false;    // it never had a client here

  Session at = 0;  // the session of the worker that has it; 0: it waits
  std::string worker;
  std::uint64_t attempt = 0;
  std::uint64_t binding = 0;
  Time bound{};
  std::uint64_t parts = 0;
  Time idle_until = time_never;
  Time ask_at = time_never;  // a CANCEL that is not acknowledged by then: PROBE

  bool in_front = false;       // it was placed again
  bool placed_again = false;   // ... by this very event
  std::optional<Time> held{};  // nobody can serve it: NO_WORKER then
  struct Avoided {
    Session session = 0;
    Time until{};
  };
  std::vector<Avoided> avoided;
  std::vector<Session> lost_at;
  std::string lost;  // by this very event its worker has it no more, for this reason

  [[nodiscard]] bool waits() const { return at == 0 && !answered; }
  [[nodiscard]] bool at_worker() const { return at != 0; }

  // Its time is over before anybody has begun it.
  [[nodiscard]] bool is_late(Time now) const { return now >= std::min(until, first_until); }

  // When something is to be decided about it, should nothing happen before (sections 4 and 8).
  [[nodiscard]] Time deadline() const {
    if (answered) return ask_at;
    if (parts > 0) return std::min(until, idle_until);
    Time at_latest = std::min(until, first_until);
    if (!waits()) return at_latest;
    if (held) at_latest = std::min(at_latest, *held);
    for (const Avoided& a : avoided)
      at_latest = std::min(at_latest, a.until);
    return at_latest;
  }
};

// A newer instance that wants the name of a live session (section 6, Replace).
struct Contender {
  Session holder = 0;
  WorkerConnection connection;
  WorkerDescription info;
  Time until{};
};

struct Refresh {
  ClientConnection client;
  std::uint64_t id = 0;
  std::set<Session> unanswered;
  Time until{};
};

struct Client {
  Time last_heard{};
  bool ever_beat = false;
  bool beats = false;  // ... and never since was silent so long that it may have been forgotten
  std::optional<Time> greeted;  // of the broker's own accord
};

struct Gone {
  std::string name;
  Time at{};
  std::string how;
  std::uint64_t served = 0;
  std::uint64_t failed = 0;
};

// What a connection without a session was told of late (section 6).
struct Told {
  Time since{};
  std::uint64_t registers = 0;
  Time reregister_from{};
};

// Something that the rules demand by the end of this step: one action whose text is one of these;
// what follows from it is done when it comes.
struct Owed {
  std::vector<std::string> any_of;
  std::function<void(const Action&)> then;
};

}  // namespace muster::test::naive
