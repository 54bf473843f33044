#pragma once

// WorkerInfo: all that the broker knows of one live worker, which is one session of
// docs/protocol.md, section 6. What the worker says of itself is kept as it said it last; what the
// broker counts about it (slots taken, requests served) is counted here and nowhere else.

#include <algorithm>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <string>
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

  // As the broker sees. `broken`: the ROUTER could not deliver to it. `suspect`: overdue (section
  // 7).
  bool broken = false;
  bool suspect = false;
  Time registered{};
  Time last_heard{};
  Time idle_since{};
  std::uint64_t last_picked = 0;  // for round_robin; 0: never

  // Each name and alias that it serves, once, sorted.
  std::vector<std::string> names;

  // Every slot that is taken; also by requests whose client has its answer already.
  HeldRequests holds;

  // What has ended here, by how; and malformed messages since `malformed_since` (section 11).
  std::uint64_t served = 0;
  std::uint64_t failed = 0;
  std::uint64_t refused = 0;
  std::uint64_t malformed = 0;
  Time malformed_since{};

  [[nodiscard]] std::uint64_t in_flight() const { return holds.size(); }
  [[nodiscard]] std::uint64_t free_slots() const {
    return slots > in_flight() ? slots - in_flight() : 0;
  }
  // Whether it may be given a request at this moment.
  [[nodiscard]] bool can_take() const {
    return state == WorkerState::ready && !broken && free_slots() > 0;
  }
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
