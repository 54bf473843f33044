#include "config/units.hpp"

#include <array>
#include <utility>

namespace muster::config {
namespace {

__extension__ using Wide = unsigned __int128;

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array durations = {Unit{"h", 3'600'000'000}, Unit{"m", 60'000'000},
                                  Unit{"s", 1'000'000}, Unit{"ms", 1'000}};

constexpr std::uint64_t kibi = 1024;
constexpr std::array sizes = {Unit{"TiB", kibi* kibi* kibi* kibi},
                              Unit{"GiB", kibi* kibi* kibi},
                              Unit{"MiB", kibi* kibi},
                              Unit{"KiB", kibi},
                              Unit{"TB", 1'000'000'000'000},
                              Unit{"GB", 1'000'000'000},
                              Unit{"MB", 1'000'000},
                              Unit{"KB", 1'000},
                              Unit{"B", 1}};

constexpr auto result_max = static_cast<std::uint64_t>(INT64_MAX);

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// A decimal number as digits / 10^decimals, exact; at most 18 digits, so that all fit.
struct Decimal {
  std::uint64_t digits = 0;
  std::uint64_t divisor = 1;
};

// Takes a decimal number off the front of `text`: digits, and if there is a point digits after it.
std::optional<Decimal> take_decimal(std::string_view& text) {
  constexpr std::size_t digits_max = 18;
  Decimal number;
  std::size_t digits = 0;
  bool point = false;
  while (!text.empty()) {
    const char c = text.front();
    if (c == '.' && !point && digits > 0 && text.size() > 1 && is_digit(text[1])) {
      point = true;
    } else if (is_digit(c)) {
      if (++digits > digits_max) return std::nullopt;
      number.digits = number.digits * 10 + static_cast<std::uint64_t>(c - '0');
      if (point) number.divisor *= 10;
    } else {
      break;
    }
    text.remove_prefix(1);
  }
  if (digits == 0) return std::nullopt;
  return number;
}

template <std::size_t N>
std::optional<std::uint64_t> parse(std::string_view text, const std::array<Unit, N>& units) {
  const auto number = take_decimal(text);
  if (!number) return std::nullopt;
  for (const Unit& unit : units) {
    if (unit.name != text) continue;
    const Wide scaled = Wide{number->digits} * unit.factor;
    if (scaled % number->divisor != 0) return std::nullopt;
    const Wide result = scaled / number->divisor;
    if (result > result_max) return std::nullopt;
    return static_cast<std::uint64_t>(result);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  const auto us = parse(text, durations);
  if (!us || std::cmp_greater(*us, duration_max.count())) return std::nullopt;
  return Duration{static_cast<std::int64_t>(*us)};
}

std::string format_duration(Duration duration) {
  const auto us = static_cast<std::uint64_t>(duration.count());
  if (us == 0) return "0s";
  for (const Unit& unit : durations) {
    if (us % unit.factor == 0) return std::to_string(us / unit.factor) + std::string(unit.name);
  }
  std::string fraction = std::to_string(1000 + us % 1000).substr(1);
  fraction.erase(fraction.find_last_not_of('0') + 1);
  return std::to_string(us / 1000) + "." + fraction + "ms";
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  return parse(text, sizes);
}

std::string format_size(std::uint64_t bytes) {
  for (const Unit& unit : sizes) {
    const bool binary = unit.name.size() != 2;
    if (binary && bytes != 0 && bytes % unit.factor == 0) {
      return std::to_string(bytes / unit.factor) + std::string(unit.name);
    }
  }
  return "0B";
}

bool is_bare_number(std::string_view text) {
  return take_decimal(text).has_value() && text.empty();
}

}  // namespace muster::config
