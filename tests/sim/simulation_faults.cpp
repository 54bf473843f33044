// What befalls the processes, their machines, and the paths between them.

#include <algorithm>
#include <utility>

#include "tests/sim/simulation.hpp"

namespace muster::sim {

using namespace std::chrono_literals;

void Simulation::strike() {
  fault_at_ = stage_.now + draw_.between(1us, plan_.fault_gap * 2);
  std::uint64_t sum = 0;
  for (const std::uint64_t weight : plan_.fault_weights)
    sum += weight;
  if (sum == 0) return;
  std::uint64_t left = draw_.below(sum);
  std::size_t kind = 0;
  while (left >= plan_.fault_weights[kind])
    left -= plan_.fault_weights[kind++];
  Machine* const machine = victim(static_cast<FaultKind>(kind));
  if (machine == nullptr) return;
  ++faults_;
  strike(static_cast<FaultKind>(kind), *machine);
}

// Whom a fault of this kind can befall; null: nobody now.
Simulation::Machine* Simulation::victim(FaultKind kind) {
  switch (kind) {
    case FaultKind::stop:
    case FaultKind::reconfigure:
      return any_of(draw_.chance(0.5) ? Role::broker : Role::agent);
    case FaultKind::server:
      return any_of(Role::agent);
    case FaultKind::order:
      return any_of(Role::client);
    default: {
      Machine& any = *machines_[draw_.below(machines_.size())];
      return any.process == nullptr ? nullptr : &any;
    }
  }
}

void Simulation::strike(FaultKind kind, Machine& machine) {
  const auto told = [&](const char* what) { stage_.trace.say(machine.name, what); };
  const Time again = stage_.now + draw_.magnitude(1ms, expiry() * 3);
  switch (kind) {
    case FaultKind::kill:
      told("is killed");
      return die(machine, Duration{}, again);
    case FaultKind::host_gone:
      told("is gone with its machine");
      return die(machine, draw_.between(interval(), expiry() * 4), again);
    case FaultKind::freeze:
      return freeze(machine);
    case FaultKind::reset:
      told("loses all its connections");
      return stage_.network.reset(machine.host, stage_.now);
    case FaultKind::jump:
      return jump(machine);
    case FaultKind::cut:
      return cut(machine);
    case FaultKind::slow:
      return slow(machine);
    case FaultKind::stop:
      return stop(machine);
    case FaultKind::server:
      return disturb_server(machine);
    case FaultKind::reconfigure:
      return reconfigure(machine);
    case FaultKind::order:
      return order(machine);
    case FaultKind::count_:
      return;
  }
}

// One that this one speaks with.
const Simulation::Machine& Simulation::peer_of(const Machine& machine) {
  const bool any = machine.role == Role::broker;
  return *machines_[draw_.below(any ? machines_.size() : plan_.brokers)];
}

Simulation::Machine* Simulation::any_of(Role role) {
  std::vector<Machine*> found;
  for (const auto& machine : machines_)
    if (machine->role == role && machine->process != nullptr) found.push_back(machine.get());
  return found.empty() ? nullptr : found[draw_.below(found.size())];
}

void Simulation::freeze(Machine& machine) {
  const Duration length = draw_.magnitude(1ms, expiry() * 3);
  stage_.trace.say(machine.name, [&] { return "is frozen for " + seconds(length); });
  machine.frozen_until = std::max(machine.frozen_until, stage_.now + length);
  stage_.network.set_up(machine.host, false);
  stage_.asks.excuse(machine.host, length);
}

void Simulation::jump(Machine& machine) {
  const Duration ahead = draw_.magnitude(1ms, expiry() * 3);
  stage_.trace.say(machine.name, [&] { return "has its clock jump by " + seconds(ahead); });
  machine.process->jump(ahead);
  machine.skew += ahead;
  stage_.asks.excuse(machine.host, ahead);
}

void Simulation::cut(const Machine& machine) {
  const Machine& other = peer_of(machine);
  const Duration length = draw_.magnitude(1ms, expiry() * 2);
  const bool both = draw_.chance(0.7);
  const bool from_all = draw_.chance(0.3);
  stage_.trace.say(machine.name, [&] {
    return "is cut off" + std::string{from_all ? "" : " from " + other.name} + " for " +
           seconds(length) + (both ? "" : ", what it says");
  });
  for (const auto& peer : machines_) {
    if (!from_all && peer.get() != &other) continue;
    stage_.network.cut(machine.host, peer->host, stage_.now + length, stage_.now);
    if (both) stage_.network.cut(peer->host, machine.host, stage_.now + length, stage_.now);
  }
}

void Simulation::slow(const Machine& machine) {
  const Machine& other = peer_of(machine);
  const Duration latency = draw_.magnitude(1ms, interval());
  const Time until = stage_.now + draw_.magnitude(10ms, expiry() * 4);
  stage_.trace.say(machine.name, [&] {
    return "has a slow path to " + other.name + ", " + seconds(latency) + " more";
  });
  stage_.network.slow(machine.host, other.host, latency, until);
  if (draw_.chance(0.5)) stage_.network.slow(other.host, machine.host, latency, until);
}

void Simulation::stop(Machine& machine) {
  if (machine.role == Role::broker) {
    process<BrokerProcess>(machine)->stop(draw_.chance(0.3) ? Duration{}
                                                            : draw_.magnitude(1ms, expiry() * 2));
  } else if (machine.role == Role::agent) {
    stage_.trace.say(machine.name, "is told to stop");
    process<AgentProcess>(machine)->stop();
  }
}

void Simulation::disturb_server(Machine& machine) {
  using Mood = ModelServer::Mood;
  const auto mood = draw_.one_of(
      {Mood::well, Mood::well, Mood::gone, Mood::hung, Mood::failing, Mood::busy, Mood::cutting});
  stage_.trace.say(machine.name, [&] {
    static constexpr std::array words{"well again",          "gone", "hanging",
                                      "failing all it gets", "busy", "cutting answers off"};
    return std::string{"its model server is "} + words[static_cast<std::size_t>(mood)];
  });
  process<AgentProcess>(machine)->server().be(mood, stage_.now + machine.skew);
}

void Simulation::reconfigure(Machine& machine) {
  if (machine.role == Role::agent) {
    agent::AgentOptions options = plan_.agent[machine.number];
    options.slots = draw_.from_to(1, 8);
    process<AgentProcess>(machine)->reconfigure(options);
  } else if (machine.role == Role::broker) {
    broker::ControllerOptions options = plan_.broker;
    options.policy = static_cast<broker::RoutingPolicyKind>(draw_.below(4));
    options.retries = draw_.below(4);
    options.queue_depth_max = draw_.one_of<std::uint64_t>({1, 3, 1024});
    options.no_worker_wait = draw_.chance(0.5) ? Duration{} : interval();
    process<BrokerProcess>(machine)->reconfigure(options);
  }
}

void Simulation::order(Machine& machine) {
  const std::string name = "w" + std::to_string(draw_.below(plan_.agents));
  auto* const who = process<ClientProcess>(machine);
  switch (draw_.below(6)) {
    case 0:
      removed_.insert(name);
      return who->order("remove", Value::Map{{"worker", name}});
    case 1:
      return who->order("refresh", Value::Map{});
    case 2:
      return who->order("why", Value::Map{});
    default:
      return who->order("drain", Value::Map{{"worker", name}, {"on", draw_.chance(0.5)}});
  }
}

}  // namespace muster::sim
