// shortest_queue: the worker with the least (in flight here + queue_length that it reports) /
// speed; ties at random, so that equal workers are used alike.

#include "broker/core/routing/routing_policy.hpp"

namespace muster::broker {
namespace {

class ShortestQueue final : public RoutingPolicy {
 public:
  WorkerInfo& pick(std::span<WorkerInfo* const> candidates, Prng& prng) override {
    WorkerInfo* best = candidates.front();
    double least = best->load();
    std::uint64_t ties = 1;
    for (WorkerInfo* worker : candidates.subspan(1)) {
      const double load = worker->load();
      if (load < least) {
        best = worker;
        least = load;
        ties = 1;
      } else if (load == least && prng.below(++ties) == 0) {
        best = worker;  // the n-th of n equals replaces the chosen one with probability 1/n
      }
    }
    return *best;
  }
};

}  // namespace

std::unique_ptr<RoutingPolicy> make_shortest_queue() {
  return std::make_unique<ShortestQueue>();
}

}  // namespace muster::broker
