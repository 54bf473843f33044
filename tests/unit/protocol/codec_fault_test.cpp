// What a peer may get wrong, and what it is told (docs/protocol.md, sections 2 and 11).

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "protocol/codec.hpp"
#include "tests/unit/protocol/decode_support.hpp"
#include "tests/unit/protocol/wire_bytes.hpp"

namespace muster {
namespace {

using namespace wire_bytes;  // NOLINT: the test is about bytes

Fault from_client(const std::string& header) {
  Decoder decoder{WireLimits{}};
  return fault_of(decoder.from_client(Frame{header}, {}));
}
Fault from_worker(const std::string& header) {
  Decoder decoder{WireLimits{}};
  return fault_of(decoder.from_worker(Frame{header}, {}));
}
Fault to_client(const std::string& header) {
  Decoder decoder{WireLimits{}};
  return fault_of(decoder.to_client(Frame{header}, {}));
}
Fault to_worker(const std::string& header) {
  Decoder decoder{WireLimits{}};
  return fault_of(decoder.to_worker(Frame{header}, {}));
}

// A field of a REQUEST's opts that is wrong.
void expect_bad_option(std::string_view key, const std::string& item, std::string_view sentence) {
  const Fault fault = from_client(request(map({{key, item}})));
  EXPECT_EQ(fault.reason, FaultReason::field) << key;
  EXPECT_EQ(fault.id, WireId{7}) << key;
  EXPECT_EQ(fault.type, 1u) << key;
  EXPECT_EQ(fault.what, sentence) << key;
}

TEST(CodecFault, names_are_stable) {
  EXPECT_EQ(fault_name(FaultReason::malformed), "malformed");
  EXPECT_EQ(fault_name(FaultReason::version), "version");
  EXPECT_EQ(fault_name(FaultReason::unknown_type), "unknown_type");
  EXPECT_EQ(fault_name(FaultReason::wrong_direction), "wrong_direction");
  EXPECT_EQ(fault_name(FaultReason::field), "field");
  EXPECT_EQ(fault_name(FaultReason::name_too_long), "name_too_long");
  EXPECT_EQ(fault_name(FaultReason::header_too_large), "header_too_large");
  EXPECT_EQ(fault_name(FaultReason::frame_too_large), "frame_too_large");
  EXPECT_EQ(fault_name(FaultReason::message_too_large), "message_too_large");
  EXPECT_EQ(fault_name(FaultReason::too_many_frames), "too_many_frames");
  EXPECT_EQ(fault_name(FaultReason::nested_too_deep), "nested_too_deep");
  EXPECT_EQ(fault_name(FaultReason::unexpected_payload), "unexpected_payload");
  EXPECT_EQ(fault_reason_count, std::size_t{12});
}

// ---- the header as a whole ------------------------------------------------------------------

TEST(CodecFault, what_is_no_header_is_malformed_and_tells_no_id) {
  const std::vector<std::string> headers = {
      "",                                    // an empty frame
      "GET / HTTP/1.1\r\n",                  // another protocol: a number and more
      hex("c1"),                             // the one byte that msgpack does not use
      hex("c1 c1 c1"),                       //
      num(1),                                // no array
      map({{"version", num(1)}}),            //
      arr({}),                               // no version
      arr({num(1)}),                         // no type
      arr({str("1"), num(2), num(7)}),       // a version that is no number
      arr({f64(1.0), num(2), num(7)}),       //
      arr({num(1), str("CANCEL"), num(7)}),  // a type that is no number
      arr({num(1), hex("ff"), num(7)}),      //
      arr({num(1), nil(), num(7)}),          //
  };
  for (const auto& header : headers) {
    const Fault fault = from_client(header);
    EXPECT_EQ(fault.reason, FaultReason::malformed);
    EXPECT_EQ(fault.id, std::nullopt);
    EXPECT_FALSE(fault.what.empty());
  }
}

TEST(CodecFault, trailing_bytes_and_missing_ones_are_malformed_and_tell_the_id) {
  const std::string cancel = arr({num(1), num(2), num(7)});
  for (const auto& header : {cancel + '\x00', cancel + '\xc1', cancel + cancel,
                             arr({num(1), num(2), num(7)}).replace(0, 1, "\x94")}) {
    const Fault fault = from_client(header);
    EXPECT_EQ(fault.reason, FaultReason::malformed);
    EXPECT_EQ(fault.id, WireId{7});
    EXPECT_EQ(fault.type, 2u);
  }
}

TEST(CodecFault, mandatory_elements) {
  const auto expect = [](const std::string& header, std::string_view sentence) {
    const Fault fault = from_client(header);
    EXPECT_EQ(fault.reason, FaultReason::malformed);
    EXPECT_EQ(fault.what, sentence);
  };
  expect(arr({num(1), num(1)}), "REQUEST: `id` is missing; it must be there.");
  expect(arr({num(1), num(1), str("7"), str("m"), map({})}),
         "REQUEST: `id` is a string; it must be an integer, 0 or more.");
  expect(arr({num(1), num(1), hex("ff"), str("m"), map({})}),
         "REQUEST: `id` is an integer below 0; it must be an integer, 0 or more.");
  expect(arr({num(1), num(1), f64(7), str("m"), map({})}),
         "REQUEST: `id` is a floating-point number; it must be an integer, 0 or more.");
  expect(arr({num(1), num(1), num(7)}), "REQUEST: `model` is missing; it must be there.");
  expect(arr({num(1), num(1), num(7), nil(), map({})}),
         "REQUEST: `model` is nil; it must have a value.");
  expect(arr({num(1), num(1), num(7), bin("m"), map({})}),
         "REQUEST: `model` is binary data; it must be a string.");
  expect(arr({num(1), num(1), num(7), str("m")}), "REQUEST: `opts` is missing; it must be there.");
  expect(arr({num(1), num(1), num(7), str("m"), arr({})}),
         "REQUEST: `opts` is an array; it must be a map.");
  expect(arr({num(1), num(1), num(7), str("m"), nil()}),
         "REQUEST: `opts` is nil; it must have a value.");
  expect(arr({num(1), num(0x20)}), "HEARTBEAT: `body` is missing; it must be there.");
  expect(arr({num(1), num(0x30), num(7), str("stats")}),
         "QUERY: `args` is missing; it must be there.");
}

TEST(CodecFault, a_malformed_message_tells_its_id_where_one_can_be_read) {
  EXPECT_EQ(from_client(arr({num(1), num(1), num(7)})).id, WireId{7});
  EXPECT_EQ(from_client(arr({num(1), num(1), num(7), num(3), map({})})).id, WireId{7});
  EXPECT_EQ(from_client(arr({num(1), num(1), str("7"), str("m"), map({})})).id, std::nullopt);
  EXPECT_EQ(from_client(hex("95 01 01 cf 00 00 00 00 00 00 00 09")).id, WireId{9});
  EXPECT_EQ(from_client(hex("95 01 01 cf 00 00 00 00 00 00 00")).id, std::nullopt);
}

TEST(CodecFault, a_number_below_0_is_no_id) {
  for (const auto& negative :
       {hex("ff"), hex("d0 ff"), hex("d1 80 00"), hex("d2 ff ff ff fe"), i64(-1)}) {
    const Fault fault = from_client(arr({num(1), num(2), negative}));
    EXPECT_EQ(fault.reason, FaultReason::malformed);
    EXPECT_EQ(fault.id, std::nullopt);
    const Fault without_version = from_client(arr({negative, num(2), num(7)}));
    EXPECT_EQ(without_version.reason, FaultReason::malformed);
    EXPECT_EQ(without_version.id, WireId{7});  // section 11: two integers, whichever
    EXPECT_EQ(from_client(arr({num(1), negative, num(7)})).id, std::nullopt);
  }
}

TEST(CodecFault, another_version) {
  const Fault with_id = from_client(arr({num(2), num(1), num(7), str("m"), map({})}));
  EXPECT_EQ(with_id.reason, FaultReason::version);
  EXPECT_EQ(with_id.id, WireId{7});
  EXPECT_EQ(with_id.what, "The version is 2; it must be 1.");
  EXPECT_EQ(from_client(arr({num(0), num(0x20), map({})})).reason, FaultReason::version);
  EXPECT_EQ(from_client(arr({num(0), num(0x20), num(7)})).id, std::nullopt);  // no id in that type
  EXPECT_EQ(from_client(arr({num(2), str("new")})).reason, FaultReason::version);
  EXPECT_EQ(from_client(arr({u64(1ull << 40), num(1), str("new")})).id, std::nullopt);
}

TEST(CodecFault, an_unknown_type_is_told_apart) {
  for (const std::uint64_t type : {0x00ull, 0x03ull, 0x04ull, 0x29ull, 0x32ull, 0x1000000000ull}) {
    const Fault fault = from_client(arr({num(1), num(type), num(7)}));
    EXPECT_EQ(fault.reason, FaultReason::unknown_type);
    EXPECT_EQ(fault.type, type);
    EXPECT_EQ(fault.id, std::nullopt);
  }
}

TEST(CodecFault, payload_where_none_belongs) {
  Decoder decoder{WireLimits{}};
  const auto cancel = fault_of(decoder.from_client(encode(Cancel{WireId{7}}), Payload{"x"}));
  EXPECT_EQ(cancel.reason, FaultReason::unexpected_payload);
  EXPECT_EQ(cancel.id, WireId{7});
  EXPECT_EQ(fault_of(decoder.from_worker(encode(WorkerHeartbeat{}), Payload{""})).reason,
            FaultReason::unexpected_payload);
  EXPECT_EQ(fault_of(decoder.to_client(encode(Answer{}), Payload{"x"})).reason,
            FaultReason::unexpected_payload);
  EXPECT_EQ(fault_of(decoder.to_worker(encode(Drain{}), Payload{"x"})).reason,
            FaultReason::unexpected_payload);
}

// ---- fields ---------------------------------------------------------------------------------

TEST(CodecFault, fields_of_opts) {
  expect_bad_option("timeout", str("30s"),
                    "REQUEST: `opts.timeout` is a string; it must be an integer, 0 or more.");
  expect_bad_option("timeout", f64(30.0),
                    "REQUEST: `opts.timeout` is a floating-point number; it must be an integer, 0 "
                    "or more.");
  expect_bad_option("first_timeout", hex("ff"),
                    "REQUEST: `opts.first_timeout` is an integer below 0; it must be an integer, 0 "
                    "or more.");
  expect_bad_option("stream", num(1),
                    "REQUEST: `opts.stream` is an integer; it must be a boolean.");
  expect_bad_option("retry", str("no"), "REQUEST: `opts.retry` is a string; it must be a boolean.");
  expect_bad_option("path", bin("/v1"),
                    "REQUEST: `opts.path` is binary data; it must be a string.");
  expect_bad_option("type", ext(),
                    "REQUEST: `opts.type` is a msgpack extension; it must be a string.");
  expect_bad_option("headers", arr({}),
                    "REQUEST: `opts.headers` is an array; it must be a map of strings.");
  expect_bad_option(
      "headers", map({{"a", num(1)}}),
      "REQUEST: `opts.headers` has a value that is an integer; all of its values must "
      "be strings.");
  expect_bad_option("require", map({{"zone", nil()}}),
                    "REQUEST: `opts.require` has a value that is nil; all of its values must be "
                    "strings.");
  expect_bad_option("prefix", num(1), "REQUEST: `opts.prefix` is an integer; it must be an array.");
  expect_bad_option("prefix", arr({num(1), str("x")}),
                    "REQUEST: `opts.prefix[1]` is a string; it must be an integer, 0 or more.");
  expect_bad_option("prefix", arr({nil()}),
                    "REQUEST: `opts.prefix[0]` is nil; it must have a value.");
  expect_bad_option("priority", u64(1ull << 63),
                    "REQUEST: `opts.priority` is 9223372036854775808; it must be a signed 64-bit "
                    "integer.");
  expect_bad_option("priority", f32_one_and_a_half(),
                    "REQUEST: `opts.priority` is a floating-point number; it must be a signed "
                    "64-bit integer.");
  expect_bad_option("tenant", str("\xff"),
                    "REQUEST: `opts.tenant` is not valid UTF-8; strings must be.");
}

TEST(CodecFault, keys_are_strings) {
  const Fault number = from_client(request(hex("81 01 02")));
  EXPECT_EQ(number.reason, FaultReason::malformed);
  EXPECT_EQ(number.what, "REQUEST: `opts` has a key that is an integer; keys must be strings.");
  EXPECT_EQ(number.id, WireId{7});
  EXPECT_EQ(from_client(request(map({{"headers", hex("81 c0 a1 61")}}))).reason,
            FaultReason::malformed);
  EXPECT_EQ(from_client(request(map({{"headers", hex("81 a1 ff a1 61")}}))).reason,
            FaultReason::field);
}

TEST(CodecFault, an_empty_model) {
  const Fault fault = from_client(arr({num(1), num(1), num(7), str(""), map({})}));
  EXPECT_EQ(fault.reason, FaultReason::field);
  EXPECT_EQ(fault.id, WireId{7});
  EXPECT_EQ(fault.what, "REQUEST: `model` is empty; it must have at least one character.");
}

std::string worker_with(std::string_view key, const std::string& item) {
  std::string info = hex("86") + str("worker") + str("w") + str("instance") + num(1) +
                     str("models") + arr({str("m")}) + str("slots") + num(1) + str("state") +
                     str("ready") + str(key) + item;
  return hex("93 01 21") + info;
}

TEST(CodecFault, fields_of_register) {
  const auto expect = [](std::string_view key, const std::string& item, std::string_view sentence) {
    const Fault fault = from_worker(worker_with(key, item));
    EXPECT_EQ(fault.reason, FaultReason::field) << key;
    EXPECT_EQ(fault.what, sentence);
  };
  expect("worker", str(""),
         "REGISTER: `info.worker` is empty; it must have at least one character.");
  expect("worker", nil(), "REGISTER: `info.worker` is nil; it must have a value.");
  expect("instance", u64(1ull << 53),
         "REGISTER: `info.instance` is 9007199254740992; it must be an integer from 0 to "
         "9007199254740991.");
  expect("slots", num(4097),
         "REGISTER: `info.slots` is 4097; it must be an integer from 0 to 4096.");
  expect("slots", hex("ff"),
         "REGISTER: `info.slots` is an integer below 0; it must be an integer from 0 to 4096.");
  expect("models", str("m"), "REGISTER: `info.models` is a string; it must be an array.");
  expect("models", arr({num(1)}),
         "REGISTER: `info.models[0]` is an integer; it must be a string or a map.");
  expect("models", arr({str("m"), str("")}),
         "REGISTER: `info.models[1]` is empty; it must have at least one character.");
  expect("models", arr({map({})}), "REGISTER: `info.models[0].name` is missing; it must be there.");
  expect("models", arr({map({{"name", str("m")}, {"aliases", arr({str("a"), num(1)})}})}),
         "REGISTER: `info.models[0].aliases[1]` is an integer; it must be a string.");
  expect("state", num(1), "REGISTER: `info.state` is an integer; it must be a string.");
  expect("speed", num(0), "REGISTER: `info.speed` is not above 0; it must be.");
  expect("speed", f64(-1), "REGISTER: `info.speed` is not above 0; it must be.");
  expect("speed", f64(std::nan("")),
         "REGISTER: `info.speed` is not a finite number; it must be one.");
  expect("speed", f64(HUGE_VAL), "REGISTER: `info.speed` is not a finite number; it must be one.");
  expect("speed", str("fast"), "REGISTER: `info.speed` is a string; it must be a number.");
  expect("labels", map({{"zone", num(1)}}),
         "REGISTER: `info.labels` has a value that is an integer; all of its values must be "
         "strings.");
  expect("active", arr({str("1")}),
         "REGISTER: `info.active[0]` is a string; it must be an integer, 0 or more.");
}

TEST(CodecFault, mandatory_fields_of_register) {
  const std::vector<std::pair<std::string, std::string>> fields = {{"worker", str("w")},
                                                                   {"instance", num(1)},
                                                                   {"models", arr({str("m")})},
                                                                   {"slots", num(1)},
                                                                   {"state", str("ready")}};
  for (const auto& [missing, unused] : fields) {
    std::string info = hex("84");
    for (const auto& [key, item] : fields) {
      if (key != missing) info += str(key) + item;
    }
    const Fault fault = from_worker(hex("93 01 21") + info);
    EXPECT_EQ(fault.reason, FaultReason::field);
    EXPECT_EQ(fault.what, "REGISTER: `info." + missing + "` is missing; it must be there.");
  }
}

TEST(CodecFault, numbers_of_a_worker_may_be_whole_or_not) {
  Decoder decoder{WireLimits{}};
  for (const auto& [form, speed] :
       {std::pair{num(2), 2.0}, {f32_one_and_a_half(), 1.5}, {f64(0.5), 0.5}}) {
    const auto decoded = decoder.from_worker(Frame{worker_with("speed", form)}, {});
    ASSERT_TRUE(decoded.ok()) << decoded.error().what;
    EXPECT_EQ(std::get<Register>(decoded.value().message).info.speed, speed);
  }
}

std::string heartbeat_with(std::string_view key, const std::string& item) {
  return hex("93 01 20 85") + str("slots") + num(1) + str("grant") + num(0) + str("queue_length") +
         num(0) + str("state") + str("ready") + str(key) + item;
}

TEST(CodecFault, the_cache_usage_of_a_heartbeat) {
  Decoder decoder{WireLimits{}};
  for (const auto& [form, usage] : {std::pair{f64(0.5), 0.5},
                                    {num(1), 1.0},
                                    {f64(1.5), 1.0},
                                    {f64(-0.5), 0.0},
                                    {hex("ff"), 0.0}}) {
    const auto decoded = decoder.from_worker(Frame{heartbeat_with("kv_cache_usage", form)}, {});
    ASSERT_TRUE(decoded.ok()) << decoded.error().what;
    EXPECT_EQ(std::get<WorkerHeartbeat>(decoded.value().message).kv_cache_usage, usage);
  }
  EXPECT_EQ(from_worker(heartbeat_with("kv_cache_usage", f64(std::nan("")))).reason,
            FaultReason::field);
  EXPECT_EQ(from_worker(heartbeat_with("slots", num(4097))).reason, FaultReason::field);
  EXPECT_EQ(from_worker(hex("93 01 20 80")).what,
            "HEARTBEAT: `body.slots` is missing; it must be there.");
}

TEST(CodecFault, meta_of_an_answer) {
  const auto chunk = [](const std::string& meta) {
    return arr({num(1), num(0x11), num(7), num(0), meta});
  };
  EXPECT_EQ(from_worker(chunk(nil())).reason, FaultReason::malformed);
  EXPECT_EQ(from_worker(chunk(arr({}))).reason, FaultReason::malformed);
  EXPECT_EQ(from_worker(chunk(map({{"status", str("200")}}))).what,
            "CHUNK: `meta.status` is a string; it must be an integer, 0 or more.");
  EXPECT_EQ(from_worker(chunk(map({{"usage", arr({})}}))).what,
            "CHUNK: `meta.usage` is not a map; it must be one.");
  EXPECT_EQ(from_worker(chunk(map({{"usage", map({{"x", ext()}})}}))).what,
            "CHUNK: `meta.usage` has a msgpack extension in it; none may stand there.");
  EXPECT_EQ(from_worker(arr({num(1), num(0x12), num(7), hex("ff"), map({})})).what,
            "FINAL: `seq` is an integer below 0; it must be an integer, 0 or more.");
  const Fault code =
      from_worker(arr({num(1), num(0x13), num(7), u64(1ull << 32), str(""), map({})}));
  EXPECT_EQ(code.reason, FaultReason::field);
  EXPECT_EQ(code.id, WireId{7});
  EXPECT_EQ(from_worker(
                arr({num(1), num(0x13), num(7), num(50001), str(""), map({{"retryable", num(1)}})}))
                .what,
            "ERROR: `meta.retryable` is an integer; it must be a boolean.");
}

std::string terms_with(std::string_view key, const std::string& item) {
  return hex("87") + str("broker") + str("b") + str("instance") + num(1) + str("interval") +
         num(1000) + str("liveness") + num(3) + str("limits") + map({}) + str("features") +
         arr({}) + str(key) + item;
}

TEST(CodecFault, terms) {
  Decoder decoder{WireLimits{}};
  const auto registered = decoder.to_worker(
      Frame{hex("93 01 22") +
            terms_with("limits",
                       map({{"frames", num(3)}, {"later", num(1)}, {"name_bytes", nil()}}))},
      {});
  ASSERT_TRUE(registered.ok()) << registered.error().what;
  WireLimits limits;
  limits.frames = 3;  // what is not told has its default
  EXPECT_EQ(std::get<Registered>(registered.value().message).terms.limits, limits);

  EXPECT_EQ(to_worker(hex("93 01 22") + terms_with("interval", num(0))).what,
            "REGISTERED: `terms.interval` is 0; it must be an integer from 1 to 86400000.");
  EXPECT_EQ(to_worker(hex("93 01 22") + terms_with("liveness", num(0))).reason, FaultReason::field);
  EXPECT_EQ(to_worker(hex("93 01 22") + terms_with("features", arr({num(1)}))).reason,
            FaultReason::field);
  EXPECT_EQ(to_client(hex("93 01 20") + terms_with("draining", num(1))).what,
            "HEARTBEAT: `body.draining` is an integer; it must be a boolean.");
  EXPECT_EQ(to_worker(hex("93 01 22 80")).what,
            "REGISTERED: `terms.broker` is missing; it must be there.");
}

TEST(CodecFault, the_rest_of_what_a_worker_is_told) {
  EXPECT_EQ(to_worker(hex("93 01 28 01")).what, "DRAIN: `on` is an integer; it must be a boolean.");
  EXPECT_EQ(to_worker(hex("93 01 28 c0")).what, "DRAIN: `on` is nil; it must have a value.");
  EXPECT_EQ(to_worker(hex("93 01 26 a1 78")).reason, FaultReason::malformed);
  EXPECT_EQ(to_worker(hex("94 01 25 a1 78 a1 78")).reason, FaultReason::malformed);
  EXPECT_EQ(to_worker(hex("93 01 20 83") + str("grant") + num(1) + str("in_flight") + num(1) +
                      str("queued") + str("x"))
                .reason,
            FaultReason::field);
}

}  // namespace
}  // namespace muster
