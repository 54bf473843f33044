// power_of_two: two workers drawn at random, and the better of them by shortest_queue's measure.
// Nearly as even as looking at all of them (M. Mitzenmacher, "The Power of Two Choices in
// Randomized Load Balancing", 2001), and it does not send every broker's next request to the same
// worker.

#include <vector>

#include "broker/core/routing/routing_policy.hpp"

namespace muster::broker {
namespace {

struct Count {
  std::size_t workers = 0;

  [[nodiscard]] static Count join(const Count& a, const Count& b) {
    return {a.workers + b.workers};
  }
  friend bool operator==(const Count&, const Count&) = default;
};

class PowerOfTwo final : public RoutingPolicy {
 public:
  void set(std::size_t seat, const WorkerInfo* worker) override {
    counts_.make_room(seat + 1);
    if (loads_.size() <= seat) loads_.resize(counts_.seats());
    counts_.set(seat, worker != nullptr ? Count{1} : Count{});
    loads_[seat] = worker != nullptr ? worker->load() : 0;
  }

  bool knows(std::size_t seat, const WorkerInfo* worker) const override {
    if (seat >= loads_.size()) return worker == nullptr;
    return counts_.at(seat).workers == (worker != nullptr ? 1 : 0) &&
           loads_[seat] == (worker != nullptr ? worker->load() : 0);
  }

  std::size_t pick(Prng& prng) override {
    const std::size_t count = counts_.all().workers;
    if (count == 1) return of_rank(0);
    const std::size_t first = prng.below(count);
    std::size_t second = prng.below(count - 1);
    if (second >= first) ++second;
    const std::size_t a = of_rank(first);
    const std::size_t b = of_rank(second);
    return loads_[b] < loads_[a] ? b : a;
  }

 private:
  // The seat of the worker that so many come before.
  [[nodiscard]] std::size_t of_rank(std::size_t rank) const {
    return counts_.find([&rank](const Count& left, const Count&) {
      if (rank < left.workers) return true;
      rank -= left.workers;
      return false;
    });
  }

  Tournament<Count> counts_;
  std::vector<double> loads_;
};

}  // namespace

std::unique_ptr<RoutingPolicy> make_power_of_two() {
  return std::make_unique<PowerOfTwo>();
}

}  // namespace muster::broker
