#include "broker/core/waiting_room.hpp"

#include "protocol/check.hpp"

namespace muster::broker {

WaitingRoom::Rank WaitingRoom::rank(const PendingRequest& request) {
  if (request.in_front) return {.behind = false, .backwards = 0, .number = request.number};
  return {.behind = true, .backwards = ~request.priority, .number = request.number};
}

void WaitingRoom::add(PendingRequest& request) {
  CHECK(!request.in_room, "a request waits twice");
  Queue& queue = queues_[request.model];
  queue.insert(queue.end(), request);
  request.in_room = true;
  ++size_;
}

void WaitingRoom::remove(PendingRequest& request) {
  const auto queue = queues_.find(request.model);
  CHECK(queue != queues_.end() && request.in_room,
        "a request left the waiting room without being in it");
  queue->second.erase(queue->second.iterator_to(request));
  if (queue->second.empty()) queues_.erase(queue);
  request.in_room = false;
  --size_;
}

std::size_t WaitingRoom::depth(std::string_view model) const {
  const auto queue = queues_.find(model);
  return queue != queues_.end() ? queue->second.size() : 0;
}

PendingRequest* WaitingRoom::next_for(const WorkerInfo& worker, Time now) {
  PendingRequest* best = nullptr;
  for (const std::string& name : worker.names) {
    const auto queue = queues_.find(name);
    if (queue == queues_.end()) continue;
    for (PendingRequest& request : queue->second) {
      if (best != nullptr && rank(*best) < rank(request)) break;
      if (!worker.fits(request.require) || request.avoids(worker.session, now)) continue;
      best = &request;
      break;
    }
  }
  return best;
}

std::vector<PendingRequest*> WaitingRoom::waiting_for(std::string_view model) {
  std::vector<PendingRequest*> all;
  if (const auto queue = queues_.find(model); queue != queues_.end()) {
    for (PendingRequest& request : queue->second)
      all.push_back(&request);
  }
  return all;
}

}  // namespace muster::broker
