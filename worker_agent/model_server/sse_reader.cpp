#include "worker_agent/model_server/sse_reader.hpp"

#include <cstring>
#include <utility>

namespace muster::agent {
namespace {

// The next byte in [from, end) that ends a line; `end` where there is none.
const char* find_line_end(const char* from, const char* end) {
  const auto size = static_cast<std::size_t>(end - from);
  const auto* lf = static_cast<const char*>(std::memchr(from, '\n', size));
  const char* until = lf != nullptr ? lf : end;
  const auto before = static_cast<std::size_t>(until - from);
  const auto* cr = static_cast<const char*>(std::memchr(from, '\r', before));
  return cr != nullptr ? cr : until;
}

}  // namespace

bool SseReader::feed(std::string_view bytes, std::string& events) {
  const char* const begin = bytes.data();
  const char* const end = begin + bytes.size();
  const char* unsent = begin;  // the first byte that is in no whole event yet
  for (const char* at = begin; at != end;) {
    if (!line_is_empty_ && !cr_open_) {
      at = find_line_end(at, end);
      if (at == end) break;
    }
    const int left_over = step(*at);
    ++at;
    if (left_over < 0) continue;
    // The left-over byte, if any, is the one just read: it is never in `rest_`.
    const char* event_end = at - left_over;
    events.append(std::exchange(rest_, {}));
    events.append(unsent, event_end);
    unsent = event_end;
  }
  rest_.append(unsent, end);
  return rest_.size() <= event_bytes_limit_;
}

int SseReader::step(char c) {
  if (cr_open_) {
    cr_open_ = false;
    if (c == '\n') return line_ended(LineEnd::crlf, 0);
    const bool event_ended = line_ended(LineEnd::cr, 1) >= 0;
    // `c` begins the next line, and so perhaps the next event. It can't end another event: what it
    // would end has no line yet, or its line ended in a lone CR and `c` is not a CR that is held.
    const int next = step(c);
    return event_ended ? 1 : next;
  }
  if (c == '\n') return line_ended(LineEnd::lf, 0);
  if (c == '\r') {
    const bool blank = line_is_empty_ && event_has_line_;
    if (blank && last_ == LineEnd::cr) return line_ended(LineEnd::cr, 0);
    cr_open_ = true;
    return -1;
  }
  line_is_empty_ = false;
  event_has_line_ = true;
  return -1;
}

int SseReader::line_ended(LineEnd how, int left_over) {
  if (line_is_empty_ && event_has_line_) {
    event_has_line_ = false;
    last_ = LineEnd::none;
    return left_over;
  }
  line_is_empty_ = true;
  last_ = how;
  return -1;
}

std::string SseReader::take_rest() {
  line_is_empty_ = true;
  event_has_line_ = false;
  cr_open_ = false;
  last_ = LineEnd::none;
  return std::exchange(rest_, {});
}

}  // namespace muster::agent
