#include "broker/core/in_flight_table.hpp"

#include <algorithm>
#include <cstddef>

#include "protocol/check.hpp"

namespace muster::broker {
namespace {

constexpr std::size_t buckets_min = 1024;  // a power of two
// So many for each request, at least: whoever shares a bucket has to be looked at, and lies far
// away.
constexpr std::size_t buckets_each = 4;

}  // namespace

template <class Set>
InFlightTable::Grown<Set>::Grown()
    : count_(buckets_min),
      buckets_(new typename Set::bucket_type[buckets_min]),
      set_(typename Set::bucket_traits(buckets_.get(), buckets_min)) {}

template <class Set>
bool InFlightTable::Grown<Set>::insert(PendingRequest& request) {
  if (buckets_each * (set_.size() + 1) > count_) {
    const std::size_t count = 2 * count_;
    Buckets more(new typename Set::bucket_type[count]);
    set_.rehash(typename Set::bucket_traits(more.get(), count));
    buckets_ = std::move(more);
    count_ = count;
  }
  return set_.insert(request).second;
}

template <class Set>
PendingRequest* InFlightTable::Grown<Set>::find(const typename Set::key_type& key) {
  const auto found = set_.find(key);
  return found != set_.end() ? &*found : nullptr;
}

template <class Set>
const PendingRequest* InFlightTable::Grown<Set>::guess(const typename Set::key_type& key) const {
  const auto bucket = set_.bucket(key);
  const auto first = set_.begin(bucket);
  return first != set_.end(bucket) ? &*first : nullptr;
}

InFlightTable::InFlightTable() = default;

InFlightTable::~InFlightTable() {
  while (!all_.empty()) {
    PendingRequest& request = all_.front();
    if (request.at_worker()) unbind(request, request.bound);
    if (request.phase != Phase::answered) answered(request);
    erase(request);
  }
}

PendingRequest& InFlightTable::make() {
  auto* request = new PendingRequest;
  request->number = RequestNumber{++last_number_};
  all_.push_back(*request);
  return *request;
}

PendingRequest& InFlightTable::add(ClientConnection client, ClientRequestId id, KeptMessage&& kept,
                                   std::uint64_t held_bytes) {
  PendingRequest& request = make();
  request.client = client;
  request.id = id;
  request.kept = std::move(kept);
  request.held_bytes = held_bytes;
  held_bytes_ += request.held_bytes;
  ++unanswered_;
  by_client_[client].push_back(request);
  CHECK(asked_.insert(request), "two outstanding requests of one client under one id");
  return request;
}

PendingRequest& InFlightTable::adopt(WorkerInfo& worker, BrokerId attempt, Time ask_at, Time now) {
  PendingRequest& orphan = make();
  orphan.phase = Phase::answered;
  orphan.ask_at = ask_at;
  bind(orphan, worker, attempt, now);
  return orphan;
}

PendingRequest* InFlightTable::find(ClientConnection client, ClientRequestId id) {
  return asked_.find({client, id});
}

PendingRequest* InFlightTable::find(BrokerId attempt) {
  return by_attempt_.find(attempt);
}

void InFlightTable::prefetch(BrokerId attempt) const {
  constexpr std::size_t line = 64;
  const PendingRequest* request = by_attempt_.guess(attempt);
  if (request == nullptr) return;
  const auto* const end = reinterpret_cast<const std::byte*>(&request->model);
  for (const auto* at = reinterpret_cast<const std::byte*>(request); at < end; at += line)
    __builtin_prefetch(at);
}

std::size_t InFlightTable::outstanding(ClientConnection client) const {
  const auto ids = by_client_.find(client);
  return ids != by_client_.end() ? ids->second.size() : 0;
}

std::vector<PendingRequest*> InFlightTable::of_client(ClientConnection client) {
  std::vector<PendingRequest*> all;
  if (const auto ids = by_client_.find(client); ids != by_client_.end()) {
    for (PendingRequest& request : ids->second)
      all.push_back(&request);
  }
  std::ranges::sort(all, {}, [](const PendingRequest* request) { return request->id; });
  return all;
}

std::vector<PendingRequest*> InFlightTable::unanswered() {
  std::vector<PendingRequest*> all;
  for (PendingRequest& request : all_) {
    if (request.phase != Phase::answered) all.push_back(&request);
  }
  return all;
}

void InFlightTable::bind(PendingRequest& request, WorkerInfo& worker, BrokerId attempt, Time now) {
  CHECK(!request.at_worker(), "a request was bound to a second worker");
  request.worker = &worker;
  request.attempt = attempt;
  request.binding = ++worker.bindings;
  request.bound = now;
  if (worker.holds.empty()) worker.progressed = now - worker.fruitless;
  if (request.phase == Phase::waiting) request.phase = Phase::sent;
  worker.holds.push_back(request);
  worker.touch();
  CHECK(by_attempt_.insert(request), "a broker id was used twice");
  rearm(request);
}

void InFlightTable::unbind(PendingRequest& request, Time now) {
  CHECK(request.at_worker(), "a slot was freed twice");
  WorkerInfo& worker = *request.worker;
  worker.holds.erase(HeldRequests::s_iterator_to(request));
  if (worker.holds.empty()) {
    worker.idle_since = now;
    worker.fruitless = now - worker.progressed;
  }
  worker.touch();
  by_attempt_.erase(request);
  request.worker = nullptr;
}

void InFlightTable::answered(PendingRequest& request) {
  CHECK(request.phase != Phase::answered, "a request was answered twice");
  let_go_of_body(request);
  request.phase = Phase::answered;
  --unanswered_;
  const auto siblings = by_client_.find(request.client);
  siblings->second.erase(OfClient::s_iterator_to(request));
  asked_.erase(request);
  if (siblings->second.empty()) by_client_.erase(siblings);
  disarm(request);
}

void InFlightTable::erase(PendingRequest& request) {
  CHECK(request.phase == Phase::answered, "a request was forgotten without an answer");
  CHECK(!request.at_worker(), "a request was forgotten with its slot taken");
  disarm(request);
  all_.erase_and_dispose(All::s_iterator_to(request), std::default_delete<PendingRequest>{});
}

void InFlightTable::let_go_of_body(PendingRequest& request) {
  held_bytes_ -= request.held_bytes;
  request.held_bytes = 0;
  request.kept.let_go();
}

void InFlightTable::rearm(PendingRequest& request) {
  const Time deadline = request.deadline();
  if (deadline >= request.armed) return;
  disarm(request);
  request.armed = deadline;
  if (ascending_.empty() || ascending_.back().armed <= deadline) {
    ascending_.push_back(request);
  } else {
    timers_.insert(request);
  }
}

void InFlightTable::disarm(PendingRequest& request) {
  if (request.armed == time_never) return;
  if (request.among_ascending.is_linked()) {
    ascending_.erase(AscendingTimers::s_iterator_to(request));
  } else {
    timers_.erase(timers_.iterator_to(request));
  }
  request.armed = time_never;
}

PendingRequest* InFlightTable::first_armed() {
  if (ascending_.empty()) return timers_.empty() ? nullptr : &*timers_.begin();
  PendingRequest& ascending = ascending_.front();
  if (timers_.empty()) return &ascending;
  PendingRequest& other = *timers_.begin();
  return ByTimer{}(other) < ByTimer{}(ascending) ? &other : &ascending;
}

PendingRequest* InFlightTable::pop_due(Time now) {
  for (PendingRequest* request = first_armed(); request != nullptr && request->armed <= now;
       request = first_armed()) {
    disarm(*request);
    if (request->deadline() <= now) return request;
    rearm(*request);
  }
  return nullptr;
}

}  // namespace muster::broker
