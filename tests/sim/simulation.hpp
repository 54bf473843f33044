#pragma once

// Simulation: one seed's world, from its first event to its last. In the *safety* phase everything
// runs, faults happen, and the checkers hold every step to what must never be broken. Then faults
// end, all are well again, and in the *liveness* phase all that is outstanding must end within
// bounds, all tables become empty, all workers come back, and whoever asks is answered.

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/agent_process.hpp"
#include "tests/sim/broker_process.hpp"
#include "tests/sim/client_process.hpp"
#include "tests/sim/plan.hpp"
#include "tests/sim/process.hpp"
#include "tests/sim/rogue.hpp"
#include "tests/sim/violation.hpp"

namespace muster::sim {

class Simulation {
 public:
  struct Options {
    std::uint64_t seed = 0;
    bool lossy = false;  // the network loses messages, which ZeroMQ does not
  };
  // `sink`: takes the trace; none: there is none.
  Simulation(const Options& options, Trace::Sink sink);

  // Throws a Violation.
  void run();

  struct Counts {
    std::uint64_t steps = 0;
    std::uint64_t faults = 0;
    std::uint64_t answered = 0;
    std::uint64_t ended_otherwise = 0;
    Time time{};  // as in the trace
  };
  [[nodiscard]] Counts counts() const;
  // Where things stand, for whoever reads a violation.
  [[nodiscard]] std::string story() const;

 private:
  enum class Role : std::uint8_t { broker, agent, client, rogue_worker, rogue_client };
  // One process and the machine that it runs on.
  struct Machine {
    HostId host = 0;
    Role role{};
    std::size_t number = 0;  // of its role
    std::string name{};
    Duration skew{};
    std::unique_ptr<Process> process{};  // null: it is dead
    Time starts_at{};                    // when dead
    Time frozen_until{};
    Time busy_until{};
  };

  void add(Role role, std::size_t count, const char* prefix);
  void start(Machine& machine);
  [[nodiscard]] std::unique_ptr<Process> make(const Machine& machine);
  void die(Machine& machine, Duration silent, Time starts_at);
  [[nodiscard]] Time due(const Machine& machine) const;

  // Lets time pass up to `until`; faults happen where they are on.
  void pass(Time until);
  void turn(Machine& machine);
  void sample();

  // simulation_faults.cpp
  void strike();
  void strike(FaultKind kind, Machine& machine);
  void freeze(Machine& machine);
  void jump(Machine& machine);
  void cut(const Machine& machine);
  void slow(const Machine& machine);
  void stop(Machine& machine);
  void disturb_server(Machine& machine);
  void reconfigure(Machine& machine);
  void order(Machine& machine);
  [[nodiscard]] Machine* victim(FaultKind kind);
  [[nodiscard]] const Machine& peer_of(const Machine& machine);
  [[nodiscard]] Machine* any_of(Role role);

  // simulation_liveness.cpp
  void heal();
  void come_to_rest();
  [[nodiscard]] std::string unrest();
  [[nodiscard]] std::string unrest_of(BrokerProcess& broker);
  void restart_removed();
  [[nodiscard]] std::string unready();
  void ask_all();

  template <class T>
  [[nodiscard]] T* process(Machine& machine) {
    return static_cast<T*>(machine.process.get());
  }
  [[nodiscard]] Duration interval() const { return plan_.broker.heartbeat_interval; }
  [[nodiscard]] Duration expiry() const { return plan_.broker.expiry(); }

  const bool lossy_;
  Draw draw_;
  Plan plan_;
  Stage stage_;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::vector<BrokerProcess::Doors> doors_;
  Time fault_at_ = time_never;
  std::uint64_t started_ = 0;  // processes, so that a later one's instance is higher
  std::uint64_t steps_ = 0;
  std::uint64_t steps_at_once_ = 0;  // without time passing
  std::uint64_t faults_ = 0;
  // Workers that an operator has removed, or whose name another has taken.
  std::set<std::string> removed_;
};

}  // namespace muster::sim
