// What the Controller does, judged.

#include <algorithm>
#include <array>
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

void BrokerChecker::judge(const SendToClient& action, Time) {
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
  if (cancel_due_ == key) cancel_due_.reset();
  end(key);
}

void BrokerChecker::judge(const RelayToClient& action, Time) {
  const Key key{action.to, action.id.value};
  const auto found = owed_.find(key);
  MUST(found != owed_.end(), "something for " + named(key) + " after its end");
  Owed& owed = found->second;
  MUST(cause_, "an answer to " + named(key) + " that no worker has given");
  const Session* const session = session_at(cause_->from);
  MUST(session != nullptr, named(key) + " is answered by who is not registered");
  MUST(cause_->had_it && owed.attempt == cause_->attempt,
       named(key) + " is answered by " + session->name + ", which does not have it");
  const std::string body = action.payload.joined();
  const std::string part = part_of(owed.nonce, owed.parts, session->name);
  const std::string rest = end_of(owed.nonce, owed.parts, session->name);
  switch (cause_->kind) {
    case Cause::Kind::chunk:
      MUST(owed.stream, named(key) + " gets parts that it did not ask for");
      MUST(cause_->seq == owed.parts, named(key) + " gets a part out of its turn");
      MUST(body == part, named(key) + " gets \"" + body + "\" in the place of \"" + part + "\"");
      ++owed.parts;
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

void BrokerChecker::judge(const SendToWorker& action, Time) {
  Session* const session = session_at(action.to);
  if (std::holds_alternative<Registered>(action.message)) return registered(action.to);
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
  judge_again(owed, *session);
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
void BrokerChecker::judge_again(Owed& owed, const Session& session) {
  MUST(owed.parts == 0, "a request is given to " + session.name + " after its first part");
  if (owed.attempt) {  // its worker's connection is broken, and it moves
    const Held* const before = held_by(*owed.attempt);
    MUST(before != nullptr, "an attempt is nowhere");
    const Session& former = sessions_.at(before->at);
    MUST(former.broken, "a request is given to " + session.name + " while another has it");
    ++owed.losses;
    sessions_.at(before->at).holds.erase(*owed.attempt);
  }
  MUST(owed.losses == 0 || owed.retry, "a request is given away again against its `retry`");
  MUST(owed.losses <= retries_max_, "a request is given away more often than `retries` allows");
}

void BrokerChecker::judge(const WorkerNote& note, Time) {
  static constexpr std::array ends{"expired", "deregistered", "dismissed", "replaced"};
  if (std::ranges::find(ends, note.what) == ends.end()) return;
  const auto session = std::ranges::find_if(
      sessions_, [&](const auto& entry) { return entry.second.name == note.worker; });
  if (session != sessions_.end()) end_session(session);
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
}

void BrokerChecker::judge_waiting(Time now) const {
  if (options_.ejection_failures > 0) return;  // who is put aside can't be told from outside
  for (const auto& [key, owed] : owed_) {
    if (owed.query || owed.attempt || owed.is_late(now)) continue;
    for (const auto& [at, session] : sessions_) {
      const bool fits = !session.broken && session.said.state == WorkerState::ready &&
                        session.serves(owed.model) && session.fits(owed.require) &&
                        session.holds.size() < session.said.slots &&
                        !owed.avoided.contains(session.name);
      MUST(!fits, named(key) + " waits while " + session.name + " has a free slot");
    }
  }
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

}  // namespace muster::sim
