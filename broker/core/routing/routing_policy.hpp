#pragma once

// A routing policy chooses among workers that may all be given the request: ready, fit, with a free
// slot. It goes by the broker's own exact count of what is in flight at each, at the moment of
// choosing: there is no stale poll to herd by. One file a policy.
//
// It is told of each change of a worker that it may choose, and chooses without looking at all of
// them.

#include <cstddef>
#include <memory>

#include "broker/core/options.hpp"
#include "broker/core/routing/tournament.hpp"
#include "broker/core/worker_info.hpp"
#include "protocol/prng.hpp"

namespace muster::broker {

class RoutingPolicy {
 public:
  RoutingPolicy() = default;
  virtual ~RoutingPolicy() = default;
  RoutingPolicy(const RoutingPolicy&) = delete;
  RoutingPolicy& operator=(const RoutingPolicy&) = delete;

  // From now on this worker, as it is now, may be chosen in this seat; null: nobody. Seats are
  // numbered from 0; to be called again whenever what its load() or `last_given` goes by has
  // changed. O(log seats).
  virtual void set(std::size_t seat, const WorkerInfo* worker) = 0;

  // The seat of the worker that is chosen. REQUIRES: there is one. O(log seats).
  [[nodiscard]] virtual std::size_t pick(Prng& prng) = 0;

  // Whether what is known of this seat is what set() would make of it now: for tests and checks.
  [[nodiscard]] virtual bool knows(std::size_t seat, const WorkerInfo* worker) const = 0;
};

// What the policies share: a Tournament of nodes that `Node::of(worker)` makes.
template <class Node>
class TournamentPolicy : public RoutingPolicy {
 public:
  void set(std::size_t seat, const WorkerInfo* worker) final {
    workers_.make_room(seat + 1);
    workers_.set(seat, node_of(worker));
  }
  [[nodiscard]] bool knows(std::size_t seat, const WorkerInfo* worker) const final {
    return seat < workers_.seats() ? workers_.at(seat) == node_of(worker) : worker == nullptr;
  }

 protected:
  [[nodiscard]] const Tournament<Node>& workers() const { return workers_; }

 private:
  [[nodiscard]] static Node node_of(const WorkerInfo* worker) {
    return worker != nullptr ? Node::of(*worker) : Node{};
  }

  Tournament<Node> workers_;
};

[[nodiscard]] std::unique_ptr<RoutingPolicy> make_lottery();
[[nodiscard]] std::unique_ptr<RoutingPolicy> make_shortest_queue();
[[nodiscard]] std::unique_ptr<RoutingPolicy> make_round_robin();
[[nodiscard]] std::unique_ptr<RoutingPolicy> make_power_of_two();

[[nodiscard]] std::unique_ptr<RoutingPolicy> make_routing_policy(RoutingPolicyKind kind);

}  // namespace muster::broker
