#include "config/reading.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <type_traits>

namespace muster::config {

void Reading::fault(std::uint64_t line, std::uint64_t column, std::string what) {
  Origin origin = source_;
  origin.line = line;
  origin.column = column;
  add_fault(faults_, {std::move(origin), key_, std::move(what)});
}

std::string found(const Node& node) {
  return std::visit(
      [](const auto& value) -> std::string {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, std::string>) {
          return in_quotes(value);
        } else if constexpr (std::is_same_v<T, std::int64_t>) {
          return "the number " + std::to_string(value);
        } else if constexpr (std::is_same_v<T, double>) {
          return "the number " + toml_number(value);
        } else if constexpr (std::is_same_v<T, bool>) {
          return value ? "true" : "false";
        } else if constexpr (std::is_same_v<T, Node::Array>) {
          return "an array";
        } else if constexpr (std::is_same_v<T, Node::Table>) {
          return "a table";
        } else {
          return value.what;
        }
      },
      node.data);
}

std::string not_allowed(const Node& node, const std::string& allowed) {
  return "found " + found(node) + "; allowed is " + allowed;
}

std::optional<std::string> read_text(const Node& node, Reading& reading, TextRule rule) {
  const auto* text = std::get_if<std::string>(&node.data);
  if (text == nullptr) {
    reading.fault(node, not_allowed(node, "a text in quotes"));
    return std::nullopt;
  }
  if (const auto allowed = rule(*text)) {
    reading.fault(node, not_allowed(node, *allowed));
    return std::nullopt;
  }
  return *text;
}

std::optional<std::uint64_t> read_integer(const Node& node, Reading& reading, std::uint64_t min,
                                          std::uint64_t max, const std::string& or_else) {
  const auto* number = std::get_if<std::int64_t>(&node.data);
  if (number == nullptr || std::cmp_less(*number, min) || std::cmp_greater(*number, max)) {
    const std::string bounds =
        max == any_integer_max ? "" : ", " + std::to_string(min) + " to " + std::to_string(max);
    reading.fault(node, not_allowed(node, or_else + "a whole number" + bounds));
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(*number);
}

std::optional<std::vector<std::string>> read_texts(const Node& node, Reading& reading,
                                                   std::size_t count_min, std::size_t count_max,
                                                   TextRule rule) {
  const auto* array = std::get_if<Node::Array>(&node.data);
  if (array == nullptr) {
    reading.fault(node, not_allowed(node, "an array of texts, [\"a\", \"b\"]"));
    return std::nullopt;
  }
  if (array->size() < count_min || array->size() > count_max) {
    reading.fault(node, "found an array of " + std::to_string(array->size()) + "; allowed are " +
                            std::to_string(count_min) + " to " + std::to_string(count_max) +
                            " texts");
    return std::nullopt;
  }
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < array->size(); ++i) {
    Reading element = reading.below("[" + std::to_string(i) + "]");
    auto text = read_text((*array)[i], element, rule);
    if (text && std::ranges::find(texts, *text) != texts.end()) {
      element.fault((*array)[i], "found " + in_quotes(*text) + " a second time");
    } else if (text) {
      texts.push_back(std::move(*text));
    }
  }
  if (texts.size() != array->size()) return std::nullopt;
  return texts;
}

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(byte));
      out += escape.data();
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string toml_key(const std::string& key) {
  const bool bare = shown_key(key) == key && key.find('.') == std::string::npos;
  return bare ? key : toml_string(key);
}

std::string toml_list(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts)
    out += (out.size() > 1 ? ", " : "") + toml_string(text);
  return out + "]";
}

std::string toml_number(double number) {
  std::array<char, 32> digits{};
  const double size = std::abs(number);
  const bool handy = size == 0 || (size >= 1e-6 && size < 1e15);
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number,
                                 handy ? std::chars_format::fixed : std::chars_format::general);
  std::string text(digits.data(), end.ptr);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";  // n: nan, inf
  return text;
}

}  // namespace muster::config
