#include "broker/core/routing/routing_policy.hpp"

#include "protocol/check.hpp"

namespace muster::broker {

std::unique_ptr<RoutingPolicy> make_routing_policy(RoutingPolicyKind kind) {
  switch (kind) {
    case RoutingPolicyKind::lottery:
      return make_lottery();
    case RoutingPolicyKind::shortest_queue:
      return make_shortest_queue();
    case RoutingPolicyKind::round_robin:
      return make_round_robin();
    case RoutingPolicyKind::power_of_two:
      return make_power_of_two();
  }
  CHECK(false, "a routing policy that does not exist");
}

}  // namespace muster::broker
