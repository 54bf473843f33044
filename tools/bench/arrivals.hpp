#pragma once

// Arrivals: when the requests of an open loop are to be sent, whatever becomes of those before: a
// Poisson process, as of many people who do not know of each other. One seed gives one schedule, so
// that every target is asked at the same moments.
//
// A request's latency counts from here. Counted from when it was really sent, a target that stops
// for a second would be blamed for one slow request, and not for all that had to wait meanwhile.

#include <cmath>
#include <cstdint>

#include "protocol/prng.hpp"
#include "protocol/time.hpp"

namespace muster::bench {

class Arrivals {
 public:
  // REQUIRES: a_second > 0.
  Arrivals(double a_second, std::uint64_t seed, Time start)
      : mean_us_(1e6 / a_second), prng_(seed), start_(start) {
    advance();
  }

  [[nodiscard]] Time next() const { return next_; }
  void advance() {
    since_start_us_ -= std::log1p(-prng_.unit()) * mean_us_;
    next_ = start_ + Duration{static_cast<Duration::rep>(since_start_us_)};
  }

 private:
  double mean_us_;
  double since_start_us_ = 0;  // not rounded, lest the rounding adds up
  Prng prng_;
  Time start_;
  Time next_;
};

}  // namespace muster::bench
