#include "broker/core/waiting_room.hpp"

#include "protocol/check.hpp"

namespace muster::broker {

WaitingRoom::Rank WaitingRoom::rank(const PendingRequest& request) {
  if (request.in_front) return {.behind = false, .backwards = 0, .number = request.number};
  return {.behind = true, .backwards = ~request.priority, .number = request.number};
}

void WaitingRoom::add(PendingRequest& request) {
  const bool fresh = queues_[request.model].emplace(rank(request), &request).second;
  CHECK(fresh, "a request waits twice");
  request.in_room = true;
  ++size_;
}

void WaitingRoom::remove(PendingRequest& request) {
  const auto queue = queues_.find(request.model);
  CHECK(queue != queues_.end() && queue->second.erase(rank(request)) == 1,
        "a request left the waiting room without being in it");
  if (queue->second.empty()) queues_.erase(queue);
  request.in_room = false;
  --size_;
}

std::size_t WaitingRoom::depth(std::string_view model) const {
  const auto queue = queues_.find(model);
  return queue != queues_.end() ? queue->second.size() : 0;
}

PendingRequest* WaitingRoom::next_for(const WorkerInfo& worker, Time now) const {
  const std::pair<const Rank, PendingRequest*>* best = nullptr;
  for (const std::string& name : worker.names) {
    const auto queue = queues_.find(name);
    if (queue == queues_.end()) continue;
    for (const auto& place : queue->second) {
      if (best != nullptr && best->first < place.first) break;
      const PendingRequest& request = *place.second;
      if (!worker.fits(request.require) || request.avoids(worker.session, now)) continue;
      best = &place;
      break;
    }
  }
  return best != nullptr ? best->second : nullptr;
}

std::vector<PendingRequest*> WaitingRoom::waiting_for(std::string_view model) const {
  std::vector<PendingRequest*> all;
  if (const auto queue = queues_.find(model); queue != queues_.end()) {
    for (const auto& [rank, request] : queue->second)
      all.push_back(request);
  }
  return all;
}

}  // namespace muster::broker
