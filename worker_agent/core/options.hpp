#pragma once

// What can be set of a worker agent's core: config/agent.toml says more of each.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/message.hpp"
#include "protocol/time.hpp"

namespace muster::agent {

struct AgentOptions {
  std::string name;  // [worker] name; empty: made by the shell
  std::vector<std::string> brokers = {"tcp://127.0.0.1:5556"};  // [worker] brokers, 1 to 16
  std::optional<std::uint64_t> slots;                           // [worker] slots; nothing: "auto"
  double speed = 1.0;                                           // [worker] speed
  std::vector<ModelDescription> models;              // [worker] models; empty: asked of the server
  Duration drain_timeout = std::chrono::minutes{5};  // [worker] drain_timeout
  StringMap labels;                                  // [worker.labels]
};

}  // namespace muster::agent
