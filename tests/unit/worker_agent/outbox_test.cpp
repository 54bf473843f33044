#include "worker_agent/core/outbox.hpp"

#include <gtest/gtest.h>

#include <string>

namespace muster::agent::test {
namespace {

Outgoing chunk(std::uint64_t id, std::uint64_t seq, std::size_t bytes = 1) {
  return {Chunk{WireId{id}, seq, {}}, Payload{std::string(bytes, 'x')}};
}
Outgoing final_of(std::uint64_t id) {
  return {Final{WireId{id}, 0, {}}, {}};
}
Outgoing error_of(std::uint64_t id, bool duplicate = false) {
  Error error;
  error.id = WireId{id};
  error.meta.duplicate = duplicate;
  return {std::move(error), {}};
}

std::string drained(Outbox& outbox) {
  std::string order;
  for (; !outbox.empty(); outbox.pop())
    std::visit(
        [&]<class M>(const M& m) {
          if constexpr (requires { m.seq; }) {
            order += " " + std::to_string(m.id.value) + "." + std::to_string(m.seq);
          } else if constexpr (requires { m.id; }) {
            order += " " + std::to_string(m.id.value);
          } else {
            order += " goodbye";
          }
        },
        outbox.front().message);
  return order;
}

TEST(Outbox, KeepsTheOrderAndDiscardsOnlyWhatIsAskedFor) {
  Outbox outbox;
  ASSERT_TRUE(outbox.push(chunk(7, 0)));
  ASSERT_TRUE(outbox.push(chunk(8, 0)));
  ASSERT_TRUE(outbox.push(chunk(7, 1)));
  ASSERT_TRUE(outbox.push(error_of(9)));
  ASSERT_TRUE(outbox.push(final_of(7)));
  ASSERT_TRUE(outbox.push({Deregister{"drained"}, {}}));
  outbox.pop();
  outbox.discard(BrokerId{7});
  outbox.discard(BrokerId{1});
  EXPECT_EQ(drained(outbox), " 8.0 9 goodbye");
  EXPECT_EQ(outbox.bytes(), 0u);
}

TEST(Outbox, TellsWhoseEndWaits) {
  Outbox outbox;
  ASSERT_TRUE(outbox.push(chunk(1, 0)));
  ASSERT_TRUE(outbox.push(final_of(2)));
  ASSERT_TRUE(outbox.push(error_of(3)));
  ASSERT_TRUE(outbox.push(error_of(4, true)));  // its request goes on
  EXPECT_EQ(outbox.unanswered(), (std::vector{BrokerId{2}, BrokerId{3}}));
}

// It is asked at every step while a broker that has probed takes nothing. Where each time goes by
// what waits, this takes minutes, and the test its whole time.
TEST(Outbox, TellsItWithoutLookingAtEveryPart) {
  Outbox outbox;
  ASSERT_TRUE(outbox.push(final_of(2)));
  for (std::uint64_t seq = 0; outbox.has_room(chunk(1, seq)); ++seq)
    ASSERT_TRUE(outbox.push(chunk(1, seq)));
  for (int step = 0; step < 500'000; ++step)
    ASSERT_EQ(outbox.unanswered().size(), 1u);
}

TEST(Outbox, PartsStopAtOneBoundAndErrorsAtAnother) {
  Outbox outbox;
  EXPECT_TRUE(outbox.has_room(chunk(1, 0, held_bytes_max * 2))) << "one alone: by the protocol";
  ASSERT_TRUE(outbox.push(chunk(1, 0, held_bytes_max - 2048)));
  EXPECT_TRUE(outbox.has_room(chunk(2, 0, 100)));
  EXPECT_FALSE(outbox.has_room(chunk(2, 0, 2000)));
  std::size_t errors = 0;
  while (errors < 100'000 && outbox.push(error_of(2 + errors)))
    ++errors;
  EXPECT_LT(errors, 100'000u);
  EXPECT_GT(errors, slots_max) << "each request in hand can be told its end";
  EXPECT_LE(outbox.bytes(), held_bytes_end);
  outbox.clear();
  EXPECT_EQ(outbox.bytes(), 0u);
  EXPECT_TRUE(outbox.push(final_of(1)));
}

TEST(Outbox, CountsWhatAHeaderHoldsToo) {
  Outbox outbox;
  Chunk heavy{WireId{1}, 0, {}};
  heavy.meta.headers["x-long"] = std::string(60'000, 'x');
  ASSERT_TRUE(outbox.push({heavy, {}}));
  EXPECT_GT(outbox.bytes(), 60'000u);
  std::size_t held = 1;
  for (; held < 5000 && outbox.has_room({heavy, {}}); ++held)
    ASSERT_TRUE(outbox.push({heavy, {}}));
  EXPECT_LE(held, held_bytes_max / 60'000);
  outbox.discard(BrokerId{1});
  EXPECT_EQ(outbox.bytes(), 0u);
}

}  // namespace
}  // namespace muster::agent::test
