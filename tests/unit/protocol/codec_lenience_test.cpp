// What a decoder must let pass or take as it is: what later versions add, every form of a number,
// free data, and text of any language (docs/protocol.md, section 2).

#include <gtest/gtest.h>

#include <limits>

#include "protocol/codec.hpp"
#include "tests/unit/protocol/decode_support.hpp"
#include "tests/unit/protocol/wire_bytes.hpp"

namespace muster {
namespace {

using namespace wire_bytes;  // NOLINT: the test is about bytes

TEST(CodecLenience, elements_and_keys_of_a_later_version_are_ignored) {
  Decoder decoder{WireLimits{}};
  const std::string later =
      arr({num(1), num(0x01), num(7), str("tiny"),
           map({{"from_the_future", arr({nil(), ext(), bin("\xff"), map({{"a", f64(1)}})})},
                {"priority", num(3)}}),
           str("an element more"), hex("81 01 02")});
  const auto decoded = decoder.from_client(Frame{later}, {});
  ASSERT_TRUE(decoded.ok()) << decoded.error().what;
  EXPECT_EQ(std::get<Request>(decoded.value().message).options.priority, 3);
}

TEST(CodecLenience, nil_is_absent) {
  Decoder decoder{WireLimits{}};
  std::string opts = hex("8f");
  for (const auto* key :
       {"timeout", "first_timeout", "idle_timeout", "stream", "path", "type", "headers",
        "request_id", "trace", "session", "prefix", "require", "priority", "tenant", "retry"}) {
    opts += str(key) + nil();
  }
  const auto decoded = decoder.from_client(Frame{request(opts)}, {});
  ASSERT_TRUE(decoded.ok()) << decoded.error().what;
  EXPECT_EQ(std::get<Request>(decoded.value().message).options, RequestOptions{});
}

TEST(CodecLenience, nil_is_absent_in_what_a_worker_says) {
  Decoder decoder{WireLimits{}};
  const std::string mandatory = str("slots") + num(2) + str("state") + str("ready");
  const std::string heartbeat = mandatory + str("grant") + num(3) + str("queue_length") + num(4);
  const auto beat = decoder.from_worker(
      Frame{hex("93 01 20 88") + heartbeat + str("why") + nil() + str("progress") + nil() +
            str("kv_cache_usage") + nil() + str("models") + nil()},
      {});
  ASSERT_TRUE(beat.ok()) << beat.error().what;
  EXPECT_EQ(
      std::get<WorkerHeartbeat>(beat.value().message),
      (WorkerHeartbeat{.slots = 2, .grant = 3, .queue_length = 4, .state = WorkerState::ready}));

  const std::string info =
      mandatory + str("worker") + str("A") + str("instance") + num(1) + str("models") + arr({});
  std::string optional;
  for (const auto* key : {"why", "speed", "queue_length", "labels", "version", "active"})
    optional += str(key) + nil();
  const auto with = decoder.from_worker(Frame{hex("93 01 21 8b") + info + optional}, {});
  const auto without = decoder.from_worker(Frame{hex("93 01 21 85") + info}, {});
  ASSERT_TRUE(with.ok()) << with.error().what;
  ASSERT_TRUE(without.ok()) << without.error().what;
  EXPECT_EQ(with.value().message, without.value().message);
}

TEST(CodecLenience, the_last_of_two_equal_keys_counts) {
  Decoder decoder{WireLimits{}};
  const auto decoded = decoder.from_client(
      Frame{request(map({{"priority", num(3)},
                         {"timeout", num(5)},
                         {"prefix", arr({num(1), num(2)})},
                         {"headers", map({{"a", str("1")}, {"b", str("2")}, {"a", str("3")}})},
                         {"timeout", nil()},
                         {"prefix", arr({num(9)})},
                         {"priority", num(4)}}))},
      {});
  ASSERT_TRUE(decoded.ok()) << decoded.error().what;
  const auto& options = std::get<Request>(decoded.value().message).options;
  EXPECT_EQ(options.priority, 4);
  EXPECT_EQ(options.timeout, std::nullopt);
  EXPECT_EQ(options.prefix, (std::vector<std::uint64_t>{9}));
  EXPECT_EQ(options.headers, (StringMap{{"a", "3"}, {"b", "2"}}));
}

TEST(CodecLenience, integers_come_in_any_width) {
  Decoder decoder{WireLimits{}};
  for (const auto& form : {num(5), u8(5), u16(5), u32(5), u64(5), hex("d0 05"), hex("d1 00 05"),
                           hex("d2 00 00 00 05"), i64(5)}) {
    const auto decoded =
        decoder.from_client(Frame{request(map({{"timeout", form}, {"priority", form}}))}, {});
    ASSERT_TRUE(decoded.ok()) << decoded.error().what;
    const auto& options = std::get<Request>(decoded.value().message).options;
    EXPECT_EQ(options.timeout, std::chrono::milliseconds{5});
    EXPECT_EQ(options.priority, 5);
  }
  for (const auto& form :
       {hex("fb"), hex("d0 fb"), hex("d1 ff fb"), hex("d2 ff ff ff fb"), i64(-5)}) {
    const auto decoded = decoder.from_client(Frame{request(map({{"priority", form}}))}, {});
    ASSERT_TRUE(decoded.ok()) << decoded.error().what;
    EXPECT_EQ(std::get<Request>(decoded.value().message).options.priority, -5);
  }
}

TEST(CodecLenience, the_longest_time_is_clamped) {
  Decoder decoder{WireLimits{}};
  const auto decoded = decoder.from_client(
      Frame{request(map({{"timeout", u64(std::numeric_limits<std::uint64_t>::max())}}))}, {});
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(std::get<Request>(decoded.value().message).options.timeout, duration_max);
}

TEST(CodecLenience, an_unknown_state_counts_as_unhealthy) {
  Decoder decoder{WireLimits{}};
  for (const auto& [word, state] : {std::pair{"starting", WorkerState::starting},
                                    {"ready", WorkerState::ready},
                                    {"draining", WorkerState::draining},
                                    {"unhealthy", WorkerState::unhealthy},
                                    {"hibernating", WorkerState::unhealthy},
                                    {"", WorkerState::unhealthy}}) {
    const auto decoded = decoder.from_worker(Frame{arr({num(1), num(0x20),
                                                        map({{"slots", num(1)},
                                                             {"grant", num(0)},
                                                             {"queue_length", num(0)},
                                                             {"state", str(word)}})})},
                                             {});
    ASSERT_TRUE(decoded.ok()) << decoded.error().what;
    EXPECT_EQ(std::get<WorkerHeartbeat>(decoded.value().message).state, state) << word;
  }
}

TEST(CodecLenience, a_client_may_put_anything_into_its_heartbeat) {
  Decoder decoder{WireLimits{}};
  EXPECT_TRUE(
      decoder.from_client(Frame{arr({num(1), num(0x20), map({{"a", arr({nil()})}})})}, {}).ok());
}

// ---- free data ------------------------------------------------------------------------------

TEST(CodecValue, binary_data_is_taken_where_it_is_text) {
  Decoder decoder{WireLimits{}};
  const auto query = [](const std::string& args) {
    return Frame{arr({num(1), num(0x30), num(7), str("q"), args})};
  };
  const auto decoded = decoder.from_client(query(map({{"worker", bin("gpu7")}})), {});
  ASSERT_TRUE(decoded.ok()) << decoded.error().what;
  const auto& args = std::get<Query>(decoded.value().message).args;
  ASSERT_NE(args.find("worker"), nullptr);
  EXPECT_EQ(args.find("worker")->string_or(""), "gpu7");

  EXPECT_EQ(fault_of(decoder.from_client(query(bin("\xff")), {})).reason, FaultReason::field);
  EXPECT_EQ(fault_of(decoder.from_client(query(str("\xff")), {})).reason, FaultReason::field);
  EXPECT_EQ(fault_of(decoder.from_client(query(ext()), {})).reason, FaultReason::field);
  EXPECT_EQ(fault_of(decoder.from_client(query(arr({ext()})), {})).reason, FaultReason::field);
  EXPECT_EQ(fault_of(decoder.from_client(query(hex("81 01 01")), {})).reason,
            FaultReason::malformed);
  EXPECT_EQ(fault_of(decoder.from_client(query(hex("81 a1 ff 01")), {})).reason,
            FaultReason::field);
}

TEST(CodecValue, the_last_of_equal_keys_stays) {
  Decoder decoder{WireLimits{}};
  const auto decoded = decoder.to_client(
      Frame{
          arr({num(1), num(0x31), num(7),
               map({{"b", num(1)}, {"a", num(2)}, {"b", num(3)}, {"c", num(4)}, {"b", num(5)}})})},
      {});
  ASSERT_TRUE(decoded.ok()) << decoded.error().what;
  EXPECT_EQ(std::get<Answer>(decoded.value().message).result,
            (Value{Value::Map{{"a", 2}, {"c", 4}, {"b", 5}}}));
}

// ---- UTF-8 ----------------------------------------------------------------------------------

TEST(CodecUtf8, strict) {
  Decoder decoder{WireLimits{}};
  const auto takes = [&](const std::string& text) {
    return decoder.from_client(Frame{request(map({{"path", str(text)}}))}, {}).ok();
  };
  for (const auto* good : {"", "41", "00", "c2 80", "df bf", "e0 a0 80", "ed 9f bf", "ee 80 80",
                           "ef bf bf", "f0 90 80 80", "f4 8f bf bf", "41 e2 82 ac 42"}) {
    EXPECT_TRUE(takes(hex(good))) << good;
  }
  for (const auto* bad : {
           "80",          "bf",          "ff",       "fe",  // no sequence starts so
           "c0 80",       "c1 bf",                          // overlong
           "e0 80 80",    "e0 9f bf",                       // overlong
           "f0 80 80 80", "f0 8f bf bf",                    // overlong
           "ed a0 80",    "ed bf bf",                       // surrogates
           "f4 90 80 80", "f5 80 80 80",                    // above U+10FFFF
           "c2",          "e2 82",       "f0 90 80",        // cut off
           "c2 41",       "e2 41 ac",    "e2 82 41", "f0 90 80 41", "f0 90 41 80", "c2 c2 80",
       }) {
    EXPECT_FALSE(takes(hex(bad))) << bad;
  }
}

// Whatever the length, however many bytes are looked at together.
TEST(CodecUtf8, strict_at_each_place_of_each_length) {
  Decoder decoder{WireLimits{}};
  const auto takes = [&](const std::string& text) {
    return decoder.from_client(Frame{request(map({{"path", str(text)}}))}, {}).ok();
  };
  for (std::size_t size = 1; size <= 80; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string text(size, 'x');
      text[at] = '\xff';
      EXPECT_FALSE(takes(text)) << size << ", at " << at;
      if (at + 1 == size) continue;
      text.replace(at, 2, "\xc3\xa4");
      EXPECT_TRUE(takes(text)) << size << ", at " << at;
    }
  }
}

}  // namespace
}  // namespace muster
