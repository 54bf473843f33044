#include <gtest/gtest.h>

#include <set>

#include "protocol/codec.hpp"
#include "tests/unit/protocol/samples.hpp"
#include "tests/unit/protocol/wire_bytes.hpp"

namespace muster {
namespace {

template <class Messages, class Decode>
void expect_round_trips(const std::vector<Messages>& messages, Decode decode) {
  std::set<std::size_t> seen;
  for (const auto& message : messages) {
    SCOPED_TRACE("alternative " + std::to_string(message.index()));
    const auto decoded = decode(encode(message));
    ASSERT_TRUE(decoded.ok()) << decoded.error().what;
    EXPECT_TRUE(decoded.value().message == message);
    seen.insert(message.index());
  }
  EXPECT_EQ(seen.size(), std::variant_size_v<Messages>) << "a message has no sample";
}

TEST(CodecRoundTrip, everything_that_a_client_may_say) {
  Decoder decoder{WireLimits{}};
  expect_round_trips(samples::from_client(),
                     [&](const Frame& header) { return decoder.from_client(header, {}); });
}

TEST(CodecRoundTrip, everything_that_a_worker_may_say) {
  Decoder decoder{WireLimits{}};
  expect_round_trips(samples::from_worker(),
                     [&](const Frame& header) { return decoder.from_worker(header, {}); });
}

TEST(CodecRoundTrip, everything_that_is_said_to_a_client) {
  Decoder decoder{WireLimits{}};
  expect_round_trips(samples::to_client(),
                     [&](const Frame& header) { return decoder.to_client(header, {}); });
}

TEST(CodecRoundTrip, everything_that_is_said_to_a_worker) {
  Decoder decoder{WireLimits{}};
  expect_round_trips(samples::to_worker(),
                     [&](const Frame& header) { return decoder.to_worker(header, {}); });
}

TEST(CodecRoundTrip, encoding_twice_gives_the_same_bytes) {
  for (const auto& message : samples::from_worker())
    EXPECT_EQ(encode(message).text(), encode(message).text());
}

TEST(CodecRoundTrip, a_whole_number_that_is_a_float_stays_one) {
  Decoder decoder{WireLimits{}};
  for (const double whole : {2.0, -3.0, -0.0, 18446744073709551616.0}) {
    const Frame header = encode(Query{WireId{7}, "stats", Value{whole}});
    auto decoded = decoder.from_client(header, {});
    ASSERT_TRUE(decoded.ok()) << decoded.error().what;
    EXPECT_EQ(std::get<Query>(decoded->message).args, Value{whole});
  }
}

// A type that is legal on no sample's link must be told so on each of the others. HEARTBEAT goes
// every way.
template <class Messages, class Decode>
void expect_wrong_direction(const std::vector<Messages>& messages, const std::set<int>& legal,
                            Decode decode) {
  for (const auto& message : messages) {
    const Frame header = encode(message);
    const int type = static_cast<unsigned char>(header.text()[2]);
    const auto decoded = decode(header);
    if (legal.contains(type)) continue;
    SCOPED_TRACE("type " + std::to_string(type));
    ASSERT_FALSE(decoded.ok());
    EXPECT_EQ(decoded.error().reason, FaultReason::wrong_direction);
    EXPECT_EQ(decoded.error().type, static_cast<std::uint64_t>(type));
  }
}

template <class Decode>
void expect_only(const std::set<int>& legal, Decode decode) {
  expect_wrong_direction(samples::from_client(), legal, decode);
  expect_wrong_direction(samples::from_worker(), legal, decode);
  expect_wrong_direction(samples::to_client(), legal, decode);
  expect_wrong_direction(samples::to_worker(), legal, decode);
}

TEST(CodecDirection, each_side_takes_only_what_may_be_said_to_it) {
  Decoder decoder{WireLimits{}};
  expect_only({0x01, 0x02, 0x20, 0x30},
              [&](const Frame& header) { return decoder.from_client(header, {}); });
  expect_only({0x11, 0x12, 0x13, 0x20, 0x21, 0x24, 0x27},
              [&](const Frame& header) { return decoder.from_worker(header, {}); });
  expect_only({0x11, 0x12, 0x13, 0x20, 0x31},
              [&](const Frame& header) { return decoder.to_client(header, {}); });
  expect_only({0x01, 0x02, 0x20, 0x22, 0x23, 0x25, 0x26, 0x28},
              [&](const Frame& header) { return decoder.to_worker(header, {}); });
}

TEST(CodecDirection, what_goes_the_wrong_way_still_tells_its_id) {
  Decoder decoder{WireLimits{}};
  const auto decoded = decoder.from_client(encode(Chunk{WireId{77}, 0, {}}), {});
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.error().id, WireId{77});
}

}  // namespace
}  // namespace muster
