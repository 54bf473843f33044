#include "worker_agent/core/slot_grants.hpp"

#include <algorithm>

#include "worker_agent/core/slot_split.hpp"

namespace muster::agent {
namespace {

constexpr std::uint64_t less(std::uint64_t a, std::uint64_t b) {
  return a > b ? a - b : 0;
}

}  // namespace

SlotGrants::SlotGrants(std::uint64_t slots, std::size_t brokers)
    : slots_(slots), brokers_(brokers) {
  split();
  for (Broker& broker : brokers_) {
    broker.granted = broker.held = broker.least = broker.even;
  }
}

bool SlotGrants::set_slots(std::uint64_t slots) {
  if (slots == slots_) return false;
  slots_ = slots;
  split();
  for (Broker& broker : brokers_)
    if (broker.even < broker.granted) grant(broker, broker.even);
  std::uint64_t free = free_slots();
  for (Broker& broker : brokers_) {
    const std::uint64_t held = broker.held;
    const std::uint64_t most = std::min(broker.even, std::max(held, broker.granted) + free);
    if (most > broker.granted) grant(broker, most);
    free -= broker.held - held;
    broker.returning = broker.standing == Standing::gone || broker.granted < broker.even;
  }
  return true;
}

void SlotGrants::stands(std::size_t index, Standing standing, std::uint64_t in_hand) {
  Broker& broker = brokers_.at(index);
  broker.standing = standing;
  if (standing == Standing::registered) return;
  // Nothing more comes by its last session, and the next one begins with its grant.
  broker.held = std::max(broker.granted, in_hand);
  broker.queued = broker.demand = 0;
  broker.in_flight = in_hand;
}

void SlotGrants::heard(std::size_t index, const BrokerHeartbeat& heartbeat) {
  take_echo(brokers_.at(index), heartbeat);
  split();
  release_gone();
  for (Broker& broker : brokers_)
    if (broker.standing != Standing::gone && broker.granted >= broker.even)
      broker.returning = false;
  share_out();
  lower_idle();
  lower_above_even();
}

void SlotGrants::renumber() {
  for (Broker& broker : brokers_)
    ++broker.number;
}

// The even shares of those that are not gone; of all, where all are.
void SlotGrants::split() {
  const auto gone = [](const Broker& broker) { return broker.standing == Standing::gone; };
  const bool all_gone = std::all_of(brokers_.begin(), brokers_.end(), gone);
  std::uint64_t count = 0;
  for (const Broker& broker : brokers_)
    if (all_gone || !gone(broker)) ++count;
  std::uint64_t rank = 0;
  for (Broker& broker : brokers_)
    broker.even = all_gone || !gone(broker) ? slot_share(slots_, count, rank++) : 0;
}

void SlotGrants::grant(Broker& broker, std::uint64_t slots) {
  if (slots == broker.granted) return;
  ++broker.number;
  if (slots < broker.granted) broker.lowered_at = broker.number;
  broker.granted = slots;
  broker.least = std::min(broker.least, slots);
  broker.held = std::max(broker.held, slots);
  // Without a session nobody uses what is taken.
  if (broker.standing != Standing::registered) broker.held = std::max(slots, broker.in_flight);
}

void SlotGrants::take_echo(Broker& broker, const BrokerHeartbeat& heartbeat) {
  broker.in_flight = heartbeat.in_flight;
  broker.queued = heartbeat.queued;
  if (heartbeat.grant >= broker.lowered_at)
    broker.held = std::max(broker.granted, std::min(broker.held, heartbeat.in_flight));
  if (heartbeat.grant >= broker.number) broker.least = broker.granted;
  // What waits although a slot is free can't be helped by more slots. Of slots that it may not have
  // seen yet it makes use first.
  const bool full = heartbeat.in_flight >= broker.least;
  broker.demand = full ? less(heartbeat.queued, broker.granted - broker.least) : 0;
}

std::uint64_t SlotGrants::demand_of(const Broker& broker) {
  if (broker.standing != Standing::registered || broker.granted >= slots_max) return 0;
  return std::max(broker.demand, broker.returning ? less(broker.even, broker.granted) : 0);
}

std::uint64_t SlotGrants::free_slots() const {
  std::uint64_t held = 0;
  for (const Broker& broker : brokers_)
    held += broker.held;
  return less(slots_, held);
}

void SlotGrants::release_gone() {
  for (Broker& broker : brokers_) {
    if (broker.standing != Standing::gone) continue;
    broker.returning = true;
    grant(broker, 0);
  }
}

void SlotGrants::share_out() {
  std::vector<std::uint64_t> grants;
  for (const Broker& broker : brokers_)
    grants.push_back(broker.granted);
  const auto demand = [&](std::size_t i) {
    return less(demand_of(brokers_[i]), grants[i] - brokers_[i].granted);
  };
  const auto takes = [&](std::size_t i) {
    return brokers_[i].standing != Standing::gone && grants[i] < slots_max;
  };
  for (std::uint64_t free = free_slots(); free > 0;) {
    std::size_t best = grants.size();
    for (std::size_t i = 0; i < grants.size(); ++i) {
      if (!takes(i)) continue;
      const bool first = best == grants.size();
      const bool wants = demand(i) > 0;
      const bool best_wants = !first && demand(best) > 0;
      if (first || (wants && !best_wants) || (wants == best_wants && grants[i] < grants[best]))
        best = i;
    }
    if (best == grants.size()) break;
    if (++grants[best] > brokers_[best].held) --free;
  }
  for (std::size_t i = 0; i < grants.size(); ++i) {
    Broker& broker = brokers_[i];
    broker.demand = less(broker.demand, grants[i] - broker.granted);
    grant(broker, grants[i]);
  }
}

void SlotGrants::lower_idle() {
  std::uint64_t wanted = 0;
  std::uint64_t coming = 0;  // free once it is echoed
  std::uint64_t live = 0;
  for (const Broker& broker : brokers_) {
    wanted += std::min(demand_of(broker), slots_);
    coming += less(broker.held, std::max(broker.granted, broker.in_flight));
    if (broker.standing != Standing::gone) ++live;
  }
  const std::uint64_t kept = slots_ >= live ? 1 : 0;
  std::vector<std::uint64_t> spare;
  for (const Broker& broker : brokers_) {
    const bool gives =
        broker.standing == Standing::registered && broker.queued == 0 && demand_of(broker) == 0;
    spare.push_back(gives ? less(broker.granted, std::max(broker.in_flight, kept)) : 0);
  }
  lower(std::move(spare), less(wanted, coming));
}

void SlotGrants::lower_above_even() {
  std::uint64_t wanted = 0;
  std::uint64_t coming = 0;  // free once it is echoed, and what is in flight above it has ended
  std::vector<std::uint64_t> spare;
  for (const Broker& broker : brokers_) {
    wanted += std::min(demand_of(broker), less(broker.even, broker.granted));
    if (broker.standing != Standing::gone) coming += broker.held - broker.granted;
    const bool gives = broker.standing == Standing::registered;
    spare.push_back(gives ? less(broker.granted, broker.even) : 0);
  }
  lower(std::move(spare), less(wanted, coming));
}

void SlotGrants::lower(std::vector<std::uint64_t> spare, std::uint64_t count) {
  std::vector<std::uint64_t> grants;
  for (const Broker& broker : brokers_)
    grants.push_back(broker.granted);
  for (; count > 0; --count) {
    const auto most = std::max_element(spare.begin(), spare.end());
    if (most == spare.end() || *most == 0) break;
    --*most;
    --grants[static_cast<std::size_t>(most - spare.begin())];
  }
  for (std::size_t i = 0; i < grants.size(); ++i)
    grant(brokers_[i], grants[i]);
}

}  // namespace muster::agent
