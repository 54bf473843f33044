#include "tests/sim/simulation.hpp"

#include <algorithm>
#include <utility>

namespace muster::sim {

using namespace std::chrono_literals;

namespace {

// So many turns without time passing are a loop that does not end.
constexpr std::uint64_t steps_at_once_max = 100'000;
// How often the tables of brokers are compared with the checkers'.
constexpr std::uint64_t steps_a_sample = 64;
constexpr Duration start_time = 1s;

}  // namespace

Simulation::Simulation(const Options& options, Trace::Sink sink)
    : lossy_(options.lossy),
      draw_(options.seed),
      plan_(Plan::draw(draw_, options.lossy)),
      stage_{.network = Network{plan_.network, draw_.fork()},
             .trace = Trace{std::move(sink)},
             .now = Time{start_time}} {
  add(Role::broker, plan_.brokers, "b");
  add(Role::agent, plan_.agents, "w");
  add(Role::client, plan_.clients, "c");
  add(Role::rogue_worker, plan_.rogue_workers, "rw");
  add(Role::rogue_client, plan_.rogue_clients, "rc");
  if (plan_.impostor) removed_.insert("w0");
}

// ---- machines ----------------------------------------------------------------------------------

void Simulation::add(Role role, std::size_t count, const char* prefix) {
  for (std::size_t i = 0; i < count; ++i) {
    auto machine = std::make_unique<Machine>();
    machine->host = static_cast<HostId>(machines_.size() + 1);
    machine->role = role;
    machine->number = i;
    machine->name = prefix + std::to_string(i);
    machine->skew = draw_.between(Duration{0}, 3600s);
    machine->starts_at = stage_.now + draw_.between(Duration{0}, interval());
    if (role == Role::broker) {
      doors_.push_back({stage_.network.bind(machine->host, plan_.frontend_high_water),
                        stage_.network.bind(machine->host, plan_.backend_high_water)});
      stage_.network.set_up(machine->host, false);
    }
    machines_.push_back(std::move(machine));
  }
}

std::unique_ptr<Process> Simulation::make(const Machine& machine) {
  Stage& stage = stage_;
  const Instance instance{++started_ * 1024 + draw_.below(1024)};
  const RouterId frontend = doors_[machine.number % doors_.size()].frontend;
  const RouterId backend = doors_[machine.number % doors_.size()].backend;
  const std::uint64_t seed = draw_.number();
  const Draw own = draw_.fork();
  switch (machine.role) {
    case Role::broker: {
      const BrokerId first{broker_id_min * 2 + draw_.below(1ull << 50)};
      return std::make_unique<BrokerProcess>(stage, machine.host, machine.name, machine.skew, plan_,
                                             doors_[machine.number],
                                             broker::Birth{instance, first, seed});
    }
    case Role::agent: {
      std::vector<RouterId> backends;
      for (const auto& doors : doors_)
        backends.push_back(doors.backend);
      return std::make_unique<AgentProcess>(stage, machine.host, machine.name, machine.skew, plan_,
                                            plan_.agent[machine.number], std::move(backends),
                                            agent::Birth{instance, seed}, own);
    }
    case Role::client:
      return std::make_unique<ClientProcess>(stage, machine.host, machine.name, machine.skew, plan_,
                                             frontend, own);
    case Role::rogue_worker: {
      const std::string as = plan_.impostor && machine.number == 0 ? "w0" : machine.name;
      return std::make_unique<RogueWorker>(stage, machine.host, machine.name, as, machine.skew,
                                           plan_, backend, instance, own);
    }
    case Role::rogue_client:
      return std::make_unique<RogueClient>(stage, machine.host, machine.name, machine.skew, plan_,
                                           frontend, own);
  }
  return nullptr;
}

void Simulation::start(Machine& machine) {
  stage_.trace.say(machine.name, "starts");
  stage_.network.come_back(machine.host, stage_.now);
  machine.process = make(machine);
  machine.frozen_until = machine.busy_until = stage_.now;
}

void Simulation::die(Machine& machine, Duration silent, Time starts_at) {
  machine.process.reset();
  machine.starts_at = starts_at;
  stage_.network.set_up(machine.host, false);
  stage_.network.kill(machine.host, silent, stage_.now);
  if (machine.role == Role::client) stage_.asks.forget(machine.host);
}

// ---- time --------------------------------------------------------------------------------------

// When this machine does something next.
Time Simulation::due(const Machine& machine) const {
  if (machine.process == nullptr) return machine.starts_at;
  Time at = machine.process->wakes_at();
  if (machine.process->listens()) at = std::min(at, stage_.network.next_arrival(machine.host));
  if (at == time_never) return at;
  return std::max({at, machine.frozen_until, machine.busy_until});
}

void Simulation::pass(Time until) {
  while (true) {
    Machine* next = nullptr;
    Time at = std::min(until, fault_at_);
    at = std::min(at, stage_.network.next_event());
    for (const auto& machine : machines_) {
      const Time when = due(*machine);
      if (when < at) {
        at = when;
        next = machine.get();
      }
    }
    steps_at_once_ = at > stage_.now ? 0 : steps_at_once_ + 1;
    if (steps_at_once_ > steps_at_once_max) {
      throw Violation{Broken::liveness, "turn after turn is taken and no time passes" +
                                            (next ? ", by " + next->name : std::string{})};
    }
    stage_.now = std::max(stage_.now, at);
    stage_.trace.set_time(stage_.now);
    stage_.network.advance(stage_.now);
    if (next != nullptr) {
      turn(*next);
    } else if (fault_at_ <= stage_.now) {
      strike();
    } else if (stage_.now >= until) {
      return;
    }
  }
}

void Simulation::turn(Machine& machine) {
  ++steps_;
  if (machine.process == nullptr) return start(machine);
  if (machine.frozen_until <= stage_.now) stage_.network.set_up(machine.host, true);
  machine.process->turn();
  machine.busy_until = stage_.now + draw_.between(Duration{0}, plan_.turn_delay);
  if (machine.process->finished()) {
    stage_.trace.say(machine.name, "ends");
    die(machine, Duration{}, stage_.now + draw_.between(1ms, interval() * 4));
  }
  if (steps_ % steps_a_sample == 0) sample();
}

void Simulation::sample() {
  for (const auto& machine : machines_) {
    if (machine->role == Role::broker && machine->process != nullptr)
      process<BrokerProcess>(*machine)->compare();
  }
}

// ---- all of it ---------------------------------------------------------------------------------

void Simulation::run() {
  stage_.trace.say("", [&] { return plan_.describe(); });
  fault_at_ = stage_.now + interval() * 2;
  pass(stage_.now + plan_.faulty);
  fault_at_ = time_never;
  stage_.trace.say("", "faults are over; from here on all must become well");
  heal();
  come_to_rest();
  ask_all();
}

Simulation::Counts Simulation::counts() const {
  return {.steps = steps_,
          .faults = faults_,
          .answered = stage_.asks.answered(),
          .ended_otherwise = stage_.asks.ended_otherwise(),
          .time = stage_.now};
}

std::string Simulation::story() const {
  std::string text = stage_.asks.story();
  for (const auto& machine : machines_) {
    if (machine->role != Role::broker) continue;
    text += machine->name + (machine->process == nullptr ? " is dead\n" : ":\n");
    if (machine->process != nullptr)
      text += static_cast<const BrokerProcess*>(machine->process.get())->checker().story();
  }
  return text;
}

}  // namespace muster::sim
