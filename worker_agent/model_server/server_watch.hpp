#pragma once

// ServerWatch: what is known of a model server, and what to ask it next. A heartbeat of the agent
// proves only the agent; this is how it knows of the server beside it (docs/protocol.md, section
// 6): `starting` until the server is up, `ready`, or `unhealthy`.
//
// Every `health_interval`, counted from the start of one check to the start of the next, it asks
// GET /health, or /v1/models of a server that has no /health. When the server is up after it was
// not, it is asked for its models, its slots and its version before it is called ready; the models
// are read again each `models_interval`, so that a change is told.
//
//   unhealthy   at once when a connection is refused or lost unanswered, by a check or a job, or
//               the server answers with a failure; after three checks in a row that are missed:
//               not answered within `health_timeout`, or not even connected in time
//   starting    the same before it was ever ready; and while it says that it loads (503)
//   ready       at the next check that is answered. After a job has told of the end it is asked at
//               once; where jobs tell so again and again, at the next interval
//
// Only checks are missed. Where a question about slots or version is not answered in time, a check
// decides whether the server is there, and the next place is asked only after its answer.
//
// After three missed checks the server is taken for frozen: silent_since() tells the start of the
// first of them, and who has heard nothing from it since then need not wait any longer.
//
// Between two checks of a server that is ready it is asked what its engine tells of its work
// (engine_metrics.hpp): each time where it tells something, else each `metrics_retry`. That never
// holds up a check: an answer that is not there when the next check is due is not waited for. And
// it says nothing of the server's health. Where an engine has told and now does not answer, what it
// has got done stands still, as it does in one that hangs; where it answers something else, it is
// not known any more.
//
// Where there are several addresses to choose from, the first of them at which a server lists its
// models (or loads, or asks for a key) is taken, for good; until then they are tried in turn.
//
// Pure: no I/O and no clock; one question at a time, asked by whoever holds this.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/time.hpp"
#include "worker_agent/model_server/engine_metrics.hpp"
#include "worker_agent/model_server/http_client.hpp"
#include "worker_agent/model_server/model_server.hpp"
#include "worker_agent/model_server/openai_job.hpp"

namespace muster::agent {

class ServerWatch {
 public:
  static constexpr std::size_t misses_max = 3;
  static constexpr std::uint64_t slots_assumed = 256;
  static constexpr Duration models_interval = std::chrono::seconds{30};
  static constexpr Duration metrics_retry = std::chrono::seconds{30};

  struct Options {
    std::vector<std::string> urls;  // at least one; several: to be chosen from
    Duration health_interval = std::chrono::seconds{2};
    Duration health_timeout = std::chrono::seconds{5};
    bool metrics = true;  // whether its engine is asked
  };

  explicit ServerWatch(Options options);

  // The address to GET now, if it is time for one. It is then under way until one of answered(),
  // failed(), timed_out() or job_told() ends it.
  [[nodiscard]] std::optional<std::string> next_question(Time now);
  void answered(std::uint64_t status, std::string_view body, Time now);
  void failed(const HttpEnd& end, Time now);
  // REQUIRES: overdue(now).
  void timed_out(Time now);
  [[nodiscard]] bool overdue(Time now) const { return asking_ && now >= answer_due(); }

  // What a job's end says of the server. True: the question under way, asked before, is void.
  [[nodiscard]] bool job_told(const ServerEvidence& evidence, Time now);

  // When the next question is due, or the one under way is overdue.
  [[nodiscard]] Time next_deadline() const { return asking_ ? answer_due() : next_; }

  [[nodiscard]] const ServerStatus& status() const { return status_; }
  // Where requests go; empty while no server is found.
  [[nodiscard]] const std::string& url() const { return url_; }
  // What the engine tells, where that is to be told since the last call.
  [[nodiscard]] std::optional<EngineLoad> take_engine_news() {
    return std::exchange(engine_news_, std::nullopt);
  }
  // Set while the last three checks were missed: when the first of them began.
  [[nodiscard]] std::optional<Time> silent_since() const;

 private:
  enum class Step : std::uint8_t { probe, check, models, facts, metrics };

  void probe_answered(std::uint64_t status, std::string_view body, Time now);
  void probe_next(Time now);
  void check_answered(std::uint64_t status, std::string_view body, Time now);
  void models_answered(std::uint64_t status, std::string_view body, Time now);
  void facts_answered(std::uint64_t status, std::string_view body, Time now);
  void next_fact(Time now);
  void ask_fact(Time now);

  void ask_metrics(Time now);
  void metrics_answered(std::uint64_t status, std::string_view body, Time now);
  void metrics_unanswered(Time now);
  void no_metrics(Time now);
  void forget_engine();

  [[nodiscard]] Time answer_due() const;
  void unanswered(Time now);
  void missed(Time now);
  void up(Time now);
  void ready(Time now);
  void down(const std::string& why, Time now);
  void unavailable(std::string_view body, Time now);
  void ask_at_once(Step step, Time now);
  void wait_for_next_check(Time now);

  std::vector<std::string> urls_;
  Duration health_interval_;
  Duration health_timeout_;
  bool metrics_;

  std::string url_;
  ServerStatus status_;
  std::string slots_note_;
  std::string models_note_;
  bool was_ready_ = false;

  Step step_ = Step::check;
  bool asking_ = false;
  Time asked_{};               // when the question under way was asked
  Time next_{};                // when the next one is due
  Time round_began_{};         // when the check that all this is part of was asked
  std::size_t candidate_ = 0;  // in urls_, while probing
  std::size_t fact_ = 0;       // which of the places that tell of slots is asked
  bool facts_go_on_ = false;   // ... once a check has been answered
  bool health_path_ = true;    // else /v1/models serves as the check
  Time models_due_{};
  Time metrics_due_{};
  bool engine_tells_ = false;  // it has told something, and has not answered otherwise since
  EngineProgress engine_progress_;
  std::optional<EngineLoad> engine_load_;  // as told last
  std::optional<EngineLoad> engine_news_;
  bool job_lost_ = false;   // a job has told of the end, and no check since has found it ready
  std::size_t misses_ = 0;  // in a row
  std::array<Time, misses_max> missed_{};  // when the last of them began, oldest first
};

}  // namespace muster::agent
