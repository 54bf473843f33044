// Where a request goes (docs/protocol.md, section 4, rules 1 to 3, and section 8).

#include <algorithm>

#include "tests/support/naive_controller.hpp"

namespace muster::test {

using namespace broker;
using namespace naive;

// ---- finding, by going through all ------------------------------------------------------------

NaiveController::Worker* NaiveController::worker_of(Session session) {
  for (auto& [name, worker] : workers_)
    if (worker.session == session) return &worker;
  return nullptr;
}

NaiveController::Worker* NaiveController::worker_on(WorkerConnection connection) {
  for (auto& [name, worker] : workers_)
    if (worker.connection == connection) return &worker;
  return nullptr;
}

NaiveController::Request* NaiveController::outstanding(ClientConnection client, std::uint64_t id) {
  for (Request& request : requests_)
    if (!request.answered && request.client == client && request.id == id) return &request;
  return nullptr;
}

NaiveController::Request* NaiveController::attempt(std::uint64_t id) {
  for (Request& request : requests_)
    if (request.at_worker() && request.attempt == id) return &request;
  return nullptr;
}

std::uint64_t NaiveController::in_flight(const Worker& worker) const {
  return static_cast<std::uint64_t>(std::ranges::count(requests_, worker.session, &Request::at));
}

std::uint64_t NaiveController::free_slots(const Worker& worker) const {
  const std::uint64_t taken = in_flight(worker);
  return worker.said.slots > taken ? worker.said.slots - taken : 0;
}

std::uint64_t NaiveController::waiting(const std::string& model) const {
  return static_cast<std::uint64_t>(std::ranges::count_if(
      requests_, [&](const Request& r) { return r.waits() && r.said.model == model; }));
}

std::set<std::string> NaiveController::names_of(const Worker& worker) {
  std::set<std::string> names;
  for (const ModelDescription& model : worker.said.models) {
    names.insert(model.name);
    names.insert(model.aliases.begin(), model.aliases.end());
  }
  return names;
}

bool NaiveController::serves(const Worker& worker, const std::string& model) {
  return names_of(worker).contains(model);
}

bool NaiveController::fits(const Worker& worker, const Request& request) {
  return std::ranges::all_of(request.said.options.require, [&](const auto& label) {
    const auto found = worker.said.labels.find(label.first);
    return found != worker.said.labels.end() && found->second == label.second;
  });
}

// ---- who may be given a request ---------------------------------------------------------------

// Section 4, rule 1, section 6, Broken, and section 8. One that was put aside gets nothing until
// its time is over, then one request at a time (the last table).
bool NaiveController::may_take(const Worker& worker) const {
  if (worker.said.state != WorkerState::ready || worker.broken) return false;
  if (free_slots(worker) == 0) return false;
  if (!worker.aside) return true;
  const bool is_tried = std::ranges::any_of(requests_, [&](const Request& r) {
    return r.at == worker.session && r.bound >= worker.aside_until;
  });
  return now_ >= worker.aside_until && !is_tried;
}

// Section 5: not to the one that refused it, for an interval. (16 such at once are remembered, and
// while they are that many, it goes nowhere.)
bool NaiveController::avoids(const Request& request, const Worker& worker) const {
  constexpr std::size_t avoided_max = 16;
  const auto lasts = [this](const Request::Avoided& a) { return now_ < a.until; };
  if (request.avoided.size() >= avoided_max && std::ranges::all_of(request.avoided, lasts)) {
    return true;
  }
  return std::ranges::any_of(request.avoided, [&](const Request::Avoided& a) {
    return a.session == worker.session && lasts(a);
  });
}

// Nor is one given to anybody whose time is over: the next Tick ends it.
bool NaiveController::could_be_given(const Request& request, const Worker& worker) const {
  return !request.is_late(now_) && may_take(worker) && serves(worker, request.said.model) &&
         fits(worker, request) && !avoids(request, worker);
}

// Rule 2: it may wait for one that is ready or broken.
bool NaiveController::servable(const Request& request) const {
  return std::ranges::any_of(workers_, [&](const auto& entry) {
    const Worker& worker = entry.second;
    return (worker.said.state == WorkerState::ready || worker.broken) &&
           serves(worker, request.said.model) && fits(worker, request);
  });
}

// Section 7: one that is suspect (or stalled, the last table) gets it only where no other can take
// it, and so does, after these, one that has lost it.
int NaiveController::order_of(const Worker& worker, const Request& request) {
  if (std::ranges::find(request.lost_at, worker.session) != request.lost_at.end()) return 2;
  return worker.suspect || worker.stalled ? 1 : 0;
}

// Section 4: what was placed again, then by priority, then by arrival.
bool NaiveController::before(const Request& a, const Request& b) {
  if (a.in_front != b.in_front) return a.in_front;
  if (!a.in_front && a.said.options.priority != b.said.options.priority)
    return a.said.options.priority > b.said.options.priority;
  return a.number < b.number;
}

// ---- a request was given to a worker ----------------------------------------------------------

void NaiveController::claim_given(const RelayToWorker& relay) {
  const std::string what =
      text_of(RelayToWorker{relay.to, relay.id, relay.header.share(), relay.payload.share()});
  Worker* const worker = worker_on(relay.to);
  expect(worker != nullptr, "a request was given to a connection without a session: " + what);
  const std::string_view header = relay.header.text();
  const auto found = std::ranges::find_if(requests_, [&](const Request& r) {
    return r.waits() && header.size() >= 9 && r.header == header.substr(9) &&
           r.payload == relay.payload.joined();
  });
  expect(found != requests_.end(), "what was given to a worker is no request that waits: " + what);
  if (worker == nullptr || found == requests_.end()) return;
  expect(what.find("another id") == std::string::npos, "the header has another id: " + what);
  expect(relay.id.value > last_attempt_ && attempt(relay.id.value) == nullptr,
         "an attempt has an id that was used before: " + what);
  expect(successors_ == 0, "a session is about to begin, and before: " + what);
  placed_ = true;
  check_choice(*found, *worker);
  check_turn(*found, *worker);
  if (found->fresh) check_policy(*found, *worker);
  bind(*found, *worker, relay.id.value);
}

void NaiveController::check_choice(const Request& request, const Worker& worker) {
  const std::string whom =
      "a request for " + request.said.model + " was given to " + worker.said.worker + ", which ";
  expect(free_slots(worker) > 0, whom + "has no free slot");
  expect(may_take(worker), whom + "is not ready, or broken, or put aside");
  expect(serves(worker, request.said.model), whom + "does not serve it");
  expect(fits(worker, request), whom + "has not the labels");
  expect(!avoids(request, worker), whom + "refused it within an interval");
  expect(!request.is_late(now_), whom + "can't begin it in time any more");
  for (const auto& [name, other] : workers_) {
    // What waits for one whose time aside is over goes there at the latest with its next word, and
    // to one that it avoided at the next Tick; and who has just said that it can take more is given
    // it last of all.
    const bool avoided = std::ranges::find(request.avoided, other.session,
                                           &Request::Avoided::session) != request.avoided.end();
    if (other.aside || avoided || other.session == speaker_) continue;
    if (!could_be_given(request, other)) continue;
    expect(order_of(other, request) >= order_of(worker, request),
           whom + "is suspect, or stalled, or has lost it, where " + name + " could take it");
  }
}

// Section 4: of several the policy chooses, unless the one that had the session's last request is
// among them.
void NaiveController::check_policy(const Request& request, Worker& worker) {
  std::vector<Worker*> equals;
  for (auto& [name, other] : workers_) {
    if (could_be_given(request, other) && order_of(other, request) == order_of(worker, request))
      equals.push_back(&other);
  }
  const std::string& session = request.said.options.session;
  if (!session.empty()) {
    const auto known = conversations_.find(request.said.model + '\0' + session);
    if (known != conversations_.end()) {
      for (const Worker* other : equals) {
        if (other->session != known->second) continue;
        return expect(other == &worker, "session " + session + " left " + other->said.worker +
                                            " for " + worker.said.worker);
      }
    }
  }
  const auto load = [this](const Worker& w) {
    return (static_cast<double>(in_flight(w)) +
            static_cast<double>(w.said.queue_length.value_or(0))) /
           w.said.speed;
  };
  std::size_t better = 0;
  std::size_t as_good = 0;
  for (const Worker* other : equals) {
    better += load(*other) < load(worker) ? 1 : 0;
    as_good += other != &worker && load(*other) == load(worker) ? 1 : 0;
  }
  if (options_.policy == RoutingPolicyKind::shortest_queue)
    expect(better == 0, "shortest_queue chose " + worker.said.worker + ", not the shortest");
  if (options_.policy == RoutingPolicyKind::power_of_two)
    expect(equals.size() < 2 || as_good > 0 || better < equals.size() - 1,
           "power_of_two chose the worst of all, " + worker.said.worker);
}

// The order of the queue, past which only those may be given to this worker that the header of
// naive_controller.hpp lists.
void NaiveController::check_turn(const Request& request, const Worker& worker) {
  if (worker.aside) return;
  for (const Request& other : requests_) {
    if (!other.waits() || &other == &request || other.deadline() <= now_) continue;
    if (request.placed_again && other.in_front) continue;
    if (!could_be_given(other, worker)) continue;
    expect(!before(other, request), "request " + request.said.options.request_id +
                                        " was given to " + worker.said.worker + " before request " +
                                        other.said.options.request_id + ", whose turn it was");
  }
}

void NaiveController::bind(Request& request, Worker& worker, std::uint64_t id) {
  if (in_flight(worker) == 0) worker.progressed = now_ - worker.fruitless;
  last_attempt_ = id;
  request.at = worker.session;
  request.worker = worker.said.worker;
  request.attempt = id;
  request.binding = ++last_binding_;
  request.bound = now_;
  request.held.reset();
  if (!request.said.options.session.empty())
    conversations_[request.said.model + '\0' + request.said.options.session] = worker.session;
}

void NaiveController::free(Request& request) {
  Worker* const worker = worker_of(request.at);
  request.at = 0;
  if (worker == nullptr || in_flight(*worker) != 0) return;
  worker->idle_since = now_;
  worker->fruitless = now_ - worker->progressed;
}

// ---- nobody waits in vain ---------------------------------------------------------------------

void NaiveController::check_waiting() {
  for (Request& request : requests_) {
    if (!request.waits() || request.is_late(now_)) continue;
    const std::string who = "request " + request.said.options.request_id;
    if (request.deadline() > now_) {
      for (const auto& [name, worker] : workers_) {
        if (worker.aside) continue;
        expect(!could_be_given(request, worker), who + " waits though " + name + " could take it");
      }
    }
    // Rule 3: what nobody can serve is held for so long from when that came to be.
    if (servable(request)) {
      expect(!request.fresh || request.in_front ||
                 waiting(request.said.model) <= options_.queue_depth_max,
             who + " waits in a queue that was full");
      request.held.reset();
    } else if (!request.held) {
      request.held = hold_until();
      expect(*request.held > now_, who + " waits for a worker that nobody expects");
      expect(!request.fresh || waiting(request.said.model) <= options_.queue_depth_max,
             who + " is held in a queue that was full");
    }
  }
}

}  // namespace muster::test
