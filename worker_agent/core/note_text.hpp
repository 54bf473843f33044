#pragma once

// Times and counts as a note for people says them.

#include <cstdio>
#include <string>

#include "protocol/time.hpp"

namespace muster::agent {

[[nodiscard]] inline std::string seconds(Duration d) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(d.count()) / 1e6);
  return text;
}

[[nodiscard]] inline std::string requests_text(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " request" : " requests");
}

}  // namespace muster::agent
