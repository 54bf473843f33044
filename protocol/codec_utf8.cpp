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

bool starts_with_eight_ascii(std::string_view text) {
  if (text.size() < 8) return false;
  std::uint64_t eight = 0;
  std::memcpy(&eight, text.data(), 8);
  return (eight & 0x8080808080808080) == 0;
}

}  // namespace

bool is_utf8(std::string_view text) {
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
