#include "tools/cli/answer_reader.hpp"

#include "tools/cli/answer_json.hpp"

namespace muster::cli {

bool AnswerReader::is_events() const {
  return type_.starts_with("text/event-stream");
}

std::string AnswerReader::take(std::string_view bytes, std::optional<std::uint64_t> status,
                               std::string_view type) {
  if (!status_) status_ = status;
  if (type_.empty()) type_ = type;
  has_heard_ = has_heard_ || !bytes.empty();
  if (is_events()) return said(read_events(events_.feed(bytes)));
  if (body_.size() + bytes.size() > body_bytes_max) {
    fail("the answer is longer than " + std::to_string(body_bytes_max) + " bytes");
    return {};
  }
  body_ += bytes;
  return {};
}

std::string AnswerReader::finish() {
  return said(read_end());
}

std::string AnswerReader::read_end() {
  if (is_events()) {
    std::vector<SseEvent> rest;
    if (auto event = events_.finish()) rest.push_back(std::move(*event));
    std::string text = read_events(rest);
    judge_status();
    return text;
  }
  judge_status();
  if (json_) return body_;
  if (error_) return {};
  AnswerJson answer = read_answer(body_);
  if (answer.error) fail(std::move(*answer.error));
  if (error_) return {};
  return answer.has_text ? answer.text : body_;
}

void AnswerReader::judge_status() {
  if (!status_ || (*status_ >= 200 && *status_ < 300)) return;
  if (*status_ >= 300 && *status_ < 400) {
    fail(
        "it points to another place, and a worker does not follow; the agent's --server must name "
        "that place itself");
  }
  fail(body_.empty() ? "it gives no reason" : error_message_in(body_));
}

std::string AnswerReader::said(std::string text) {
  has_said_ = has_said_ || !text.empty();
  return text;
}

std::string AnswerReader::read_events(const std::vector<SseEvent>& events) {
  std::string text;
  for (const SseEvent& event : events) {
    if (event.data == "[DONE]") continue;
    AnswerJson answer = read_answer(event.data);
    if (event.event == "error" && !answer.error) answer.error = error_message_in(event.data);
    if (!answer.is_json && !answer.error) {
      answer.error = "it sent an event that is no JSON: " + error_message_in(event.data);
    }
    if (answer.error) fail(std::move(*answer.error));
    text += json_ ? event.data + '\n' : answer.text;
  }
  return text;
}

// The first failure says the most.
void AnswerReader::fail(std::string message) {
  if (!error_) error_ = std::move(message);
}

}  // namespace muster::cli
