#include "broker/core/worker_choice.hpp"

#include <algorithm>

namespace muster::broker {

WorkerChoice::WorkerChoice(const ControllerOptions& options, WorkerRegistry& workers,
                           std::uint64_t seed)
    : options_(options),
      workers_(workers),
      policy_kind_(options.policy),
      among_candidates_(make_routing_policy(options.policy)),
      prng_(seed) {}

void WorkerChoice::reconfigured() {
  if (std::exchange(policy_kind_, options_.policy) == options_.policy) return;
  among_candidates_ = make_routing_policy(options_.policy);
  seats_used_ = 0;
  workers_.use(options_.policy);
}

WorkerInfo* WorkerChoice::choose(const PendingRequest& request, Time now) {
  ModelPool* pool = workers_.pool(request.model, now);
  if (pool == nullptr || pool->well() + pool->ailing() == 0) return nullptr;
  const bool anyone_will_do = request.require.empty() && request.setbacks().avoided.empty() &&
                              request.setbacks().lost_at.empty();
  if (anyone_will_do && pool->well() > 0) {
    WorkerInfo* same = known_from(request);
    const bool takes_it = same != nullptr && same->standing(now) == Standing::free &&
                          std::ranges::find(same->seats, pool, &Seat::pool) != same->seats.end();
    return takes_it ? same : &pool->pick(prng_);
  }
  for (const Order order : {Order::well, Order::ailing, Order::lost_it}) {
    const bool others = gather(order, request, now);
    if (!candidates_.empty()) return pick_candidate(request);
    if (!others) return nullptr;
  }
  return nullptr;
}

bool WorkerChoice::gather(Order order, const PendingRequest& request, Time now) {
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
  return others;
}

WorkerInfo* WorkerChoice::pick_candidate(const PendingRequest& request) {
  WorkerInfo* same = known_from(request);
  if (same != nullptr && std::ranges::find(candidates_, same) != candidates_.end()) return same;
  const std::size_t count = candidates_.size();
  for (std::size_t seat = 0; seat < std::max(count, seats_used_); ++seat)
    among_candidates_->set(seat, seat < count ? candidates_[seat] : nullptr);
  seats_used_ = count;
  return candidates_[among_candidates_->pick(prng_)];
}

// ---- conversations -----------------------------------------------------------------------------

std::string WorkerChoice::session_key(const PendingRequest& request) {
  return request.model + '\0' + request.conversation;
}

WorkerInfo* WorkerChoice::known_from(const PendingRequest& request) {
  if (request.conversation.empty()) return nullptr;
  const auto known = by_key_.find(session_key(request));
  return known != by_key_.end() ? workers_.find(known->second->worker) : nullptr;
}

void WorkerChoice::chosen(const PendingRequest& request, WorkerInfo& worker) {
  worker.last_given = ++given_;
  worker.touch();
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
