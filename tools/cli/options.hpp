#pragma once

// What can be set of `muster` beyond a single question; config/muster.toml explains each.

#include <string>

#include "protocol/time.hpp"

namespace muster::cli {

struct CliOptions {
  std::string broker = "tcp://127.0.0.1:5555";  // the frontend of the broker that is asked

  // How long a command may take. 0: what is usual, 10 minutes for an answer of a model, and the
  // broker may have a bound of its own; 5 minutes for a worker to drain; 5 seconds for all else.
  Duration timeout{0};

  std::string model{};  // of `muster ask`; empty: the only one that is served
};

}  // namespace muster::cli
