#pragma once

// WorkerInfo: all that the broker knows of one live worker, which is one session of
// docs/protocol.md, section 6. What the worker says of itself is kept as it said it last; what the
// broker counts about it (slots taken, requests served) is counted here and nowhere else.

#include <algorithm>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/core/ids.hpp"
#include "broker/core/pending_request.hpp"
#include "protocol/message.hpp"

namespace muster::broker {

// What a worker may be labelled with, so what a request can require.
inline constexpr std::size_t labels_max = 64;

// The requests that take a worker's slots, in the order in which they took them.
using HeldRequests = boost::intrusive::list<
    PendingRequest,
    boost::intrusive::member_hook<PendingRequest, decltype(PendingRequest::among_held),
                                  &PendingRequest::among_held>>;

// Whether a worker may be given a request, and where not, the first reason.
enum class Standing : std::uint8_t {
  free,       // it has a free slot, and nothing speaks against it
  suspect,    // ... but is overdue: chosen last
  stalled,    // ... but its model server gets nothing done: chosen last
  full,       // no free slot
  aside,      // put aside: its model server fails
  broken,     // its connection is gone
  not_ready,  // by its own word
};
[[nodiscard]] inline bool may_take(Standing standing) {
  return standing <= Standing::stalled;
}

class ModelPool;

// A worker's place in the pool of one of its names.
struct Seat {
  ModelPool* pool = nullptr;
  std::uint32_t number = 0;
};

struct WorkerInfo {
  SessionId session;
  WorkerConnection connection;

  // As the worker says.
  std::string name;
  Instance instance;
  std::vector<ModelDescription> models;
  std::uint64_t slots = 0;
  std::uint64_t grant = 0;  // echoed, so that the worker knows which change of slots was seen
  WorkerState state = WorkerState::starting;
  std::string why;  // it is in that state, in its own words; empty: it has not said
  double speed = 1.0;
  std::uint64_t queue_length = 0;
  std::optional<std::uint64_t> progress;
  std::optional<double> kv_cache_usage;
  StringMap labels;
  std::string version;
  std::string address;       // where it registered from; empty: not known
  std::string drain_reason;  // an operator's, who has told it to drain; empty: none

  // As the broker sees. `broken`: the ROUTER could not deliver to it. `suspect`: overdue (section
  // 7).
  bool broken = false;
  bool suspect = false;
  Time registered{};
  Time last_heard{};
  Time idle_since{};
  std::uint64_t last_given = 0;  // for round_robin: which of all requests was the last; 0: none

  // `stalled`: it has had work in hand since `progressed`, and tells that nothing gets done
  // (`progress` stands still). While it has none in hand the time stands still, at `fruitless`:
  // work that is taken away because nothing comes of it makes nobody well. `aside`: put aside after
  // `failures_in_row` of its model server, until one request after `aside_until` has succeeded.
  bool stalled = false;
  Time progressed{};
  Duration fruitless{};
  bool aside = false;
  Time aside_until{};
  std::uint64_t failures_in_row = 0;

  // How often a slot of it was taken; and the PROBE that it has not answered yet, with how often
  // that was when the PROBE was sent: its STATUS speaks of these requests and no later ones.
  std::uint64_t bindings = 0;
  struct Probing {
    std::uint64_t nonce = 0;
    std::uint64_t bindings = 0;
    Time sent{};
  };
  std::optional<Probing> probe;

  // Each name and alias that it serves, once, sorted; and where it sits for each.
  std::vector<std::string> names;
  std::vector<Seat> seats;

  // The registry's list of those that its pools are to look at again; null: nobody keeps one.
  std::vector<WorkerInfo*>* touched = nullptr;
  bool is_touched = false;

  // Every slot that is taken; also by requests whose client has its answer already.
  HeldRequests holds;

  // What an operator has asked of it while its connection was gone: it is told when it is back.
  std::optional<bool> drain_owed;

  // What has ended here, by how; and malformed messages since `malformed_since` (section 11).
  std::uint64_t served = 0;
  std::uint64_t failed = 0;
  std::uint64_t refused = 0;
  std::uint64_t malformed = 0;
  Time malformed_since{};

  // To be called with whatever changes standing(), load() or `last_given`: who is chosen next is
  // chosen by what it is then.
  void touch() {
    if (touched != nullptr && !std::exchange(is_touched, true)) touched->push_back(this);
  }

  [[nodiscard]] std::uint64_t in_flight() const { return holds.size(); }
  // For how long it has had work in hand of which nothing came.
  [[nodiscard]] Duration fruitless_for(Time now) const {
    return holds.empty() ? fruitless : now - progressed;
  }
  [[nodiscard]] std::uint64_t free_slots() const {
    return slots > in_flight() ? slots - in_flight() : 0;
  }
  [[nodiscard]] Standing standing(Time now) const {
    if (broken) return Standing::broken;
    if (state != WorkerState::ready) return Standing::not_ready;
    if (aside && (now < aside_until || is_tried())) return Standing::aside;
    if (free_slots() == 0) return Standing::full;
    if (suspect) return Standing::suspect;
    return stalled ? Standing::stalled : Standing::free;
  }
  // Whether a request is trying it, its time aside being over: one at a time does. What it holds
  // from before is none.
  [[nodiscard]] bool is_tried() const {
    return !holds.empty() && holds.back().bound >= aside_until;
  }
  // Whether it may be given a request at this moment.
  [[nodiscard]] bool can_take(Time now) const { return may_take(standing(now)); }
  // Whether a request may wait for it (section 4, rule 2).
  [[nodiscard]] bool worth_waiting_for() const { return state == WorkerState::ready || broken; }

  [[nodiscard]] bool fits(const StringMap& require) const {
    return std::all_of(require.begin(), require.end(), [this](const auto& wanted) {
      const auto label = labels.find(wanted.first);
      return label != labels.end() && label->second == wanted.second;
    });
  }

  // What shortest_queue and power_of_two go by: requests at it, whoever sent them, for its speed.
  [[nodiscard]] double load() const {
    return (static_cast<double>(in_flight()) + static_cast<double>(queue_length)) / speed;
  }
};

}  // namespace muster::broker
