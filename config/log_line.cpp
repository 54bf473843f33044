#include "config/log_line.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <type_traits>

namespace muster::log {
namespace {

constexpr char32_t replacement = 0xfffd;

// Takes the first code point off `rest` (never empty); what is no UTF-8 goes one byte at a time.
char32_t take_code_point(std::string_view& rest) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
  const unsigned char first = byte(0);
  std::size_t length = 1;
  char32_t code = first;
  char32_t least = 0;  // below it, this length is an overlong form
  if (first >= 0xf0 && first < 0xf8) {
    length = 4, code = first & 0x07u, least = 0x10000;
  } else if (first >= 0xe0 && first < 0xf0) {
    length = 3, code = first & 0x0fu, least = 0x800;
  } else if (first >= 0xc0 && first < 0xe0) {
    length = 2, code = first & 0x1fu, least = 0x80;
  } else if (first >= 0x80) {
    rest.remove_prefix(1);
    return replacement;
  }
  bool whole = length <= rest.size();
  for (std::size_t i = 1; whole && i < length; ++i) {
    whole = (byte(i) & 0xc0u) == 0x80;
    code = (code << 6) | (byte(i) & 0x3fu);
  }
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (!whole || code < least || code > 0x10ffff || surrogate) {
    rest.remove_prefix(1);
    return replacement;
  }
  rest.remove_prefix(length);
  return code;
}

bool may_mislead(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) ||  // control characters
         code == 0x2028 || code == 0x2029 ||               // line and paragraph separators
         code == 0x200e || code == 0x200f || code == 0x061c || (code >= 0x202a && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069);  // direction of text
}

void append_escaped(std::string& out, std::string_view text, bool quoted) {
  while (!text.empty()) {
    const std::string_view before = text;
    const char32_t code = take_code_point(text);
    if (quoted && (code == '"' || code == '\\')) {
      out += '\\';
      out += static_cast<char>(code);
    } else if (code == '\n') {
      out += "\\n";
    } else if (code == '\r') {
      out += "\\r";
    } else if (code == '\t') {
      out += "\\t";
    } else if (may_mislead(code)) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(code));
      out += escape.data();
    } else if (code == replacement) {
      out += "\xef\xbf\xbd";
    } else {
      out += before.substr(0, before.size() - text.size());
    }
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text, true);
  out += '"';
}

// A value that stands alone between spaces needs no quotes.
bool is_plain_word(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (c <= ' ' || c == '"' || c == '\\' || c == '=' || c == 0x7f) return false;
  }
  return true;
}

template <class Number>
void append_number(std::string& out, Number number) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end.ptr);
}

void append_value(std::string& out, const Field& field, Format format) {
  std::visit(
      [&](const auto& value) {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, std::string_view>) {
          if (format == Format::text && is_plain_word(value)) {
            append_escaped(out, value, true);
          } else {
            append_quoted(out, value);
          }
        } else if constexpr (std::is_same_v<T, bool>) {
          out += value ? "true" : "false";
        } else if constexpr (std::is_same_v<T, double>) {
          if (format == Format::json && !std::isfinite(value)) {
            out += "null";  // JSON has no word for it
          } else {
            append_number(out, value);
          }
        } else {
          append_number(out, value);
        }
      },
      field.value);
}

std::string timestamp(std::chrono::system_clock::time_point time) {
  using std::chrono::milliseconds;
  const auto ms = std::chrono::floor<milliseconds>(time.time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(ms);
  const std::time_t unix_time = static_cast<std::time_t>(seconds.count());
  std::tm utc{};
  ::gmtime_r(&unix_time, &utc);
  std::array<char, 32> date{};
  std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ",
                static_cast<int>((ms - seconds).count()));
  return std::string(date.data()) + fraction.data();
}

// Five letters wide, so that messages stand below each other.
std::string_view level_column(Level level) {
  switch (level) {
    case Level::trace:
      return "TRACE";
    case Level::debug:
      return "DEBUG";
    case Level::info:
      return "INFO ";
    case Level::warning:
      return "WARN ";
    case Level::error:
      return "ERROR";
    case Level::fatal:
      return "FATAL";
  }
  return "?????";
}

std::string text_line(const std::string& time, Level level, std::string_view message,
                      Fields fields) {
  std::string line = time;
  line += ' ';
  line += level_column(level);
  line += ' ';
  append_escaped(line, message, false);
  for (const Field& field : fields) {
    line += ' ';
    append_escaped(line, field.name, false);
    line += '=';
    append_value(line, field, Format::text);
  }
  line += '\n';
  return line;
}

std::string json_line(const std::string& time, Level level, std::string_view message,
                      Fields fields) {
  std::string line = "{\"time\":\"" + time + "\",\"level\":\"";
  line += level_name(level);
  line += "\",\"message\":";
  append_quoted(line, message);
  for (const Field& field : fields) {
    const bool taken = field.name == "time" || field.name == "level" || field.name == "message";
    line += ',';
    append_quoted(line, taken ? std::string(field.name) + "_" : std::string(field.name));
    line += ':';
    append_value(line, field, Format::json);
  }
  line += "}\n";
  return line;
}

}  // namespace

std::string format_line(Format format, std::chrono::system_clock::time_point time, Level level,
                        std::string_view message, Fields fields) {
  switch (format) {
    case Format::text:
      return text_line(timestamp(time), level, message, fields);
    case Format::json:
      return json_line(timestamp(time), level, message, fields);
  }
  return {};
}

std::string_view level_name(Level level) {
  switch (level) {
    case Level::trace:
      return "trace";
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
    case Level::fatal:
      return "fatal";
  }
  return "unknown";
}

std::string_view format_name(Format format) {
  switch (format) {
    case Format::text:
      return "text";
    case Format::json:
      return "json";
  }
  return "unknown";
}

}  // namespace muster::log
