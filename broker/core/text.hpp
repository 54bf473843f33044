#pragma once

// Words for sentences: what the core says to people in ERRORs and notes.

#include <string>
#include <string_view>

#include "protocol/text.hpp"
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

}  // namespace muster::broker
