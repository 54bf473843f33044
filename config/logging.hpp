#pragma once

// The log of every program: lines of text for people, or one JSON object a line for machines, on
// standard error or into a file. Boost.Log does the work, in logging.cpp alone; a line is written
// whole, whichever thread says it.
//
//   log::info("worker registered", {{"worker", name}, {"slots", slots}});
//
// text:  2026-05-04T10:11:12.345Z INFO  worker registered worker=gpu7:8000 slots=8
// json:  {"time":"2026-05-04T10:11:12.345Z","level":"info","message":"worker registered",...}

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

#include "protocol/result.hpp"

namespace muster::log {

enum class Level : std::uint8_t { trace, debug, info, warning, error, fatal };
enum class Format : std::uint8_t { text, json };

struct LogOptions {  // [log]
  Level level = Level::info;
  Format format = Format::text;
  std::string file;  // empty: standard error
};

// Starts the log, or starts it anew; before the first time, lines of `info` and above go to
// standard error as text. A file is appended to. Where it cannot be opened the log stays as it was
// and the error is a sentence for the user. From then on SIGPIPE is ignored: a reader of the log
// that goes away must not end the program.
[[nodiscard]] Outcome start(const LogOptions& options);

// Whether a line of this level would be written: ask before building a costly one.
[[nodiscard]] bool enabled(Level level);

struct Field {
  std::string_view name;
  std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool> value;

  Field(std::string_view n, std::string_view v) : name(n), value(v) {}
  Field(std::string_view n, const std::string& v) : name(n), value(std::string_view{v}) {}
  Field(std::string_view n, const char* v) : name(n), value(std::string_view{v}) {}
  Field(std::string_view n, bool v) : name(n), value(v) {}
  Field(std::string_view n, int v) : name(n), value(std::int64_t{v}) {}
  Field(std::string_view n, std::int64_t v) : name(n), value(v) {}
  Field(std::string_view n, std::uint64_t v) : name(n), value(v) {}
  Field(std::string_view n, std::uint32_t v) : name(n), value(std::uint64_t{v}) {}
  Field(std::string_view n, double v) : name(n), value(v) {}
};
using Fields = std::initializer_list<Field>;

// Control characters in text and fields are escaped: what a peer sends cannot forge a line.
void write(Level level, std::string_view message, Fields fields = {});

inline void debug(std::string_view message, Fields fields = {}) {
  if (enabled(Level::debug)) write(Level::debug, message, fields);
}
inline void info(std::string_view message, Fields fields = {}) {
  write(Level::info, message, fields);
}
inline void warning(std::string_view message, Fields fields = {}) {
  write(Level::warning, message, fields);
}
inline void error(std::string_view message, Fields fields = {}) {
  write(Level::error, message, fields);
}

}  // namespace muster::log
