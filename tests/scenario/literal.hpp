#pragma once

// How data is written in a dialogue: what a line says is read here, and what is shown is written so
// that it can be said again.
//
//   ready   gpu7:8000   /v1/chat     a text of one word;   "two words"   "x"*8000   any text
//   7   -1   0.5                     numbers;              30s   250ms     whole milliseconds
//   a1                               the broker's first attempt: the id that stands on the wire
//   true   false   nil               [m, n]   {zone=b}     [m1..m3] is [m1, m2, m3], {l1..l3=x} too

#include <optional>
#include <string>
#include <string_view>

#include "protocol/ids.hpp"
#include "protocol/value.hpp"

namespace muster::scenario {

// Where the broker's ids begin: a1 is this one, a2 the next.
inline constexpr std::uint64_t first_attempt = broker_id_min + 1000;
// "a1"; an id that is far from the broker's own stays a number.
[[nodiscard]] std::string attempt_name(std::uint64_t id);
[[nodiscard]] std::optional<std::uint64_t> attempt_id(std::string_view name);

// Reads one line from left to right. The first thing that is wrong is kept; from there on every
// reading gives nothing, so that a caller asks once, at its end.
class LineReader {
 public:
  explicit LineReader(std::string_view line) : line_(line) {}

  // Nothing is left, or a comment: '#' and what follows it.
  [[nodiscard]] bool at_end();
  [[nodiscard]] bool next_is(char c);
  [[nodiscard]] std::string_view next_word();  // up to a blank or a sign that stands for itself
  // Each takes what it reads. The first two say whether it was next, and take nothing else.
  bool take(char c);
  bool take_word(std::string_view word);
  std::string word();
  std::string text();       // between quotes
  std::uint64_t number();   // from 0
  Value value();            // any data
  std::string_view rest();  // all that is left before a comment

  void fail(std::string what);
  [[nodiscard]] bool failed() const { return fault_.has_value(); }
  [[nodiscard]] const std::string& fault() const { return *fault_; }

 private:
  Value list();
  Value map();
  void expect(char c);

  std::string_view line_;
  std::size_t at_ = 0;
  std::optional<std::string> fault_;
};

[[nodiscard]] std::string shown(const Value& value);
// A text between quotes, also where one word would do.
[[nodiscard]] std::string quoted(std::string_view text);
// "stream", "retry=false", "timeout=30s": a field of a map, times in their own units.
[[nodiscard]] std::string shown_field(std::string_view key, const Value& value);

}  // namespace muster::scenario
