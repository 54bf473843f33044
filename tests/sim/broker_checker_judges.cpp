// What the Controller does, judged.

#include <algorithm>
#include <array>
#include <type_traits>
#include <variant>

#include "tests/sim/broker_checker.hpp"
#include "tests/sim/violation.hpp"

namespace muster::sim {

using namespace broker;

namespace {

std::string named(const std::pair<ClientConnection, std::uint64_t>& key) {
  return "request " + std::to_string(key.second) + " of client " + std::to_string(key.first.value);
}

}  // namespace

void BrokerChecker::after(const std::vector<Action>& actions, std::size_t from, Time now) {
  for (std::size_t i = from; i < actions.size(); ++i)
    std::visit([&](const auto& action) { judge(action, now); }, actions[i]);
  judge_step(now);
}

void BrokerChecker::judge(const SendToClient& action, Time now) {
  const auto* error = std::get_if<Error>(&action.message);
  const auto* answer = std::get_if<Answer>(&action.message);
  if (error == nullptr && answer == nullptr) return;
  const Key key{action.to, error != nullptr ? error->id.value : answer->id.value};
  if (error != nullptr && error->meta.duplicate) {
    MUST(duplicate_due_ == key, "an ERROR to " + named(key) + " says duplicate where none was");
    duplicate_due_.reset();
    return;
  }
  const auto owed = owed_.find(key);
  MUST(owed != owed_.end(), "a second answer to " + named(key));
  MUST(error != nullptr || owed->second.query, "an ANSWER to " + named(key));
  if (error != nullptr && !owed->second.query) judge_error(key, *error, now);
  if (cancel_due_ == key) cancel_due_.reset();
  end(key);
}

// Whether what a client is told by the broker itself is so.
void BrokerChecker::judge_error(const Key& key, const Error& error, Time now) {
  const Owed& owed = owed_.at(key);
  const std::string who = named(key) + " is told " + std::string{error_name(error.code)} + ", ";
  switch (error.code) {
    case ErrorCode::worker_timeout:
      MUST(owed.is_late(now), who + "and has time left");
      break;
    case ErrorCode::cancelled:
      MUST(cancel_due_ == key || error.meta.reason == "expired", who + "and nobody wants it");
      break;
    case ErrorCode::shutting_down:
      MUST(stopped_by_ != time_never, who + "and its broker does not stop");
      break;
    case ErrorCode::worker_lost:
      MUST(owed.parts > 0 || !owed.retry || owed.losses > retries_min_ ||
               error.meta.reason == "stream_broken",
           who + "and could be given to another");
      break;
    case ErrorCode::no_worker:
      not_served_.push_back(owed);
      break;
    case ErrorCode::overloaded:
    case ErrorCode::rate_limited:
    case ErrorCode::bad_request:
      MUST(!owed.attempt && owed.losses == 0, who + "and was taken in already");
      break;
    default:
      MUST(false, who + "which no broker says of itself");
  }
}

// The header says what the worker's said, under the client's id.
void BrokerChecker::judge_header(const RelayToClient& action) {
  auto header = reader_.to_client(action.header, action.payload);
  MUST(header, "what is passed on can't be read");
  const auto fits = [&](const auto& message) {
    using Message = std::decay_t<decltype(message)>;
    if constexpr (std::is_same_v<Message, Chunk>) {
      return cause_->kind == Cause::Kind::chunk && message.id.value == action.id.value &&
             message.seq == cause_->seq;
    } else if constexpr (std::is_same_v<Message, Final>) {
      return cause_->kind == Cause::Kind::final && message.id.value == action.id.value &&
             message.seq == cause_->seq;
    } else if constexpr (std::is_same_v<Message, Error>) {
      return cause_->kind == Cause::Kind::error && message.id.value == action.id.value &&
             message.code != ErrorCode::refused && message.code != ErrorCode::server_gone;
    }
    return false;
  };
  MUST(std::visit(fits, header->message), "a header is passed on that is not what was said");
}

void BrokerChecker::judge(const RelayToClient& action, Time now) {
  const Key key{action.to, action.id.value};
  const auto found = owed_.find(key);
  MUST(found != owed_.end(), "something for " + named(key) + " after its end");
  Owed& owed = found->second;
  MUST(cause_, "an answer to " + named(key) + " that no worker has given");
  const Session* const session = session_at(cause_->from);
  MUST(session != nullptr, named(key) + " is answered by who is not registered");
  MUST(cause_->had_it && owed.attempt == cause_->attempt,
       named(key) + " is answered by " + session->name + ", which does not have it");
  judge_header(action);
  const std::string body = action.payload.joined();
  const std::string part = part_of(owed.nonce, owed.parts, session->name);
  const std::string rest = end_of(owed.nonce, owed.parts, session->name);
  switch (cause_->kind) {
    case Cause::Kind::chunk:
      MUST(owed.stream, named(key) + " gets parts that it did not ask for");
      MUST(cause_->seq == owed.parts, named(key) + " gets a part out of its turn");
      MUST(body == part, named(key) + " gets \"" + body + "\" in the place of \"" + part + "\"");
      ++owed.parts;
      if (owed.idle > Duration{}) owed.idle_due = now + owed.idle;
      return;
    case Cause::Kind::final:
      MUST(cause_->seq == owed.parts, named(key) + " ends after another number of parts");
      MUST(body == rest, named(key) + " ends with \"" + body + "\", not with \"" + rest + "\"");
      break;
    case Cause::Kind::error:
      break;
  }
  end(key);
}

void BrokerChecker::judge(const SendToWorker& action, Time now) {
  Session* const session = session_at(action.to);
  if (std::holds_alternative<Registered>(action.message)) return registered(action.to, now);
  if (session == nullptr) return;
  if (const auto* cancel = std::get_if<Cancel>(&action.message)) {
    const BrokerId attempt{cancel->id.value};
    const auto held = session->holds.find(attempt);
    MUST(held != session->holds.end(), "a CANCEL of what " + session->name + " does not have");
    MUST(!held->second.owed, "a CANCEL at " + session->name + " of what its client still wants");
    held->second.cancelled = true;
  } else if (const auto* probe = std::get_if<Probe>(&action.message)) {
    session->probe = {probe->nonce, order_};
  } else if (const auto* beat = std::get_if<BrokerHeartbeat>(&action.message)) {
    MUST(beat->in_flight == session->holds.size(),
         session->name + " is told that it has " + std::to_string(beat->in_flight) +
             " requests, and has " + std::to_string(session->holds.size()));
  }
}

void BrokerChecker::judge(const RelayToWorker& action, Time now) {
  const std::string body = action.payload.joined();
  const auto found =
      std::ranges::find_if(owed_, [&](const auto& entry) { return entry.second.body == body; });
  MUST(found != owed_.end(), "a worker is given a request that has had its end");
  Session* const session = session_at(action.to);
  MUST(session != nullptr, "who is not registered is given " + named(found->first));
  Owed& owed = found->second;
  MUST(action.id.value > last_attempt_, "the ids of attempts do not count up");
  last_attempt_ = action.id.value;
  MUST(!owed.is_late(now), named(found->first) + " is given to a worker when its time is over");
  judge_choice(owed, *session);
  judge_again(owed, *session, now);
  session->holds[action.id] = {.at = action.to, .owed = found->first, .order = ++order_};
  owed.attempt = action.id;
}

// Whether this worker may be given it (section 4).
void BrokerChecker::judge_choice(const Owed& owed, const Session& session) const {
  MUST(!session.broken, session.name + ", whose connection is gone, is given a request");
  MUST(session.said.state == WorkerState::ready,
       session.name + " is given a request, and is " + std::string{state_name(session.said.state)});
  MUST(session.serves(owed.model), session.name + " is given a request for " + owed.model);
  MUST(session.fits(owed.require), session.name + " has not the labels that a request requires");
  MUST(session.holds.size() < session.said.slots, session.name + " is given more than the " +
                                                      std::to_string(session.said.slots) +
                                                      " requests that it granted");
}

// Whether it may be given to a worker again (sections 4, 5 and 7).
void BrokerChecker::judge_again(Owed& owed, const Session& session, Time now) {
  MUST(owed.parts == 0, "a request is given to " + session.name + " after its first part");
  if (owed.attempt) {  // its worker's connection is broken, and it moves
    const Held* const before = held_by(*owed.attempt);
    MUST(before != nullptr, "an attempt is nowhere");
    const Session& former = sessions_.at(before->at);
    MUST(former.broken, "a request is given to " + session.name + " while another has it");
    ++owed.losses;
    sessions_.at(before->at).holds.erase(*owed.attempt);
  }
  const auto refused = owed.avoids.find(session.name);
  MUST(refused == owed.avoids.end() || refused->second <= now,
       session.name + " is given what it refused within an interval");
  MUST(owed.losses == 0 || owed.retry, "a request is given away again against its `retry`");
  MUST(owed.losses <= retries_max_, "a request is given away more often than `retries` allows");
}

void BrokerChecker::judge(const WorkerNote& note, Time now) {
  static constexpr std::array ends{"expired", "deregistered", "dismissed", "replaced"};
  if (std::ranges::find(ends, note.what) == ends.end()) return;
  const auto session = std::ranges::find_if(
      sessions_, [&](const auto& entry) { return entry.second.name == note.worker; });
  if (session == sessions_.end()) return;
  const Duration expiry =
      options_.heartbeat_interval * static_cast<int>(options_.heartbeat_liveness);
  MUST(note.what != "expired" || now - session->second.heard >= expiry,
       session->second.name + " is taken for dead too soon");
  end_session(session);
}

// ---- the whole step ----------------------------------------------------------------------------

void BrokerChecker::judge_step(Time now) {
  MUST(!duplicate_due_, named(*duplicate_due_) + " came twice, and nobody was told");
  MUST(!cancel_due_, named(*cancel_due_) + " is cancelled and goes on");
  for (const BrokerId attempt : cancels_due_) {
    const Held* const held = held_by(attempt);
    MUST(held == nullptr || held->cancelled || sessions_.at(held->at).broken,
         "what ended is not cancelled at " + sessions_.at(held->at).name);
  }
  for (const auto& [key, owed] : owed_) {
    MUST(owed.parts == 0 || owed.attempt, named(key) +
                                              " has begun, its worker is gone, and its "
                                              "client is told nothing");
    if (owed.query) {
      MUST(owed.model == "refresh", named(key) + ", a query, is not answered");
      MUST(!ticked_ || now < owed.due + options_.heartbeat_interval, named(key) + " is overdue");
    } else {
      MUST(!ticked_ || !owed.is_late(now), named(key) + " has no answer, and its time is over");
      MUST(!ticked_ || now < stopped_by_, named(key) + " has no answer, and its broker ends");
      MUST(owed.losses <= retries_max_ && (owed.losses == 0 || owed.retry),
           named(key) + " was lost for good, and its client is told nothing");
    }
  }
  judge_waiting(now);
  judge_depths();
}

// What can be given to somebody does not wait, nor is it told that there is nobody.
void BrokerChecker::judge_waiting(Time now) const {
  const auto can_take = [&](const Session& session, const Owed& owed) {
    // Who was put aside for its failures can't be told from outside.
    const bool aside =
        options_.ejection_failures > 0 && session.failures >= options_.ejection_failures;
    return !session.broken && !aside && session.said.state == WorkerState::ready &&
           session.serves(owed.model) && session.fits(owed.require) &&
           session.holds.size() < session.said.slots;
  };
  for (const auto& [key, owed] : owed_) {
    if (owed.query || owed.attempt || owed.is_late(now)) continue;
    for (const auto& [at, session] : sessions_) {
      const auto refused = owed.avoids.find(session.name);
      const bool avoided = refused != owed.avoids.end() && (now < refused->second || !ticked_);
      MUST(avoided || !can_take(session, owed),
           named(key) + " waits while " + session.name + " has a free slot");
    }
  }
  for (const Owed& owed : not_served_) {
    for (const auto& [at, session] : sessions_) {
      MUST(session.broken || session.said.state != WorkerState::ready ||
               !session.serves(owed.model) || !session.fits(owed.require),
           "NO_WORKER is said of " + owed.model + ", and " + session.name + " serves it");
    }
  }
}

// Queues and clients keep to their bounds, but for what is placed again.
void BrokerChecker::judge_depths() const {
  std::map<std::string, std::uint64_t> depths;
  std::map<ClientConnection, std::uint64_t> outstanding;
  for (const auto& [key, owed] : owed_) {
    if (owed.query) continue;
    ++outstanding[key.first];
    const bool again = owed.losses > 0 || owed.given_back;
    if (!owed.attempt && !again) ++depths[owed.model];
  }
  for (const auto& [model, depth] : depths)
    MUST(depth <= depth_max_, std::to_string(depth) + " requests wait for " + model);
  for (const auto& [client, count] : outstanding)
    MUST(count <= options_.outstanding_per_client_max,
         "client " + std::to_string(client.value) + " has more outstanding than it may");
}

void BrokerChecker::compare(const Value& stats) const {
  const auto told = [&](const char* key) {
    const Value* value = stats.find(key);
    MUST(value != nullptr, std::string{"stats does not tell "} + key);
    return value->uint_or(~std::uint64_t{0});
  };
  std::size_t held = 0;
  for (const auto& [at, session] : sessions_)
    held += session.holds.size();
  const auto waiting = static_cast<std::size_t>(std::ranges::count_if(
      owed_, [](const auto& entry) { return !entry.second.query && !entry.second.attempt; }));
  MUST(told("in_flight") == held, "stats tells of " + std::to_string(told("in_flight")) +
                                      " requests at workers; there are " + std::to_string(held));
  MUST(told("queued") == waiting, "stats tells of " + std::to_string(told("queued")) +
                                      " that wait; there are " + std::to_string(waiting));
  MUST(told("held_bytes") <= options_.held_bytes_max,
       "more is held than limits.held_bytes_max allows");
}

void BrokerChecker::compare_workers(const Value& workers) const {
  std::size_t live = 0;
  for (const Value& row : *workers.find("workers")->array()) {
    if (row.find("gone") != nullptr) continue;
    ++live;
    const std::string name{row.find("worker")->string_or("")};
    const auto session = std::ranges::find_if(
        sessions_, [&](const auto& entry) { return entry.second.name == name; });
    MUST(session != sessions_.end(), "workers tells of " + name + ", which is not registered");
    const Session& known = session->second;
    MUST(row.find("in_flight")->uint_or(~0ull) == known.holds.size() &&
             row.find("slots")->uint_or(~0ull) == known.said.slots &&
             row.find("state")->string_or("") == state_name(known.said.state) &&
             row.find("broken")->bool_or(!known.broken) == known.broken,
         "workers tells of " + name + " what is not so");
  }
  MUST(live == sessions_.size(), "workers leaves somebody out");
}

}  // namespace muster::sim
