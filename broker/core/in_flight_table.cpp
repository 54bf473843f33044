#include "broker/core/in_flight_table.hpp"

#include "protocol/check.hpp"

namespace muster::broker {

PendingRequest& InFlightTable::add(PendingRequest request) {
  request.number = RequestNumber{++last_number_};
  request.held_bytes = request.header.frame.size() + request.payload.bytes() + overhead_bytes;
  held_bytes_ += request.held_bytes;
  ++unanswered_;
  const auto placed = requests_.emplace_hint(requests_.end(), request.number, std::move(request));
  PendingRequest& kept = placed->second;
  const bool fresh = by_client_[kept.client].emplace(kept.id, &kept).second;
  CHECK(fresh, "two outstanding requests of one client under one id");
  rearm(kept);
  return kept;
}

PendingRequest& InFlightTable::adopt(WorkerInfo& worker, BrokerId attempt, Time now) {
  const RequestNumber number{++last_number_};
  PendingRequest& orphan =
      requests_.emplace_hint(requests_.end(), number, PendingRequest{})->second;
  orphan.number = number;
  orphan.phase = Phase::answered;
  bind(orphan, worker, attempt, now);
  return orphan;
}

PendingRequest* InFlightTable::find(ClientConnection client, ClientRequestId id) {
  const auto ids = by_client_.find(client);
  if (ids == by_client_.end()) return nullptr;
  const auto found = ids->second.find(id);
  return found != ids->second.end() ? found->second : nullptr;
}

PendingRequest* InFlightTable::find(BrokerId attempt) {
  const auto found = by_attempt_.find(attempt);
  return found != by_attempt_.end() ? found->second : nullptr;
}

std::size_t InFlightTable::outstanding(ClientConnection client) const {
  const auto ids = by_client_.find(client);
  return ids != by_client_.end() ? ids->second.size() : 0;
}

std::vector<PendingRequest*> InFlightTable::of_client(ClientConnection client) {
  std::vector<PendingRequest*> all;
  if (const auto ids = by_client_.find(client); ids != by_client_.end()) {
    for (const auto& [id, request] : ids->second)
      all.push_back(request);
  }
  return all;
}

std::vector<PendingRequest*> InFlightTable::unanswered() {
  std::vector<PendingRequest*> all;
  for (auto& [number, request] : requests_) {
    if (request.phase != Phase::answered) all.push_back(&request);
  }
  return all;
}

void InFlightTable::bind(PendingRequest& request, WorkerInfo& worker, BrokerId attempt, Time now) {
  CHECK(!request.at_worker(), "a request was bound to a second worker");
  request.worker = &worker;
  request.attempt = attempt;
  request.bound = now;
  if (request.phase == Phase::waiting) request.phase = Phase::sent;
  CHECK(worker.holds.emplace(attempt, &request).second, "a broker id was used twice at a worker");
  CHECK(by_attempt_.emplace(attempt, &request).second, "a broker id was used twice");
  rearm(request);
}

void InFlightTable::unbind(PendingRequest& request, Time now) {
  CHECK(request.at_worker(), "a slot was freed twice");
  WorkerInfo& worker = *request.worker;
  worker.holds.erase(request.attempt);
  if (worker.holds.empty()) worker.idle_since = now;
  by_attempt_.erase(request.attempt);
  request.worker = nullptr;
}

void InFlightTable::answered(PendingRequest& request) {
  CHECK(request.phase != Phase::answered, "a request was answered twice");
  let_go_of_body(request);
  request.phase = Phase::answered;
  --unanswered_;
  const auto ids = by_client_.find(request.client);
  ids->second.erase(request.id);
  if (ids->second.empty()) by_client_.erase(ids);
  if (request.armed != time_never) {
    timers_.disarm(request.number, request.armed);
    request.armed = time_never;
  }
}

void InFlightTable::erase(PendingRequest& request) {
  CHECK(request.phase == Phase::answered, "a request was forgotten without an answer");
  CHECK(!request.at_worker(), "a request was forgotten with its slot taken");
  requests_.erase(request.number);
}

void InFlightTable::let_go_of_body(PendingRequest& request) {
  held_bytes_ -= request.held_bytes;
  request.held_bytes = 0;
  request.header = Header{};
  request.payload = Payload{};
}

void InFlightTable::rearm(PendingRequest& request) {
  const Time deadline = request.deadline();
  if (deadline >= request.armed) return;
  if (request.armed != time_never) timers_.disarm(request.number, request.armed);
  timers_.arm(request.number, deadline);
  request.armed = deadline;
}

PendingRequest* InFlightTable::pop_due(Time now) {
  while (const auto number = timers_.pop(now)) {
    PendingRequest& request = requests_.at(*number);
    request.armed = time_never;
    if (request.deadline() <= now) return &request;
    rearm(request);
  }
  return nullptr;
}

}  // namespace muster::broker
