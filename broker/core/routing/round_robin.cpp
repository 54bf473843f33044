// round_robin: in turn. The turn is the worker that was given a request longest ago, which stays
// true while workers come, go, fill up and serve several models.

#include <algorithm>
#include <cstdint>
#include <limits>

#include "broker/core/routing/routing_policy.hpp"

namespace muster::broker {
namespace {

struct Turn {
  std::uint64_t last_given = std::numeric_limits<std::uint64_t>::max();

  [[nodiscard]] static Turn of(const WorkerInfo& worker) { return {worker.last_given}; }
  [[nodiscard]] static Turn join(const Turn& a, const Turn& b) {
    return {std::min(a.last_given, b.last_given)};
  }
  friend bool operator==(const Turn&, const Turn&) = default;
};

class RoundRobin final : public TournamentPolicy<Turn> {
 public:
  std::size_t pick(Prng&) override {
    return workers().find(
        [](const Turn& left, const Turn& right) { return left.last_given <= right.last_given; });
  }
};

}  // namespace

std::unique_ptr<RoutingPolicy> make_round_robin() {
  return std::make_unique<RoundRobin>();
}

}  // namespace muster::broker
