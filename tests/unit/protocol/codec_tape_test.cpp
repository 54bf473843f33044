// What is read without msgpack-c is read as msgpack-c reads it, and what is not so read is left to
// it.

#include "protocol/codec_tape.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "protocol/codec.hpp"
#include "protocol/prng.hpp"
#include "tests/support/effort.hpp"
#include "tests/unit/protocol/samples.hpp"
#include "tests/unit/protocol/wire_bytes.hpp"

namespace muster::codec {
namespace {

using namespace wire_bytes;  // NOLINT: the test is about bytes

// Both readings of these bytes.
class Both {
 public:
  void agree_on(std::string_view header) {
    const Tape::Outcome outcome = usual_.parse(header);
    ASSERT_EQ(outcome, library_.parse_by_library(header)) << shown(header);
    if (outcome == Tape::Outcome::ok) {
      ASSERT_TRUE(std::ranges::equal(usual_.tokens(), library_.tokens())) << shown(header);
    }
  }

 private:
  static std::string shown(std::string_view bytes) {
    std::string text;
    for (const char byte : bytes)
      text += std::to_string(static_cast<unsigned char>(byte)) + ' ';
    return text;
  }

  Tape usual_;
  Tape library_;
};

TEST(CodecTape, EveryLeadByteIsReadAlike) {
  Both both;
  for (unsigned lead = 0; lead < 256; ++lead) {
    for (std::size_t bytes = 0; bytes <= 40; ++bytes) {
      for (const char filled : {'\x00', '\x01', '\x7f', '\xff'}) {
        const std::string item = static_cast<char>(lead) + std::string(bytes, filled);
        both.agree_on(item);
        both.agree_on("\x91" + item);
        both.agree_on("\x82\xa1k" + item);
      }
    }
  }
}

TEST(CodecTape, EveryPrefixOfAMessageIsReadAlike) {
  Both both;
  for (const std::string& header : samples::headers()) {
    for (std::size_t size = 0; size <= header.size(); ++size)
      both.agree_on(std::string_view{header}.substr(0, size));
    both.agree_on(header + '\x00');
  }
}

// A header of so many bytes: an array of strings.
std::string header_of(std::size_t bytes) {
  std::string header(1, '\x9f');
  for (int i = 0; i < 14; ++i)
    header += str("abc");
  return header + hex("da") + big_endian(bytes - header.size() - 3, 2) +
         std::string(bytes - header.size() - 3, 'x');
}
// The same without the one long string's form, which is none of the usual ones.
std::string usual_header_of(std::size_t bytes) {
  std::string header(1, '\x9f');
  for (std::size_t left = 15; left > 0; --left) {
    const std::size_t piece = (bytes - header.size()) / left - 2;
    header += '\xd9' + std::string(1, static_cast<char>(piece)) + std::string(piece, 'x');
  }
  return header;
}

TEST(CodecTape, WhatIsNestedOrLongIsReadAlike) {
  Both both;
  for (std::size_t depth = 0; depth <= nesting_max + 2; ++depth)
    both.agree_on(std::string(depth, '\x91') + '\xc0');
  for (char empty = 0; empty <= 15; ++empty) {  // up to 18 containers, three deep at most
    const std::string flat = static_cast<char>('\x90' + empty) + std::string(empty, '\x90');
    both.agree_on(flat);
    both.agree_on('\x92' + flat + "\x91\x90");
  }
  for (std::size_t bytes = plain_header_bytes_max - 1; bytes <= plain_header_bytes_max + 1;
       ++bytes) {
    ASSERT_EQ(header_of(bytes).size(), bytes);
    ASSERT_EQ(usual_header_of(bytes).size(), bytes);
    both.agree_on(header_of(bytes));
    both.agree_on(usual_header_of(bytes));
  }
}

TEST(CodecTape, UsualHeadersAreReadByHandUpToTheirBound) {
  Tape tape;
  EXPECT_TRUE(tape.parse_plain(usual_header_of(plain_header_bytes_max)));
  EXPECT_FALSE(tape.parse_plain(usual_header_of(plain_header_bytes_max + 1)));
  EXPECT_FALSE(tape.parse_plain(header_of(500)));
  EXPECT_FALSE(tape.parse_plain(std::string(nesting_max + 1, '\x91') + '\xc0'));
  EXPECT_TRUE(tape.parse_plain(std::string(nesting_max, '\x91') + '\xc0'));
}

TEST(CodecTape, WhatALargeHeaderTookIsGivenBack) {
  Tape tape;
  const std::size_t room = tape.room();
  const std::size_t items = 2 * tape_kept_tokens_max;
  ASSERT_EQ(tape.parse(hex("dd") + big_endian(items, 4) + std::string(items, '\x01')),
            Tape::Outcome::ok);
  ASSERT_GT(tape.room(), items);
  ASSERT_EQ(tape.parse("\x91\x01"), Tape::Outcome::ok);
  EXPECT_EQ(tape.room(), room);
}

TEST(CodecTape, WhatIsChangedAtRandomIsReadAlike) {
  Both both;
  Prng chance{20261129};
  const std::vector<std::string> headers = samples::headers();
  for (int i = 0; i < muster::test::effort(200'000, 20'000); ++i) {
    std::string header = headers[chance.below(headers.size())];
    for (std::uint64_t changes = 1 + chance.below(3); changes > 0; --changes)
      header[chance.below(header.size())] = static_cast<char>(chance.below(256));
    both.agree_on(header);
  }
}

}  // namespace
}  // namespace muster::codec
