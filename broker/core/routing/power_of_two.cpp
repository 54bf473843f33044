// power_of_two: two workers drawn at random, and the better of them by shortest_queue's measure.
// Nearly as even as looking at all of them (M. Mitzenmacher, "The Power of Two Choices in
// Randomized Load Balancing", 2001), and it does not send every broker's next request to the same
// worker.

#include "broker/core/routing/routing_policy.hpp"

namespace muster::broker {
namespace {

class PowerOfTwo final : public RoutingPolicy {
 public:
  WorkerInfo& pick(std::span<WorkerInfo* const> candidates, Prng& prng) override {
    const std::uint64_t count = candidates.size();
    if (count == 1) return *candidates.front();
    const std::uint64_t first = prng.below(count);
    std::uint64_t second = prng.below(count - 1);
    if (second >= first) ++second;
    WorkerInfo& a = *candidates[first];
    WorkerInfo& b = *candidates[second];
    return b.load() < a.load() ? b : a;
  }
};

}  // namespace

std::unique_ptr<RoutingPolicy> make_power_of_two() {
  return std::make_unique<PowerOfTwo>();
}

}  // namespace muster::broker
