// lottery: a draw at random, each worker with as many tickets as its speed. FastChat's default;
// blind to load, and fair in the long run.

#include "broker/core/routing/routing_policy.hpp"

namespace muster::broker {
namespace {

class Lottery final : public RoutingPolicy {
 public:
  WorkerInfo& pick(std::span<WorkerInfo* const> candidates, Prng& prng) override {
    double tickets = 0;
    for (const WorkerInfo* worker : candidates)
      tickets += worker->speed;
    double drawn = prng.unit() * tickets;
    for (WorkerInfo* worker : candidates) {
      drawn -= worker->speed;
      if (drawn < 0) return *worker;
    }
    return *candidates.back();  // what rounding left over
  }
};

}  // namespace

std::unique_ptr<RoutingPolicy> make_lottery() {
  return std::make_unique<Lottery>();
}

}  // namespace muster::broker
