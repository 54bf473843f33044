// What an OpenAiServer reads of its server's metrics, through real sockets.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "openai_bench.hpp"

namespace muster::agent::test {
namespace {

using std::chrono::seconds;

// A server that is well, whose /metrics a test writes; all else has no answer.
struct MetricsBench {
  explicit MetricsBench(ScriptedAnswer at_metrics)
      : metrics(std::move(at_metrics)),
        server([this](const SeenRequest& request) { return answer(request); }),
        client(options()) {}

  ScriptedAnswer answer(const SeenRequest& request) const {
    if (request.path == "/metrics") return metrics;
    if (request.path == "/health") return say(http("200 OK", "", ""));
    if (request.path == "/v1/models")
      return say(http("200 OK", "application/json", R"({"data":[{"id":"m"}]})"));
    if (request.method == "GET") return say(http("404 Not Found", "", ""));
    return ScriptedAnswer{{}, ScriptedAnswer::End::keep_alive, true};
  }
  OpenAiServer::Options options() const {
    OpenAiServer::Options made;
    made.watch.urls = {server.url()};
    return made;
  }

  bool until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + seconds{10};
    while (!done() && std::chrono::steady_clock::now() < deadline) {
      server.pump();
      std::vector<ServerEvent> out;
      client.run(now, out);
      for (const ServerEvent& event : out) {
        if (const auto* told = std::get_if<ServerStatus>(&event)) states.push_back(told->state);
        if (const auto* told = std::get_if<EngineLoad>(&event)) loads.push_back(*told);
        if (std::holds_alternative<JobFailed>(event)) ++failures;
      }
    }
    return done();
  }
  bool until_asked(const std::string& path, std::size_t times) {
    return until([&] { return server.requests_to(path).size() >= times; });
  }

  ScriptedAnswer metrics;
  ScriptedServer server;
  OpenAiServer client;
  Time now{seconds{1000}};
  std::vector<WorkerState> states;
  std::vector<EngineLoad> loads;
  int failures = 0;
};

ScriptedAnswer metrics_of(const std::string& text) {
  return say(http("200 OK", "text/plain; version=0.0.4; charset=utf-8", text));
}

TEST(OpenAiMetrics, AreToldAtEachCheck) {
  MetricsBench bench{metrics_of("vllm:generation_tokens_total 5\nvllm:kv_cache_usage_perc 0.5\n")};
  ASSERT_TRUE(bench.until([&] { return bench.loads.size() == 1; }));
  EXPECT_EQ(bench.loads[0], (EngineLoad{0, {}, 0.5}));
  ASSERT_FALSE(bench.states.empty());
  EXPECT_EQ(bench.states.back(), WorkerState::ready) << "told before it";
  bench.metrics = metrics_of("vllm:generation_tokens_total 9\nvllm:kv_cache_usage_perc 0.5\n");
  bench.now = bench.client.next_deadline();
  ASSERT_TRUE(bench.until([&] { return bench.loads.size() == 2; }));
  EXPECT_EQ(bench.loads[1], (EngineLoad{4, {}, 0.5}));
}

TEST(OpenAiMetrics, ThatHangHarmNeitherTheServersStateNorItsJobs) {
  ScriptedAnswer hangs = metrics_of("vllm:generation_tokens_total 5\n");
  hangs.hang = true;
  for (const bool has_told : {false, true}) {
    MetricsBench bench{has_told ? metrics_of("vllm:generation_tokens_total 5\n") : hangs};
    ASSERT_TRUE(bench.until_asked("/metrics", 1));
    if (has_told) {
      ASSERT_TRUE(bench.until([&] { return bench.loads.size() == 1; }));
      bench.metrics =
          ScriptedAnswer{{"HTTP/1.1 200 OK\r\n"}, ScriptedAnswer::End::keep_alive, true};
    } else {
      bench.metrics = ScriptedAnswer{{}, ScriptedAnswer::End::keep_alive, true};
    }
    bench.client.start({JobId{1}, "m", OpenAiBench::plain(), "{}"}, bench.now);
    const Time began = bench.now;
    for (std::size_t checks = 2; checks < 30; ++checks) {
      while (bench.server.requests_to("/health").size() < checks) {
        bench.now = std::max(bench.now, bench.client.next_deadline());
        ASSERT_TRUE(bench.until([&] { return bench.client.next_deadline() > bench.now; }));
      }
      ASSERT_TRUE(bench.until_asked("/health", checks));
    }
    // But for the timers of the connections, which the bench steps to as well.
    EXPECT_LT(bench.now, began + 28 * seconds{2} + seconds{1}) << "no check came late";
    EXPECT_EQ(bench.states, std::vector{WorkerState::ready});
    EXPECT_EQ(bench.failures, 0);
  }
}

TEST(OpenAiMetrics, ThatAreTooLargeTellNothing) {
  MetricsBench bench{metrics_of("vllm:generation_tokens_total 5\n" +
                                std::string(OpenAiServer::told_bytes_max, '\n'))};
  ASSERT_TRUE(bench.until_asked("/metrics", 1));
  ASSERT_TRUE(bench.until([&] { return bench.client.next_deadline() == bench.now + seconds{2}; }));
  bench.now += seconds{2};
  ASSERT_TRUE(bench.until_asked("/health", 2));
  EXPECT_TRUE(bench.loads.empty());
  EXPECT_EQ(bench.states, std::vector{WorkerState::ready});
}

}  // namespace
}  // namespace muster::agent::test
