// When faults are over: all that is outstanding ends, all tables become empty, all are well.

#include <algorithm>
#include <utility>

#include "tests/sim/simulation.hpp"

namespace muster::sim {

using namespace std::chrono_literals;

// Whoever is mischievous is gone for good; all others run, and can reach each other.
void Simulation::heal() {
  stage_.network.heal(10ms, stage_.now);
  plan_.workload.gap = {};
  plan_.work = {.longest = interval() / 4, .parts_max = 3};
  plan_.turn_delay = std::min<Duration>(plan_.turn_delay, 1ms);
  for (const auto& machine : machines_) {
    machine->frozen_until = machine->busy_until = stage_.now;
    const bool rogue = machine->role == Role::rogue_worker || machine->role == Role::rogue_client;
    if (rogue) {
      if (machine->process != nullptr) die(*machine, Duration{}, time_never);
      machine->starts_at = time_never;
      continue;
    }
    if (machine->process == nullptr) {
      machine->starts_at = std::min(machine->starts_at, stage_.now + interval());
      continue;
    }
    stage_.network.set_up(machine->host, true);
    if (machine->role == Role::client) process<ClientProcess>(*machine)->calm();
    if (machine->role != Role::agent) continue;
    auto* const agent = process<AgentProcess>(*machine);
    agent->server().be(ModelServer::Mood::well, stage_.now + machine->skew);
    agent->server().calm(plan_.work, stage_.now + machine->skew);
    agent->reconfigure(plan_.agent[machine->number]);
  }
}

// What was removed or replaced at a broker does not come back there by itself: it is started again.
void Simulation::restart_removed() {
  for (const auto& machine : machines_)
    if (machine->role == Role::agent && machine->process != nullptr &&
        removed_.contains(machine->name))
      die(*machine, Duration{}, stage_.now + 1ms);
}

// The bound: a stopping broker's own time; twice the expiry time for a silent broker or client to
// be given up, once more for what is not acknowledged; some intervals for heartbeats, redials and
// those put aside; and for what waits half an interval each, twice what its answer takes. Where the
// network has lost messages, what they were about ends by its time-out.
void Simulation::come_to_rest() {
  const auto waiting = static_cast<int>(stage_.asks.outstanding());
  Time bound = stage_.now + expiry() * 6 + interval() * 16 + 3s + interval() / 2 * waiting;
  if (lossy_) bound += std::max(plan_.broker.request_timeout_max, plan_.workload.timeout_max) * 2;
  pass(stage_.now + interval() * 4);
  restart_removed();
  const Time half = stage_.now + (bound - stage_.now) / 2;
  while (true) {
    if (Machine* const client = any_of(Role::client)) {
      for (std::size_t i = 0; i < plan_.agents; ++i)
        process<ClientProcess>(*client)->order(
            "drain", Value::Map{{"worker", "w" + std::to_string(i)}, {"on", false}});
    }
    pass(stage_.now + interval() * 2);
    std::string why = unrest();
    if (why.empty()) why = unready();
    if (why.empty()) return;
    // A broker with much to read may have come to an order to remove somebody only now.
    if (stage_.now < half && stage_.asks.outstanding() == 0) restart_removed();
    if (stage_.now >= bound)
      throw Violation{Broken::liveness, "not at rest long after all faults: " + why};
  }
}

// Why not everything is at rest; empty: it is.
std::string Simulation::unrest() {
  if (stage_.asks.outstanding() > 0)
    return std::to_string(stage_.asks.outstanding()) + " requests have no end";
  for (const auto& machine : machines_) {
    if (machine->starts_at == time_never) continue;
    if (machine->process == nullptr) return machine->name + " is not up";
    if (machine->role == Role::agent) {
      const std::string left = process<AgentProcess>(*machine)->unfinished();
      if (!left.empty()) return machine->name + ": " + left;
    }
    if (machine->role == Role::client && !process<ClientProcess>(*machine)->at_rest())
      return machine->name + " still waits for something, or keeps it";
  }
  for (const auto& machine : machines_) {
    if (machine->role != Role::broker) continue;
    if (std::string why = unrest_of(*process<BrokerProcess>(*machine)); !why.empty()) return why;
  }
  return {};
}

std::string Simulation::unrest_of(BrokerProcess& broker) {
  const std::string who = broker.name() + ": ";
  const Value stats = broker.ask("stats");
  for (const char* key : {"in_flight", "queued"})
    if (const std::uint64_t count = stats.find(key)->uint_or(1); count > 0)
      return who + key + " is " + std::to_string(count);
  if (broker.checker().owed() > 0) return who + "somebody is owed an answer";
  if (broker.has_kept()) return who + "something waits for a client";
  const Value workers = broker.ask("workers");
  std::size_t live = 0;
  for (const Value& worker : *workers.find("workers")->array()) {
    if (worker.find("gone") != nullptr) continue;
    ++live;
    const std::string name{worker.find("worker")->string_or("")};
    if (worker.find("broken")->bool_or(true)) return who + name + " is broken";
    if (worker.find("suspect")->bool_or(true)) return who + name + " is suspect";
  }
  if (live != plan_.agents)
    return who + std::to_string(live) + " workers of " + std::to_string(plan_.agents);
  return {};
}

// Which worker is not ready everywhere, or does not grant all its slots; empty: none.
std::string Simulation::unready() {
  for (std::size_t i = 0; i < plan_.agents; ++i) {
    const std::string name = "w" + std::to_string(i);
    std::uint64_t slots = 0;
    for (const auto& machine : machines_) {
      if (machine->role != Role::broker) continue;
      const Value workers = process<BrokerProcess>(*machine)->ask("workers");
      for (const Value& worker : *workers.find("workers")->array()) {
        if (worker.find("worker")->string_or("") != name || worker.find("gone") != nullptr)
          continue;
        if (worker.find("state")->string_or("") != "ready") return name + " is not ready";
        slots += worker.find("slots")->uint_or(0);
      }
    }
    if (slots != *plan_.agent[i].slots)
      return name + " grants " + std::to_string(slots) + " of its " +
             std::to_string(*plan_.agent[i].slots) + " slots";
  }
  return {};
}

// Whoever asks is answered, soon.
void Simulation::ask_all() {
  std::vector<std::string> served;
  for (const auto& options : plan_.agent)
    for (const auto& model : options.models)
      if (std::ranges::find(served, model.name) == served.end()) served.push_back(model.name);
  const Duration within = interval() * 8;
  for (const auto& machine : machines_) {
    if (machine->role != Role::client) continue;
    auto* const client = process<ClientProcess>(*machine);
    for (const std::string& model : served) {
      client->ask_plainly(model, within);
      const Time bound = stage_.now + within + interval() * 2;
      while (!client->answered_plainly() && stage_.now < bound)
        pass(stage_.now + interval() / 8);
      if (!client->answered_plainly())
        throw Violation{Broken::liveness,
                        machine->name + " asks when all is well, and hears nothing"};
    }
  }
  pass(stage_.now + interval() * 2);
  const std::string why = unrest();
  if (!why.empty()) throw Violation{Broken::liveness, "not at rest at the end: " + why};
}

}  // namespace muster::sim
