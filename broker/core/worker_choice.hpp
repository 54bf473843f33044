#pragma once

// WorkerChoice decides which worker a request is given to (docs/protocol.md, section 4, rule 1),
// and can say of every worker why it would or would not be chosen: both read the same standing(),
// so what `muster why` tells is what happens.
//
// The order: workers that are well; then, only where there is none of these with a free slot, those
// that are suspect or stalled; last the one that lost this very request. Within an order the
// request's session decides if that worker is among them, else the routing policy.

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/core/options.hpp"
#include "broker/core/pending_request.hpp"
#include "broker/core/routing/routing_policy.hpp"
#include "broker/core/worker_registry.hpp"
#include "protocol/prng.hpp"

namespace muster::broker {

class WorkerChoice {
 public:
  // Conversations that are remembered; beyond, the one that was used least lately is forgotten.
  static constexpr std::size_t sessions_max = 65536;

  WorkerChoice(const ControllerOptions& options, const WorkerRegistry& workers, std::uint64_t seed);

  // Null: none may be given it now. O(workers that serve its model).
  [[nodiscard]] WorkerInfo* choose(const PendingRequest& request, Time now);

  // The request has been given to this worker: its conversation stays there.
  void chosen(const PendingRequest& request, const WorkerInfo& worker);

  // The options have changed: what is chosen from now on is chosen by the new ones.
  void reconfigured();

 private:
  [[nodiscard]] WorkerInfo* pick(const PendingRequest& request);
  [[nodiscard]] static std::string session_key(const PendingRequest& request);

  struct Conversation {
    std::string key;
    SessionId worker;
  };

  const ControllerOptions& options_;
  const WorkerRegistry& workers_;
  RoutingPolicyKind policy_kind_;
  std::unique_ptr<RoutingPolicy> policy_;
  Prng prng_;
  std::list<Conversation> conversations_;  // the latest first
  std::unordered_map<std::string_view, std::list<Conversation>::iterator> by_key_;
  std::vector<WorkerInfo*> candidates_;  // scratch
};

}  // namespace muster::broker
