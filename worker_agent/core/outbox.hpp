#pragma once

// What waits to be said to one broker, in order: answers that came while no connection stood, while
// the worker was not registered on it, or while its socket was full. Everything that a broker is to
// hear about requests goes through here; it is empty whenever the broker takes what it is given.
//
// Two bounds on its bytes. Parts of answers stop at held_bytes_max, save one that is alone: the
// request whose part does not fit is ended instead, and what waited of it is let go. The ERRORs
// that say so, and those of requests that never began, are small and may go beyond it up to
// held_bytes_end; past that, what a broker would be told is dropped, which only one that asks
// without ever reading can bring about.
//
// Each operation is O(log n) in what waits, for each message that it touches; unanswered() goes by
// the ends that wait, not by the parts: while a broker takes nothing it is asked at every step.

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "worker_agent/core/action.hpp"

namespace muster::agent {

inline constexpr std::size_t held_bytes_max = std::size_t{64} * 1024 * 1024;
inline constexpr std::size_t held_bytes_end = held_bytes_max + std::size_t{4} * 1024 * 1024;

class Outbox {
 public:
  // Whether this part of an answer may still be pushed.
  [[nodiscard]] bool has_room(const Outgoing& part) const;

  // False: past held_bytes_end, and dropped. REQUIRES: an ERROR or DEREGISTER, or has_room().
  [[nodiscard]] bool push(Outgoing message);

  [[nodiscard]] bool empty() const { return waiting_.empty(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  // REQUIRES: !empty().
  [[nodiscard]] const Outgoing& front() const;
  void pop();

  // Lets go of what waits about one request.
  void discard(BrokerId id);
  void clear();

  // Whose FINAL or ERROR waits, in order: for the broker, these are not answered yet.
  [[nodiscard]] std::vector<BrokerId> unanswered() const;

 private:
  using Number = std::uint64_t;  // order of arrival

  std::map<Number, Outgoing> waiting_;
  std::set<std::pair<BrokerId, Number>> by_request_;  // what waits of each
  std::set<std::pair<BrokerId, Number>> ends_;        // which of these end it
  Number next_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace muster::agent
