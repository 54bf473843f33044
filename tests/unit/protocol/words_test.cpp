// The small words that everybody shares: ids, times, results, names of codes, frames.

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <vector>

#include "protocol/codec.hpp"
#include "protocol/error_code.hpp"
#include "protocol/ids.hpp"
#include "protocol/payload.hpp"
#include "protocol/result.hpp"
#include "protocol/time.hpp"

namespace muster {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// ---- ids ------------------------------------------------------------------------------------

static_assert(!std::is_convertible_v<WireId, std::uint64_t>);
static_assert(!std::is_convertible_v<std::uint64_t, WireId>);
static_assert(!std::is_convertible_v<WireId, BrokerId>);
static_assert(!std::is_convertible_v<ClientConnection, WorkerConnection>);
static_assert(sizeof(ClientConnection) == 4);

TEST(Ids, compare_by_value) {
  EXPECT_EQ(BrokerId{5}, BrokerId{5});
  EXPECT_NE(BrokerId{5}, BrokerId{6});
  EXPECT_LT(Instance{5}, Instance{6});
}

TEST(Ids, can_be_keys) {
  std::unordered_set<BrokerId> ids{BrokerId{1}, BrokerId{2}, BrokerId{1}};
  EXPECT_EQ(ids.size(), 2u);
  EXPECT_TRUE(ids.contains(BrokerId{2}));
}

TEST(Ids, every_broker_id_has_the_nine_byte_form_as_its_shortest) {
  EXPECT_EQ(broker_id_min, std::uint64_t{1} << 32);
  EXPECT_LT(broker_id_start_max, instance_max);
  EXPECT_EQ(instance_max, 9007199254740991u);  // JavaScript's largest safe integer
}

// ---- time -----------------------------------------------------------------------------------

TEST(Time, is_told_in_whole_milliseconds_rounded_up) {
  EXPECT_EQ(to_wire_ms(microseconds{-1}), 0u);
  EXPECT_EQ(to_wire_ms(microseconds{0}), 0u);
  EXPECT_EQ(to_wire_ms(microseconds{1}), 1u);
  EXPECT_EQ(to_wire_ms(microseconds{999}), 1u);
  EXPECT_EQ(to_wire_ms(microseconds{1000}), 1u);
  EXPECT_EQ(to_wire_ms(microseconds{1001}), 2u);
  EXPECT_EQ(to_wire_ms(duration_max), 3153600000000u);
}

TEST(Time, from_the_wire_is_clamped) {
  EXPECT_EQ(from_wire_ms(0), Duration{});
  EXPECT_EQ(from_wire_ms(1500), milliseconds{1500});
  EXPECT_EQ(from_wire_ms(3153600000000), duration_max);
  EXPECT_EQ(from_wire_ms(3153600000001), duration_max);
  EXPECT_EQ(from_wire_ms(UINT64_MAX), duration_max);
  EXPECT_EQ(from_wire_ms(std::uint64_t{1} << 63), duration_max);
}

TEST(Time, the_longest_duration_can_be_added_to_a_time) {
  const Time late = Time{duration_max};
  EXPECT_GT(late + duration_max, late);
  EXPECT_GT(time_never, late + duration_max);
  EXPECT_EQ(from_wire_ms(to_wire_ms(milliseconds{123})), milliseconds{123});
}

// ---- results --------------------------------------------------------------------------------

Result<int> half_of(int n) {
  if (n % 2 != 0) return failure("the number is odd");
  return n / 2;
}

TEST(Result, holds_a_value_or_an_error) {
  auto good = half_of(4);
  ASSERT_TRUE(good.ok());
  EXPECT_TRUE(static_cast<bool>(good));
  EXPECT_EQ(*good, 2);
  const auto bad = half_of(3);
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error(), "the number is odd");
}

TEST(Result, value_and_error_may_be_of_one_type) {
  const Result<std::string> good{std::string{"same"}};
  const Result<std::string> bad{failure(std::string{"same"})};
  EXPECT_TRUE(good.ok());
  EXPECT_FALSE(bad.ok());
}

TEST(Result, moves_out_what_cannot_be_copied) {
  Result<std::unique_ptr<int>> result{std::make_unique<int>(5)};
  const std::unique_ptr<int> taken = std::move(result).value();
  EXPECT_EQ(*taken, 5);
}

TEST(ResultDeath, read_as_what_it_does_not_hold_is_our_own_bug) {
  EXPECT_DEATH((void)half_of(3).value(), "read as what it does not hold");
  EXPECT_DEATH((void)half_of(4).error(), "read as what it does not hold");
}

