#include "broker/core/routing/model_pool.hpp"

#include <algorithm>
#include <utility>

#include "protocol/check.hpp"

namespace muster::broker {

void ModelPool::join(WorkerInfo& worker) {
  worker.seats.push_back({this, static_cast<std::uint32_t>(workers_.size())});
  workers_.push_back(&worker);
  offers_.push_back(Offer::none);
}

void ModelPool::leave(WorkerInfo& worker) {
  const auto own = std::ranges::find(worker.seats, this, &Seat::pool);
  CHECK(own != worker.seats.end(), "a worker left a model that it does not serve");
  const std::size_t seat = own->number;
  worker.seats.erase(own);
  const std::size_t last = workers_.size() - 1;
  settle(seat, Offer::none);
  if (seat != last) {
    const Offer offer = offers_[last];
    settle(last, Offer::none);
    workers_[seat] = workers_[last];
    std::ranges::find(workers_[seat]->seats, this, &Seat::pool)->number =
        static_cast<std::uint32_t>(seat);
    settle(seat, offer);
  }
  workers_.pop_back();
  offers_.pop_back();
}

void ModelPool::look_at(std::size_t seat, Time now) {
  settle(seat, offer_of(*workers_[seat], now));
}

void ModelPool::use(RoutingPolicyKind policy) {
  if (std::exchange(kind_, policy) == policy) return;
  policy_ = make_routing_policy(policy);
  std::ranges::fill(offers_, Offer::none);
  well_ = ailing_ = 0;
}

bool ModelPool::is_current(std::size_t seat, Time now) const {
  const WorkerInfo& worker = *workers_[seat];
  const Offer offer = offer_of(worker, now);
  return offers_[seat] == offer && policy_->knows(seat, offer == Offer::well ? &worker : nullptr);
}

ModelPool::Offer ModelPool::offer_of(const WorkerInfo& worker, Time now) {
  const Standing standing = worker.standing(now);
  if (standing == Standing::free) return Offer::well;
  return may_take(standing) ? Offer::ailing : Offer::none;
}

void ModelPool::settle(std::size_t seat, Offer offer) {
  const Offer before = std::exchange(offers_[seat], offer);
  if (before == Offer::well || offer == Offer::well)
    policy_->set(seat, offer == Offer::well ? workers_[seat] : nullptr);
  well_ -= before == Offer::well ? 1 : 0;
  well_ += offer == Offer::well ? 1 : 0;
  ailing_ -= before == Offer::ailing ? 1 : 0;
  ailing_ += offer == Offer::ailing ? 1 : 0;
}

}  // namespace muster::broker
