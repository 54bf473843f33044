#include "broker/core/worker_choice.hpp"

#include <algorithm>
#include <array>

namespace muster::broker {

WorkerChoice::WorkerChoice(const ControllerOptions& options, const WorkerRegistry& workers,
                           std::uint64_t seed)
    : options_(options),
      workers_(workers),
      policy_kind_(options.policy),
      policy_(make_routing_policy(options.policy)),
      prng_(seed) {}

void WorkerChoice::reconfigured() {
  if (std::exchange(policy_kind_, options_.policy) != options_.policy)
    policy_ = make_routing_policy(options_.policy);
}

WorkerInfo* WorkerChoice::choose(const PendingRequest& request, Time now) {
  enum class Order : std::uint8_t { well, ailing, lost_it };
  for (const Order order : {Order::well, Order::ailing, Order::lost_it}) {
    candidates_.clear();
    bool others = false;
    for (WorkerInfo* worker : workers_.serving(request.model)) {
      const Standing standing = worker->standing(now);
      if (!may_take(standing) || !worker->fits(request.require) ||
          request.avoids(worker->session, now)) {
        continue;
      }
      const Order own = request.was_lost_at(worker->session) ? Order::lost_it
                        : standing == Standing::free         ? Order::well
                                                             : Order::ailing;
      if (own == order) {
        candidates_.push_back(worker);
      } else {
        others = true;
      }
    }
    if (!candidates_.empty()) return pick(request);
    if (!others) return nullptr;
  }
  return nullptr;
}

// ---- conversations -----------------------------------------------------------------------------

std::string WorkerChoice::session_key(const PendingRequest& request) {
  return request.model + '\0' + request.conversation;
}

WorkerInfo* WorkerChoice::pick(const PendingRequest& request) {
  if (!request.conversation.empty()) {
    if (const auto known = by_key_.find(session_key(request)); known != by_key_.end()) {
      const SessionId session = known->second->worker;
      const auto same = std::ranges::find_if(
          candidates_, [&](const WorkerInfo* worker) { return worker->session == session; });
      if (same != candidates_.end()) return *same;
    }
  }
  return &policy_->pick(candidates_, prng_);
}

void WorkerChoice::chosen(const PendingRequest& request, const WorkerInfo& worker) {
  if (request.conversation.empty()) return;
  std::string key = session_key(request);
  if (const auto known = by_key_.find(key); known != by_key_.end()) {
    known->second->worker = worker.session;
    conversations_.splice(conversations_.begin(), conversations_, known->second);
    return;
  }
  conversations_.push_front({std::move(key), worker.session});
  by_key_.emplace(conversations_.front().key, conversations_.begin());
  if (conversations_.size() <= sessions_max) return;
  by_key_.erase(conversations_.back().key);
  conversations_.pop_back();
}

}  // namespace muster::broker
