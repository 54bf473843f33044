#pragma once

// TimerQueue: keys by the time at which they want to be looked at. It is made for deadlines that
// are put off far more often than they come: the owner of a key remembers when it is armed, arms it
// again only for an earlier time, and when it is popped too early arms it for the rest.
//
// Complexity: arm, disarm and pop O(log n); next O(1). Keys armed for the same time pop in key
// order.

#include <optional>
#include <set>
#include <utility>

#include "protocol/check.hpp"
#include "protocol/time.hpp"

namespace muster::broker {

template <class Key>
class TimerQueue {
 public:
  // REQUIRES: `key` is not armed for `at` already.
  void arm(Key key, Time at) { CHECK(entries_.emplace(at, key).second, "a timer was armed twice"); }

  // REQUIRES: `key` is armed for `at`.
  void disarm(Key key, Time at) {
    CHECK(entries_.erase({at, key}) == 1, "a timer was disarmed that was not armed");
  }

  // The next key whose time has come, disarmed; nothing if there is none.
  [[nodiscard]] std::optional<Key> pop(Time now) {
    if (entries_.empty() || entries_.begin()->first > now) return std::nullopt;
    return entries_.extract(entries_.begin()).value().second;
  }

  [[nodiscard]] Time next() const {
    return entries_.empty() ? time_never : entries_.begin()->first;
  }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  std::set<std::pair<Time, Key>> entries_;
};

}  // namespace muster::broker
