#pragma once

// What must be true of the whole state between two steps, whatever has happened. Tests check it
// after every step and debug builds at every Tick; the first thing that is not true ends the
// process by name.

#include "broker/core/in_flight_table.hpp"
#include "broker/core/no_worker_handler.hpp"
#include "broker/core/waiting_room.hpp"
#include "broker/core/worker_registry.hpp"

namespace muster::broker {

// O(requests x workers of their models).
void check_invariants(const WorkerRegistry& workers, const InFlightTable& requests,
                      const WaitingRoom& waiting, const NoWorkerHandler& no_worker, Time now);

}  // namespace muster::broker
