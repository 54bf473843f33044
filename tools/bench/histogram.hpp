#pragma once

// Histogram: how often which duration came, in little room and at a bounded error.
//
// Log-linear, as HdrHistogram is: up to 255 us each microsecond has a bucket of its own; from there
// on each doubling has 128 buckets of equal width. So a value is told at most 1/128 too high, from
// a microsecond to nineteen hours, in 30 KiB. Longer durations count as the longest; the maximum is
// kept exactly.
//
// Complexity: add O(1), without an allocation; at() and merge() O(buckets).

#include <cstdint>
#include <vector>

#include "protocol/time.hpp"

namespace muster::bench {

class Histogram {
 public:
  static constexpr std::uint64_t longest_us = (std::uint64_t{1} << 36) - 1;

  Histogram();

  // Negative durations count as 0.
  void add(Duration value);
  void merge(const Histogram& other);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] Duration max() const { return max_; }

  // The least value that a `share` of all values does not exceed, rounded up to its bucket's end;
  // 0.99 gives the 99th percentile. 0 where nothing was added. REQUIRES: 0 <= share <= 1.
  [[nodiscard]] Duration at(double share) const;

 private:
  std::vector<std::uint64_t> buckets_;
  std::uint64_t count_ = 0;
  Duration max_{};
};

}  // namespace muster::bench
