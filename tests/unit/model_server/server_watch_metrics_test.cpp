// What a ServerWatch asks of the engine, between its checks and never in their way.

#include <gtest/gtest.h>

#include <string>

#include "worker_agent/model_server/server_watch.hpp"

namespace muster::agent {
namespace {

using std::chrono::seconds;

std::string metrics_text(int steps, const std::string& usage = "0.5") {
  return "vllm:iteration_tokens_total_count{engine=\"0\"} " + std::to_string(steps) +
         "\nvllm:num_requests_running 2\nvllm:num_requests_waiting 1\nvllm:kv_cache_usage_perc " +
         usage + "\n";
}

struct ServerWatchMetrics : testing::Test {
  std::string question() {
    const auto url = watch.next_question(now);
    if (!url) return {};
    return url->substr(url->find('/', url->find("//") + 2));
  }
  void answer(std::uint64_t status, std::string_view body = {}) {
    watch.answered(status, body, now);
  }
  void time_out() {
    now = watch.next_deadline();
    ASSERT_TRUE(watch.overdue(now));
    watch.timed_out(now);
  }
  // From the check to ready; then the engine is asked.
  void come_up() {
    ASSERT_EQ(question(), "/health");
    answer(200);
    ASSERT_EQ(question(), "/v1/models");
    answer(200, R"({"data":[{"id":"m"}]})");
    ASSERT_EQ(question(), "/props");
    answer(200, R"({"total_slots":4})");
    ASSERT_EQ(watch.status().state, WorkerState::ready);
  }
  void check() {
    now = watch.next_deadline();
    ASSERT_EQ(question(), "/health");
    answer(200);
  }
  // What is due beside a list of models, which is given.
  std::string question_beside_models() {
    const std::string due = question();
    if (due != "/v1/models") return due;
    answer(200, R"({"data":[{"id":"m"}]})");
    return question();
  }
  // A whole round; what is told of the engine in it.
  std::optional<EngineLoad> round(std::string_view body, std::uint64_t status = 200) {
    check();
    EXPECT_EQ(question(), "/metrics");
    answer(status, body);
    EXPECT_EQ(question(), "");
    return watch.take_engine_news();
  }

