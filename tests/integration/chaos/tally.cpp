#include "tests/integration/chaos/tally.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace muster::chaos {
namespace {

std::string result_of(const client::RequestError& error) {
  if (!error) return "answered";
  return error.reason.empty() ? error.name : error.name + " " + error.reason;
}

std::int64_t nanoseconds(Clock::time_point at) {
  return at.time_since_epoch().count();
}

}  // namespace

Tally::Tally(const std::string& journal) {
  if (journal.empty()) return;
  journal_.reset(std::fopen(journal.c_str(), "w"));
  if (!journal_) throw std::runtime_error("can't write the journal " + journal);
}

void Tally::sent() {
  const std::lock_guard lock{mutex_};
  ++sent_;
}

void Tally::part(Request& request, const client::Part& part) {
  const std::lock_guard lock{mutex_};
  if (request.ends > 0) return twice(request);
  if (part.seq != request.parts++) ++wrong_;
  request.reader.take(part.bytes);
  if (!part.worker.empty()) request.worker = part.worker;
}

void Tally::retry(Request& request) {
  const std::lock_guard lock{mutex_};
  ++retries_;
  request.retries.push_back(Clock::now());
}

void Tally::end(Request& request, const client::End& end) {
  const std::lock_guard lock{mutex_};
  if (request.ends++ > 0) return twice(request);
  if (sent_ - ++ended_ == awaited_) changed_.notify_all();
  if (!end.worker.empty()) request.worker = end.worker;
  if (!end.error.worker.empty()) request.worker = end.error.worker;
  std::string result = result_of(end.error);
  if (end.error.kind == client::ErrorKind::cancelled && request.plan.cancelled) {
    ++cancelled_;
    result = "cancelled as asked";
  } else if (end.error) {
    ++errors_[result];
  } else {
    request.reader.take(end.bytes);
    if (request.reader.whole()) ++answered_;
  }
  const bool right = end.error ? request.reader.right_so_far() : request.reader.whole();
  if (!right) {
    ++wrong_;
    result = "wrong";
  }
  longest_wait_ = std::max(longest_wait_, Clock::now() - request.sent - request.plan.takes());
  if (journal_) write_journal(request, result);
}

// Something came for a request that had ended.
void Tally::twice(const Request& request) {
  ++twice_;
  if (journal_) write_journal(request, "twice");
}

void Tally::write_journal(const Request& request, const std::string& result) {
  nlohmann::json line{{"nonce", request.plan.nonce},
                      {"stream", request.plan.stream},
                      {"takes_ms", request.plan.takes().count()},
                      {"allowed_ms", request.plan.allowed().count()},
                      {"sent", nanoseconds(request.sent)},
                      {"ended", nanoseconds(Clock::now())},
                      {"parts", request.parts},
                      {"worker", request.worker},
                      {"result", result}};
  for (const Clock::time_point at : request.retries)
    line["retries"].push_back(nanoseconds(at));
  std::fprintf(journal_.get(), "%s\n", line.dump().c_str());
}

bool Tally::wait_for_open(std::uint64_t open, Clock::duration at_most) {
  std::unique_lock lock{mutex_};
  awaited_ = open;
  return changed_.wait_for(lock, at_most, [&] { return sent_ - ended_ <= open; });
}

std::string Tally::line() const {
  const std::lock_guard lock{mutex_};
  std::string text = "sent " + std::to_string(sent_) + ", open " + std::to_string(sent_ - ended_) +
                     ", answered " + std::to_string(answered_) + ", retried " +
                     std::to_string(retries_) + ", cancelled " + std::to_string(cancelled_) +
                     ", wrong " + std::to_string(wrong_ + twice_);
  for (const auto& [result, count] : errors_)
    text += ", " + result + " " + std::to_string(count);
  return text;
}

std::string Tally::json() const {
  const std::lock_guard lock{mutex_};
  const auto longest = std::chrono::duration_cast<Milliseconds>(longest_wait_);
  return nlohmann::json{
      {"sent", sent_},       {"ended", ended_},         {"answered", answered_},
      {"retries", retries_}, {"cancelled", cancelled_}, {"wrong", wrong_},
      {"twice", twice_},     {"errors", errors_},       {"longest_wait_ms", longest.count()}}
      .dump();
}

bool Tally::well() const {
  const std::lock_guard lock{mutex_};
  return sent_ == ended_ && wrong_ == 0 && twice_ == 0;
}

}  // namespace muster::chaos
