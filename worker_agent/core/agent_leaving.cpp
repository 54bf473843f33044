// The Agent drained, and its way out.

#include <algorithm>
#include <utility>

#include "worker_agent/core/agent.hpp"
#include "worker_agent/core/note_text.hpp"

namespace muster::agent {
namespace {

using State = BrokerSession::State;

}  // namespace

// The worker's own state, which all of its brokers are told (section 6). A worker that stops drains
// already, and for good.
void Agent::on_drain(const Peer& peer, bool on, Time now, std::vector<Action>& out) {
  const bool bound = peer.session.state() != State::dismissed;
  if (phase_ != Phase::working || !bound || !profile_.set_drained(on)) return;
  tell_all(now);
  const std::string in_hand = requests_text(requests_.count()) + " in hand";
  out.push_back(SessionNote{
      on ? "drained" : "undrained", peer.id,
      on ? "drained by an operator: no new requests until that is taken back; " + in_hand
         : "an operator has taken back the drain: " + std::string{state_name(profile_.state())},
      false});
}

void Agent::on(const StopAsked&, Time now, std::vector<Action>& out) {
  switch (phase_) {
    case Phase::working:
      phase_ = Phase::draining;
      drain_until_ = now + drain_timeout_;
      profile_.stop();
      tell_all(now);
      for (Peer& peer : peers_)
        await_awareness(peer, now);
      out.push_back(AgentNote{
          "draining",
          requests_.count() == 0
              ? "stopping: no requests are in hand"
              : "stopping: no new requests, and up to " + seconds(drain_timeout_) + " for the " +
                    requests_text(requests_.count()) + " in hand; a second signal stops at once",
          false});
      return;
    case Phase::draining:
      stop_at_once("a second signal has come", now, out);
      return;
    case Phase::leaving:
      leave_until_ = now;
      return;
    case Phase::gone:
      return;
  }
}

// The jobs end without a word: DEREGISTER tells the broker that what the worker still held is lost
// with it (section 6), and the broker may then give it to another worker.
void Agent::stop_at_once(std::string_view why, Time now, std::vector<Action>& out) {
  const std::size_t left = requests_.count();
  stop_jobs(requests_.jobs(), out);
  out.push_back(
      AgentNote{"stopping", std::string{why} + ": " + requests_text(left) + " cut off", left > 0});
  leave(left > 0 ? ExitCode::cut : ExitCode::drained, now + goodbye_wait);
}

void Agent::leave(ExitCode code, Time until) {
  phase_ = Phase::leaving;
  exit_code_ = code;
  drain_until_ = time_never;
  leave_until_ = until;
  for (Peer& peer : peers_) {
    if (peer.session.state() == State::dismissed) {
      peer.session.leave();
      continue;
    }
    // An outbox past its end has a broker that reads nothing, and so not this either.
    static_cast<void>(
        peer.outbox.push({Deregister{code == ExitCode::cut ? "stopped" : "drained"}, Payload{}}));
  }
}

// A REQUEST may be on its way from a broker that does not know yet that the worker drains; it is to
// be answered REFUSED, because what a DEREGISTER overtakes is lost (section 6). Messages keep their
// order: once the broker echoes the `grant` that was told with the drain, all has come that it sent
// before it knew. One that does not echo is waited for no longer than it has to heartbeat. A broker
// without a session hears of the drain with the next REGISTER.
void Agent::await_awareness(Peer& peer, Time now) const {
  if (peer.session.state() != State::registered) return;
  peer.stop_grant = profile_.grants().number(peer.id.value);
  peer.unaware_until = std::min(now + peer.session.terms().interval, drain_until_);
}

Time Agent::unaware_until() const {
  Time last{};
  for (const Peer& peer : peers_)
    if (peer.session.state() == State::registered) last = std::max(last, peer.unaware_until);
  return last;
}

// Takes each phase to the next as soon as it has nothing left to do.
void Agent::settle(Time now, std::vector<Action>& out) {
  foreign_.own(requests_.count(), now);
  if (phase_ == Phase::working && all_replaced()) {
    exit_code_ = ExitCode::replaced;
    phase_ = Phase::gone;
  }
  if (phase_ == Phase::draining && requests_.count() == 0 && now >= unaware_until())
    leave(ExitCode::drained, std::max(drain_until_, now + goodbye_wait));
  if (phase_ == Phase::leaving && (all_said() || now >= leave_until_)) {
    phase_ = Phase::gone;
    note_unsaid(out);
  }
  if (phase_ == Phase::gone) out.emplace_back(Exit{exit_code_});
}

void Agent::note_unsaid(std::vector<Action>& out) {
  std::size_t unsaid = 0;
  for (const Peer& peer : peers_)
    unsaid += peer.outbox.unanswered().size();
  if (unsaid == 0) return;
  exit_code_ = ExitCode::cut;
  out.push_back(AgentNote{
      "unsaid", "the answers to " + requests_text(unsaid) + " could not be given to the broker",
      true});
}

// Nobody waits for a broker that is not there: it gets nothing in time any more. One whose
// connection broke just now may be back in a moment.
bool Agent::all_said() const {
  return std::all_of(peers_.begin(), peers_.end(), [](const Peer& peer) {
    const State state = peer.session.state();
    const bool there = state == State::registering || state == State::registered;
    return (!there && !peer.session.coming_back()) || peer.outbox.empty();
  });
}

bool Agent::all_replaced() const {
  return std::all_of(peers_.begin(), peers_.end(),
                     [](const Peer& peer) { return peer.session.replaced(); });
}

}  // namespace muster::agent
