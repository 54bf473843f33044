// What the Agent tells brokers of its own accord: REGISTER, HEARTBEAT, STATUS; and what waits.

#include <algorithm>
#include <variant>

#include "worker_agent/core/agent.hpp"
#include "worker_agent/core/header_fit.hpp"

namespace muster::agent {
namespace {

using State = BrokerSession::State;

// A broker may have been restarted with other limits than it told: what is said before it tells
// them anew keeps to the default ones as well.
WireLimits limits_before_registered(const BrokerSession& session) {
  WireLimits limits = session.terms().limits;
  limits.header_bytes = std::min(limits.header_bytes, WireLimits{}.header_bytes);
  limits.message_bytes = std::min(limits.message_bytes, WireLimits{}.message_bytes);
  return limits;
}

}  // namespace

std::uint64_t Agent::queue_length(SessionId session) const {
  return requests_.count() - requests_.count(session) + foreign_.requests();
}

const Outgoing* Agent::next_message(SessionId session) {
  Peer& peer = peer_of(session);
  if (phase_ == Phase::gone) return nullptr;
  if (peer.session.register_due()) {
    peer.urgent = Outgoing{
        Register{profile_.describe(session, queue_length(session), active(peer))}, Payload{}};
    fit_header(peer.urgent->message, 0, limits_before_registered(peer.session));
    return &*peer.urgent;
  }
  if (peer.session.heartbeat_due()) {
    peer.urgent =
        Outgoing{profile_.heartbeat(session, queue_length(session), peer.models_told), Payload{}};
    fit_header(peer.urgent->message, 0, peer.session.terms().limits);
    return &*peer.urgent;
  }
  if (peer.session.state() != State::registered) return nullptr;
  // It goes ahead of the outbox: what waits there has not been said before it, and so is in
  // `active`.
  if (peer.probed) {
    peer.urgent = Outgoing{
        Status{*peer.probed, profile_.describe(session, queue_length(session), active(peer))},
        Payload{}};
    fit_header(peer.urgent->message, 0, peer.session.terms().limits);
    return &*peer.urgent;
  }
  if (peer.outbox.empty()) return nullptr;
  return &peer.outbox.front();
}

void Agent::message_sent(SessionId session) {
  Peer& peer = peer_of(session);
  if (peer.session.register_due()) {
    peer.session.register_sent();
    note_models_told(peer, std::get<Register>(peer.urgent->message).info);
  } else if (peer.session.heartbeat_due()) {
    peer.session.heartbeat_sent();
    peer.grant_told = profile_.grants().number(session.value);
    peer.models_told = profile_.models_version();
  } else if (peer.probed) {
    peer.probed.reset();
    note_models_told(peer, std::get<Status>(peer.urgent->message).info);
  } else {
    const bool goodbye = std::holds_alternative<Deregister>(peer.outbox.front().message);
    peer.outbox.pop();
    if (goodbye) peer.session.leave();
  }
  peer.urgent.reset();
}

// Models that had to give way are told by the next HEARTBEAT, which has more room for them.
void Agent::note_models_told(Peer& peer, const WorkerDescription& info) const {
  const bool all = info.models.size() == profile_.models().size();
  peer.models_told = all ? profile_.models_version() : 0;
}

const std::string& Agent::endpoint(SessionId session) const {
  return peers_.at(session.value).session.endpoint();
}

}  // namespace muster::agent
