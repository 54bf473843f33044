#include "worker_agent/model_server/server_watch.hpp"

#include <algorithm>
#include <utility>

#include "protocol/check.hpp"
#include "worker_agent/model_server/server_facts.hpp"

namespace muster::agent {
namespace {

constexpr std::string_view health_path = "/health";
constexpr std::string_view models_path = "/v1/models";
constexpr std::string_view metrics_path = "/metrics";

// The places where servers tell of slots and version, asked in this order until slots are told:
// llama.cpp; SGLang, by its older and newer name; vLLM, which tells its version only.
constexpr std::array<std::string_view, 4> fact_paths = {"/props", "/get_server_info",
                                                        "/server_info", "/version"};

std::string joined(const std::string& base, std::string_view path) {
  return base + std::string{path};
}

std::string answered_with(std::string_view path, std::uint64_t status) {
  return "GET " + std::string{path} + " is answered with status " + std::to_string(status);
}

std::string listed(const std::vector<std::string>& urls) {
  std::string text;
  for (std::size_t i = 0; i < urls.size(); ++i) {
    if (i > 0) text += i + 1 == urls.size() ? " or " : ", ";
    text += urls[i];
  }
  return text;
}

bool is_success(std::uint64_t status) {
  return status >= 200 && status < 300;
}

}  // namespace

ServerWatch::ServerWatch(Options options)
    : urls_(std::move(options.urls)),
      health_interval_(options.health_interval),
      health_timeout_(options.health_timeout),
      metrics_(options.metrics) {
  CHECK(!urls_.empty(), "a server to watch has no address");
  status_.slots = slots_assumed;
  if (urls_.size() == 1) {
    url_ = urls_.front();
  } else {
    step_ = Step::probe;
  }
}

std::optional<std::string> ServerWatch::next_question(Time now) {
  if (asking_ || now < next_) return std::nullopt;
  asking_ = true;
  asked_ = now;
  switch (step_) {
    case Step::probe:
      if (candidate_ == 0) round_began_ = now;
      return joined(urls_[candidate_], models_path);
    case Step::check:
      round_began_ = now;
      return joined(url_, health_path_ ? health_path : models_path);
    case Step::models:
      return joined(url_, models_path);
    case Step::facts:
      return joined(url_, fact_paths[fact_]);
    case Step::metrics:
      return joined(url_, metrics_path);
  }
  return std::nullopt;
}

void ServerWatch::answered(std::uint64_t status, std::string_view body, Time now) {
  asking_ = false;
  misses_ = 0;
  switch (step_) {
    case Step::probe:
      return probe_answered(status, body, now);
    case Step::check:
      return check_answered(status, body, now);
    case Step::models:
      return models_answered(status, body, now);
    case Step::facts:
      return facts_answered(status, body, now);
    case Step::metrics:
      return metrics_answered(status, body, now);
  }
}

void ServerWatch::failed(const HttpEnd& end, Time now) {
  asking_ = false;
  // No file descriptor: that says nothing of the server.
  if (end.outcome == HttpOutcome::no_connection) return wait_for_next_check(now);
  if (step_ == Step::metrics) return no_metrics(now);
  const bool lost = end.outcome == HttpOutcome::unreachable || end.outcome == HttpOutcome::closed;
  if (step_ == Step::probe) return probe_next(now);
  if (end.outcome == HttpOutcome::late) return unanswered(now);
  if (step_ == Step::facts && !lost) return next_fact(now);
  misses_ = 0;
  const bool http = end.outcome != HttpOutcome::malformed;
  down(http ? end.why : "what answers there does not speak HTTP/1.1: " + end.why, now);
}

Time ServerWatch::answer_due() const {
  const Time due = asked_ + health_timeout_;
  return step_ == Step::metrics ? std::min(due, round_began_ + health_interval_) : due;
}

void ServerWatch::timed_out(Time now) {
  asking_ = false;
  if (step_ == Step::metrics) return metrics_unanswered(now);
  if (step_ == Step::probe) return probe_next(now);
  unanswered(now);
}

// A place that does not answer is passed over, as some servers never do at paths that they do not
// know. Whether this one is frozen only a check tells, so that is asked before the next place, and
// before the server is called ready.
void ServerWatch::unanswered(Time now) {
  if (step_ != Step::facts) return missed(now);
  ++fact_;
  facts_go_on_ = true;
  ask_at_once(Step::check, now);
}

void ServerWatch::missed(Time now) {
  std::rotate(missed_.begin(), missed_.begin() + 1, missed_.end());
  missed_.back() = asked_;
  misses_ = std::min(misses_ + 1, misses_max);
  const std::string within = std::to_string(to_wire_ms(health_timeout_)) + " ms";
  if (misses_ == misses_max) {
    down("it does not answer: three checks in a row had no answer within " + within, now);
  } else if (!was_ready_) {
    down("not within " + within, now);
  } else {
    wait_for_next_check(now);
  }
}

std::optional<Time> ServerWatch::silent_since() const {
  if (misses_ < misses_max) return std::nullopt;
  return missed_.front();
}

bool ServerWatch::job_told(const ServerEvidence& evidence, Time now) {
  if (status_.state != WorkerState::ready || !evidence.suspect) return false;
  if (!evidence.gone) {
    // A question under way is look enough, but for that to the engine; many jobs that are cut must
    // not keep it from its answer.
    const bool look = asking_ && step_ != Step::metrics;
    if (look) return false;
    const bool was_asking = std::exchange(asking_, false);
    ask_at_once(Step::check, now);
    return was_asking;
  }
  const bool was_asking = std::exchange(asking_, false);
  if (evidence.status == 503) {
    unavailable(evidence.body, now);
  } else {
    down(evidence.why, now);
  }
  // A server that answers its checks and gives jobs back would be up and down with each of them.
  if (!std::exchange(job_lost_, true)) ask_at_once(Step::check, now);
  return was_asking;
}

void ServerWatch::probe_answered(std::uint64_t status, std::string_view body, Time now) {
  const bool lists = is_success(status) && read_models(body).has_value();
  if (!lists && status != 401 && status != 403 && status != 503) return probe_next(now);
  url_ = urls_[candidate_];
  ask_at_once(Step::check, now);
}

void ServerWatch::probe_next(Time now) {
  if (++candidate_ < urls_.size()) return ask_at_once(Step::probe, now);
  candidate_ = 0;
  status_.why = "no model server answers at " + listed(urls_);
  wait_for_next_check(now);
}

void ServerWatch::check_answered(std::uint64_t status, std::string_view body, Time now) {
  const std::string_view path = health_path_ ? health_path : models_path;
  const bool unknown = status == 404 || status == 405 || status == 501;
  if (unknown && health_path_) {
    health_path_ = false;
    ask_at_once(Step::check, now);
  } else if (status == 503) {
    unavailable(body, now);
  } else if (status >= 500 && !unknown) {
    down(answered_with(path, status), now);
  } else {
    up(now);
  }
}

void ServerWatch::up(Time now) {
  if (std::exchange(facts_go_on_, false)) return ask_fact(now);
  if (status_.state == WorkerState::ready) job_lost_ = false;
  if (status_.state == WorkerState::ready && now < models_due_) return ask_metrics(now);
  ask_at_once(Step::models, now);
}

void ServerWatch::models_answered(std::uint64_t status, std::string_view body, Time now) {
  if (status == 503) return unavailable(body, now);
  models_due_ = now;  // where they can't be read now: again at the next check
  std::optional<ListedModels> list;
  if (is_success(status)) list = read_models(body);
  if (list) {
    models_due_ = now + models_interval;
    status_.models = std::move(list->models);
    models_note_ = list->left_out == 0 ? std::string{}
                                       : std::to_string(list->left_out) +
                                             " of its models are left out: too many, or with names "
                                             "over 128 bytes";
  } else if (is_success(status)) {
    models_note_ = "what it gives for /v1/models is no list of models";
  } else {
    models_note_ = answered_with(models_path, status);
    if (status == 401 || status == 403) models_note_ += ": is server.api_key_file right?";
  }
  if (status_.state == WorkerState::ready) return ready(now);
  fact_ = 0;
  status_.slots = slots_assumed;
  slots_note_ =
      "it does not tell how many requests it takes at once: 256, unless worker.slots says";
  status_.version.clear();
  ask_at_once(Step::facts, now);
}

void ServerWatch::facts_answered(std::uint64_t status, std::string_view body, Time now) {
  if (!is_success(status)) return next_fact(now);
  ServerFacts facts = read_facts(body);
  if (!facts.version.empty()) status_.version = std::move(facts.version);
  if (!facts.slots) return next_fact(now);
  status_.slots = *facts.slots;
  slots_note_ = "it takes " + std::to_string(*facts.slots) + " requests at once";
  ready(now);
}

void ServerWatch::next_fact(Time now) {
  ++fact_;
  ask_fact(now);
}

void ServerWatch::ask_fact(Time now) {
  if (fact_ == fact_paths.size()) return ready(now);
  ask_at_once(Step::facts, now);
}

void ServerWatch::ready(Time now) {
  was_ready_ = true;
  status_.state = WorkerState::ready;
  status_.why = "the model server at " + url_ + " is up; " + slots_note_;
  if (!models_note_.empty()) status_.why += "; " + models_note_;
  status_.trouble = models_note_;
  if (urls_.size() > 1) status_.why += "; it was found there, as no url is set";
  ask_metrics(now);
}

// ---- what its engine tells ---------------------------------------------------------------------

void ServerWatch::ask_metrics(Time now) {
  const bool due = metrics_ && now >= metrics_due_ && now < round_began_ + health_interval_;
  if (!due) return wait_for_next_check(now);
  ask_at_once(Step::metrics, now);
}

void ServerWatch::metrics_answered(std::uint64_t status, std::string_view body, Time now) {
  EngineMetrics metrics;
  if (is_success(status)) metrics = read_engine_metrics(body);
  if (!metrics.any()) return no_metrics(now);
  engine_tells_ = true;
  engine_progress_.take(metrics);
  EngineLoad load{{}, metrics.requests, metrics.kv_cache_usage};
  if (metrics.done) load.progress = engine_progress_.total();
  engine_load_ = load;
  engine_news_ = load;
  wait_for_next_check(now);
}

void ServerWatch::metrics_unanswered(Time now) {
  if (!engine_tells_) return no_metrics(now);
  if (engine_load_) engine_news_ = engine_load_ = EngineLoad{engine_load_->progress, {}, {}};
  wait_for_next_check(now);
}

void ServerWatch::no_metrics(Time now) {
  forget_engine();
  metrics_due_ = now + metrics_retry;
  wait_for_next_check(now);
}

void ServerWatch::forget_engine() {
  if (std::exchange(engine_tells_, false)) engine_news_ = EngineLoad{};
  engine_load_.reset();
  metrics_due_ = {};
}

// ---- ends of a round ---------------------------------------------------------------------------

void ServerWatch::down(const std::string& why, Time now) {
  status_.trouble.clear();
  status_.state = was_ready_ ? WorkerState::unhealthy : WorkerState::starting;
  status_.why = was_ready_ ? "the model server at " + url_ + " is lost: " + why
                           : "no answer at " + url_ + ": " + why;
  health_path_ = true;  // what comes back may be another server
  facts_go_on_ = false;
  forget_engine();
  wait_for_next_check(now);
}

void ServerWatch::unavailable(std::string_view body, Time now) {
  status_.trouble.clear();
  const bool loading = says_loading(body);
  status_.state = loading || !was_ready_ ? WorkerState::starting : WorkerState::unhealthy;
  status_.why = "the model server at " + url_ +
                (loading ? " is loading its model" : " says that it is unavailable") +
                " (status 503)";
  health_path_ = true;
  facts_go_on_ = false;
  forget_engine();
  wait_for_next_check(now);
}

void ServerWatch::ask_at_once(Step step, Time now) {
  step_ = step;
  next_ = now;
}

void ServerWatch::wait_for_next_check(Time now) {
  if (step_ != Step::probe) step_ = Step::check;
  next_ = std::max(now, round_began_ + health_interval_);
}

}  // namespace muster::agent
