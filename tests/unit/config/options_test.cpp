#include "broker/core/options.hpp"

#include <gtest/gtest.h>

namespace muster::broker {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

std::vector<std::string> faults(const ControllerOptions& options) {
  std::vector<std::string> lines;
  for (const auto& fault : options.validate())
    lines.push_back(fault.key + ": " + fault.what);
  return lines;
}
using Lines = std::vector<std::string>;

TEST(ControllerOptionsTest, TheDefaultsAreRight) {
  EXPECT_EQ(faults({}), Lines{});
}

TEST(ControllerOptionsTest, EachBoundIsInclusive) {
  ControllerOptions options;
  options.heartbeat_interval = milliseconds{10};
  options.heartbeat_liveness = 2;
  options.request_timeout = options.request_timeout_max = milliseconds{1};
  options.idle_timeout = Duration{0};
  options.queue_depth_max = 0;
  options.limits.header_bytes = 4 * 1024;
  options.limits.message_bytes = options.limits.frame_bytes = 4 * 1024;
  options.limits.frames = 2;
  options.held_bytes_max = 1024 * 1024;
  options.outstanding_per_client_max = 1;
  EXPECT_EQ(faults(options), Lines{});
  options.heartbeat_interval = minutes{1};
  options.heartbeat_liveness = 100;
  options.request_timeout = options.request_timeout_max = hours{720};
  options.no_worker_wait = hours{1};
  options.queue_depth_max = 1'000'000;
  EXPECT_EQ(faults(options), Lines{});
}

TEST(ControllerOptionsTest, EveryFaultIsTold) {
  ControllerOptions options;
  options.name = "";
  options.heartbeat_interval = milliseconds{9};
  options.heartbeat_liveness = 101;
  options.request_timeout = Duration{0};
  options.request_timeout_max = hours{721};
  options.first_timeout = milliseconds{-1500};
  options.idle_timeout = hours{721};
  options.queue_depth_max = 1'000'001;
  options.no_worker_wait = hours{2};
  options.limits.header_bytes = 4095;
  options.limits.frame_bytes = 1023;
  options.limits.message_bytes = 4095;
  options.limits.frames = 1;
  options.held_bytes_max = 1000;
  options.outstanding_per_client_max = 0;
  EXPECT_EQ(
      faults(options),
      (Lines{"broker.name: found a name of 0 bytes; allowed is one of 1 to 128 bytes without "
             "control characters",
             "heartbeat.interval: found 9ms; allowed is 10ms to 1m",
             "heartbeat.liveness: found 101; allowed is 2 to 100",
             "requests.timeout: found 0s; allowed is 1ms to 720h",
             "requests.timeout_max: found 721h; allowed is 1ms to 720h",
             "requests.first_timeout: found -1500ms; allowed is 0s to 720h",
             "requests.idle_timeout: found 721h; allowed is 0s to 720h",
             "queue.depth_max: found 1000001; allowed is 0 to 1000000",
             "no_worker.wait: found 2h; allowed is 0s to 1h",
             "limits.header_bytes_max: found 4095B; allowed is 4KiB to 16MiB",
             "limits.frame_bytes_max: found 1023B; allowed is 1KiB to 4GiB",
             "limits.message_bytes_max: found 4095B; allowed is 4KiB to 16GiB",
             "limits.frames_max: found 1; allowed is 2 to 1024",
             "limits.held_bytes_max: found 1000B; allowed is 1MiB to 1024GiB",
             "limits.message_bytes_max: found 4095B, more than limits.held_bytes_max, which is "
             "1000B; lower the one or raise the other",
             "limits.outstanding_per_client_max: found 0; allowed is 1 to 10000000"}));
}

TEST(ControllerOptionsTest, WhatMustFitTogether) {
  ControllerOptions options;
  options.request_timeout = hours{2};
  EXPECT_EQ(faults(options), Lines{"requests.timeout: found 2h, more than requests.timeout_max, "
                                   "which is 1h; lower the one or raise the other"});
  options = {};
  options.limits.message_bytes = 32 * 1024;
  EXPECT_EQ(faults(options).size(), 2u) << "header and frame are larger";
  options = {};
  options.name = "a\nb";
  EXPECT_EQ(faults(options), Lines{"broker.name: found a name of 3 bytes with control characters; "
                                   "allowed is one of 1 to 128 bytes without control characters"});
}

TEST(ControllerOptionsTest, PoliciesHaveTheirNames) {
  EXPECT_EQ(policy_name(RoutingPolicyKind::lottery), "lottery");
  EXPECT_EQ(policy_name(RoutingPolicyKind::shortest_queue), "shortest_queue");
  EXPECT_EQ(policy_name(RoutingPolicyKind::round_robin), "round_robin");
  EXPECT_EQ(policy_name(RoutingPolicyKind::power_of_two), "power_of_two");
}

}  // namespace
}  // namespace muster::broker
