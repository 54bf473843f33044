#include "tests/sim/broker_checker.hpp"

#include <algorithm>
#include <variant>

#include "tests/sim/trace.hpp"
#include "tests/sim/violation.hpp"

namespace muster::sim {

using namespace broker;

namespace {

// docs/protocol.md, section 3.
constexpr std::uint64_t final_type = 0x12;
constexpr std::uint64_t error_type = 0x13;

}  // namespace

// ---- what the Controller hears -----------------------------------------------------------------

void BrokerChecker::before(const Event& event, Time now) {
  cause_.reset();
  duplicate_due_.reset();
  cancel_due_.reset();
  cancels_due_.clear();
  not_served_.clear();
  ticked_ = false;
  std::visit([&](const auto& e) { heard(e, now); }, event);
}

void BrokerChecker::ask(Key key, Owed&& owed) {
  if (!owed_.emplace(key, std::move(owed)).second) duplicate_due_ = key;
}

void BrokerChecker::heard(const ClientSaid& event, Time now) {
  if (const auto* request = std::get_if<Request>(&event.message)) {
    const RequestOptions& asked = request->options;
    const std::string body = event.payload.joined();
    Owed owed{.nonce = nonce_of(body), .body = body, .model = request->model};
    owed.require = asked.require;
    owed.stream = asked.stream;
    owed.retry = asked.retry;
    owed.due = now + std::min(asked.timeout.value_or(options_.request_timeout),
                              options_.request_timeout_max);
    const Duration first = asked.first_timeout.value_or(options_.first_timeout);
    if (first > Duration{}) owed.first_due = now + first;
    owed.idle = asked.idle_timeout.value_or(options_.idle_timeout);
    ask({event.from, request->id.value}, std::move(owed));
  } else if (const auto* query = std::get_if<Query>(&event.message)) {
    Owed owed{.query = true, .model = query->name};
    owed.due = now + options_.heartbeat_interval;  // of `refresh`; all others at once
    ask({event.from, query->id.value}, std::move(owed));
  } else if (const auto* cancel = std::get_if<Cancel>(&event.message)) {
    const Key key{event.from, cancel->id.value};
    const auto owed = owed_.find(key);
    if (owed != owed_.end() && !owed->second.query) cancel_due_ = key;
  }
}

// Where an id can be read it is answered, whatever is wrong with the rest.
void BrokerChecker::heard(const ClientFault& event, Time now) {
  if (!event.fault.id || event.fault.reason == FaultReason::unknown_type) return;
  ask({event.from, event.fault.id->value}, {.query = true, .model = "a fault", .due = now});
}

void BrokerChecker::heard(const ClientUnreachable& event, Time) {
  for (auto next = owed_.lower_bound({event.client, 0});
       next != owed_.end() && next->first.first == event.client;) {
    const Key key = (next++)->first;
    end(key);
  }
}

void BrokerChecker::heard(const WorkerSaid& event, Time now) {
  if (Session* const session = session_at(event.from)) session->heard = now;
  word_of(event.from, event.message, now);
}

void BrokerChecker::word_of(WorkerConnection from, const FromWorker& message, Time now) {
  if (const auto* registration = std::get_if<Register>(&message)) {
    asked_[from] = registration->info;
    return;
  }
  Session* const session = session_at(from);
  if (session == nullptr) return;
  const auto attempt = [&](WireId id, Cause::Kind kind, std::uint64_t seq) {
    const BrokerId had{id.value};
    cause_ = Cause{from, had, kind, seq, session->holds.contains(had)};
  };
  if (const auto* beat = std::get_if<WorkerHeartbeat>(&message)) {
    session->said.slots = beat->slots;
    session->said.state = beat->state;
    if (beat->models) session->said.models = *beat->models;
  } else if (const auto* said = std::get_if<Status>(&message)) {
    status(*session, *said);
  } else if (const auto* chunk = std::get_if<Chunk>(&message)) {
    attempt(chunk->id, Cause::Kind::chunk, chunk->seq);
  } else if (const auto* final = std::get_if<Final>(&message)) {
    attempt(final->id, Cause::Kind::final, final->seq);
    if (cause_->had_it) session->failures = 0;
    session->holds.erase(cause_->attempt);
  } else if (const auto* error = std::get_if<Error>(&message)) {
    attempt(error->id, Cause::Kind::error, 0);
    if (cause_->had_it && !error->meta.duplicate) error_of(*session, *error, now);
  }
}

// An ERROR that ends an attempt, and frees its slot.
void BrokerChecker::error_of(Session& session, const Error& error, Time now) {
  const Held held = session.holds.at(cause_->attempt);
  const bool refused = error.code == ErrorCode::refused;
  const bool gone = error.code == ErrorCode::server_gone;
  if (error.code == ErrorCode::worker_failed && error.meta.status.value_or(0) >= 500)
    ++session.failures;
  if (gone && session.said.state == WorkerState::ready) session.said.state = WorkerState::unhealthy;
  session.holds.erase(cause_->attempt);
  if (!held.owed) return;
  Owed& owed = owed_.at(*held.owed);
  if (gone) {
    lose(held);
  } else if (refused && owed.parts == 0) {
    owed.attempt.reset();
    owed.avoids[session.name] = now + options_.heartbeat_interval;
    owed.given_back = true;
  }
}

void BrokerChecker::status(Session& session, const Status& message) {
  if (!session.probe || session.probe->first != message.nonce) return;
  if (message.info.worker != session.name || message.info.instance != session.said.instance) return;
  const std::uint64_t sent_before = session.probe->second;
  session.probe.reset();
  session.said = message.info;
  for (auto& [at, known] : sessions_)
    if (&known == &session) reconcile(session, at, message.info.active, sent_before);
}

void BrokerChecker::heard(const WorkerFault& event, Time now) {
  Session* const session = session_at(event.from);
  if (session != nullptr) session->heard = now;
  const Fault& fault = event.fault;
  if (session == nullptr || !fault.id) return;
  const BrokerId attempt{fault.id->value};
  cause_ = Cause{event.from, attempt, Cause::Kind::error, 0, session->holds.contains(attempt)};
  if (fault.type == final_type || fault.type == error_type) session->holds.erase(attempt);
}

void BrokerChecker::heard(const WorkerUnreachable& event, Time now) {
  if (Session* const session = session_at(event.worker)) session->broken = true;
  if (!event.undelivered) return;
  Held* const held = held_by(*event.undelivered);
  if (held == nullptr) return;
  Session& session = sessions_.at(held->at);
  if (held->owed) {
    Owed& owed = owed_.at(*held->owed);
    owed.attempt.reset();
    owed.avoids[session.name] = now + options_.heartbeat_interval;
    owed.given_back = true;
  }
  session.holds.erase(*event.undelivered);
}

void BrokerChecker::heard(const Tick&, Time) {
  ticked_ = true;
}

void BrokerChecker::heard(const Reconfigured& event, Time) {
  options_ = event.options;
  retries_max_ = std::max(retries_max_, options_.retries);
  retries_min_ = std::min(retries_min_, options_.retries);
  depth_max_ = std::max(depth_max_, options_.queue_depth_max);
}

void BrokerChecker::heard(const Stop& event, Time now) {
  stopped_by_ = std::min(stopped_by_, now + event.within + options_.heartbeat_interval);
}

// ---- its own tables ----------------------------------------------------------------------------

bool BrokerChecker::Session::serves(const std::string& model) const {
  return std::ranges::any_of(said.models, [&](const ModelDescription& served) {
    return served.name == model || std::ranges::find(served.aliases, model) != served.aliases.end();
  });
}

bool BrokerChecker::Session::fits(const StringMap& require) const {
  return std::ranges::all_of(require, [&](const auto& wanted) {
    const auto label = said.labels.find(wanted.first);
    return label != said.labels.end() && label->second == wanted.second;
  });
}

BrokerChecker::Session* BrokerChecker::session_at(WorkerConnection connection) {
  const auto found = sessions_.find(connection);
  return found == sessions_.end() ? nullptr : &found->second;
}

BrokerChecker::Held* BrokerChecker::held_by(BrokerId attempt) {
  for (auto& [at, session] : sessions_) {
    const auto held = session.holds.find(attempt);
    if (held != session.holds.end()) return &held->second;
  }
  return nullptr;
}

// The connection has a session now: a new one, or one that goes on (section 6).
void BrokerChecker::registered(WorkerConnection connection, Time now) {
  const auto asked = asked_.find(connection);
  MUST(asked != asked_.end(), "REGISTERED without a REGISTER");
  const WorkerDescription& info = asked->second;
  const auto former = std::ranges::find_if(
      sessions_, [&](const auto& entry) { return entry.second.name == info.worker; });
  if (former == sessions_.end()) {
    Session& fresh = sessions_[connection];
    fresh.name = info.worker;
    fresh.said = info;
    fresh.heard = now;
    reconcile(fresh, connection, info.active, order_);
    return;
  }
  MUST(former->second.said.instance == info.instance,
       "a name is given to another instance while its holder's session lives");
  const bool goes_on = former->first != connection || former->second.broken;
  if (former->first != connection) {
    Session moved = std::move(former->second);
    sessions_.erase(former);
    sessions_[connection] = std::move(moved);
  }
  Session& session = sessions_.at(connection);
  session.said = info;
  session.heard = now;
  session.broken = false;
  if (!goes_on) return;  // it only updates
  session.probe.reset();
  reconcile(session, connection, info.active, order_);
}

// Of what was sent up to then, the worker has what it names; what it names besides is an orphan.
void BrokerChecker::reconcile(Session& session, WorkerConnection at,
                              const std::vector<BrokerId>& active, std::uint64_t sent_before) {
  const std::set<BrokerId> named{active.begin(), active.end()};
  for (auto next = session.holds.begin(); next != session.holds.end();) {
    const auto entry = next++;
    entry->second.at = at;
    if (entry->second.order > sent_before || named.contains(entry->first)) continue;
    const Held held = entry->second;
    session.holds.erase(entry);
    lose(held);
  }
  for (const BrokerId id : named)
    if (held_by(id) == nullptr) session.holds[id] = {.at = at};
}

void BrokerChecker::end_session(Sessions::iterator session) {
  const Session ended = std::move(session->second);
  sessions_.erase(session);
  for (const auto& [attempt, held] : ended.holds)
    lose(held);
  // Another that comes under this name is another worker.
  for (auto& [key, owed] : owed_)
    owed.avoids.erase(ended.name);
}

// Its worker does not have it any more, and has not answered.
void BrokerChecker::lose(const Held& held) {
  if (!held.owed) return;
  Owed& owed = owed_.at(*held.owed);
  owed.attempt.reset();
  ++owed.losses;
}

// The client has had its end, or is gone.
void BrokerChecker::end(const Key& key) {
  const auto owed = owed_.find(key);
  if (const auto attempt = owed->second.attempt) {
    if (Held* const held = held_by(*attempt)) {
      held->owed.reset();
      if (!held->cancelled) cancels_due_.push_back(*attempt);
    }
  }
  owed_.erase(owed);
}

std::string BrokerChecker::story() const {
  std::string text;
  for (const auto& [key, owed] : owed_) {
    text += "  client " + std::to_string(key.first.value) + " is owed an answer to " +
            std::to_string(key.second) + " (" + owed.model + ", due at " + seconds(owed.due) + ")";
    text += owed.attempt ? ", which is at a worker as " + std::to_string(owed.attempt->value)
                         : std::string{", which waits"};
    text += "\n";
  }
  for (const auto& [at, session] : sessions_) {
    text += "  worker " + session.name + ": " + std::string{state_name(session.said.state)} + ", " +
            std::to_string(session.holds.size()) + " of " + std::to_string(session.said.slots) +
            " slots" + (session.broken ? ", broken" : "") + "\n";
  }
  return text;
}

}  // namespace muster::sim
