#pragma once

// What can be set of a broker beside its Controller: config/broker.toml says more of each.

#include <string>
#include <vector>

#include "broker/core/options.hpp"

namespace muster::broker {

struct BrokerOptions {
  ControllerOptions controller;
  std::vector<std::string> frontend = {"tcp://127.0.0.1:5555"};  // [broker] frontend
  std::vector<std::string> backend = {"tcp://127.0.0.1:5556"};   // [broker] backend
  std::uint64_t io_threads = 1;                                  // [broker] io_threads, 1 to 64
};

}  // namespace muster::broker
