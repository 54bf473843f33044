#pragma once

// Internal to the codec: a header's msgpack, checked whole and laid out flat.
//
// Each item becomes one 16-byte token. A container is one token with its count, followed by its
// items; a map's are key, value, key, value. Once a parse has succeeded, every count is true: that
// many items do follow. So a reader may trust it, which it may not trust on the wire.
//
// msgpack-c's parser calls a visitor for each item, and says what is msgpack and what is not. Most
// headers are short and made of few forms; these are read without it, in a third of the
// instructions, and whatever else stands in a header is left to it.
//
// A tape costs 32 bytes for each byte of header at the most, or 16 KiB, whatever the header claims.

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace muster::codec {

// Containers in containers, the header's own array counted.
inline constexpr std::size_t nesting_max = 16;
// A tape longer than this is given back after use: 1 MiB, enough for the default header limit.
inline constexpr std::size_t tape_kept_tokens_max = std::size_t{64} * 1024;
// Headers longer than this are left to msgpack-c, whatever they are made of.
inline constexpr std::size_t plain_header_bytes_max = 1024;

enum class Kind : std::uint8_t {
  nil,
  boolean,
  uint,      // 0 and above, whichever form it came in
  negative,  // below 0
  real,
  string,
  binary,
  extension,
  array,
  map,
};
// "a string", "an integer below 0": for sentences.
[[nodiscard]] std::string_view kind_name(Kind kind);

struct Token {
  Kind kind = Kind::nil;
  std::uint32_t count = 0;  // bytes of a string, items of an array, pairs of a map
  std::uint64_t bits = 0;   // the number, as its 64 bits; where a string's bytes start
  friend bool operator==(const Token&, const Token&) = default;
};

class Tape {
 public:
  Tape();
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  enum class Outcome : std::uint8_t { ok, malformed, nested_too_deep };

  // Takes the place of what was on the tape. `header` must live as long as the tape is read.
  [[nodiscard]] Outcome parse(std::string_view header);
  // The same by msgpack-c, to which parse() leaves what it does not read; public for tests.
  [[nodiscard]] Outcome parse_by_library(std::string_view header);
  [[nodiscard]] bool parse_plain(std::string_view header);

  // Tokens that there is room for without another allocation.
  [[nodiscard]] std::size_t room() const { return room_.size(); }
  [[nodiscard]] std::span<const Token> tokens() const { return {room_.data(), size_}; }
  // REQUIRES: a token of this tape, of kind string or binary.
  [[nodiscard]] std::string_view text(const Token& token) const {
    return header_.substr(token.bits, token.count);
  }

 private:
  struct Parser;

  void add(Token token);

  std::string_view header_;
  std::vector<Token> room_;  // the first `size_` of it are the tape
  std::size_t size_ = 0;
  std::unique_ptr<Parser> parser_;
};

}  // namespace muster::codec
