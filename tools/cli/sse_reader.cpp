#include "tools/cli/sse_reader.hpp"

#include <utility>

namespace muster::cli {

std::vector<SseEvent> SseReader::feed(std::string_view bytes) {
  std::vector<SseEvent> events;
  for (const char c : bytes) {
    const bool after_cr = std::exchange(after_cr_, c == '\r');
    if (c == '\n' && after_cr) continue;
    if (c == '\n' || c == '\r') {
      end_line(events);
    } else if (line_.size() < event_bytes_max) {
      line_ += c;
    }
  }
  return events;
}

std::optional<SseEvent> SseReader::finish() {
  std::vector<SseEvent> events;
  if (!line_.empty()) end_line(events);
  return dispatch();
}

void SseReader::end_line(std::vector<SseEvent>& events) {
  std::string line = std::exchange(line_, {});
  if (std::exchange(first_line_, false) && line.starts_with("\xef\xbb\xbf")) line.erase(0, 3);
  if (line.empty()) {
    if (auto event = dispatch()) events.push_back(std::move(*event));
    return;
  }
  const std::size_t colon = line.find(':');
  const std::string_view all = line;
  const std::string_view name = all.substr(0, colon);
  std::string_view value = colon == std::string::npos ? std::string_view{} : all.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "event") {
    pending_.event = value;
  } else if (name == "data" || name == "error") {
    if (name == "error") pending_.event = name;
    if (has_data_) pending_.data += '\n';
    has_data_ = true;
    if (pending_.data.size() + value.size() <= event_bytes_max) pending_.data += value;
  }
}

std::optional<SseEvent> SseReader::dispatch() {
  SseEvent event = std::exchange(pending_, {});
  if (!std::exchange(has_data_, false)) return std::nullopt;
  return event;
}

}  // namespace muster::cli
