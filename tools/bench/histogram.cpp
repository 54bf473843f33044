#include "tools/bench/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "protocol/check.hpp"

namespace muster::bench {

namespace {

// Buckets of each doubling, as a power of two.
constexpr int width_bits = 7;
constexpr std::uint64_t buckets_a_doubling = std::uint64_t{1} << width_bits;

// How many low bits of a value its bucket leaves out.
int dropped_bits(std::uint64_t us) {
  return std::max(static_cast<int>(std::bit_width(us)) - (width_bits + 1), 0);
}

// A value of n dropped bits lies in the upper half of what width_bits + 1 bits can say, so the
// doublings follow each other without a gap.
std::size_t bucket_of(std::uint64_t us) {
  const int dropped = dropped_bits(us);
  return static_cast<std::size_t>(dropped) * buckets_a_doubling + (us >> dropped);
}

std::uint64_t end_of(std::size_t bucket) {
  if (bucket < 2 * buckets_a_doubling) return bucket;
  const std::size_t dropped = bucket / buckets_a_doubling - 1;
  const std::uint64_t kept = bucket - dropped * buckets_a_doubling;
  return ((kept + 1) << dropped) - 1;
}

}  // namespace

Histogram::Histogram() : buckets_(bucket_of(longest_us) + 1) {}

void Histogram::add(Duration value) {
  const auto us = static_cast<std::uint64_t>(std::max<Duration::rep>(value.count(), 0));
  ++buckets_[bucket_of(std::min(us, longest_us))];
  ++count_;
  max_ = std::max(max_, value);
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < buckets_.size(); ++i)
    buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

Duration Histogram::at(double share) const {
  CHECK(share >= 0 && share <= 1, "a share of all values is outside 0 to 1");
  if (count_ == 0) return {};
  const auto wanted = std::max<std::uint64_t>(
      static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_))), 1);
  std::uint64_t passed = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    passed += buckets_[i];
    if (passed >= wanted) return std::min(Duration{static_cast<Duration::rep>(end_of(i))}, max_);
  }
  return max_;  // only where rounding has asked for more than there are
}

}  // namespace muster::bench
