#include "config/units.hpp"

#include <gtest/gtest.h>

namespace muster::config {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(Durations, EachUnit) {
  EXPECT_EQ(parse_duration("250ms"), milliseconds{250});
  EXPECT_EQ(parse_duration("3s"), seconds{3});
  EXPECT_EQ(parse_duration("5m"), minutes{5});
  EXPECT_EQ(parse_duration("1h"), hours{1});
  EXPECT_EQ(parse_duration("0s"), Duration{0});
}

TEST(Durations, FractionsAreExact) {
  EXPECT_EQ(parse_duration("1.5s"), milliseconds{1500});
  EXPECT_EQ(parse_duration("0.1s"), milliseconds{100});
  EXPECT_EQ(parse_duration("0.001ms"), microseconds{1});
  EXPECT_EQ(parse_duration("0.0001ms"), std::nullopt) << "finer than a microsecond";
}

TEST(Durations, WhatIsNone) {
  for (const char* text :
       {"",    "s",   "5",     "5 s",    " 5s",   "5s ",  "5S",  "5sec", "-5s", "+5s", "1e3s",
        "1.s", ".5s", "1..5s", "1.5.5s", "1m30s", "0x5s", "nan", "inf",  "5us", "5d",  "s5"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Durations, AHundredYearsAndNoMore) {
  EXPECT_EQ(parse_duration("876000h"), duration_max);
  EXPECT_EQ(parse_duration("876001h"), std::nullopt);
  EXPECT_EQ(parse_duration("999999999999999999h"), std::nullopt) << "would overflow";
  EXPECT_EQ(parse_duration("9999999999999999999999999999h"), std::nullopt);
}

TEST(Durations, ShownInTheirLargestUnit) {
  EXPECT_EQ(format_duration(Duration{0}), "0s");
  EXPECT_EQ(format_duration(hours{2}), "2h");
  EXPECT_EQ(format_duration(minutes{90}), "90m");
  EXPECT_EQ(format_duration(milliseconds{1500}), "1500ms");
  EXPECT_EQ(format_duration(microseconds{1500}), "1.5ms");
  EXPECT_EQ(format_duration(microseconds{7}), "0.007ms");
}

TEST(Sizes, EachUnit) {
  EXPECT_EQ(parse_size("512B"), 512u);
  EXPECT_EQ(parse_size("64KiB"), 64u * 1024);
  EXPECT_EQ(parse_size("1.5MiB"), 1536u * 1024);
  EXPECT_EQ(parse_size("2GiB"), 2ull << 30);
  EXPECT_EQ(parse_size("1TiB"), 1ull << 40);
  EXPECT_EQ(parse_size("1KB"), 1000u);
  EXPECT_EQ(parse_size("2MB"), 2'000'000u);
  EXPECT_EQ(parse_size("3GB"), 3'000'000'000u);
  EXPECT_EQ(parse_size("4TB"), 4'000'000'000'000u);
  EXPECT_EQ(parse_size("0B"), 0u);
}

TEST(Sizes, WhatIsNone) {
  for (const char* text : {"", "B", "64", "64K", "64kb", "64kib", "64 KiB", "-1B", "0.5B",
                           "99999999TiB", "18446744073709551616B", "1e3B"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
}

TEST(Sizes, ShownInTheirLargestUnit) {
  EXPECT_EQ(format_size(0), "0B");
  EXPECT_EQ(format_size(1000), "1000B");
  EXPECT_EQ(format_size(64 * 1024), "64KiB");
  EXPECT_EQ(format_size(3ull << 30), "3GiB");
}

TEST(Units, WhatIsShownReadsToTheSame) {
  for (std::int64_t us = 1; us < 4'000'000'000'000'000; us = us * 3 + 1) {
    EXPECT_EQ(parse_duration(format_duration(Duration{us})), Duration{us});
    EXPECT_EQ(parse_size(format_size(static_cast<std::uint64_t>(us))), us);
  }
}

TEST(Units, BareNumbers) {
  EXPECT_TRUE(is_bare_number("5"));
  EXPECT_TRUE(is_bare_number("1.5"));
  EXPECT_FALSE(is_bare_number("5s"));
  EXPECT_FALSE(is_bare_number(""));
}

}  // namespace
}  // namespace muster::config
