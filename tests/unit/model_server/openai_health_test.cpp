// An OpenAiServer's view of its server, through real sockets: comes up, dies, freezes, comes back.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "openai_bench.hpp"

namespace muster::agent::test {
namespace {

using End = ScriptedAnswer::End;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A server that answers GETs by recorded answers, and with 404 elsewhere.
struct Recordings {
  std::map<std::string, std::string> by_path;
  std::string otherwise = "vllm_unknown_path";

  ScriptedAnswer operator()(const SeenRequest& request) const {
    const auto found = by_path.find(request.path);
    return say(recorded(found == by_path.end() ? otherwise : found->second));
  }
};

// The bench's client against a server that answers its checks itself.
struct HealthBench {
  explicit HealthBench(ScriptedServer::Handler handler, std::vector<std::string> urls = {},
                       Duration health_timeout = seconds{5},
                       Duration connect_timeout = seconds{10})  // libcurl's clock is the machine's
      : server(std::move(handler)),
        client(options(std::move(urls), health_timeout, connect_timeout)) {}

  OpenAiServer::Options options(std::vector<std::string> urls, Duration health_timeout,
                                Duration connect_timeout) const {
    OpenAiServer::Options made;
    made.watch.urls = urls.empty() ? std::vector{server.url()} : std::move(urls);
    made.watch.health_interval = seconds{2};
    made.watch.health_timeout = health_timeout;
    made.watch.metrics = false;  // openai_metrics_test.cpp
    made.http.connect_timeout = connect_timeout;
    return made;
  }

  bool until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + seconds{10};
    while (!done() && std::chrono::steady_clock::now() < deadline)
      turn();
    return done();
  }
  void turn() {
    server.pump();
    std::vector<ServerEvent> out;
    client.run(now, out);
    for (ServerEvent& event : out) {
      if (auto* told = std::get_if<ServerStatus>(&event)) status = std::move(*told);
      if (auto* part = std::get_if<JobPart>(&event)) ++parts[part->id.value];
      if (auto* failed = std::get_if<JobFailed>(&event)) failures[failed->id.value] = *failed;
    }
  }
  bool until(WorkerState state) {
    return until([&] { return status && status->state == state; });
  }
  // Moves time to the client's next deadline.
  void wait() { now = std::max(now, client.next_deadline()); }

