// The id of a header: every form that it may come in, where it stands, and how another one is put
// in its place (docs/protocol.md, section 2).

#include <gtest/gtest.h>

#include "protocol/codec.hpp"
#include "tests/unit/protocol/wire_bytes.hpp"

namespace muster {
namespace {

using namespace wire_bytes;  // NOLINT: the test is about bytes

struct Form {
  std::string bytes;
  std::uint64_t id;
};

std::vector<Form> forms() {
  return {
      {num(0), 0},
      {num(0x7f), 0x7f},
      {u8(5), 5},
      {u8(0xff), 0xff},
      {u16(5), 5},
      {u16(0xffff), 0xffff},
      {u32(5), 5},
      {u32(0xffffffff), 0xffffffff},
      {u64(5), 5},
      {u64(0xffffffffffffffff), 0xffffffffffffffff},
      {hex("d0 7f"), 0x7f},
      {hex("d1 7f ff"), 0x7fff},
      {hex("d2 7f ff ff ff"), 0x7fffffff},
      {i64(0x7fffffffffffffff), 0x7fffffffffffffff},
  };
}

// Bytes before the id: the array's and the version's and type's own forms vary too.
std::vector<std::string> prefixes(char count, char type) {
  const std::string t(1, type);
  return {
      std::string(1, static_cast<char>(0x90 + count)) + '\x01' + t,
      hex("dc 00") + count + '\x01' + t,
      hex("dd 00 00 00") + count + u64(1) + u64(static_cast<unsigned char>(type)),
      std::string(1, static_cast<char>(0x90 + count)) + u16(1) +
          u32(static_cast<unsigned char>(type)),
  };
}

TEST(CodecId, every_form_in_every_place_is_read_and_located) {
  Decoder decoder{WireLimits{}};
  for (const auto& prefix : prefixes(3, 0x02)) {
    for (const auto& form : forms()) {
      SCOPED_TRACE(std::to_string(prefix.size()) + '+' + std::to_string(form.bytes.size()));
      const auto decoded = decoder.from_client(Frame{prefix + form.bytes}, {});
      ASSERT_TRUE(decoded.ok()) << decoded.error().what;
      EXPECT_EQ(std::get<Cancel>(decoded.value().message).id, WireId{form.id});
      EXPECT_EQ(decoded.value().id.offset, prefix.size());
      EXPECT_EQ(decoded.value().id.width, form.bytes.size());
    }
  }
}

TEST(CodecId, messages_without_an_id_have_no_span) {
  Decoder decoder{WireLimits{}};
  const auto probe = decoder.to_worker(Frame{arr({num(1), num(0x26), num(9)})}, {});
  ASSERT_TRUE(probe.ok());
  EXPECT_EQ(probe.value().id, IdSpan{});
}

// What follows the id must come through untouched: an unknown field, an element too many, and opts
// that make the frame longer than what libzmq keeps within a message.
std::vector<std::string> tails() {
  return {
      str("m") + map({}),
      str("m") + map({{"later", num(1)}}),
      str("a-model-with-a-name-that-is-long") + map({{"path", str(std::string(300, 'p'))}}),
  };
}

TEST(CodecId, with_id_gives_the_same_header_under_another_id) {
  Decoder decoder{WireLimits{}};
  for (const auto& prefix : prefixes(5, 0x01)) {
    for (const auto& form : forms()) {
      for (const auto& tail : tails()) {
        for (const bool shared : {false, true}) {
          SCOPED_TRACE(std::to_string(form.bytes.size()) + '+' + std::to_string(tail.size()));
          const std::string before = prefix + form.bytes + tail;
          Frame header{before};
          const Frame other = shared ? header.share() : Frame{};
          const auto decoded = decoder.from_client(header, {});
          ASSERT_TRUE(decoded.ok()) << decoded.error().what;
          const Frame patched =
              with_id(std::move(header), decoded.value().id, WireId{0x0102030405060708});
          EXPECT_EQ(patched.text(), prefix + u64(0x0102030405060708) + tail);
          if (shared) {
            EXPECT_EQ(other.text(), before) << "another handle on the bytes saw the change";
          }
        }
      }
    }
  }
}

TEST(CodecId, a_long_form_that_nobody_shares_is_patched_where_it_stands) {
  Decoder decoder{WireLimits{}};
  Frame header = encode(Request{WireId{1}, std::string(100, 'm'), {}});
  const std::byte* bytes = header.bytes().data();
  const auto decoded = decoder.from_client(header, {});
  ASSERT_TRUE(decoded.ok());
  const Frame patched = with_id(std::move(header), decoded.value().id, WireId{2});
  EXPECT_EQ(patched.bytes().data(), bytes);
}

TEST(CodecId, a_shared_frame_is_built_anew) {
  Decoder decoder{WireLimits{}};
  Frame header = encode(Request{WireId{1}, std::string(100, 'm'), {}});
  const Frame kept = header.share();
  const auto decoded = decoder.from_client(header, {});
  ASSERT_TRUE(decoded.ok());
  const Frame patched = with_id(std::move(header), decoded.value().id, WireId{2});
  EXPECT_NE(patched.bytes().data(), kept.bytes().data());
  EXPECT_FALSE(patched.shared());
}

TEST(CodecIdDeath, a_span_of_another_header_is_our_own_bug) {
  EXPECT_DEATH((void)with_id(Frame{"short"}, IdSpan{3, 9}, WireId{1}), "span");
  EXPECT_DEATH((void)with_id(Frame{"short"}, IdSpan{0, 0}, WireId{1}), "span");
}

}  // namespace
}  // namespace muster
