#pragma once

// Every choice of a simulation is drawn from its seed, through these. The network, each process and
// the faults that happen draw from generators of their own.

#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "protocol/prng.hpp"
#include "protocol/time.hpp"

namespace muster::sim {

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : prng_(seed) {}

  [[nodiscard]] Draw fork() { return Draw{prng_.next()}; }
  [[nodiscard]] std::uint64_t number() { return prng_.next(); }
  // In [0, bound). REQUIRES: bound > 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return prng_.below(bound); }
  // In [low, high].
  [[nodiscard]] std::uint64_t from_to(std::uint64_t low, std::uint64_t high) {
    return low + prng_.below(high - low + 1);
  }
  [[nodiscard]] bool chance(double share) { return prng_.unit() < share; }
  // In [low, high].
  [[nodiscard]] Duration between(Duration low, Duration high) {
    const auto span = static_cast<std::uint64_t>((high - low).count());
    return low + Duration{static_cast<std::int64_t>(prng_.below(span + 1))};
  }
  // In [low, high], small values as likely as large ones by their magnitude. REQUIRES: low > 0.
  [[nodiscard]] Duration magnitude(Duration low, Duration high) {
    Duration bound = high;
    while (bound > low * 2 && chance(0.5))
      bound /= 2;
    return between(low, bound);
  }
  template <class T>
  [[nodiscard]] T one_of(std::initializer_list<T> values) {
    return values.begin()[below(values.size())];
  }

 private:
  Prng prng_;
};

}  // namespace muster::sim
