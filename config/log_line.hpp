#pragma once

// How one line of the log looks: a pure function, for logging.cpp and its tests.
//
// A line is one line, whatever a peer put into it: control characters, line and paragraph
// separators and marks that turn the direction of text are escaped, bytes that are no UTF-8 become
// U+FFFD. So nothing that was received can forge a line, or hide one on a terminal.

#include <chrono>
#include <string>
#include <string_view>

#include "config/logging.hpp"

namespace muster::log {

// The line with its newline. A field named like one of the line's own ("time", "level", "message")
// gets an underscore in JSON, so that no name stands twice.
[[nodiscard]] std::string format_line(Format format, std::chrono::system_clock::time_point time,
                                      Level level, std::string_view message, Fields fields);

// "trace" ... "fatal", "text", "json": as configuration and JSON lines say it.
[[nodiscard]] std::string_view level_name(Level level);
[[nodiscard]] std::string_view format_name(Format format);

}  // namespace muster::log
