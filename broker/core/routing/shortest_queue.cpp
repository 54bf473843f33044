// shortest_queue: the worker with the least (in flight here + queue_length that it reports) /
// speed; ties at random, so that equal workers are used alike.

#include <cstdint>
#include <limits>

#include "broker/core/routing/routing_policy.hpp"

namespace muster::broker {
namespace {

struct Least {
  double load = std::numeric_limits<double>::infinity();
  std::uint64_t workers = 0;  // that have it

  [[nodiscard]] static Least of(const WorkerInfo& worker) { return {worker.load(), 1}; }
  [[nodiscard]] static Least join(const Least& a, const Least& b) {
    if (a.load == b.load) return {a.load, a.workers + b.workers};
    return a.load < b.load ? a : b;
  }
  friend bool operator==(const Least&, const Least&) = default;
};

class ShortestQueue final : public TournamentPolicy<Least> {
 public:
  std::size_t pick(Prng& prng) override {
    const Least& least = workers().all();
    // So many with the least load come behind the one that is chosen.
    std::uint64_t behind = least.workers > 1 ? prng.below(least.workers) : 0;
    return workers().find([&](const Least& left, const Least& right) {
      if (left.load != right.load) return left.load < right.load;
      if (behind >= right.workers) {
        behind -= right.workers;
        return true;
      }
      return false;
    });
  }
};

}  // namespace

std::unique_ptr<RoutingPolicy> make_shortest_queue() {
  return std::make_unique<ShortestQueue>();
}

}  // namespace muster::broker
