#pragma once

// Server-sent events out of pieces of text, wherever the pieces were cut
// (https://html.spec.whatwg.org/multipage/server-sent-events.html, 9.2.6). Lenient where that does
// no harm: a last event without its empty line counts, and so does a line `error:` as some model
// servers write it.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::cli {

struct SseEvent {
  std::string event;  // empty: a plain one; "error" also for a line `error:`
  std::string data;   // the data lines, joined by newlines
  friend bool operator==(const SseEvent&, const SseEvent&) = default;
};

class SseReader {
 public:
  // The events that are complete with these bytes.
  [[nodiscard]] std::vector<SseEvent> feed(std::string_view bytes);

  // What is left at the end.
  [[nodiscard]] std::optional<SseEvent> finish();

  // One event may not be longer; what is beyond is dropped.
  static constexpr std::size_t event_bytes_max = std::size_t{16} * 1024 * 1024;

 private:
  void end_line(std::vector<SseEvent>& events);
  [[nodiscard]] std::optional<SseEvent> dispatch();

  std::string line_;
  SseEvent pending_;
  bool has_data_ = false;
  bool after_cr_ = false;  // a LF now belongs to the line end before it
  bool first_line_ = true;
};

}  // namespace muster::cli
