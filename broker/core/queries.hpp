#pragma once

// What the broker tells of itself: the answers to QUERY (docs/protocol.md, section 9). Built when
// asked for, from the tables themselves: nothing here is kept, so nothing here can be stale.

#include "broker/core/counters.hpp"
#include "broker/core/in_flight_table.hpp"
#include "broker/core/options.hpp"
#include "broker/core/waiting_room.hpp"
#include "broker/core/worker_registry.hpp"
#include "protocol/value.hpp"

namespace muster::broker {

// What a query may look at.
struct Census {
  const ControllerOptions& options;
  const WorkerRegistry& workers;
  const InFlightTable& requests;
  const WaitingRoom& waiting;
  const Counters& counters;
  Instance instance;
  Time started;
  Time now;
  bool stopping;
};

[[nodiscard]] Value answer_models(const Census& census);
[[nodiscard]] Value answer_workers(const Census& census);
[[nodiscard]] Value answer_stats(const Census& census);

// For each worker of a model, whether it would be given a request of it now, and why. `model`: a
// name or alias; empty: all that are served, by their names.
[[nodiscard]] Value answer_why(const Census& census, std::string_view model);

}  // namespace muster::broker
