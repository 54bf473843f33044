#pragma once

// The little of JSON that is done on text alone, where building a document would cost too much or
// could be made to cost too much.

#include <cstddef>
#include <string>
#include <string_view>

namespace muster::agent {

// Whether `text` opens at most `depth` arrays and objects within each other. Asked before a text
// from outside is parsed, so that nesting can't grow the parser's memory.
[[nodiscard]] bool json_nests_within(std::string_view text, std::size_t depth);

// Where the array or object that begins at text[0] ends, one past its closing bracket; 0 where it
// does not end in `text`. Says nothing on whether what is inside is valid.
[[nodiscard]] std::size_t json_extent(std::string_view text);

// Appends `text` as a JSON string, with its quotes. REQUIRES: `text` is UTF-8.
void append_json_string(std::string& out, std::string_view text);

// The same without quotes.
void append_json_escaped(std::string& out, std::string_view text);

}  // namespace muster::agent
