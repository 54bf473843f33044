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

  WorkerChoice(const ControllerOptions& options, WorkerRegistry& workers, std::uint64_t seed);

  // Null: none may be given it now. O(log workers that serve its model); O(workers) where not
  // everyone of them will do: it requires labels, was refused or lost by some, or none is well.
  [[nodiscard]] WorkerInfo* choose(const PendingRequest& request, Time now);

  // The request has been given to this worker: its conversation stays there.
  void chosen(const PendingRequest& request, WorkerInfo& worker);

  // The options have changed: what is chosen from now on is chosen by the new ones.
  void reconfigured();

 private:
  enum class Order : std::uint8_t { well, ailing, lost_it };
  // Those of this order are the candidates; whether there are others, of a later one.
  [[nodiscard]] bool gather(Order order, const PendingRequest& request, Time now);
  [[nodiscard]] WorkerInfo* pick_candidate(const PendingRequest& request);
  // Who has the request's conversation; null: nobody that lives.
  [[nodiscard]] WorkerInfo* known_from(const PendingRequest& request);
  [[nodiscard]] static std::string session_key(const PendingRequest& request);

  struct Conversation {
    std::string key;
    SessionId worker;
  };

  const ControllerOptions& options_;
  WorkerRegistry& workers_;
  RoutingPolicyKind policy_kind_;
  std::unique_ptr<RoutingPolicy> among_candidates_;
  std::size_t seats_used_ = 0;  // of it
  std::uint64_t given_ = 0;     // requests, so far
  Prng prng_;
  std::list<Conversation> conversations_;  // the latest first
  std::unordered_map<std::string_view, std::list<Conversation>::iterator> by_key_;
  std::vector<WorkerInfo*> candidates_;  // scratch
};

}  // namespace muster::broker
