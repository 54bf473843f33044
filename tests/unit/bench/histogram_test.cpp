// Latencies, and when the requests of an open loop are to be sent.

#include "tools/bench/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "protocol/prng.hpp"
#include "tools/bench/arrivals.hpp"

namespace muster::bench {
namespace {

Duration us(std::uint64_t count) {
  return Duration{static_cast<Duration::rep>(count)};
}

TEST(BenchHistogram, IsExactUpTo255Microseconds) {
  Histogram times;
  for (std::uint64_t i = 0; i < 256; ++i)
    times.add(us(i));
  for (std::uint64_t i = 0; i < 256; ++i)
    EXPECT_EQ(times.at(static_cast<double>(i + 1) / 256), us(i));
  EXPECT_EQ(times.count(), 256u);
}

TEST(BenchHistogram, TellsEachValueAtMostOneIn128TooHigh) {
  for (std::uint64_t value = 1; value < Histogram::longest_us; value += 1 + value / 97) {
    Histogram times;
    times.add(us(value));
    times.add(us(Histogram::longest_us));  // else the maximum would make it exact
    const auto told = static_cast<std::uint64_t>(times.at(0.5).count());
    ASSERT_GE(told, value);
    ASSERT_LE(told - value, value / 128) << value;
  }
}

TEST(BenchHistogram, AgreesWithTheSortedValues) {
  Prng prng(7);
  std::vector<std::uint64_t> values;
  Histogram times;
  for (int i = 0; i < 10'000; ++i) {
    values.push_back(static_cast<std::uint64_t>(std::exp(prng.unit() * 20)));
    times.add(us(values.back()));
  }
  std::ranges::sort(values);
  for (const double share : {0.0001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(share * 10'000)) - 1;
    const auto told = static_cast<std::uint64_t>(times.at(share).count());
    EXPECT_GE(told, values[rank]) << share;
    EXPECT_LE(told, values[rank] + values[rank] / 128) << share;
  }
  EXPECT_EQ(times.max(), us(values.back()));
  EXPECT_EQ(times.at(1), times.max());
}

TEST(BenchHistogram, TakesWhatLiesOutside) {
  Histogram times;
  times.add(us(5) - us(9));
  EXPECT_EQ(times.at(1), us(0));
  times.add(us(Histogram::longest_us) * 3);
  EXPECT_EQ(times.at(1), us(Histogram::longest_us));
  EXPECT_EQ(times.max(), us(Histogram::longest_us) * 3);
}

TEST(BenchHistogram, OfNothingSaysZero) {
  EXPECT_EQ(Histogram{}.at(0.99), Duration{});
  EXPECT_EQ(Histogram{}.max(), Duration{});
}

TEST(BenchHistogram, MergedIsAsIfAllHadBeenAddedToOne) {
  Histogram one;
  Histogram other;
  for (std::uint64_t i = 1; i <= 50; ++i) {
    one.add(us(i));
    other.add(us(50 + i));
  }
  one.merge(other);
  EXPECT_EQ(one.count(), 100u);
  EXPECT_EQ(one.at(0.5), us(50));
  EXPECT_EQ(one.at(0.75), us(75));
  EXPECT_EQ(one.max(), us(100));
}

TEST(BenchArrivals, KeepTheirRateAndComeAtRandom) {
  const Time start{std::chrono::hours{3}};
  Arrivals arrivals(2000, 42, start);
  EXPECT_GE(arrivals.next(), start);
  std::uint64_t count = 0;
  std::uint64_t close = 0;
  Time last = start;
  for (; arrivals.next() < start + std::chrono::seconds{50}; arrivals.advance()) {
    ASSERT_GE(arrivals.next(), last);
    if (arrivals.next() - last < us(250)) ++close;
    last = arrivals.next();
    ++count;
  }
  // 100,000 are expected, with a deviation of 316; of them 1 - e^-1/2 within half the mean.
  EXPECT_NEAR(static_cast<double>(count), 100'000, 4 * 316);
  EXPECT_NEAR(static_cast<double>(close) / static_cast<double>(count), 1 - std::exp(-0.5), 0.01);
}

TEST(BenchArrivals, AreTheSameForTheSameSeed) {
  Arrivals one(100, 1, Time{});
  Arrivals same(100, 1, Time{});
  Arrivals other(100, 2, Time{});
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(one.next(), same.next());
    differs = differs || one.next() != other.next();
    for (Arrivals* arrivals : {&one, &same, &other})
      arrivals->advance();
  }
  EXPECT_TRUE(differs);
}

}  // namespace
}  // namespace muster::bench
