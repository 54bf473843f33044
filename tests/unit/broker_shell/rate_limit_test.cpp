#include "broker/shell/rate_limit.hpp"

#include <gtest/gtest.h>

namespace muster::broker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const Time start{seconds{1'000'000}};

TEST(RateLimit, ABurstPassesThenOneEachRefill) {
  RateLimit limit(3, seconds{1});
  int passed = 0;
  for (int i = 0; i < 10; ++i)
    passed += limit.allow(start) ? 1 : 0;
  EXPECT_EQ(3, passed);
  EXPECT_FALSE(limit.allow(start + milliseconds{999}));
  EXPECT_TRUE(limit.allow(start + milliseconds{1000}));
  EXPECT_FALSE(limit.allow(start + milliseconds{1001}));
  EXPECT_TRUE(limit.allow(start + milliseconds{2000}));
}

TEST(RateLimit, AFloodPassesAtTheRateOfTheRefill) {
  RateLimit limit(10, seconds{1});
  int passed = 0;
  for (int ms = 0; ms < 60'000; ++ms)
    passed += limit.allow(start + milliseconds{ms}) ? 1 : 0;
  EXPECT_EQ(10 + 59, passed);
  EXPECT_EQ(60'000u - 69u, limit.take_held_back());
}

TEST(RateLimit, NoMoreThanABurstIsSavedUp) {
  RateLimit limit(3, seconds{1});
  EXPECT_TRUE(limit.allow(start));
  int passed = 0;
  for (int i = 0; i < 10; ++i)
    passed += limit.allow(start + seconds{3600}) ? 1 : 0;
  EXPECT_EQ(3, passed);
}

TEST(RateLimit, WhatWasHeldBackIsToldOnceThereIsRoom) {
  RateLimit limit(1, seconds{1});
  EXPECT_EQ(0u, limit.take_held_back(start)) << "nothing was";
  EXPECT_TRUE(limit.allow(start)) << "asking took nothing";
  EXPECT_FALSE(limit.allow(start));
  EXPECT_FALSE(limit.allow(start));
  EXPECT_EQ(0u, limit.take_held_back(start + milliseconds{500})) << "it would be one line too many";
  EXPECT_EQ(2u, limit.take_held_back(start + seconds{1}));
  EXPECT_EQ(0u, limit.take_held_back(start + seconds{5})) << "it is told once";
}

}  // namespace
}  // namespace muster::broker
