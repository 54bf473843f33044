#include "worker_agent/model_server/openai_server.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "protocol/check.hpp"
#include "worker_agent/model_server/http_rules.hpp"

namespace muster::agent {

OpenAiServer::OpenAiServer(Options options)
    : http_(std::move(options.http)),
      watch_(std::move(options.watch)),
      api_key_(std::move(options.api_key)) {}

OpenAiServer::~OpenAiServer() = default;

void OpenAiServer::start(Job job, Time now) {
  now_ = now;
  if (jobs_.size() >= jobs_max)
    return refuse(job.id, ErrorCode::refused, "4096 requests are running at this worker already");
  if (watch_.url().empty())
    return refuse(job.id, ErrorCode::server_gone, "no model server has been found yet");
  if (Outcome path = check_path(job.options.path); !path)
    return refuse(job.id, ErrorCode::bad_request, std::move(path.error()));
  auto headers = request_headers(job.options, !job.body.empty(), api_key_.value());
  if (!headers) return refuse(job.id, ErrorCode::bad_request, std::move(headers.error()));

  HttpRequest request;
  request.url = watch_.url() + job.options.path;
  request.headers = std::move(headers.value());
  request.body = std::move(job.body);
  const ExchangeId exchange = http_.start(std::move(request), now);
  const auto [at, added] =
      jobs_.emplace(job.id, Running{OpenAiJob{job.id, job.options, now}, exchange});
  CHECK(added, "a job was started twice");
  by_exchange_.emplace(exchange, job.id);
  set_alarm(job.id, at->second);
}

void OpenAiServer::refuse(JobId id, ErrorCode code, std::string why) {
  ErrorMeta meta;
  if (code == ErrorCode::server_gone) meta.reason = std::string{reason::server_gone};
  refused_.emplace_back(JobFailed{id, code, std::move(why), std::move(meta), {}});
}

void OpenAiServer::stop(JobId id) {
  std::erase_if(refused_, [id](const ServerEvent& event) {
    const auto* failed = std::get_if<JobFailed>(&event);
    return failed != nullptr && failed->id == id;
  });
  const auto job = jobs_.find(id);
  if (job != jobs_.end()) end_job(job);
}

// Also of a job whose exchange has ended: stopping that does nothing.
void OpenAiServer::end_job(Jobs::iterator job) {
  http_.stop(job->second.exchange);
  by_exchange_.erase(job->second.exchange);
  alarms_.erase({job->second.alarm, job->first});
  jobs_.erase(job);
}

void OpenAiServer::run(Time now, std::vector<ServerEvent>& out) {
  now_ = now;
  const std::size_t first = out.size();
  out.insert(out.end(), std::make_move_iterator(refused_.begin()),
             std::make_move_iterator(refused_.end()));
  refused_.clear();

  std::vector<HttpEvent> events;
  http_.run(now, events);
  for (HttpEvent& event : events)
    take(std::move(event), now, out);
  if (watch_.overdue(now)) {
    end_question();
    watch_.timed_out(now);
  }
  end_silent_jobs(out);
  ring_alarms(now, out);
  ask(now);
  tell_status(first, out);
  if (auto load = watch_.take_engine_news()) out.emplace_back(*load);
}

void OpenAiServer::take(HttpEvent event, Time now, std::vector<ServerEvent>& out) {
  if (question_ && question_->exchange == event.id) return take_answer(std::move(event), now);
  const auto found = by_exchange_.find(event.id);
  if (found == by_exchange_.end()) return;  // ended by an event before this one
  take_job_event(jobs_.find(found->second), std::move(event), now, out);
}

void OpenAiServer::take_answer(HttpEvent event, Time now) {
  if (auto* head = std::get_if<HttpHead>(&event.what)) {
    question_->status = head->status;
    return;
  }
  if (auto* part = std::get_if<HttpBytes>(&event.what)) {
    question_->body += part->bytes;
    if (question_->body.size() <= told_bytes_max) return;
    end_question();
    return watch_.failed({HttpOutcome::malformed, "its answer to a check is over 4 MiB"}, now);
  }
  const Question question = *std::exchange(question_, std::nullopt);
  const auto& end = std::get<HttpEnd>(event.what);
  if (end.outcome == HttpOutcome::complete) {
    watch_.answered(question.status, question.body, now);
  } else {
    watch_.failed(end, now);
  }
}

void OpenAiServer::take_job_event(Jobs::iterator at, HttpEvent event, Time now,
                                  std::vector<ServerEvent>& out) {
  OpenAiJob& job = at->second.job;
  if (auto* end = std::get_if<HttpEnd>(&event.what)) {
    const ServerEvidence evidence = job.end(*end, out);
    end_job(at);
    if (watch_.job_told(evidence, now)) end_question();
    return;
  }
  job.hear(now);
  if (auto* head = std::get_if<HttpHead>(&event.what)) return job.head(std::move(*head));
  if (job.bytes(std::move(std::get<HttpBytes>(event.what).bytes), now, out)) return end_job(at);
  set_alarm(at->first, at->second);
}

void OpenAiServer::end_question() {
  if (question_) http_.stop(question_->exchange);
  question_.reset();
}

void OpenAiServer::set_alarm(JobId id, Running& running) {
  const Time deadline = running.job.deadline();
  if (deadline >= running.alarm) return;
  alarms_.erase({running.alarm, id});
  running.alarm = deadline;
  alarms_.emplace(deadline, id);
}

void OpenAiServer::ring_alarms(Time now, std::vector<ServerEvent>& out) {
  while (!alarms_.empty() && alarms_.begin()->first <= now) {
    const auto at = jobs_.find(alarms_.begin()->second);
    CHECK(at != jobs_.end(), "an alarm outlived its job");
    if (at->second.job.time_is_up(now, out)) {
      end_job(at);
      continue;
    }
    alarms_.erase(alarms_.begin());
    at->second.alarm = time_never;
    set_alarm(at->first, at->second);
  }
}

void OpenAiServer::end_silent_jobs(std::vector<ServerEvent>& out) {
  const std::optional<Time> since = watch_.silent_since();
  if (!since) return;
  for (auto at = jobs_.begin(); at != jobs_.end();) {
    const auto job = at++;
    const std::optional<Time> heard = job->second.job.heard();
    if (heard && *heard >= *since) continue;
    job->second.job.fail_silent(out);
    end_job(job);
  }
}

void OpenAiServer::ask(Time now) {
  const std::optional<std::string> url = watch_.next_question(now);
  if (!url) return;
  Outcome key = api_key_.refresh();
  key_fault_ = key ? std::string{} : std::move(key.error());
  HttpRequest request;
  request.url = *url;
  request.fresh_connection = true;  // a kept one would not show that the server takes new ones
  if (!api_key_.value().empty())
    request.headers.push_back("Authorization: Bearer " + api_key_.value());
  question_ = Question{http_.start(std::move(request), now), 0, {}};
}

void OpenAiServer::tell_status(std::size_t at, std::vector<ServerEvent>& out) {
  ServerStatus status = watch_.status();
  if (status.why.empty()) return;  // nothing is known yet
  if (!key_fault_.empty()) status.why += "; " + key_fault_;
  if (status == told_) return;
  told_ = status;
  out.insert(out.begin() + static_cast<std::ptrdiff_t>(at), std::move(status));
}

Time OpenAiServer::next_deadline() const {
  if (!refused_.empty()) return now_;
  const Time alarm = alarms_.empty() ? time_never : alarms_.begin()->first;
  return std::min({http_.next_deadline(), watch_.next_deadline(), alarm});
}

}  // namespace muster::agent
