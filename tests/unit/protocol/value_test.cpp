#include "protocol/value.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace muster {
namespace {

TEST(Value, is_nil_from_the_start) {
  EXPECT_TRUE(Value{}.is_nil());
  EXPECT_FALSE(Value{0}.is_nil());
  EXPECT_FALSE(Value{""}.is_nil());
}

TEST(Value, holds_what_it_was_given) {
  EXPECT_EQ(std::get<bool>(Value{true}.data()), true);
  EXPECT_EQ(std::get<double>(Value{0.5}.data()), 0.5);
  EXPECT_EQ(std::get<std::string>(Value{"text"}.data()), "text");
  EXPECT_EQ(std::get<std::string>(Value{std::string_view{"text"}}.data()), "text");
  EXPECT_EQ(std::get<std::int64_t>(Value{-1}.data()), -1);
  EXPECT_EQ(std::get<std::int64_t>(Value{std::numeric_limits<std::int64_t>::min()}.data()),
            std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(std::get<std::uint64_t>(Value{std::numeric_limits<std::uint64_t>::max()}.data()),
            std::numeric_limits<std::uint64_t>::max());
}

TEST(Value, equal_numbers_are_equal_however_they_were_given) {
  EXPECT_EQ(Value{5}, Value{5u});
  EXPECT_EQ(Value{5}, Value{std::uint64_t{5}});
  EXPECT_EQ(Value{std::int64_t{5}}, Value{std::uint64_t{5}});
  EXPECT_EQ(Value{0}, Value{0u});
  EXPECT_FALSE(Value{-1} == Value{std::numeric_limits<std::uint64_t>::max()});
  EXPECT_FALSE(Value{1} == Value{1.0});
}

TEST(Value, finds_members_of_maps) {
  const Value map = Value::Map{{"a", 1}, {"b", Value::Array{2, 3}}};
  ASSERT_NE(map.find("b"), nullptr);
  EXPECT_EQ(*map.find("b"), (Value{Value::Array{2, 3}}));
  EXPECT_EQ(map.find("c"), nullptr);
  EXPECT_EQ(Value{"a"}.find("a"), nullptr);
  EXPECT_EQ(Value{}.find("a"), nullptr);
}

TEST(Value, tells_whether_it_is_a_container) {
  const Value map = Value::Map{};
  const Value array = Value::Array{};
  EXPECT_NE(map.map(), nullptr);
  EXPECT_EQ(map.array(), nullptr);
  EXPECT_NE(array.array(), nullptr);
  EXPECT_EQ(array.map(), nullptr);
  EXPECT_EQ(map.string(), nullptr);
}

TEST(Value, maps_keep_their_order) {
  const Value one = Value::Map{{"a", 1}, {"b", 2}};
  const Value other = Value::Map{{"b", 2}, {"a", 1}};
  EXPECT_FALSE(one == other);
}

TEST(Value, lenient_readings) {
  EXPECT_EQ(Value{"x"}.string_or("y"), "x");
  EXPECT_EQ(Value{1}.string_or("y"), "y");
  EXPECT_EQ(Value{7}.uint_or(9), 7u);
  EXPECT_EQ(Value{-7}.uint_or(9), 9u);
  EXPECT_EQ(Value{7.0}.uint_or(9), 9u);
  EXPECT_EQ(Value{7}.number_or(9), 7.0);
  EXPECT_EQ(Value{-7}.number_or(9), -7.0);
  EXPECT_EQ(Value{0.5}.number_or(9), 0.5);
  EXPECT_EQ(Value{"7"}.number_or(9), 9.0);
  EXPECT_EQ(Value{false}.bool_or(true), false);
  EXPECT_EQ(Value{0}.bool_or(true), true);
}

}  // namespace
}  // namespace muster
