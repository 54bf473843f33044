#pragma once

// What can be set of a broker beside its Controller: config/broker.toml says more of each.

#include <string>
#include <vector>

#include "broker/core/options.hpp"

namespace muster::broker {

// What may wait for clients that read too slowly; beyond, they are cut off.
struct OutboxBounds {
  std::uint64_t client_bytes = 64ull * 1024 * 1024;   // what may wait for one client
  std::uint64_t total_bytes = 1024ull * 1024 * 1024;  // ... and for all of them
  Duration stall = std::chrono::seconds{5};           // how long a client may take nothing
};

struct BrokerOptions {
  ControllerOptions controller;
  std::vector<std::string> frontend = {"tcp://127.0.0.1:5555"};  // [broker] frontend
  std::vector<std::string> backend = {"tcp://127.0.0.1:5556"};   // [broker] backend
  std::uint64_t io_threads = 1;                                  // [broker] io_threads, 1 to 64
  // [broker] stop_timeout: how long a stopping broker lets requests finish.
  Duration stop_timeout = std::chrono::minutes{5};
  // [broker] busy_poll: how long it goes on looking for news after the last, before it sleeps.
  Duration busy_poll{};
  OutboxBounds outbox;  // [limits] client_backlog, client_stall
};

}  // namespace muster::broker
