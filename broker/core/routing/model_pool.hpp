#pragma once

// ModelPool: the workers that serve one model under one name or alias, in seats; and which of them
// may be given a request at this moment, so that one is chosen without looking at all.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "broker/core/options.hpp"
#include "broker/core/routing/routing_policy.hpp"
#include "broker/core/worker_info.hpp"

namespace muster::broker {

class ModelPool {
 public:
  explicit ModelPool(RoutingPolicyKind policy)
      : kind_(policy), policy_(make_routing_policy(policy)) {}
  ModelPool(const ModelPool&) = delete;
  ModelPool& operator=(const ModelPool&) = delete;

  // All of them, in whatever state; in the order of their coming, but that the place of one that
  // left is the last one's.
  [[nodiscard]] std::span<WorkerInfo* const> workers() const { return workers_; }

  // Both keep `worker.seats`. A seat is nobody's choice before it is looked at.
  void join(WorkerInfo& worker);
  void leave(WorkerInfo& worker);

  // The worker in this seat is taken as it is now. O(log workers).
  void look_at(std::size_t seat, Time now);

  // Where that is another policy than before, all are to be looked at again.
  void use(RoutingPolicyKind policy);

  // By what was seen when each was looked at last: those that are chosen first, and those that are
  // chosen where there is none of these.
  [[nodiscard]] std::size_t well() const { return well_; }
  [[nodiscard]] std::size_t ailing() const { return ailing_; }

  // One that is well, by the policy. REQUIRES: well() > 0. O(log workers).
  [[nodiscard]] WorkerInfo& pick(Prng& prng) { return *workers_[policy_->pick(prng)]; }

  // Whether looking at this seat would change nothing: for tests and checks.
  [[nodiscard]] bool is_current(std::size_t seat, Time now) const;

 private:
  enum class Offer : std::uint8_t { none, ailing, well };
  [[nodiscard]] static Offer offer_of(const WorkerInfo& worker, Time now);
  void settle(std::size_t seat, Offer offer);

  RoutingPolicyKind kind_;
  std::unique_ptr<RoutingPolicy> policy_;
  std::vector<WorkerInfo*> workers_;
  std::vector<Offer> offers_;  // of each
  std::size_t well_ = 0;
  std::size_t ailing_ = 0;
};

}  // namespace muster::broker
