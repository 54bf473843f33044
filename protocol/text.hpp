#pragma once

// What the rooms share about texts that stand in messages, logs and notes.

#include <string>

namespace muster {

// At most `bytes_max` bytes, never ending in the middle of a UTF-8 character.
[[nodiscard]] inline std::string cut_to(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
    --end;
  text.resize(end);
  return text;
}

}  // namespace muster
