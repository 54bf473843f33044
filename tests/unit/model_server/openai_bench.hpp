#pragma once

// An OpenAiServer against a ScriptedServer, in one thread and in virtual time: `now` stands still
// unless a test moves it. Waiting is on a condition, with a deadline in real time.

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "scripted_server.hpp"
#include "worker_agent/model_server/openai_server.hpp"

namespace muster::agent::test {

// A recorded answer (recorded/), whole.
[[nodiscard]] std::string recorded(const std::string& name);
// The body of an answer without its transfer coding.
[[nodiscard]] std::string body_of(const std::string& answer);

[[nodiscard]] ScriptedAnswer say(std::string bytes,
                                 ScriptedAnswer::End end = ScriptedAnswer::End::keep_alive);
// An answer of HTTP/1.1 with its Content-Length.
[[nodiscard]] std::string http(std::string_view status, std::string_view type,
                               std::string_view body, std::string_view more_head = {});

// Everything that came for one job.
struct JobOutcome {
  std::vector<JobPart> parts;
  std::optional<JobDone> done;
  std::optional<JobFailed> failed;

  [[nodiscard]] bool ended() const { return done || failed; }
  // All bytes of the answer, in order.
  [[nodiscard]] std::string bytes() const;
};

class OpenAiBench {
 public:
  // `answer` is asked for every request but those of the health checks, which a server without
  // anything to tell answers: /health with 200, all else with 404.
  explicit OpenAiBench(ScriptedServer::Handler answer,
                       const std::function<void(OpenAiServer::Options&)>& change = {});

  // Starts a streamed job (a POST to /v1/chat/completions).
  JobId start(RequestOptions options, std::string body = "{}");
  [[nodiscard]] static RequestOptions streamed();
  [[nodiscard]] static RequestOptions plain();

  // Turns until `done`, or until the server has had nothing to do for ten seconds; says whether it
  // was done.
  [[nodiscard]] bool turn_until(const std::function<bool()>& done);
  bool turn();  // says whether the server had anything to do

  [[nodiscard]] JobOutcome outcome(JobId id) const;
  // Starts and turns to the end.
  [[nodiscard]] JobOutcome ask(RequestOptions options, std::string body = "{}");
  [[nodiscard]] const ServerStatus* status() const;  // the last told; null: none yet
  [[nodiscard]] bool state_is(WorkerState state) const;

  ScriptedServer server;
  Time now{std::chrono::seconds{1000}};
  std::vector<ServerEvent> events;
  OpenAiServer client;

 private:
  std::uint64_t ids_ = 0;
};

}  // namespace muster::agent::test
