#include "tools/cli/text.hpp"

#include <algorithm>
#include <utility>

namespace muster::cli {

namespace {

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

// Whether a C1 control character (U+0080 to U+009F) stands here, in UTF-8.
bool is_c1(std::string_view text, std::size_t i) {
  if (text[i] != '\xc2' || i + 1 >= text.size()) return false;
  const auto second = static_cast<unsigned char>(text[i + 1]);
  return second >= 0x80 && second < 0xa0;
}

// How many columns a text takes: code points, counted by the bytes that begin one.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string two_units(std::int64_t big, char big_unit, std::int64_t small, char small_unit) {
  std::string text = std::to_string(big) + big_unit;
  if (small != 0) text += ' ' + std::to_string(small) + small_unit;
  return text;
}

}  // namespace

std::string human_duration(std::int64_t ms) {
  constexpr std::int64_t second = 1000;
  constexpr std::int64_t minute = 60 * second;
  constexpr std::int64_t hour = 60 * minute;
  constexpr std::int64_t day = 24 * hour;
  if (ms < second) return std::to_string(ms) + "ms";
  if (ms < minute) {
    const std::int64_t tenths = ms % second / 100;
    std::string text = std::to_string(ms / second);
    if (tenths != 0) text += '.' + std::to_string(tenths);
    return text + 's';
  }
  if (ms < hour) return two_units(ms / minute, 'm', ms % minute / second, 's');
  if (ms < day) return two_units(ms / hour, 'h', ms % hour / minute, 'm');
  return two_units(ms / day, 'd', ms % day / hour, 'h');
}

std::string human_count(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t from_end = 3; from_end < digits.size(); from_end += 4)
    digits.insert(digits.size() - from_end, 1, ',');
  return digits;
}

std::string printable(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_c1(text, i)) {
      clean += '?';
      ++i;
    } else {
      clean += is_control(text[i]) ? '?' : text[i];
    }
  }
  return clean;
}

std::string escaped_controls(std::string_view json) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string clean;
  clean.reserve(json.size());
  for (std::size_t i = 0; i < json.size(); ++i) {
    const bool c1 = is_c1(json, i);
    if (!c1 && json[i] != '\x7f') {
      clean += json[i];
      continue;
    }
    if (c1) ++i;
    const auto code = static_cast<unsigned char>(json[i]);  // the second byte of a C1 is its code
    clean += "\\u00";
    clean += {digits[code / 16], digits[code % 16]};
  }
  return clean;
}

std::string without_escapes(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_c1(text, i)) {
      ++i;
    } else if (text[i] != '\x1b') {
      clean += text[i];
    }
  }
  return clean;
}

std::string table(const std::vector<Column>& columns,
                  const std::vector<std::vector<std::string>>& rows) {
  struct Shown {
    std::vector<std::string> cells{};  // the title first
    Align align = Align::left;
    std::size_t width = 0;
  };
  std::vector<Shown> shown;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    Shown column{.cells = {columns[i].title}, .align = columns[i].align};
    bool empty = true;
    for (const auto& row : rows) {
      column.cells.push_back(i < row.size() ? printable(row[i]) : std::string{});
      empty = empty && column.cells.back().empty();
    }
    if (empty && columns[i].drop_when_empty) continue;
    for (const std::string& cell : column.cells)
      column.width = std::max(column.width, width(cell));
    shown.push_back(std::move(column));
  }

  const bool titled = std::any_of(columns.begin(), columns.end(),
                                  [](const Column& column) { return !column.title.empty(); });
  std::string text;
  for (std::size_t line = titled ? 0 : 1; line <= rows.size(); ++line) {
    std::string out;
    for (const Shown& column : shown) {
      const std::string& cell = column.cells[line];
      const std::string padding(column.width - width(cell), ' ');
      if (&column != &shown.front()) out += "  ";
      out += column.align == Align::right ? padding + cell : cell + padding;
    }
    out.erase(out.find_last_not_of(' ') + 1);
    text += out + '\n';
  }
  return text;
}

}  // namespace muster::cli