// ---- names of codes and states --------------------------------------------------------------

TEST(ErrorName, of_every_listed_code) {
  const std::vector<std::pair<std::uint32_t, std::string>> listed = {
      {40001, "BAD_REQUEST"},    {40101, "UNAUTHENTICATED"}, {40103, "FORBIDDEN"},
      {40301, "UNKNOWN_MODEL"},  {40901, "REPLACED"},        {40902, "NAME_TAKEN"},
      {42901, "RATE_LIMITED"},   {42903, "OVERLOADED"},      {42904, "REFUSED"},
      {49900, "CANCELLED"},      {50001, "WORKER_FAILED"},   {50005, "NO_WORKER"},
      {50006, "WORKER_TIMEOUT"}, {50007, "WORKER_LOST"},     {50008, "SHUTTING_DOWN"},
      {50301, "SERVER_GONE"},
  };
  for (const auto& [code, name] : listed)
    EXPECT_EQ(error_name(static_cast<ErrorCode>(code)), name);
  EXPECT_EQ(error_name(static_cast<ErrorCode>(59999)), "59999");
}

TEST(StateName, of_every_state) {
  EXPECT_EQ(state_name(WorkerState::starting), "starting");
  EXPECT_EQ(state_name(WorkerState::ready), "ready");
  EXPECT_EQ(state_name(WorkerState::draining), "draining");
  EXPECT_EQ(state_name(WorkerState::unhealthy), "unhealthy");
}

// ---- frames ---------------------------------------------------------------------------------

TEST(Frame, shares_its_bytes_from_34_on) {
  Frame small{std::string(33, 's')};
  Frame large{std::string(34, 'l')};
  const Frame small_copy = small.share();
  const Frame large_copy = large.share();
  EXPECT_FALSE(small.shared());
  EXPECT_NE(small.bytes().data(), small_copy.bytes().data());
  EXPECT_TRUE(large.shared());
  EXPECT_TRUE(large_copy.shared());
  EXPECT_EQ(large.bytes().data(), large_copy.bytes().data());
  EXPECT_EQ(small_copy.text(), small.text());
}

TEST(Frame, takes_its_bytes_along_when_it_moves) {
  for (const std::size_t size : {0u, 1u, 33u, 34u, 9000u}) {
    const std::string bytes(size, 'b');
    Frame frame{bytes};
    Frame moved{std::move(frame)};
    EXPECT_EQ(moved.text(), bytes);
    EXPECT_TRUE(frame.empty());  // NOLINT: that is what is tested
    Frame assigned{"something else"};
    assigned = std::move(moved);
    EXPECT_EQ(assigned.text(), bytes);
    moved = Frame{"x"};  // and can be used again
    EXPECT_EQ(moved.text(), "x");
    if (size > 0) {
      assigned.mutable_bytes()[0] = std::byte{'c'};
      EXPECT_EQ(assigned.text()[0], 'c');
    }
  }
}

TEST(Frame, lets_go_of_its_bytes_once) {
  std::array<char, 100> bytes{};
  int released = 0;
  const auto release = [](void*, void* counter) { ++*static_cast<int*>(counter); };
  {
    Frame frame{zmq::message_t(bytes.data(), bytes.size(), release, &released)};
    Frame moved{std::move(frame)};
    frame = Frame{"other"};
    const Frame shared = moved.share();
    moved = Frame{};
    EXPECT_EQ(released, 0);
    EXPECT_EQ(shared.bytes().data(), reinterpret_cast<const std::byte*>(bytes.data()));
  }
  EXPECT_EQ(released, 1);
}

TEST(Payload, keeps_its_frames_in_order) {
  Payload payload;
  EXPECT_TRUE(payload.empty());
  EXPECT_EQ(payload.joined(), "");
  payload.add(Frame{"one "});
  payload.add(Frame{""});
  payload.add(Frame{"two"});
  EXPECT_EQ(payload.frame_count(), 3u);
  EXPECT_EQ(payload.bytes(), 7u);
  EXPECT_EQ(payload.joined(), "one two");
  const Payload shared = payload.share();
  const Payload moved = std::move(payload);
  EXPECT_EQ(shared.joined(), "one two");
  EXPECT_EQ(moved.joined(), "one two");
}

TEST(Payload, is_empty_once_moved_from) {
  Payload payload{"x"};
  const Payload taken = std::move(payload);
  EXPECT_EQ(taken.frame_count(), 1u);
  EXPECT_TRUE(payload.empty());  // NOLINT: that is what is tested
}

}  // namespace
}  // namespace muster
