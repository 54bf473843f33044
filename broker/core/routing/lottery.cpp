// lottery: a draw at random, each worker with as many tickets as its speed. FastChat's default;
// blind to load, and fair in the long run.

#include "broker/core/routing/routing_policy.hpp"

namespace muster::broker {
namespace {

struct Tickets {
  double count = 0;

  [[nodiscard]] static Tickets of(const WorkerInfo& worker) { return {worker.speed}; }
  [[nodiscard]] static Tickets join(const Tickets& a, const Tickets& b) {
    return {a.count + b.count};
  }
  friend bool operator==(const Tickets&, const Tickets&) = default;
};

class Lottery final : public TournamentPolicy<Tickets> {
 public:
  std::size_t pick(Prng& prng) override {
    double drawn = prng.unit() * workers().all().count;
    return workers().find([&drawn](const Tickets& left, const Tickets& right) {
      // Rounding may leave a ticket too high: it is not drawn where nobody has one.
      if (drawn < left.count || right.count == 0) return true;
      drawn -= left.count;
      return false;
    });
  }
};

}  // namespace

std::unique_ptr<RoutingPolicy> make_lottery() {
  return std::make_unique<Lottery>();
}

}  // namespace muster::broker
