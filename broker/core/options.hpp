#pragma once

// What can be set of a Controller. Every field has its default here: the configuration files are
// held to them by a test. docs/protocol.md and config/broker.toml say more of each.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/message.hpp"
#include "protocol/time.hpp"

namespace muster::broker {

enum class RoutingPolicyKind : std::uint8_t { lottery, shortest_queue, round_robin, power_of_two };
[[nodiscard]] std::string_view policy_name(RoutingPolicyKind kind);

struct ControllerOptions {
  std::string name = "broker";  // [broker] name: what workers and operators see

  // [heartbeat] A side silent for interval x liveness is taken for dead (section 7).
  Duration heartbeat_interval = std::chrono::seconds{1};
  std::uint64_t heartbeat_liveness = 3;

  RoutingPolicyKind policy = RoutingPolicyKind::shortest_queue;  // [routing] policy

  // [requests] Where the client says nothing; 0 for first and idle: none beyond timeout.
  Duration request_timeout = std::chrono::minutes{10};
  Duration request_timeout_max = std::chrono::hours{1};
  Duration first_timeout{};
  Duration idle_timeout = std::chrono::seconds{60};

  std::uint64_t retries = 2;  // [requests] retries: of one lost with its worker before a part came

  std::uint64_t queue_depth_max = 1024;  // [queue] depth_max: waiting requests a model

  // [no_worker] How long a request that no live worker can take is held; and at least until when
  // after the start.
  Duration no_worker_wait{};
  Duration restart_grace = std::chrono::seconds{5};

  // [ejection] So many failures of its model server in a row put a worker aside (0: none do) for so
  // long; never more than this share of those that serve a model.
  std::uint64_t ejection_failures = 5;
  Duration ejection_duration = std::chrono::seconds{10};
  double ejection_share_max = 0.5;

  Duration stall = std::chrono::seconds{30};  // [worker] stall; 0: no worker is ever stalled

  // [limits]
  WireLimits limits;
  std::uint64_t held_bytes_max = 2ull * 1024 * 1024 * 1024;  // bodies waiting or kept, together
  std::uint64_t outstanding_per_client_max = 10000;

  // Whether a RequestNote is wanted for each request: the shell sets it where the log is at debug.
  bool note_requests = false;

  [[nodiscard]] Duration expiry() const {
    return heartbeat_interval * static_cast<std::int64_t>(heartbeat_liveness);
  }

  // Every fault of these options, each as {key, sentence}; empty: they can be used.
  struct OptionFault {
    std::string key;   // "heartbeat.interval"
    std::string what;  // what was found and what is allowed
  };
  [[nodiscard]] std::vector<OptionFault> validate() const;
};

}  // namespace muster::broker
