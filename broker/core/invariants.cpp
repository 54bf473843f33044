#include "broker/core/invariants.hpp"

#include "protocol/check.hpp"

namespace muster::broker {
namespace {

void check_waiting(const PendingRequest& request, const WorkerRegistry& workers,
                   const NoWorkerHandler& no_worker, Time now) {
  CHECK(!request.at_worker(), "a waiting request is at a worker");
  CHECK(request.in_room, "a waiting request is not in the waiting room");
  if (request.deadline() <= now) return;  // the next Tick decides on it
  for (const WorkerInfo* worker : workers.serving(request.model)) {
    if (worker->aside) continue;  // its next heartbeat finds that its time aside is over
    CHECK(!worker->can_take(now) || !worker->fits(request.require) ||
              request.avoids(worker->session, now),
          "a request waits while a fit slot is free");
  }
  CHECK(no_worker.servable(request) || request.held_until != time_never,
        "a request waits for a worker that nobody expects");
}

void check_request(const PendingRequest& request, const WorkerRegistry& workers,
                   const NoWorkerHandler& no_worker, Time now) {
  switch (request.phase) {
    case Phase::waiting:
      check_waiting(request, workers, no_worker, now);
      break;
    case Phase::sent:
      CHECK(request.at_worker(), "a sent request is at no worker");
      CHECK(request.chunks == 0, "a request has parts and is not streaming");
      CHECK(request.held_bytes > 0, "a request that may be placed again has lost its body");
      break;
    case Phase::streaming:
      CHECK(request.at_worker(), "a streaming request is at no worker");
      CHECK(request.held_bytes == 0, "a streaming request still holds its body");
      break;
    case Phase::answered:
      CHECK(request.at_worker(), "an answered request is kept without a slot");
      CHECK(request.held_bytes == 0, "an answered request still holds its body");
      break;
  }
  CHECK(request.phase == Phase::waiting || !request.in_room,
        "a request is in the waiting room and at a worker");
  CHECK(request.armed <= request.deadline(), "a request's timer is later than its deadline");
}

// Who waits to be looked at, or for the end of its time aside, is not held to what it is now.
void check_pools(const WorkerRegistry& workers, Time now) {
  std::size_t serving = 0;
  for (const auto& [name, worker] : workers.all()) {
    serving += worker->names.empty() ? 0 : 1;
    CHECK(worker->seats.size() == worker->names.size(), "a worker has no seat for a name of its");
    if (worker->is_touched || (worker->aside && now >= worker->aside_until)) continue;
    for (const Seat& seat : worker->seats) {
      CHECK(seat.pool->workers()[seat.number] == worker.get(), "a worker's seat is another's");
      CHECK(seat.pool->is_current(seat.number, now), "a worker is chosen by what it was before");
    }
  }
  CHECK(serving == workers.serving_any(), "those that serve anything are counted wrongly");
}

}  // namespace

void check_invariants(const WorkerRegistry& workers, const InFlightTable& requests,
                      const WaitingRoom& waiting, const NoWorkerHandler& no_worker, Time now) {
  std::size_t at_workers = 0;
  std::size_t unanswered = 0;
  std::size_t in_room = 0;
  std::uint64_t held_bytes = 0;
  for (const PendingRequest& request : requests.all()) {
    check_request(request, workers, no_worker, now);
    at_workers += request.at_worker() ? 1 : 0;
    unanswered += request.phase != Phase::answered ? 1 : 0;
    in_room += request.in_room ? 1 : 0;
    held_bytes += request.held_bytes;
  }
  CHECK(at_workers == requests.at_workers(), "the attempts are not the requests at workers");
  CHECK(unanswered == requests.unanswered_count(), "the count of unanswered requests is wrong");
  CHECK(in_room == waiting.size(), "the waiting room holds others than those that wait");
  CHECK(held_bytes == requests.held_bytes(), "the count of held bytes is wrong");

  std::size_t slots_taken = 0;
  for (const auto& [name, worker] : workers.all()) {
    slots_taken += worker->holds.size();
    for (const PendingRequest& request : worker->holds) {
      CHECK(request.worker == worker.get(), "a slot is taken for a request that is elsewhere");
    }
  }
  CHECK(slots_taken == at_workers, "slots and requests at workers do not agree");
  check_pools(workers, now);
}

}  // namespace muster::broker