  ScriptedServer server;
  Time now{seconds{1000}};
  OpenAiServer client;
  std::optional<ServerStatus> status;
  std::map<std::uint64_t, int> parts;
  std::map<std::uint64_t, JobFailed> failures;
};

TEST(OpenAiHealth, ReadsWhatVllmTells) {
  HealthBench bench{Recordings{
      {{"/health", "vllm_health"}, {"/v1/models", "vllm_models"}, {"/version", "vllm_version"}}}};
  ASSERT_TRUE(bench.until(WorkerState::ready));
  ASSERT_EQ(bench.status->models.size(), 1u);
  EXPECT_EQ(bench.status->models[0].name, "Qwen/Qwen2.5-7B-Instruct");
  EXPECT_EQ(bench.status->models[0].context_length, 32768u);
  EXPECT_EQ(bench.status->slots, 256u);
  EXPECT_EQ(bench.status->version, "0.10.1");
  EXPECT_NE(bench.status->why.find("256, unless worker.slots says"), std::string::npos)
      << bench.status->why;
}

TEST(OpenAiHealth, ReadsWhatSglangTells) {
  HealthBench bench{Recordings{{{"/health", "sglang_health"},
                                {"/v1/models", "sglang_models"},
                                {"/get_server_info", "sglang_server_info"}}}};
  ASSERT_TRUE(bench.until(WorkerState::ready));
  ASSERT_EQ(bench.status->models.size(), 1u);
  EXPECT_EQ(bench.status->models[0].name, "meta-llama/Llama-3.1-8B-Instruct");
  EXPECT_EQ(bench.status->models[0].context_length, 131072u);
  EXPECT_EQ(bench.status->slots, 96u);
  EXPECT_EQ(bench.status->version, "0.5.2");
}

TEST(OpenAiHealth, ReadsWhatLlamaCppTellsOnceItHasLoaded) {
  Recordings loading{{}, "llamacpp_loading_503"};
  const Recordings loaded{{{"/health", "llamacpp_health"},
                           {"/v1/models", "llamacpp_models"},
                           {"/props", "llamacpp_props"}}};
  bool ready = false;
  HealthBench bench{
      [&](const SeenRequest& request) { return ready ? loaded(request) : loading(request); }};
  ASSERT_TRUE(bench.until(WorkerState::starting));
  EXPECT_NE(bench.status->why.find("is loading its model"), std::string::npos);
  ready = true;
  bench.wait();
  ASSERT_TRUE(bench.until(WorkerState::ready));
  ASSERT_EQ(bench.status->models.size(), 1u);
  EXPECT_EQ(bench.status->models[0].name, "stories260K");
  EXPECT_EQ(bench.status->models[0].aliases, (std::vector<std::string>{"tiny"}));
  EXPECT_EQ(bench.status->models[0].context_length, 1024u);
  EXPECT_EQ(bench.status->slots, 4u);
  EXPECT_EQ(bench.status->version, "b6402-4281c7b3");
}

TEST(OpenAiHealth, SeesAServerDieAndComeBack) {
  HealthBench bench{Recordings{{{"/health", "vllm_health"}, {"/v1/models", "vllm_models"}}}};
  ASSERT_TRUE(bench.until(WorkerState::ready));
  bench.server.kill();
  bench.wait();
  ASSERT_TRUE(bench.until(WorkerState::unhealthy));
  EXPECT_NE(bench.status->why.find("connection refused"), std::string::npos);
  bench.server.revive();
  bench.wait();
  ASSERT_TRUE(bench.until(WorkerState::ready));
}

TEST(OpenAiHealth, SaysThatAServerWasNeverThere) {
  HealthBench bench{Recordings{}};
  bench.server.kill();
  ASSERT_TRUE(bench.until(WorkerState::starting));
  EXPECT_EQ(bench.status->why, "no answer at " + bench.server.url() + ": connection refused");
}

TEST(OpenAiHealth, AFrozenServerIsSeenAndItsSilentJobsAreEnded) {
  const Recordings checks{{{"/health", "vllm_health"}, {"/v1/models", "vllm_models"}}};
  HealthBench bench{[&](const SeenRequest& request) {
    if (request.method == "GET") return checks(request);
    ScriptedAnswer answer{{}, End::keep_alive, true};
    if (request.body == "one part")
      answer.pieces = {"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"};
    return answer;
  }};
  ASSERT_TRUE(bench.until(WorkerState::ready));
  RequestOptions options = OpenAiBench::streamed();
  bench.client.start({JobId{1}, "m", options, "nothing"}, bench.now);
  bench.client.start({JobId{2}, "m", options, "one part"}, bench.now);
  ASSERT_TRUE(bench.until([&] { return bench.parts[2] == 1; }));

  bench.server.freeze(true);
  const Time frozen = bench.now;
  std::uint64_t jobs = 2;
  while (bench.status->state == WorkerState::ready && bench.now < frozen + seconds{60}) {
    ASSERT_TRUE(bench.failures.empty()) << "not before the third check is missed";
    bench.now += milliseconds{500};
    bench.client.start({JobId{++jobs}, "m", options, "x"}, bench.now);
    for (int i = 0; i < 5; ++i)
      bench.turn();
  }
  EXPECT_EQ(bench.status->state, WorkerState::unhealthy);
  EXPECT_EQ(bench.now - frozen, seconds{2} + 3 * seconds{5});
  EXPECT_NE(bench.status->why.find("three checks in a row had no answer"), std::string::npos);
  EXPECT_EQ(bench.failures.size(), jobs);
  EXPECT_EQ(bench.failures[1].code, ErrorCode::server_gone);
  EXPECT_EQ(bench.failures[2].code, ErrorCode::worker_failed);
  EXPECT_EQ(bench.failures[2].meta.reason, "server_cut");
  EXPECT_EQ(bench.failures[jobs - 1].code, ErrorCode::server_gone);

  bench.server.freeze(false);
  bench.wait();
  ASSERT_TRUE(bench.until(WorkerState::ready));
}

TEST(OpenAiHealth, AFrozenServerIsSeenToWhereItTakesNoConnectionsAnyMore) {
  const Recordings checks{{{"/health", "vllm_health"}, {"/v1/models", "vllm_models"}}};
  const auto handler = [&](const SeenRequest& request) {
    return request.method == "GET" ? checks(request) : ScriptedAnswer{{}, End::keep_alive, true};
  };
  // Checks are missed by the time for a connection, never by that for an answer.
  HealthBench bench{handler, {}, std::chrono::hours{24}, milliseconds{50}};
  ASSERT_TRUE(bench.until(WorkerState::ready));
  bench.client.start({JobId{1}, "m", OpenAiBench::streamed(), "x"}, bench.now);
  ASSERT_TRUE(bench.until([&] { return bench.server.requests().back().method == "POST"; }));
  bench.server.choke();
  ASSERT_TRUE(bench.until([&] {
    bench.now += milliseconds{1};  // libcurl's clock, by which a connection is late, runs by itself
    return bench.failures.contains(1);
  }));
  EXPECT_EQ(bench.failures[1].code, ErrorCode::server_gone);
  EXPECT_EQ(bench.status->state, WorkerState::unhealthy);
  EXPECT_NE(bench.status->why.find("three checks in a row had no answer"), std::string::npos);
}

TEST(OpenAiHealth, JobsThatAreHeardOutliveMissedChecks) {
  const Recordings checks{{{"/health", "vllm_health"}, {"/v1/models", "vllm_models"}}};
  bool checks_hang = false;
  HealthBench bench{[&](const SeenRequest& request) {
    if (request.method == "GET" && checks_hang) return ScriptedAnswer{{}, End::keep_alive, true};
    if (request.method == "GET") return checks(request);
    ScriptedAnswer answer{
        {"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"}, End::keep_alive, true};
    answer.pieces.insert(answer.pieces.end(), 2000, "data: x\n\n");
    return answer;
  }};
  ASSERT_TRUE(bench.until(WorkerState::ready));
  checks_hang = true;
  bench.client.start({JobId{1}, "m", OpenAiBench::streamed(), "x"}, bench.now);
  while (bench.status->state == WorkerState::ready) {
    const int before = bench.parts[1];
    ASSERT_TRUE(bench.until([&] { return bench.parts[1] > before; }));
    bench.now += milliseconds{100};
  }
  EXPECT_EQ(bench.status->state, WorkerState::unhealthy);
  EXPECT_TRUE(bench.failures.empty()) << "it answers the job";
}

TEST(OpenAiHealth, AJobWithoutAServerFoundIsServerGone) {
  HealthBench closed{Recordings{}};
  closed.server.kill();
  HealthBench bench{Recordings{{{"/v1/models", "vllm_models"}, {"/health", "vllm_health"}}},
                    {closed.server.url(), closed.server.url()}};
  bench.client.start({JobId{1}, "m", OpenAiBench::plain(), "x"}, bench.now);
  ASSERT_TRUE(bench.until([&] { return bench.failures.contains(1); }));
  EXPECT_EQ(bench.failures[1].code, ErrorCode::server_gone);
  EXPECT_EQ(bench.failures[1].message, "no model server has been found yet");
}

TEST(OpenAiHealth, FindsTheServerThatAnswers) {
  ScriptedServer empty{Recordings{}};
  const std::string nobody = empty.url();
  empty.kill();
  ScriptedServer real{Recordings{{{"/v1/models", "vllm_models"}, {"/health", "vllm_health"}}}};
  HealthBench bench{Recordings{}, {nobody, real.url()}};
  ASSERT_TRUE(bench.until([&] {
    real.pump();
    return bench.status && bench.status->state == WorkerState::ready;
  }));
  EXPECT_NE(bench.status->why.find(real.url()), std::string::npos) << bench.status->why;
}

TEST(OpenAiHealth, AnAnswerToACheckIsBounded) {
  HealthBench bench{[](const SeenRequest& request) {
    if (request.path == "/health") return say(recorded("vllm_health"));
    return say(
        http("200 OK", "application/json", std::string(OpenAiServer::told_bytes_max + 1, ' ')));
  }};
  ASSERT_TRUE(bench.until(WorkerState::starting));
  EXPECT_NE(bench.status->why.find("over 4 MiB"), std::string::npos) << bench.status->why;
}

}  // namespace
}  // namespace muster::agent::test
