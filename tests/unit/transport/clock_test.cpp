#include "protocol/transport/clock.hpp"

#include <gtest/gtest.h>

#include <set>

namespace muster::transport {
namespace {

TEST(Clock, MonotonicTimeNeverGoesBack) {
  Time last = monotonic_now();
  for (int i = 0; i < 10'000; ++i) {
    const Time now = monotonic_now();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(Clock, AnInstanceHoldsItsStartAndFitsIntoADouble) {
  const auto before = unix_ms_now();
  const auto instance = new_instance().value;
  const auto after = unix_ms_now();
  EXPECT_GE(instance / 1024, before);
  EXPECT_LE(instance / 1024, after);
  EXPECT_LE(instance, instance_max);
  EXPECT_GT(before, 1'700'000'000'000u) << "milliseconds since 1970";
}

TEST(Clock, RandomNumbersDiffer) {
  std::set<std::uint64_t> seen;
  std::uint64_t ones = 0;
  std::uint64_t zeros = 0;
  for (int i = 0; i < 64; ++i) {
    const auto bits = system_random();
    seen.insert(bits);
    ones |= bits;
    zeros |= ~bits;
  }
  EXPECT_EQ(64u, seen.size());
  EXPECT_EQ(~std::uint64_t{0}, ones) << "every bit is random";
  EXPECT_EQ(~std::uint64_t{0}, zeros);
}

}  // namespace
}  // namespace muster::transport
