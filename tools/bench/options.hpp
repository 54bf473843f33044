#pragma once

// What is to be measured.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/message.hpp"
#include "protocol/time.hpp"

namespace muster::bench {

enum class Target : std::uint8_t {
  muster,  // this house's broker
  proxy,   // libzmq's own zmq_proxy between a ROUTER and a DEALER: what moving the bytes costs
};
[[nodiscard]] constexpr std::string_view target_name(Target target) {
  switch (target) {
    case Target::muster:
      return "muster";
    case Target::proxy:
      return "proxy";
  }
  return "";
}

struct BenchOptions {
  std::uint64_t clients = 8;
  std::uint64_t outstanding = 32;  // each client's window
  std::uint64_t workers = 4;
  std::uint64_t slots = 0;         // of each worker; 0: enough for all that is outstanding
  std::uint64_t body_bytes = 256;  // of the request, and of each part of its answer
  std::uint64_t parts = 1;         // 0 and 1: a FINAL with the body; n: n CHUNKs, then FINAL
  std::uint64_t models = 1;

  Duration duration = std::chrono::seconds{3};
  Duration warm_up = std::chrono::seconds{1};
  double rate = 0;  // requests a second, all clients together; 0: a closed loop

  std::vector<Target> targets = {Target::muster, Target::proxy};
  std::uint64_t runs = 5;  // of each target, in turn
  std::uint64_t seed = 1;
  std::uint64_t threads = 1;

  std::string json;                   // a file; empty: none
  std::string broker_program;         // empty: the muster-broker beside this program
  std::vector<std::string> settings;  // SECTION.KEY=VALUE, for the broker

  // CHUNKs in front of an answer's FINAL.
  [[nodiscard]] std::uint64_t chunks() const { return parts < 2 ? 0 : parts; }
  // With `slots` resolved.
  [[nodiscard]] std::uint64_t slots_a_worker() const {
    if (slots > 0) return slots;
    return std::min((clients * outstanding + workers - 1) / workers, slots_max);
  }
};

}  // namespace muster::bench
