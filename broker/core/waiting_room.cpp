#include "broker/core/waiting_room.hpp"

#include <algorithm>

#include "protocol/check.hpp"

namespace muster::broker {

WaitingRoom::Rank WaitingRoom::rank(const PendingRequest& request) {
  if (request.in_front) return {.behind = false, .backwards = 0, .number = request.number};
  return {.behind = true, .backwards = ~request.priority, .number = request.number};
}

void WaitingRoom::add(PendingRequest& request) {
  CHECK(!request.in_room, "a request waits twice");
  Lines& lines = queues_[request.model];
  Queue& line = lines.by_labels[request.require];
  line.insert(line.end(), request);
  request.in_room = true;
  ++lines.size;
  ++size_;
}

void WaitingRoom::remove(PendingRequest& request) {
  const auto found = queues_.find(request.model);
  CHECK(found != queues_.end() && request.in_room,
        "a request left the waiting room without being in it");
  Lines& lines = found->second;
  const auto line = lines.by_labels.find(request.require);
  CHECK(line != lines.by_labels.end(), "a request does not wait where its labels say");
  line->second.erase(line->second.iterator_to(request));
  if (line->second.empty()) lines.by_labels.erase(line);
  if (--lines.size == 0) queues_.erase(found);
  request.in_room = false;
  --size_;
}

std::size_t WaitingRoom::depth(std::string_view model) const {
  const auto found = queues_.find(model);
  return found != queues_.end() ? found->second.size : 0;
}

PendingRequest* WaitingRoom::next_for(const WorkerInfo& worker, Time now) {
  PendingRequest* best = nullptr;
  if (size_ == 0) return best;
  for (const std::string& name : worker.names) {
    const auto found = queues_.find(name);
    if (found == queues_.end()) continue;
    for (auto& [labels, line] : found->second.by_labels) {
      if (!worker.fits(labels)) continue;
      for (PendingRequest& request : line) {
        if (best != nullptr && rank(*best) < rank(request)) break;
        if (request.is_late(now) || request.avoids(worker.session, now)) continue;
        best = &request;
        break;
      }
    }
  }
  return best;
}

std::vector<PendingRequest*> WaitingRoom::waiting_for(std::string_view model) {
  std::vector<PendingRequest*> all;
  if (const auto found = queues_.find(model); found != queues_.end()) {
    for (auto& [labels, line] : found->second.by_labels) {
      for (PendingRequest& request : line)
        all.push_back(&request);
    }
  }
  std::ranges::sort(all, {}, [](const PendingRequest* request) { return rank(*request); });
  return all;
}

}  // namespace muster::broker
