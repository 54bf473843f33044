#include "worker_agent/core/agent.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "protocol/check.hpp"
#include "worker_agent/core/header_fit.hpp"
#include "worker_agent/core/note_text.hpp"

namespace muster::agent {
namespace {

using State = BrokerSession::State;

constexpr std::uint64_t request_type = 0x01;  // docs/protocol.md, section 3

}  // namespace

Agent::Agent(const AgentOptions& options, const Birth& birth, Time now)
    : drain_timeout_(options.drain_timeout), profile_(options, birth.instance), last_step_(now) {
  CHECK(!options.name.empty(), "an agent without a name");
  CHECK(!options.brokers.empty(), "an agent without a broker");
  Prng seeds{birth.seed};
  for (const auto& endpoint : options.brokers) {
    const SessionId id{static_cast<std::uint32_t>(peers_.size())};
    peers_.push_back({.id = id, .session = BrokerSession{endpoint, seeds.next(), now}});
  }
}

void Agent::step(Event event, Time now, std::vector<Action>& out) {
  if (phase_ == Phase::gone) return;
  last_step_ = now;
  std::visit([&]<class E>(E&& e) { on(std::forward<E>(e), now, out); }, std::move(event));
  settle(now, out);
}

// ---- the sessions ------------------------------------------------------------------------------

void Agent::on(const Connected& event, Time now, std::vector<Action>& out) {
  Peer& peer = peer_of(event.session);
  const bool again = peer.session.state() == State::registered;
  peer.session.connected(now);
  peer.probed.reset();  // by a session that was bound to the former connection
  if (again)
    out.push_back(SessionNote{"new_connection", peer.id,
                              "the connection broke and was made anew; registering again", false});
}

void Agent::on(const Disconnected& event, Time now, std::vector<Action>& out) {
  Peer& peer = peer_of(event.session);
  if (!peer.session.disconnected(now)) return;
  peer.probed.reset();
  out.push_back(SessionNote{"connection_lost", peer.id,
                            "the connection broke and is being made anew; what is to be said waits",
                            false});
}

void Agent::on(BrokerSaid&& event, Time now, std::vector<Action>& out) {
  Peer& peer = peer_of(event.session);
  if (peer.session.state() == State::left || peer.session.replaced()) return;
  if (peer.session.state() == State::connecting) {
    if (peer.session.coming_back()) return;  // on the connection that is lost
    note_fault(peer,
               {.reason = FaultReason::malformed,
                .what = "a message came before the empty first frame that begins a connection",
                .id = {},
                .type = {}},
               now, out);
    return;
  }
  peer.session.heard(now);
  std::visit(
      [&]<class M>(M&& message) {
        using Said = std::remove_cvref_t<M>;
        if constexpr (std::is_same_v<Said, Request>) {
          on_request(peer, std::forward<M>(message), std::move(event.payload), now, out);
        } else if constexpr (std::is_same_v<Said, Cancel>) {
          on_cancel(peer, BrokerId{message.id.value}, now, out);
        } else if constexpr (std::is_same_v<Said, Registered>) {
          on_registered(peer, message.terms, now, out);
        } else if constexpr (std::is_same_v<Said, Reregister>) {
          if (phase_ != Phase::leaving && peer.session.reregister(now))
            out.push_back(SessionNote{"asked_again", peer.id,
                                      "the broker does not know this worker; registering again",
                                      false});
        } else if constexpr (std::is_same_v<Said, Dismiss>) {
          on_dismiss(peer, message, now, out);
        } else if constexpr (std::is_same_v<Said, Probe>) {
          if (peer.session.state() != State::dismissed) peer.probed = message.nonce;
        } else if constexpr (std::is_same_v<Said, Drain>) {
          on_drain(peer, message.on, now, out);
        } else {
          static_assert(std::is_same_v<Said, BrokerHeartbeat>);
          on_heartbeat(peer, message, now);
        }
      },
      std::move(event.message));
}

void Agent::on_registered(Peer& peer, const BrokerTerms& terms, Time now,
                          std::vector<Action>& out) {
  const Instance before = peer.session.terms().instance;
  if (!peer.session.registered(terms, now)) return;
  const bool restarted = before != Instance{} && before != terms.instance;
  peer.dismissal_told.reset();
  out.push_back(
      SessionNote{"registered", peer.id,
                  "registered as \"" + profile_.name() + "\" with broker \"" + terms.broker +
                      "\", " + std::to_string(profile_.grants().granted(peer.id.value)) +
                      " slots, " + std::string{state_name(profile_.state())} +
                      (restarted ? "; the broker has been restarted since the last time" : ""),
                  false});
  note_models_left_out(peer, out);
}

// What the broker asked for before it is lost for it with the session, so nobody waits for it.
void Agent::on_dismiss(Peer& peer, const Dismiss& dismiss, Time now, std::vector<Action>& out) {
  stop_jobs(requests_.jobs(peer.id), out);
  peer.outbox.clear();
  peer.probed.reset();
  peer.session.dismissed(dismiss.code, now);
  // It must not register again only to say goodbye.
  if (phase_ == Phase::leaving) peer.session.leave();
  if (peer.dismissal_told == dismiss.code) return;
  peer.dismissal_told = dismiss.code;
  const bool replaced = dismiss.code == ErrorCode::replaced;
  const std::string name = "\"" + profile_.name() + "\"";
  std::string why = "the broker has dismissed this worker; trying again until it is taken";
  if (replaced)
    why = "dismissed for good; this instance of " + name + " does not register there again";
  if (dismiss.code == ErrorCode::name_taken)
    why = "another live worker has the name " + name +
          "; trying again until it is free; of two that are to live side by side, give one another "
          "name with --name";
  out.push_back(SessionNote{replaced ? "replaced" : "dismissed", peer.id,
                            why + " (" + error_name(dismiss.code) + ": " + dismiss.reason + ")",
                            true});
}

void Agent::on(const BrokerFault& event, Time now, std::vector<Action>& out) {
  Peer& peer = peer_of(event.session);
  const State state = peer.session.state();
  note_fault(peer, event.fault, now, out);
  if (state == State::connecting || state == State::left || peer.session.replaced()) return;
  peer.session.heard(now);
  // The broker counts a slot for it until it is told.
  const bool is_request = event.fault.type == request_type && event.fault.id.has_value();
  if (!is_request || state == State::dismissed || phase_ == Phase::leaving) return;
  say_malformed(peer, BrokerId{event.fault.id->value}, event.fault.what);
}

void Agent::note_fault(Peer& peer, Fault fault, Time now, std::vector<Action>& out) {
  if (now < peer.fault_note_at) {
    ++peer.faults_unsaid;
    return;
  }
  out.push_back(FaultNote{peer.id, std::move(fault), std::exchange(peer.faults_unsaid, 0)});
  peer.fault_note_at = now + fault_note_interval;
}

void Agent::tick_session(Peer& peer, bool may_expire, Time now, std::vector<Action>& out) {
  std::string_view what;
  std::string sentence;
  const bool unanswered = peer.session.state() == State::registering;
  const Duration patience = peer.session.patience();
  switch (peer.session.tick(now, may_expire)) {
    case BrokerSession::Verdict::fine:
      return;
    case BrokerSession::Verdict::silent:
      what = "silent";
      sentence = "nothing heard from the broker for " + seconds(patience) +
                 ": taken for dead; dialling it again until it answers";
      if (unanswered)
        sentence = "a connection stands, but REGISTER had no answer within " + seconds(patience) +
                   "; is this the broker's backend (port 5556 by default), and not its frontend? "
                   "Dialling again until it answers";
      break;
    case BrokerSession::Verdict::renew:
      what = "unreachable";
      sentence = "the broker can't be reached; dialling it again until it answers";
      break;
  }
  out.push_back(ReopenSocket{peer.id});
  peer.probed.reset();
  if (peer.session.outage_told()) return;
  peer.session.tell_outage();
  out.push_back(SessionNote{what, peer.id, std::move(sentence), true});
}

// ---- the model server --------------------------------------------------------------------------

void Agent::on(const ServerChanged& event, Time now, std::vector<Action>& out) {
  const WorkerState before = profile_.state();
  const WorkerState server_before = profile_.server_state();
  note_standings();
  const WorkerProfile::Change change = profile_.server_changed(event);
  if (change.any()) tell_all(now);
  if (change.state) {
    out.push_back(AgentNote{"state",
                            std::string{state_name(before)} + " -> " +
                                std::string{state_name(profile_.state())} + ": " + event.why,
                            profile_.state() == WorkerState::unhealthy});
  } else if (event.why != server_why_) {
    note_why(event, server_before, out);
  }
  server_why_ = event.why;
  note_no_models(out);
  if (change.models)
    for (Peer& peer : peers_)
      if (peer.session.state() == State::registered) note_models_left_out(peer, out);
  const bool too_few = profile_.slots() < peers_.size();
  if (change.slots || (change.state && profile_.state() == WorkerState::ready && too_few))
    note_slots(out);
}

void Agent::on(const EngineTold& event, Time now, std::vector<Action>&) {
  profile_.engine_told(event);
  foreign_.engine_told(event.requests, now);
}

// Of a server whose state is what it was, or means nothing any more because the worker drains.
void Agent::note_why(const ServerChanged& event, WorkerState before,
                     std::vector<Action>& out) const {
  if (event.state == WorkerState::ready) {
    const bool trouble = !event.trouble.empty();
    out.push_back(AgentNote{"server", trouble ? event.trouble : event.why, trouble});
    return;
  }
  const std::string still = event.state == before ? "still " : "";
  out.push_back(
      AgentNote{"waiting", still + std::string{state_name(event.state)} + ": " + event.why, true});
}

void Agent::note_no_models(std::vector<Action>& out) {
  const bool none = profile_.state() == WorkerState::ready && profile_.models().empty();
  if (none && !no_models_told_)
    out.push_back(AgentNote{"no_models",
                            "ready, but nothing is served: " + profile_.why() +
                                "; mend it there, or name the models with --model",
                            true});
  no_models_told_ = none;
}

// Told of one broker as often as their number changes.
void Agent::note_models_left_out(Peer& peer, std::vector<Action>& out) {
  const WireLimits& limits = peer.session.terms().limits;
  FromWorker heartbeat = profile_.heartbeat(peer.id, 0, 0);
  fit_header(heartbeat, 0, limits);
  const std::size_t all = profile_.models().size();
  const std::size_t left_out = all - std::get<WorkerHeartbeat>(heartbeat).models->size();
  if (std::exchange(peer.models_left_out, left_out) == left_out || left_out == 0) return;
  out.push_back(SessionNote{
      "models_left_out", peer.id,
      std::to_string(left_out) + " of the " + std::to_string(all) +
          " models are not told to the broker, and it sends no requests for them: it takes " +
          std::to_string(models_told_max) + " models with " + std::to_string(aliases_told_max) +
          " aliases of one worker, and " + std::to_string(limits.header_bytes) + " bytes of header",
      true});
}

void Agent::note_slots(std::vector<Action>& out) const {
  const bool too_few = profile_.slots() < peers_.size();
  std::string sentence = std::to_string(profile_.slots()) + " slots";
  if (peers_.size() > 1) sentence += " for " + std::to_string(peers_.size()) + " brokers";
  if (too_few) sentence += ": not all have one at once, those where requests wait come first";
  out.push_back(AgentNote{"slots", std::move(sentence), too_few});
}

// Its echo, and the moves of grants between brokers (section 8). A worker that stops moves none.
void Agent::on_heartbeat(Peer& peer, const BrokerHeartbeat& heartbeat, Time now) {
  if (heartbeat.grant >= peer.stop_grant) peer.unaware_until = Time{};
  if (phase_ != Phase::working || peer.session.state() != State::registered) return;
  note_standings();
  profile_.grants().heard(peer.id.value, heartbeat);
  for (Peer& other : peers_)
    if (other.grant_told != profile_.grants().number(other.id.value)) other.session.hurry(now);
}

// Who may use its grant. While a REGISTER is unanswered the broker may have it already.
void Agent::note_standings() {
  for (const Peer& peer : peers_) {
    const State state = peer.session.state();
    auto standing = SlotGrants::Standing::expected;
    if (state == State::registering || state == State::registered)
      standing = SlotGrants::Standing::registered;
    else if (state != State::connecting || peer.session.outage_told())
      standing = SlotGrants::Standing::gone;
    profile_.grants().stands(peer.id.value, standing, requests_.count(peer.id));
  }
}

// A heartbeat at once to everybody: what has changed must not wait for the next one.
void Agent::tell_all(Time now) {
  for (Peer& peer : peers_)
    peer.session.hurry(now);
}

// ---- time --------------------------------------------------------------------------------------

void Agent::on(const Tick& event, Time now, std::vector<Action>& out) {
  for (Peer& peer : peers_) {
    tick_session(peer, event.sockets_empty, now, out);
    if (peer.session.state() != State::registered) give_up_late(peer, now, out);
  }
  if (phase_ == Phase::draining && requests_.count() > 0 && now >= drain_until_)
    stop_at_once("drain_timeout has passed", now, out);
}

Time Agent::next_deadline() const {
  switch (phase_) {
    case Phase::gone:
      return time_never;
    case Phase::leaving:
      if (all_said()) return last_step_;
      break;
    case Phase::working:
    case Phase::draining:
      break;
  }
  Time first = std::min(drain_until_, leave_until_);
  if (phase_ == Phase::draining && requests_.count() == 0)
    first = std::min(first, std::max(unaware_until(), last_step_));
  for (const Peer& peer : peers_) {
    first = std::min(first, peer.session.next_deadline());
    if (peer.session.state() != State::registered)
      first = std::min(first, requests_.earliest_give_up(peer.id));
  }
  return first;
}

void Agent::on(const Reconfigured& event, Time now, std::vector<Action>& out) {
  drain_timeout_ = event.options.drain_timeout;  // of a drain that has begun, the time stands
  note_standings();
  if (!profile_.reconfigured(event.options)) return;
  tell_all(now);
  note_slots(out);
}

}  // namespace muster::agent
