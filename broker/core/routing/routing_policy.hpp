#pragma once

// A routing policy chooses among workers that may all be given the request: ready, fit, with a free
// slot. It sees the broker's own exact count of what is in flight at each, at the moment of
// choosing: there is no stale poll to herd by. One file a policy.

#include <memory>
#include <span>

#include "broker/core/options.hpp"
#include "broker/core/worker_info.hpp"
#include "protocol/prng.hpp"

namespace muster::broker {

class RoutingPolicy {
 public:
  virtual ~RoutingPolicy() = default;

  // REQUIRES: `candidates` is not empty. O(candidates).
  [[nodiscard]] virtual WorkerInfo& pick(std::span<WorkerInfo* const> candidates, Prng& prng) = 0;
};

[[nodiscard]] std::unique_ptr<RoutingPolicy> make_lottery();
[[nodiscard]] std::unique_ptr<RoutingPolicy> make_shortest_queue();
[[nodiscard]] std::unique_ptr<RoutingPolicy> make_round_robin();
[[nodiscard]] std::unique_ptr<RoutingPolicy> make_power_of_two();

[[nodiscard]] std::unique_ptr<RoutingPolicy> make_routing_policy(RoutingPolicyKind kind);

}  // namespace muster::broker
