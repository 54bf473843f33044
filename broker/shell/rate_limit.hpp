#pragma once

// A bound on how often something is said: a bucket of tokens, one for each line, that fills slowly.
// What is held back is counted, so that it can be told how much it was.

#include <algorithm>
#include <cstdint>
#include <utility>

#include "protocol/time.hpp"

namespace muster::broker {

class RateLimit {
 public:
  // `burst` at once, then one every `refill`. REQUIRES: both are positive.
  RateLimit(std::int64_t burst, Duration refill) : burst_(burst), refill_(refill), tokens_(burst) {}

  // Whether one more may be said now; if not, it counts as held back. `now` never goes back.
  [[nodiscard]] bool allow(Time now) {
    if (take(now)) return true;
    ++held_back_;
    return false;
  }

  // How many were held back since this was last told.
  [[nodiscard]] std::uint64_t take_held_back() { return std::exchange(held_back_, 0); }

  // The same, and 0 also while saying so would be one line too many.
  [[nodiscard]] std::uint64_t take_held_back(Time now) {
    return held_back_ != 0 && take(now) ? take_held_back() : 0;
  }

  // Nothing is held back, and nothing was said for so long that it is as if it were fresh.
  [[nodiscard]] bool is_at_rest(Time now) {
    fill(now);
    return held_back_ == 0 && tokens_ == burst_;
  }

 private:
  void fill(Time now) {
    if (const std::int64_t fresh = (now - filled_) / refill_; fresh > 0) {
      // A full bucket starts its next refill when it is drawn from.
      filled_ = tokens_ + fresh >= burst_ ? now : filled_ + fresh * refill_;
      tokens_ = std::min(burst_, tokens_ + fresh);
    }
  }

  [[nodiscard]] bool take(Time now) {
    fill(now);
    if (tokens_ == 0) return false;
    --tokens_;
    return true;
  }

  const std::int64_t burst_;
  const Duration refill_;
  std::int64_t tokens_;
  Time filled_{};
  std::uint64_t held_back_ = 0;
};

}  // namespace muster::broker
