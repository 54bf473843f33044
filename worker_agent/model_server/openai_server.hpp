#pragma once

// A model server that speaks OpenAI's HTTP API (vLLM, SGLang, llama.cpp's server, FastChat, ...),
// on this host or another. Three parts do the work, and this wires them:
//
//   HttpClient   the connections (http_client.hpp)
//   OpenAiJob    one request's answer, and what it means (openai_job.hpp)
//   ServerWatch  the server's state, models and slots (server_watch.hpp)
//
// A job is a POST of its body, or a GET where the body is empty, to the server's address + its
// `path`. At most `jobs_max` run at once; more are REFUSED.
//
// The three times of a request (job_clock.hpp) end it with WORKER_TIMEOUT, and its connection is
// closed, so that the server stops working on it. So is that of a stream which stays open though
// its last event has come (openai_job.hpp).
//
// A frozen server keeps its connections open and says nothing. When three checks in a row are
// missed, jobs from whose connections nothing has come since the first of these checks began are
// ended: SERVER_GONE where no part has gone out, else WORKER_FAILED (`server_cut`). Without that a
// frozen server would hold its requests until their time runs out.
//
// In what a run() appends, a new ServerStatus stands before everything else: who passes it on in
// that order says that the server is gone before it gives the request back that found it out.
//
// What the server's engine tells of its work stands behind everything else.
//
// The API key's file is looked at before each check and read again when it has changed; a failure
// of that is told in ServerStatus::why, and the old key stays in use.

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "worker_agent/model_server/api_key.hpp"
#include "worker_agent/model_server/http_client.hpp"
#include "worker_agent/model_server/model_server.hpp"
#include "worker_agent/model_server/openai_job.hpp"
#include "worker_agent/model_server/server_watch.hpp"

namespace muster::agent {

class OpenAiServer : public ModelServer {
 public:
  static constexpr std::size_t jobs_max = slots_max;
  static constexpr std::size_t told_bytes_max =
      std::size_t{4} * 1024 * 1024;  // an answer to a question

  struct Options {
    HttpClient::Options http;
    ServerWatch::Options watch;
    ApiKey api_key{std::string{}};
  };

  explicit OpenAiServer(Options options);
  ~OpenAiServer() override;

  void start(Job job, Time now) override;
  void stop(JobId id) override;
  void run(Time now, std::vector<ServerEvent>& out) override;
  [[nodiscard]] int fd() const override { return http_.fd(); }
  [[nodiscard]] Time next_deadline() const override;

 private:
  struct Running {
    OpenAiJob job;
    ExchangeId exchange;
    Time alarm = time_never;  // its entry in alarms_; never: it has none
  };
  using Jobs = std::map<JobId, Running>;

  // The question of the watch that is under way.
  struct Question {
    ExchangeId exchange;
    std::uint64_t status = 0;
    std::string body;
  };

  void refuse(JobId id, ErrorCode code, std::string why);
  void take(HttpEvent event, Time now, std::vector<ServerEvent>& out);
  void take_answer(HttpEvent event, Time now);
  void take_job_event(Jobs::iterator job, HttpEvent event, Time now, std::vector<ServerEvent>& out);
  void end_question();
  void end_job(Jobs::iterator job);
  void set_alarm(JobId id, Running& running);
  void ring_alarms(Time now, std::vector<ServerEvent>& out);
  void end_silent_jobs(std::vector<ServerEvent>& out);
  void ask(Time now);
  // Inserts the status, where it has changed, at out[at].
  void tell_status(std::size_t at, std::vector<ServerEvent>& out);

  HttpClient http_;
  ServerWatch watch_;
  ApiKey api_key_;
  std::string key_fault_;

  Jobs jobs_;
  std::map<ExchangeId, JobId> by_exchange_;
  std::optional<Question> question_;
  std::vector<ServerEvent> refused_;  // told at the next run()
  ServerStatus told_;

  // When jobs' times are up, one entry a job that has one. An entry is never later than its job's
  // deadline, and may be earlier: then it is put back when it comes up. So a part that moves a
  // deadline costs nothing.
  std::set<std::pair<Time, JobId>> alarms_;
  Time now_{};
};

}  // namespace muster::agent