  Time now{seconds{1000}};
  ServerWatch watch{{{"http://h:1"}, seconds{2}, seconds{5}}};
};

TEST_F(ServerWatchMetrics, TheEngineIsAskedAfterEachCheck) {
  come_up();
  ASSERT_EQ(question(), "/metrics");
  EXPECT_EQ(watch.take_engine_news(), std::nullopt);
  answer(200, metrics_text(10));
  EXPECT_EQ(watch.take_engine_news(), (EngineLoad{0, 3, 0.5}));
  EXPECT_EQ(watch.take_engine_news(), std::nullopt) << "told once";
  EXPECT_EQ(watch.next_deadline(), now + seconds{2});
  EXPECT_EQ(round(metrics_text(17)), (EngineLoad{7, 3, 0.5}));
  EXPECT_EQ(round(metrics_text(17)), (EngineLoad{7, 3, 0.5}));
  EXPECT_EQ(round(metrics_text(2)), (EngineLoad{9, 3, 0.5})) << "it has started anew";
  EXPECT_EQ(round("vllm:kv_cache_usage_perc 0.5"), (EngineLoad{{}, {}, 0.5}));
}

TEST_F(ServerWatchMetrics, WhereItTellsNothingItIsAskedRarely) {
  come_up();
  ASSERT_EQ(question(), "/metrics");
  answer(404);
  int times = 0;
  for (const Time asked = now; now < asked + seconds{70};) {
    check();
    if (question_beside_models() != "/metrics") continue;
    ++times;
    answer(200, "python_info 1\n");
  }
  EXPECT_EQ(times, 2);
  EXPECT_EQ(watch.take_engine_news(), std::nullopt);
}

TEST_F(ServerWatchMetrics, AnAnswerThatHangsNeverHoldsUpACheckNorMakesItUnhealthy) {
  come_up();
  int hung = 0;
  for (int i = 0; i < 60; ++i) {
    const Time due = now + seconds{2};
    if (question_beside_models() == "/metrics") {
      ++hung;
      time_out();
    }
    now = watch.next_deadline();
    EXPECT_EQ(now, due);
    ASSERT_EQ(question(), "/health");
    answer(200);
    EXPECT_EQ(watch.status().state, WorkerState::ready);
    EXPECT_EQ(watch.silent_since(), std::nullopt);
  }
  EXPECT_EQ(hung, 4) << "and it is asked rarely";
}

// An engine that hangs may not answer at /metrics either: then what it has done stands still, which
// a broker sees, and does not become unknown.
TEST_F(ServerWatchMetrics, AnEngineThatHasToldAndHangsStandsStillAndIsAskedOn) {
  come_up();
  ASSERT_EQ(question(), "/metrics");
  answer(200, metrics_text(10));
  EXPECT_EQ(round(metrics_text(20)), (EngineLoad{10, 3, 0.5}));
  check();
  ASSERT_EQ(question(), "/metrics");
  for (int i = 0; i < 5; ++i) {
    time_out();
    EXPECT_EQ(watch.take_engine_news(), (EngineLoad{10, {}, {}}));
    ASSERT_EQ(question(), "/health");
    answer(200);
    ASSERT_EQ(question(), "/metrics");
  }
  answer(200, metrics_text(25));
  EXPECT_EQ(watch.take_engine_news(), (EngineLoad{15, 3, 0.5}));
}

TEST_F(ServerWatchMetrics, AnEngineThatAnswersSomethingElseIsNotKnownAnyMore) {
  come_up();
  ASSERT_EQ(question(), "/metrics");
  answer(200, metrics_text(10));
  EXPECT_EQ(round("", 500), EngineLoad{});
  check();
  EXPECT_EQ(question(), "") << "asked again rarely";
}

TEST_F(ServerWatchMetrics, AnAnswerThatIsNoneSaysNothingOfTheServer) {
  for (const HttpOutcome outcome : {HttpOutcome::malformed, HttpOutcome::cut, HttpOutcome::closed,
                                    HttpOutcome::unreachable, HttpOutcome::late}) {
    watch = ServerWatch{{{"http://h:1"}, seconds{2}, seconds{5}}};
    come_up();
    ASSERT_EQ(question(), "/metrics");
    watch.failed({outcome, "so it is"}, now);
    EXPECT_EQ(watch.status().state, WorkerState::ready);
    EXPECT_EQ(watch.next_deadline(), now + seconds{2});
    now += seconds{2};
  }
}

TEST_F(ServerWatchMetrics, WhatAnEngineToldIsForgottenWithItsServer) {
  come_up();
  ASSERT_EQ(question(), "/metrics");
  answer(200, metrics_text(10));
  EXPECT_EQ(round(metrics_text(20)), (EngineLoad{10, 3, 0.5}));
  now = watch.next_deadline();
  ASSERT_EQ(question(), "/health");
  watch.failed({HttpOutcome::unreachable, "connection refused"}, now);
  EXPECT_EQ(watch.take_engine_news(), EngineLoad{});
  now = watch.next_deadline();
  come_up();
  ASSERT_EQ(question(), "/metrics") << "another may be there, that tells";
  answer(200, metrics_text(3));
  EXPECT_EQ(watch.take_engine_news(), (EngineLoad{13, 3, 0.5})) << "and nothing falls";
}

TEST_F(ServerWatchMetrics, IsNotAskedWhereACheckHasTakenItsWholeInterval) {
  come_up();
  ASSERT_EQ(question(), "/metrics");
  answer(200, metrics_text(10));
  now = watch.next_deadline();
  ASSERT_EQ(question(), "/health");
  now += seconds{2};
  answer(200);
  EXPECT_EQ(question(), "/health");
}

// A question to the engine is no look at the server.
TEST_F(ServerWatchMetrics, AJobThatWasCutOffVoidsTheQuestionAndBringsTheCheckForward) {
  come_up();
  ASSERT_EQ(question(), "/metrics");
  EXPECT_TRUE(watch.job_told({false, true, {}, {}, "it cut the answer off"}, now));
  EXPECT_EQ(question(), "/health");
  EXPECT_FALSE(watch.job_told({false, true, {}, {}, "it cut the answer off"}, now));
  EXPECT_EQ(question(), "");
}

TEST_F(ServerWatchMetrics, IsNotAskedWhereThatIsSwitchedOff) {
  watch = ServerWatch{{{"http://h:1"}, seconds{2}, seconds{5}, false}};
  come_up();
  EXPECT_EQ(question(), "");
}

}  // namespace
}  // namespace muster::agent
