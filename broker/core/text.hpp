#pragma once

// Words for sentences: what the core says to people in ERRORs and notes.

#include <string>
#include <string_view>

#include "protocol/time.hpp"

namespace muster::broker {

[[nodiscard]] inline std::string in_quotes(std::string_view text) {
  return "\"" + std::string{text} + "\"";
}

// "3.0 s", rounded.
[[nodiscard]] inline std::string in_seconds(Duration d) {
  const auto tenths = (d.count() + 50'000) / 100'000;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

// At most `bytes_max` bytes, never ending in the middle of a UTF-8 character.
[[nodiscard]] inline std::string cut_to(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
    --end;
  text.resize(end);
  return text;
}

}  // namespace muster::broker
