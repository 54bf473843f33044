#pragma once

// SseReader: cuts a stream of server-sent events into whole events, wherever the reads split it.
// Bytes in, bytes out: nothing is parsed, changed or dropped, so `event:` lines, comments and line
// ends of any kind reach the client as the server sent them. An event ends with a blank line; a
// line ends with LF, CRLF or CR (https://html.spec.whatwg.org/multipage/server-sent-events.html).
//
// Blank lines before an event go with it. A blank line that ends in CR is complete at once where
// the line before it ended in a lone CR; otherwise the reader waits for one more byte, which may be
// the LF of a CRLF. What has no blank line after it when the stream ends is taken as the rest.
//
// Pure: no I/O. Cost: each byte is looked at once. Bound: one event holds at most `event_bytes_max`
// bytes.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace muster::agent {

class SseReader {
 public:
  static constexpr std::size_t event_bytes_max = std::size_t{16} * 1024 * 1024;

  explicit SseReader(std::size_t event_bytes_limit = event_bytes_max)
      : event_bytes_limit_(event_bytes_limit) {}

  // Takes bytes and appends to `events` every event that is whole now. False once an event has
  // grown over the limit: the stream is of no further use.
  [[nodiscard]] bool feed(std::string_view bytes, std::string& events);

  // What came after the last whole event; once it is taken the reader is empty.
  [[nodiscard]] std::string_view rest() const { return rest_; }
  [[nodiscard]] std::string take_rest();

 private:
  enum class LineEnd : std::uint8_t { none, lf, crlf, cr };

  // Looks at one byte that ends a line or begins one. Returns how many bytes at the end of what has
  // been read belong to the next event where an event has just ended, else -1.
  int step(char c);
  int line_ended(LineEnd how, int left_over);

  std::size_t event_bytes_limit_;
  std::string rest_;              // the event that is not whole yet
  bool line_is_empty_ = true;     // nothing of this line has come
  bool event_has_line_ = false;   // a line that is not blank has come
  bool cr_open_ = false;          // the last byte was a CR: an LF may follow that belongs to it
  LineEnd last_ = LineEnd::none;  // how the line before this one ended
};

}  // namespace muster::agent
