// Bytes written by hand from docs/protocol.md: the codec must write exactly these, and read them.

#include <gtest/gtest.h>

#include "protocol/codec.hpp"
#include "tests/unit/protocol/wire_bytes.hpp"

namespace muster {
namespace {

using wire_bytes::hex;

std::string as_hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += digits[byte >> 4];
    text += digits[byte & 15];
    text += ' ';
  }
  return text;
}

template <class Message>
void expect_bytes(const Message& message, const std::string& bytes) {
  EXPECT_EQ(as_hex(encode(message).text()), as_hex(bytes));
}

TEST(CodecGolden, request) {
  const std::string bytes =
      hex("95 01 01                      ; [1, REQUEST,\n"
          "cf 00 00 00 01 00 00 00 02    ;  4294967298,\n"
          "a4 74 69 6e 79                ;  'tiny',\n"
          "82                            ;  {\n"
          "a7 74 69 6d 65 6f 75 74       ;   timeout:\n"
          "cd 75 30                      ;   30000,\n"
          "a6 73 74 72 65 61 6d c3       ;   stream: true}]\n");
  Request request{WireId{4294967298}, "tiny", {}};
  request.options.timeout = std::chrono::seconds{30};
  request.options.stream = true;
  expect_bytes(request, bytes);

  Decoder decoder{WireLimits{}};
  const auto decoded = decoder.from_client(Frame{bytes}, Payload{"body"});
  ASSERT_TRUE(decoded.ok()) << decoded.error().what;
  EXPECT_EQ(std::get<Request>(decoded.value().message), request);
  EXPECT_EQ(decoded.value().id, (IdSpan{3, 9}));
}

TEST(CodecGolden, chunk) {
  const std::string bytes =
      hex("95 01 11                                                  ; [1, CHUNK,\n"
          "cf 00 00 00 01 00 00 00 02                                ;  4294967298,\n"
          "00                                                        ;  0,\n"
          "82                                                        ;  {\n"
          "a6 73 74 61 74 75 73 cc c8                                ;   status: 200,\n"
          "a4 74 79 70 65                                            ;   type:\n"
          "b1 74 65 78 74 2f 65 76 65 6e 74 2d 73 74 72 65 61 6d     ;   'text/event-stream'}]\n");
  Chunk chunk{WireId{4294967298}, 0, {}};
  chunk.meta.status = 200;
  chunk.meta.type = "text/event-stream";
  expect_bytes(chunk, bytes);

  Decoder decoder{WireLimits{}};
  const auto decoded = decoder.from_worker(Frame{bytes}, Payload{"data: {}\n\n"});
  ASSERT_TRUE(decoded.ok()) << decoded.error().what;
  EXPECT_EQ(std::get<Chunk>(decoded.value().message), chunk);
}

TEST(CodecGolden, heartbeat_of_a_worker) {
  const std::string bytes =
      hex("93 01 20                                      ; [1, HEARTBEAT,\n"
          "84                                            ;  {\n"
          "a5 73 6c 6f 74 73 08                          ;   slots: 8,\n"
          "a5 67 72 61 6e 74 01                          ;   grant: 1,\n"
          "ac 71 75 65 75 65 5f 6c 65 6e 67 74 68 00     ;   queue_length: 0,\n"
          "a5 73 74 61 74 65 a5 72 65 61 64 79           ;   state: 'ready'}]\n");
  WorkerHeartbeat heartbeat;
  heartbeat.slots = 8;
  heartbeat.grant = 1;
  heartbeat.state = WorkerState::ready;
  expect_bytes(heartbeat, bytes);

  Decoder decoder{WireLimits{}};
  const auto decoded = decoder.from_worker(Frame{bytes}, {});
  ASSERT_TRUE(decoded.ok()) << decoded.error().what;
  EXPECT_EQ(std::get<WorkerHeartbeat>(decoded.value().message), heartbeat);
}

TEST(CodecGolden, heartbeats_of_a_broker_and_of_a_client) {
  expect_bytes(BrokerHeartbeat{1, 2, 300},
               hex("93 01 20 83                                ; [1, HEARTBEAT, {\n"
                   "a5 67 72 61 6e 74 01                       ; grant: 1,\n"
                   "a9 69 6e 5f 66 6c 69 67 68 74 02           ; in_flight: 2,\n"
                   "a6 71 75 65 75 65 64 cd 01 2c              ; queued: 300}]\n"));
  expect_bytes(ClientHeartbeat{}, hex("93 01 20 80"));
}

TEST(CodecGolden, register_with_a_plain_and_a_described_model) {
  const std::string bytes =
      hex("93 01 21                                      ; [1, REGISTER,\n"
          "85                                            ;  {\n"
          "a6 77 6f 72 6b 65 72                          ;   worker:\n"
          "a9 67 70 75 37 3a 38 30 30 30                 ;   'gpu7:8000',\n"
          "a8 69 6e 73 74 61 6e 63 65                    ;   instance:\n"
          "cf 00 06 2f 2d b1 00 00 05                    ;   1740723149864965,\n"
          "a6 6d 6f 64 65 6c 73                          ;   models:\n"
          "92 a4 74 69 6e 79                             ;   ['tiny',\n"
          "82 a4 6e 61 6d 65 a1 62                       ;    {name: 'b',\n"
          "a7 61 6c 69 61 73 65 73 91 a1 63              ;     aliases: ['c']}],\n"
          "a5 73 6c 6f 74 73 08                          ;   slots: 8,\n"
          "a5 73 74 61 74 65 a5 72 65 61 64 79           ;   state: 'ready'}]\n");
  WorkerDescription info;
  info.worker = "gpu7:8000";
  info.instance = Instance{0x00062f2db1000005};
  info.models = {{"tiny", {}, {}, {}, {}}, {"b", {"c"}, {}, {}, {}}};
  info.slots = 8;
  info.state = WorkerState::ready;
  expect_bytes(Register{info}, bytes);

  Decoder decoder{WireLimits{}};
  const auto decoded = decoder.from_worker(Frame{bytes}, {});
  ASSERT_TRUE(decoded.ok()) << decoded.error().what;
  EXPECT_EQ(std::get<Register>(decoded.value().message).info, info);
}

TEST(CodecGolden, short_messages) {
  expect_bytes(Reregister{}, hex("92 01 23"));
  expect_bytes(Drain{true}, hex("93 01 28 c3"));
  expect_bytes(Probe{200}, hex("93 01 26 cc c8"));
  expect_bytes(Deregister{"bye"}, hex("93 01 24 a3 62 79 65"));
  expect_bytes(Cancel{WireId{1}}, hex("93 01 02 cf 00 00 00 00 00 00 00 01"));
  expect_bytes(Dismiss{ErrorCode::replaced, ""}, hex("94 01 25 cd 9f c5 a0"));
  expect_bytes(Query{WireId{1}, "stats", Value::Map{}},
               hex("95 01 30 cf 00 00 00 00 00 00 00 01 a5 73 74 61 74 73 80"));
}

}  // namespace
}  // namespace muster
