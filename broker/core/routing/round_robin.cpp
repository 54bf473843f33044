// round_robin: in turn. The turn is the worker that was picked longest ago, which stays true while
// workers come, go, fill up and serve several models.

#include <algorithm>

#include "broker/core/routing/routing_policy.hpp"

namespace muster::broker {
namespace {

class RoundRobin final : public RoutingPolicy {
 public:
  WorkerInfo& pick(std::span<WorkerInfo* const> candidates, Prng&) override {
    WorkerInfo* next = *std::min_element(
        candidates.begin(), candidates.end(),
        [](const WorkerInfo* a, const WorkerInfo* b) { return a->last_picked < b->last_picked; });
    next->last_picked = ++picks_;
    return *next;
  }

 private:
  std::uint64_t picks_ = 0;
};

}  // namespace

std::unique_ptr<RoutingPolicy> make_round_robin() {
  return std::make_unique<RoundRobin>();
}

}  // namespace muster::broker
