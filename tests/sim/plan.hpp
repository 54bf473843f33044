#pragma once

// Plan: all that a seed decides before the first event: how many there are of each, how they are
// set, what the network is like, who is mischievous, which faults happen and how often.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "broker/core/options.hpp"
#include "client/core/options.hpp"
#include "tests/sim/draw.hpp"
#include "tests/sim/network.hpp"
#include "worker_agent/core/options.hpp"

namespace muster::sim {

enum class FaultKind : std::uint8_t {
  kill,         // a process is gone, and starts anew without memory
  host_gone,    // ... with its machine: nobody is told
  freeze,       // stands still, and goes on
  reset,        // all its connections break; it keeps its memory
  jump,         // its clock jumps
  cut,          // a path, or both ways, carries nothing
  slow,         // a path is slow
  stop,         // a process is told to stop, and starts anew
  server,       // a model server is gone, hangs, fails, is busy, cuts answers off
  reconfigure,  // a broker or an agent reads its configuration again
  order,        // an operator asks for something
  count_,       // how many kinds there are
};
inline constexpr auto fault_kinds = static_cast<std::size_t>(FaultKind::count_);
[[nodiscard]] std::string_view fault_name(FaultKind kind);

// What a client of the library asks for.
struct Workload {
  Duration gap{};  // between two requests of one client, on average; 0: it asks nothing
  double streamed = 0.5;
  double once = 0.2;      // with `retry` false
  double labelled = 0.1;  // that require a label
  double withdrawn = 0.1;
  double conversing = 0.2;
  Duration timeout_min{};
  Duration timeout_max{};
};

// What a model server takes for an answer.
struct Work {
  Duration longest{};
  std::uint64_t parts_max = 0;
  double endless = 0;  // the share of streams that only a CANCEL ends
};

struct Plan {
  std::size_t brokers = 1;
  std::size_t agents = 2;
  std::size_t clients = 1;
  std::size_t rogue_workers = 0;  // that keep to nothing
  bool impostor = false;          // the first of these has an agent's name
  std::size_t rogue_clients = 0;
  std::vector<std::string> models;

  broker::ControllerOptions broker;
  std::vector<agent::AgentOptions> agent;  // one each, but for the brokers' endpoints
  client::CoreOptions client;
  NetworkOptions network;
  std::size_t frontend_high_water = 1000;
  std::size_t backend_high_water = 16384;
  std::size_t reads_a_turn = 1000;  // of each socket
  Duration turn_delay{};            // a process that is due runs up to so much later

  Workload workload;
  Work work;
  Duration faulty{};  // how long faults happen
  Duration fault_gap{};
  std::array<std::uint64_t, fault_kinds> fault_weights{};

  // Drawn from a seed. `lossy`: whether the network may lose messages, which ZeroMQ does not.
  [[nodiscard]] static Plan draw(Draw& draw, bool lossy);
  [[nodiscard]] std::string describe() const;
};

}  // namespace muster::sim
