#include "worker_agent/model_server/echo_server.hpp"

#include <algorithm>
#include <iterator>
#include <type_traits>

#include "protocol/check.hpp"
#include "worker_agent/model_server/http_rules.hpp"

namespace muster::agent {
namespace {

// An answer in one piece: brokers take no larger message by default.
constexpr std::uint64_t answer_bytes_max = std::uint64_t{64} * 1024 * 1024;

constexpr std::string_view json_type = "application/json";
constexpr std::string_view events_type = "text/event-stream; charset=utf-8";

void fill(JobDone& done, std::uint64_t status, std::string_view type, std::string bytes) {
  done.meta.status = status;
  done.meta.type = std::string{type};
  done.bytes = std::move(bytes);
}

}  // namespace

void EchoServer::start(Job job, Time now) {
  now_ = now;
  if (jobs_.size() >= jobs_max) {
    refused_.emplace_back(JobFailed{
        job.id, ErrorCode::refused, "4096 requests are running at this worker already", {}, {}});
    return;
  }
  if (Outcome path = check_path(job.options.path); !path) {
    refused_.emplace_back(
        JobFailed{job.id, ErrorCode::bad_request, std::move(path.error()), {}, {}});
    return;
  }
  Running running{{job.id, {}, {}}, {}, false, JobClock{job.options, now}, now, now};
  answer_to(read_echo_request(job.options.path, job.body), job.options.stream, running, now);
  const auto [at, added] = jobs_.emplace(job.id, std::move(running));
  CHECK(added, "a job was started twice");
  set_wake(job.id, at->second);
}

void EchoServer::answer_to(EchoRequest request, bool takes_parts, Running& running, Time now) {
  std::visit(
      [&](auto& asked) {
        using Asked = std::decay_t<decltype(asked)>;
        if constexpr (std::is_same_v<Asked, EchoPrompt>) {
          begin_answer(std::move(asked), takes_parts, running, now);
        } else if constexpr (std::is_same_v<Asked, EchoEmbeddings>) {
          fill(running.done, 200, json_type, echo_embeddings(asked, options_.model));
          running.done.meta.usage = echo_embeddings_usage(asked);
          running.due = now + options_.first_token;
        } else if constexpr (std::is_same_v<Asked, EchoModels>) {
          fill(running.done, 200, json_type, echo_models(options_.model));
        } else {
          static_assert(std::is_same_v<Asked, EchoFault>);
          fill(running.done, asked.status, json_type, echo_fault(asked));
        }
      },
      request);
}

void EchoServer::begin_answer(EchoPrompt prompt, bool takes_parts, Running& running, Time now) {
  const EchoAnswer& answer = running.answer.emplace(std::move(prompt), options_.model, ++answers_);
  fill(running.done, 200, answer.streams() ? events_type : json_type, {});
  running.in_parts = takes_parts && answer.streams() && answer.words() > 0;
  if (!running.in_parts && answer.bytes_bound() > answer_bytes_max) {
    const EchoFault too_long{400, "the answer would be too long for one piece; ask for a stream"};
    fill(running.done, too_long.status, json_type, echo_fault(too_long));
    running.answer.reset();
    return;
  }
  running.due =
      now + options_.first_token + (running.in_parts ? Duration{} : whole_delay(answer.words()));
}

// From the first word to the last.
Duration EchoServer::whole_delay(std::uint64_t words) const {
  const auto steps = static_cast<std::int64_t>(words > 0 ? words - 1 : 0);
  if (steps == 0) return {};
  return options_.per_token > duration_max / steps ? duration_max : options_.per_token * steps;
}

void EchoServer::set_wake(JobId id, Running& running) {
  running.wake = std::min(running.due, running.clock.deadline());
  wakes_.emplace(running.wake, id);
}

void EchoServer::stop(JobId id) {
  std::erase_if(refused_, [id](const ServerEvent& event) {
    const auto* failed = std::get_if<JobFailed>(&event);
    return failed != nullptr && failed->id == id;
  });
  const auto at = jobs_.find(id);
  if (at != jobs_.end()) end(at);
}

void EchoServer::end(Jobs::iterator at) {
  wakes_.erase({at->second.wake, at->first});
  jobs_.erase(at);
}

void EchoServer::run(Time now, std::vector<ServerEvent>& out) {
  now_ = now;
  if (!std::exchange(told_, true)) {
    ModelDescription model;
    model.name = options_.model;
    out.emplace_back(ServerStatus{WorkerState::ready,
                                  "the built-in echo model answers",
                                  {},
                                  {std::move(model)},
                                  slots,
                                  MUSTER_VERSION});
  }
  out.insert(out.end(), std::make_move_iterator(refused_.begin()),
             std::make_move_iterator(refused_.end()));
  refused_.clear();
  std::size_t words_left = words_per_run_max;
  while (!wakes_.empty() && wakes_.begin()->first <= now && words_left > 0) {
    const auto at = jobs_.find(wakes_.begin()->second);
    CHECK(at != jobs_.end(), "an alarm outlived its job");
    wakes_.erase(wakes_.begin());
    say(at, now, words_left, out);
  }
}

void EchoServer::say(Jobs::iterator at, Time now, std::size_t& words_left,
                     std::vector<ServerEvent>& out) {
  Running& running = at->second;
  if (running.due > now) {
    const auto which = running.clock.expired(now);
    CHECK(which.has_value(), "the echo model woke for nothing");
    out.emplace_back(timeout_failure(at->first, *which));
    return end(at);
  }
  if (!running.in_parts) {
    // Built in one go, and charged so; at least one, so that any number of jobs is bounded too.
    const std::uint64_t words = running.answer ? running.answer->words() : 0;
    words_left -= std::min<std::uint64_t>(words_left, std::max<std::uint64_t>(words, 1));
    return finish(at, out);
  }
  EchoAnswer& answer = *running.answer;
  for (; running.due <= now && words_left > 0; --words_left) {
    JobPart part{at->first, {}, {}};
    if (answer.said() == 0) {
      part.meta = running.done.meta;
      running.done.meta = {};
      answer.append_opening(part.bytes);
    }
    answer.append_word(part.bytes);
    out.emplace_back(std::move(part));
    running.clock.part_went_out(now);
    if (answer.said() == answer.words()) return finish(at, out);
    running.due += options_.per_token;
  }
  set_wake(at->first, running);
}

void EchoServer::finish(Jobs::iterator at, std::vector<ServerEvent>& out) {
  JobDone done = std::move(at->second.done);
  if (at->second.answer) {
    EchoAnswer& answer = *at->second.answer;
    if (!answer.streams()) {
      done.bytes = answer.whole();
    } else {
      if (!at->second.in_parts) answer.append_opening(done.bytes);
      while (answer.said() < answer.words())
        answer.append_word(done.bytes);
      answer.append_closing(done.bytes);
    }
    done.meta.usage = answer.usage();
  }
  out.emplace_back(std::move(done));
  end(at);
}

Time EchoServer::next_deadline() const {
  if (!told_ || !refused_.empty()) return now_;
  return wakes_.empty() ? time_never : wakes_.begin()->first;
}

}  // namespace muster::agent
