#include "worker_agent/model_server/openai_job.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "worker_agent/model_server/http_rules.hpp"
#include "worker_agent/model_server/server_facts.hpp"
#include "worker_agent/model_server/usage.hpp"

namespace muster::agent {
namespace {

// `Retry-After` in whole seconds; its other form, a date, is not used by model servers.
std::optional<Duration> retry_after(const StringMap& headers) {
  const auto found = headers.find("retry-after");
  if (found == headers.end()) return std::nullopt;
  const std::string& text = found->second;
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return std::chrono::seconds{seconds};
}

// Whether OpenAI's last event is among these: a line `data: [DONE]`. No text of an answer is one,
// because in JSON it stands in quotes.
bool has_done(std::string_view events) {
  static constexpr std::string_view done = "[DONE]";
  for (std::size_t at = events.find(done); at != std::string_view::npos;
       at = events.find(done, at + done.size())) {
    const std::size_t end_before = events.substr(0, at).find_last_of("\r\n");
    const std::size_t begin = end_before == std::string_view::npos ? 0 : end_before + 1;
    const std::string_view field = events.substr(begin, at - begin);
    const std::string_view behind = events.substr(at + done.size(), 1);
    if ((field == "data:" || field == "data: ") && (behind == "\r" || behind == "\n")) return true;
  }
  return false;
}

}  // namespace

void OpenAiJob::head(HttpHead head) {
  head_ = std::move(head);
  const bool success = head_.status >= 200 && head_.status < 300;
  in_parts_ = stream_ && success;
  events_ = in_parts_ && media_type(head_.type) == "text/event-stream" &&
            head_.headers.find("content-encoding") == head_.headers.end();
}

bool OpenAiJob::bytes(std::string bytes, Time now, std::vector<ServerEvent>& out) {
  if (!in_parts_) {
    if (collected_.size() + bytes.size() > answer_bytes_max) {
      fail(
          ErrorCode::worker_failed,
          "the answer of the model server is over 64 MiB, which is more than is taken in one piece",
          {}, out);
      return true;
    }
    collected_ += bytes;
    return false;
  }
  if (!events_) {
    send_part(std::move(bytes), now, out);
    return false;
  }
  std::string whole;
  const bool goes_on = reader_.feed(bytes, whole);
  if (!whole.empty()) {
    keep_tail(whole);
    if (!done_at_ && has_done(whole)) done_at_ = now;
    send_part(std::move(whole), now, out);
  }
  if (goes_on) return false;
  fail(ErrorCode::worker_failed,
       "the model server sent one event of over 16 MiB, which is more than is taken", {}, out);
  return true;
}

void OpenAiJob::send_part(std::string bytes, Time now, std::vector<ServerEvent>& out) {
  out.emplace_back(JobPart{id_, part_sent_ ? PartMeta{} : meta(), std::move(bytes)});
  part_sent_ = true;
  clock_.part_went_out(now);
}

PartMeta OpenAiJob::meta() const {
  PartMeta meta;
  meta.status = head_.status;
  if (is_header_text(head_.type)) meta.type = head_.type;
  meta.headers = head_.headers;
  return meta;
}

void OpenAiJob::keep_tail(std::string_view bytes) {
  tail_ += bytes;
  if (tail_.size() > 2 * usage_tail_bytes) tail_.erase(0, tail_.size() - usage_tail_bytes);
}

Time OpenAiJob::deadline() const {
  return std::min(clock_.deadline(), done_at_ ? *done_at_ + done_wait : time_never);
}

bool OpenAiJob::time_is_up(Time now, std::vector<ServerEvent>& out) {
  if (now < deadline()) return false;
  if (done_at_) {
    finish_stream(out);
  } else if (const auto which = clock_.expired(now)) {
    out.emplace_back(timeout_failure(id_, *which));
  }
  return true;
}

ServerEvidence OpenAiJob::end(const HttpEnd& end, std::vector<ServerEvent>& out) {
  if (done_at_) {  // the answer is whole, however its connection ends
    finish_stream(out);
    const bool well = end.outcome == HttpOutcome::complete;
    return {.gone = false, .suspect = !well, .status = {}, .body = {}, .why = end.why};
  }
  switch (end.outcome) {
    case HttpOutcome::complete:
      return end_complete(out);
    case HttpOutcome::unreachable:
    case HttpOutcome::late:
    case HttpOutcome::closed:
      fail(ErrorCode::server_gone, "the model server is not there: " + end.why, reason::server_gone,
           out);
      return {.gone = true, .suspect = true, .status = {}, .body = {}, .why = end.why};
    case HttpOutcome::cut:
      fail_cut(end.why, out);
      return {.gone = !part_sent_, .suspect = true, .status = {}, .body = {}, .why = end.why};
    case HttpOutcome::malformed:
      fail(ErrorCode::worker_failed, "the model server does not answer in HTTP/1.1: " + end.why, {},
           out);
      return {};
    case HttpOutcome::no_connection:
      fail(ErrorCode::refused, "the request can't be given to the model server: " + end.why, {},
           out);
      return {};
  }
  return {};
}

ServerEvidence OpenAiJob::end_complete(std::vector<ServerEvent>& out) {
  if (in_parts_) {
    if (broke_off()) {
      const std::string why = "the connection ended before the stream's [DONE]";
      fail_cut(why, out);
      return {.gone = !part_sent_, .suspect = true, .status = {}, .body = {}, .why = why};
    }
    finish_stream(out);
    return {};
  }
  const std::uint64_t status = head_.status;
  const std::string said = "status " + std::to_string(status);
  // Of some of these the body does not reach the client, and of none the log.
  const auto in_its_words = [this](const std::string& sentence) {
    const std::string words = error_words(collected_);
    return words.empty() ? sentence : sentence + ": " + words;
  };
  if (status == 502 || status == 503) {
    ServerEvidence evidence{
        .gone = true, .suspect = true, .status = status, .body = collected_, .why = said};
    fail_with_answer(ErrorCode::server_gone,
                     in_its_words("the model server is not there: it answered with " + said), out);
    return evidence;
  }
  if (status == 429) {
    fail_with_answer(ErrorCode::refused,
                     in_its_words("the model server takes nothing now: " + said), out);
    return {};
  }
  if (status >= 500) {
    fail_with_answer(ErrorCode::worker_failed,
                     in_its_words("the model server answered with " + said), out);
    return {};
  }
  PartMeta all = meta();
  all.usage = usage_of(collected_);
  out.emplace_back(JobDone{id_, std::move(all), std::move(collected_)});
  return {};
}

void OpenAiJob::finish_stream(std::vector<ServerEvent>& out) {
  std::string rest = reader_.take_rest();
  keep_tail(rest);
  PartMeta last = part_sent_ ? PartMeta{} : meta();
  last.usage = usage_of(tail_);
  out.emplace_back(JobDone{id_, std::move(last), std::move(rest)});
}

// Where neither a length nor chunks tell the end, the end of a process looks like the end of an
// answer.
bool OpenAiJob::broke_off() const {
  const std::string_view last = reader_.rest();  // perhaps [DONE] without its blank line
  const auto has = [&](std::string_view word) {
    return tail_.find(word) != std::string::npos || last.find(word) != std::string_view::npos;
  };
  return events_ && ends_with_done_ && !head_.framed && !has("[DONE]") && !has("\"error\"");
}

void OpenAiJob::fail_cut(const std::string& why, std::vector<ServerEvent>& out) const {
  if (part_sent_) {
    fail(ErrorCode::worker_failed, "the model server broke off in mid-answer: " + why,
         reason::server_cut, out);
  } else {
    fail(ErrorCode::server_gone, "the model server broke off before a part went out: " + why,
         reason::server_cut, out);
  }
}

void OpenAiJob::fail_silent(std::vector<ServerEvent>& out) const {
  fail_cut("it has been silent while three checks in a row were missed", out);
}

void OpenAiJob::fail(ErrorCode code, std::string message, std::string_view why,
                     std::vector<ServerEvent>& out) const {
  ErrorMeta meta;
  meta.reason = std::string{why};
  if (head_.status != 0) meta.status = head_.status;
  out.emplace_back(JobFailed{id_, code, std::move(message), std::move(meta), {}});
}

void OpenAiJob::fail_with_answer(ErrorCode code, std::string message,
                                 std::vector<ServerEvent>& out) {
  ErrorMeta meta;
  meta.status = head_.status;
  meta.retry_after = retry_after(head_.headers);
  if (code == ErrorCode::server_gone) meta.reason = std::string{reason::server_gone};
  out.emplace_back(
      JobFailed{id_, code, std::move(message), std::move(meta), std::move(collected_)});
}

}  // namespace muster::agent
