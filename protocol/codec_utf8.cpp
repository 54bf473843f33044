#include "protocol/codec_utf8.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace muster::codec {
namespace {

// What may follow a lead byte: how many continuation bytes, and the range of the first of them,
// which is what keeps overlong forms, surrogates and too large code points out.
struct Follow {
  std::size_t count = 0;
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xbf;
};

// A count of 0: no sequence starts so.
Follow after(std::uint8_t lead) {
  if (lead >= 0xc2 && lead <= 0xdf) return {1};
  if (lead == 0xe0) return {2, 0xa0, 0xbf};
  if (lead == 0xed) return {2, 0x80, 0x9f};
  if (lead >= 0xe1 && lead <= 0xef) return {2};
  if (lead == 0xf0) return {3, 0x90, 0xbf};
  if (lead >= 0xf1 && lead <= 0xf3) return {3};
  if (lead == 0xf4) return {3, 0x80, 0x8f};
  return {};
}

template <class Word>
Word load(const char* at) {
  Word word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

constexpr std::uint64_t high_bits = 0x8080808080808080;

bool starts_with_eight_ascii(std::string_view text) {
  return text.size() >= 8 && (load<std::uint64_t>(text.data()) & high_bits) == 0;
}

// As nearly all strings are: short, and read in two or three loads.
bool is_short_ascii(std::string_view text) {
  const char* const begin = text.data();
  const std::size_t size = text.size();
  std::uint64_t seen = 0;
  if (size >= 8) {
    for (std::size_t i = 0; i + 8 < size; i += 8)
      seen |= load<std::uint64_t>(begin + i);
    seen |= load<std::uint64_t>(begin + size - 8);
  } else if (size >= 4) {
    seen = load<std::uint32_t>(begin) | load<std::uint32_t>(begin + size - 4);
  } else {
    for (std::size_t i = 0; i < size; ++i)
      seen |= static_cast<unsigned char>(begin[i]);
  }
  return (seen & high_bits) == 0;
}

}  // namespace

bool is_utf8(std::string_view text) {
  constexpr std::size_t short_bytes_max = 64;
  if (text.size() <= short_bytes_max && is_short_ascii(text)) return true;
  std::size_t i = 0;
  while (i < text.size()) {
    if (starts_with_eight_ascii(text.substr(i))) {
      i += 8;
      continue;
    }
    const auto lead = static_cast<std::uint8_t>(text[i]);
    ++i;
    if (lead < 0x80) continue;
    const Follow follow = after(lead);
    if (follow.count == 0 || text.size() - i < follow.count) return false;
    const auto first = static_cast<std::uint8_t>(text[i]);
    if (first < follow.low || first > follow.high) return false;
    for (std::size_t k = 1; k < follow.count; ++k) {
      if ((static_cast<std::uint8_t>(text[i + k]) & 0xc0) != 0x80) return false;
    }
    i += follow.count;
  }
  return true;
}

}  // namespace muster::codec
