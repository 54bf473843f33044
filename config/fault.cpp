#include "config/fault.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace muster::config {
namespace {

constexpr std::size_t shown_bytes_max = 80;

// The longest beginning of at most `limit` bytes that cuts no UTF-8 sequence in two.
std::string beginning(const std::string& text, std::size_t limit) {
  std::size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0u) == 0x80)
    --end;
  return text.substr(0, end);
}

bool has_control_character(const std::string& text) {
  return std::ranges::any_of(text, [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; });
}

}  // namespace

std::string Origin::text() const {
  std::string shown = has_control_character(name) ? in_quotes(name) : name;
  switch (kind) {
    case Kind::built_in:
      return "default";
    case Kind::environment:
      return "environment variable " + shown;
    case Kind::flag:
      return shown;
    case Kind::file:
      break;
  }
  if (line == 0) return shown;
  return shown + ":" + std::to_string(line) + ":" + std::to_string(column);
}

std::string ConfigFault::text() const {
  return origin.text() + ": " + (key.empty() ? "" : key + ": ") + what;
}

void add_fault(ConfigFaults& faults, ConfigFault fault) {
  if (faults.size() > faults_max) return;
  if (faults.size() == faults_max) {
    fault.key.clear();
    fault.what = "there are more faults than these";
  }
  faults.push_back(std::move(fault));
}

std::string in_quotes(const std::string& text) {
  const bool cut = text.size() > shown_bytes_max;
  std::string out = "\"";
  for (const char c : cut ? beginning(text, shown_bytes_max) : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c));
      out += escape.data();
    } else {
      out += c;
    }
  }
  return out + (cut ? "...\"" : "\"");
}

std::string shown_key(const std::string& key) {
  const bool plain = std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
  return plain && !key.empty() && key.size() <= shown_bytes_max ? key : in_quotes(key);
}

}  // namespace muster::config
