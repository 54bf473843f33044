// round_robin: in turn. The turn is the worker that was picked longest ago, which stays true while
// workers come, go, fill up and serve several models.

#include <algorithm>

#include "broker/core/routing/routing_policy.hpp"

namespace muster::broker {
namespace {

class RoundRobin final : public RoutingPolicy {
 public:
  WorkerInfo& pick(std::span<WorkerInfo* const> candidates, Prng&) override {
    const auto [longest_ago, last] = std::minmax_element(
        candidates.begin(), candidates.end(),
        [](const WorkerInfo* a, const WorkerInfo* b) { return a->last_picked < b->last_picked; });
    // Turns may have been counted before, by another of these: the policy can change and come back.
    picks_ = std::max(picks_, (*last)->last_picked) + 1;
    (*longest_ago)->last_picked = picks_;
    return **longest_ago;
  }

 private:
  std::uint64_t picks_ = 0;
};

}  // namespace

std::unique_ptr<RoutingPolicy> make_round_robin() {
  return std::make_unique<RoundRobin>();
}

}  // namespace muster::broker
