#pragma once

// Text for people: numbers and times as they are said, tables in columns, and nothing that could
// take over a terminal.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace muster::cli {

// "250ms", "3.2s", "5m 3s", "3h 12m", "2d 4h".
[[nodiscard]] std::string human_duration(std::int64_t ms);

// "1,234,567".
[[nodiscard]] std::string human_count(std::uint64_t count);

// One line of text from outside (names, reasons, messages): each control character is shown as `?`,
// so that it can neither break a table nor move a cursor.
[[nodiscard]] std::string printable(std::string_view text);

// JSON text in which DEL and the C1 controls are escapes. All other controls are escapes in any
// JSON text, or its own line ends.
[[nodiscard]] std::string escaped_controls(std::string_view json);

// What is left of a model's output for a terminal. Escape sequences start with ESC, or in eight-bit
// form with a C1 control; what a model says may have come from anybody, and some terminals take
// their settings, titles and clipboard from such sequences. All else stays, newlines and tabs too.
[[nodiscard]] std::string without_escapes(std::string_view text);

enum class Align : std::uint8_t { left, right };

struct Column {
  std::string title{};
  Align align = Align::left;
  bool drop_when_empty = false;  // the whole column, where no row says anything in it
};

// Rows under titles, each column as wide as its widest cell, two spaces between. Cells are made
// printable. A row that is shorter than the titles is filled up with empty cells. Where no column
// has a title there is no line for them.
[[nodiscard]] std::string table(const std::vector<Column>& columns,
                                const std::vector<std::vector<std::string>>& rows);

}  // namespace muster::cli
