// Every limit of docs/protocol.md, section 2: at it passes, one above it does not.

#include <gtest/gtest.h>

#include <functional>

#include "protocol/codec.hpp"
#include "protocol/codec_tape.hpp"
#include "tests/unit/protocol/wire_bytes.hpp"

namespace muster {
namespace {

using namespace wire_bytes;  // NOLINT: the test is about bytes

// A REQUEST whose header has exactly so many bytes.
std::string request_of(std::size_t bytes) {
  const auto with_path = [](std::size_t path_bytes) {
    return arr(
        {num(1), num(0x01), num(7), str("m"), map({{"path", str(std::string(path_bytes, 'p'))}})});
  };
  const std::size_t around = with_path(bytes - 50).size() - (bytes - 50);
  std::string header = with_path(bytes - around);
  EXPECT_EQ(header.size(), bytes);
  return header;
}

Payload payload_of(std::initializer_list<std::size_t> sizes) {
  Payload payload;
  for (const auto size : sizes)
    payload.add(Frame{std::string(size, 'x')});
  return payload;
}

template <class Messages>
void expect_fault(const Result<Decoded<Messages>, Fault>& decoded, FaultReason reason,
                  std::string_view sentence = {}) {
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.error().reason, reason);
  EXPECT_EQ(decoded.error().id, WireId{7});
  if (!sentence.empty()) {
    EXPECT_EQ(decoded.error().what, sentence);
  }
}

TEST(CodecLimits, header_bytes) {
  Decoder decoder{WireLimits{}};
  EXPECT_TRUE(decoder.from_client(Frame{request_of(65536)}, {}).ok());
  expect_fault(decoder.from_client(Frame{request_of(65537)}, {}), FaultReason::header_too_large,
               "The header has 65537 bytes; at most 65536 are taken.");
}

TEST(CodecLimits, a_header_that_is_too_large_tells_its_id_without_being_parsed) {
  Decoder decoder{WireLimits{}};
  std::string header = request_of(70000);
  header.replace(10, 60000, 60000, '\xc1');  // no msgpack at all
  expect_fault(decoder.from_client(Frame{header}, {}), FaultReason::header_too_large);
}

TEST(CodecLimits, a_client_with_larger_limits_takes_a_larger_answer) {
  WireLimits limits;
  limits.header_bytes = limits.message_bytes;
  Decoder decoder{limits};
  Value::Array table;
  for (int i = 0; i < 20000; ++i)
    table.push_back(Value::Map{{"worker", "w" + std::to_string(i)}});
  const Answer answer{WireId{7}, table};
  const Frame header = encode(answer);
  ASSERT_GT(header.size(), WireLimits{}.header_bytes);
  const auto decoded = decoder.to_client(header, {});
  ASSERT_TRUE(decoded.ok()) << decoded.error().what;
  EXPECT_EQ(std::get<Answer>(decoded.value().message), answer);
}

TEST(CodecLimits, frame_bytes) {
  WireLimits limits;
  limits.frame_bytes = 100;
  Decoder decoder{limits};
  const Frame header{request_of(200)};  // the limit on headers is another
  EXPECT_TRUE(decoder.from_client(header, payload_of({100})).ok());
  EXPECT_TRUE(decoder.from_client(header, payload_of({100, 100, 0})).ok());
  expect_fault(decoder.from_client(header, payload_of({101})), FaultReason::frame_too_large,
               "A payload frame has 101 bytes; at most 100 are taken.");
  expect_fault(decoder.from_client(header, payload_of({1, 101})), FaultReason::frame_too_large);
}

TEST(CodecLimits, message_bytes_count_the_header) {
  WireLimits limits;
  limits.message_bytes = 300;
  Decoder decoder{limits};
  const Frame header{request_of(100)};
  EXPECT_TRUE(decoder.from_client(header, payload_of({200})).ok());
  EXPECT_TRUE(decoder.from_client(header, payload_of({150, 50})).ok());
  expect_fault(decoder.from_client(header, payload_of({201})), FaultReason::message_too_large,
               "The message has 301 bytes in all its frames; at most 300 are taken.");
  expect_fault(decoder.from_client(header, payload_of({150, 51})), FaultReason::message_too_large);
}

TEST(CodecLimits, frames_count_the_header_and_what_was_dropped) {
  Decoder decoder{WireLimits{}};
  const Frame header{request_of(100)};
  Payload payload;
  for (int i = 0; i < 15; ++i)
    payload.add(Frame{"x"});
  EXPECT_TRUE(decoder.from_client(header, payload).ok());
  expect_fault(decoder.from_client(header, payload, 1), FaultReason::too_many_frames,
               "The message has 17 frames with its header; at most 16 are taken.");
  payload.add(Frame{"x"});
  expect_fault(decoder.from_client(header, payload), FaultReason::too_many_frames);
}

TEST(CodecLimits, nesting) {
  Decoder decoder{WireLimits{}};
  const auto query = [](std::size_t levels) {  // of which the header's own array is one
    return Frame{arr({num(1), num(0x30), num(7), str("q"), nested(levels - 1, num(1))})};
  };
  EXPECT_TRUE(decoder.from_client(query(codec::nesting_max), {}).ok());
  expect_fault(decoder.from_client(query(codec::nesting_max + 1), {}), FaultReason::nested_too_deep,
               "The header is nested too deep; at most 16 levels are taken.");
  // Also where nobody would look: in an unknown field.
  const auto unknown = [](std::size_t levels) {
    return Frame{arr(
        {num(1), num(0x01), num(7), str("m"), map({{"later", nested(levels - 2, hex("80"))}})})};
  };
  EXPECT_TRUE(decoder.from_client(unknown(codec::nesting_max - 1), {}).ok());
  expect_fault(decoder.from_client(unknown(codec::nesting_max), {}), FaultReason::nested_too_deep);
}

// ---- names ----------------------------------------------------------------------------------

using Named = std::function<std::string(const std::string& name)>;

template <class Decode>
void expect_name_limit(const std::vector<std::pair<std::string, Named>>& headers, Decode decode) {
  for (const auto& [place, header] : headers) {
    SCOPED_TRACE(place);
    const auto at = decode(Frame{header(std::string(128, 'n'))});
    EXPECT_TRUE(at.ok()) << at.error().what;
    const auto above = decode(Frame{header(std::string(129, 'n'))});
    ASSERT_FALSE(above.ok());
    EXPECT_EQ(above.error().reason, FaultReason::name_too_long);
    EXPECT_NE(above.error().what.find("129 bytes long; names have at most 128"), std::string::npos)
        << above.error().what;
  }
}

TEST(CodecLimits, name_bytes_of_what_a_client_says) {
  Decoder decoder{WireLimits{}};
  const auto option = [](std::string_view key, const std::string& item) {
    return arr({num(1), num(0x01), num(7), str("m"), map({{key, item}})});
  };
  expect_name_limit(
      {
          {"model",
           [](const std::string& n) {
             return arr({num(1), num(0x01), num(7), str(n), map({})});
           }},
          {"tenant", [&](const std::string& n) { return option("tenant", str(n)); }},
          {"session", [&](const std::string& n) { return option("session", str(n)); }},
          {"require",
           [&](const std::string& n) {
             return option("require", map({{n, str("x")}}));
           }},
          {"query",
           [](const std::string& n) {
             return arr({num(1), num(0x30), num(7), str(n), nil()});
           }},
      },
      [&](const Frame& header) { return decoder.from_client(header, {}); });
  // Not names, and bounded by the header alone.
  for (const auto* key : {"path", "type", "request_id", "trace"})
    EXPECT_TRUE(decoder.from_client(Frame{option(key, str(std::string(129, 'n')))}, {}).ok());
  EXPECT_TRUE(
      decoder.from_client(Frame{option("headers", map({{std::string(129, 'n'), str("x")}}))}, {})
          .ok());
}

TEST(CodecLimits, name_bytes_of_what_a_worker_says) {
  Decoder decoder{WireLimits{}};
  const auto info = [](std::string_view key, const std::string& item) {
    return hex("93 01 21 86") + str("worker") + str("w") + str("instance") + num(1) +
           str("models") + arr({}) + str("slots") + num(1) + str("state") + str("ready") +
           str(key) + item;
  };
  const auto model = [&](std::string_view key, const std::string& item) {
    return info("models", arr({map({{"name", str("m")}, {key, item}})}));
  };
  expect_name_limit(
      {
          {"worker", [&](const std::string& n) { return info("worker", str(n)); }},
          {"model", [&](const std::string& n) { return info("models", arr({str(n)})); }},
          {"model.name", [&](const std::string& n) { return model("name", str(n)); }},
          {"alias", [&](const std::string& n) { return model("aliases", arr({str(n)})); }},
          {"modality", [&](const std::string& n) { return model("modalities", arr({str(n)})); }},
          {"operation", [&](const std::string& n) { return model("operations", arr({str(n)})); }},
          {"label",
           [&](const std::string& n) {
             return info("labels", map({{n, str("x")}}));
           }},
          {"worker in meta",
           [](const std::string& n) {
             return arr({num(1), num(0x12), num(7), num(0), map({{"worker", str(n)}})});
           }},
      },
      [&](const Frame& header) { return decoder.from_worker(header, {}); });
}

TEST(CodecLimits, name_bytes_follow_the_limits_given) {
  WireLimits limits;
  limits.name_bytes = 3;
  Decoder decoder{limits};
  EXPECT_TRUE(decoder.from_client(encode(Request{WireId{7}, "abc", {}}), {}).ok());
  expect_fault(decoder.from_client(encode(Request{WireId{7}, "abcd", {}}), {}),
               FaultReason::name_too_long,
               "REQUEST: `model` is 4 bytes long; names have at most 3.");
}

// ---- numbers --------------------------------------------------------------------------------

TEST(CodecLimits, the_largest_numbers) {
  Decoder decoder{WireLimits{}};
  const auto info = [](std::string_view key, std::uint64_t n) {
    return Frame{hex("93 01 21 86") + str("worker") + str("w") + str("instance") + num(1) +
                 str("models") + arr({}) + str("slots") + num(1) + str("state") + str("ready") +
                 str(key) + num(n)};
  };
  EXPECT_TRUE(decoder.from_worker(info("slots", 4096), {}).ok());
  EXPECT_FALSE(decoder.from_worker(info("slots", 4097), {}).ok());
  EXPECT_TRUE(decoder.from_worker(info("instance", (1ull << 53) - 1), {}).ok());
  EXPECT_FALSE(decoder.from_worker(info("instance", 1ull << 53), {}).ok());

  const auto code = [](std::uint64_t n) {
    return Frame{arr({num(1), num(0x13), num(7), num(n), str(""), map({})})};
  };
  EXPECT_TRUE(decoder.from_worker(code((1ull << 32) - 1), {}).ok());
  EXPECT_FALSE(decoder.from_worker(code(1ull << 32), {}).ok());

  const auto priority = [](const std::string& item) {
    return Frame{arr({num(1), num(0x01), num(7), str("m"), map({{"priority", item}})})};
  };
  EXPECT_TRUE(decoder.from_client(priority(u64((1ull << 63) - 1)), {}).ok());
  EXPECT_FALSE(decoder.from_client(priority(u64(1ull << 63)), {}).ok());
  EXPECT_TRUE(decoder.from_client(priority(i64(INT64_MIN)), {}).ok());

  const auto terms = [](std::uint64_t interval, std::uint64_t liveness) {
    BrokerTerms told;
    told.interval = std::chrono::milliseconds{interval};
    told.liveness = liveness;
    return encode(Registered{told});
  };
  EXPECT_TRUE(decoder.to_worker(terms(1, 1), {}).ok());
  EXPECT_TRUE(decoder.to_worker(terms(to_wire_ms(interval_max), liveness_max), {}).ok());
  EXPECT_FALSE(decoder.to_worker(terms(0, 1), {}).ok());
  EXPECT_FALSE(decoder.to_worker(terms(1, 0), {}).ok());
  EXPECT_FALSE(decoder.to_worker(terms(to_wire_ms(interval_max) + 1, 1), {}).ok());
  EXPECT_FALSE(decoder.to_worker(terms(1, liveness_max + 1), {}).ok());
}

}  // namespace
}  // namespace muster
