#include "worker_agent/model_server/server_watch.hpp"

#include <gtest/gtest.h>

#include <string>

namespace muster::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* base = "http://h:1";
constexpr const char* models_json = R"({"data":[{"id":"m"}]})";

struct ServerWatchTest : testing::Test {
  explicit ServerWatchTest(std::vector<std::string> urls = {base})
      : watch({std::move(urls), seconds{2}, seconds{5}, false}) {}

  // The question that is due, without the server's address; empty: none is.
  std::string question() {
    const auto url = watch.next_question(now);
    if (!url) return {};
    return url->substr(url->find('/', url->find("//") + 2));
  }
  void answer(std::uint64_t status, std::string_view body = {}) {
    watch.answered(status, body, now);
  }
  void refuse() { watch.failed({HttpOutcome::unreachable, "connection refused"}, now); }
  // Lets the question under way run out.
  void miss() {
    now += seconds{5};
    ASSERT_TRUE(watch.overdue(now));
    watch.timed_out(now);
  }
  // From the check to ready, of a server that tells no slots.
  void come_up() {
    ASSERT_EQ(question(), "/health");
    answer(200);
    ASSERT_EQ(question(), "/v1/models");
    answer(200, models_json);
    for (const char* path : {"/props", "/get_server_info", "/server_info", "/version"}) {
      ASSERT_EQ(question(), path);
      answer(404);
    }
    ASSERT_EQ(state(), WorkerState::ready);
  }
  void next_check() {
    now = watch.next_deadline();
    ASSERT_EQ(question(), "/health");
  }
  [[nodiscard]] WorkerState state() const { return watch.status().state; }
  [[nodiscard]] const std::string& why() const { return watch.status().why; }

  Time now{seconds{1000}};
  ServerWatch watch;
};

TEST_F(ServerWatchTest, TellsModelsSlotsAndVersionOfAServerThatIsUp) {
  EXPECT_EQ(question(), "/health");
  EXPECT_EQ(question(), "") << "one question at a time";
  answer(200);
  EXPECT_EQ(state(), WorkerState::starting) << "not before it is known what it serves";
  EXPECT_EQ(question(), "/v1/models");
  answer(200, R"({"data":[{"id":"m","max_model_len":4096}]})");
  EXPECT_EQ(question(), "/props");
  answer(200, R"({"total_slots":4,"build_info":"b1-x"})");
  EXPECT_EQ(state(), WorkerState::ready);
  ASSERT_EQ(watch.status().models.size(), 1u);
  EXPECT_EQ(watch.status().models[0].name, "m");
  EXPECT_EQ(watch.status().models[0].context_length, 4096u);
  EXPECT_EQ(watch.status().slots, 4u);
  EXPECT_EQ(watch.status().version, "b1-x");
  EXPECT_EQ(why(), "the model server at http://h:1 is up; it takes 4 requests at once");
}

TEST_F(ServerWatchTest, AssumesSlotsAndSaysSoWhereTheServerTellsNone) {
  come_up();
  EXPECT_EQ(watch.status().slots, 256u);
  EXPECT_EQ(why(),
            "the model server at http://h:1 is up; it does not tell how many requests it takes at "
            "once: 256, unless worker.slots says");
}

TEST_F(ServerWatchTest, ChecksEveryIntervalFromStartToStart) {
  come_up();
  EXPECT_EQ(watch.next_deadline(), now + seconds{2});
  now += seconds{2};
  EXPECT_EQ(question(), "/health");
  EXPECT_EQ(watch.next_deadline(), now + seconds{5}) << "when it is overdue";
  now += milliseconds{1500};
  answer(200);
  EXPECT_EQ(watch.next_deadline(), now + milliseconds{500});
  EXPECT_EQ(question(), "");
}

TEST_F(ServerWatchTest, IsStartingUntilTheServerIsUp) {
  ASSERT_EQ(question(), "/health");
  refuse();
  EXPECT_EQ(state(), WorkerState::starting);
  EXPECT_EQ(why(), "no answer at http://h:1: connection refused");
  EXPECT_EQ(watch.next_deadline(), now + seconds{2});
  next_check();
  miss();
  EXPECT_EQ(state(), WorkerState::starting);
  EXPECT_EQ(why(), "no answer at http://h:1: not within 5000 ms");
  come_up();
}

TEST_F(ServerWatchTest, IsStartingWhileTheServerLoads) {
  ASSERT_EQ(question(), "/health");
  answer(503, R"({"error":{"code":503,"message":"Loading model","type":"unavailable_error"}})");
  EXPECT_EQ(state(), WorkerState::starting);
  EXPECT_EQ(why(), "the model server at http://h:1 is loading its model (status 503)");
  now += seconds{2};
  come_up();
}

TEST_F(ServerWatchTest, IsUnhealthyAtOnceWhenACheckIsRefused) {
  come_up();
  next_check();
  refuse();
  EXPECT_EQ(state(), WorkerState::unhealthy);
  EXPECT_EQ(why(), "the model server at http://h:1 is lost: connection refused");
  EXPECT_EQ(watch.status().models.size(), 1u) << "what it served is still known";
  now += seconds{2};
  come_up();
}

TEST_F(ServerWatchTest, IsUnhealthyWhenACheckIsAnsweredWithAFailure) {
  come_up();
  next_check();
  answer(500);
  EXPECT_EQ(state(), WorkerState::unhealthy);
  next_check();
  answer(503);
  EXPECT_EQ(state(), WorkerState::unhealthy) << "a 503 that does not speak of loading";
  next_check();
  answer(503, "Loading model");
  EXPECT_EQ(state(), WorkerState::starting);
}

TEST_F(ServerWatchTest, IsUnhealthyAfterThreeMissedChecksInARow) {
  come_up();
  std::vector<Time> began;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(state(), WorkerState::ready);
    EXPECT_EQ(watch.silent_since(), std::nullopt);
    next_check();
    began.push_back(now);
    miss();
  }
  EXPECT_EQ(state(), WorkerState::unhealthy);
  EXPECT_EQ(watch.silent_since(), began[0]);
  next_check();
  began.push_back(now);
  miss();
  EXPECT_EQ(watch.silent_since(), began[1]) << "the last three count";
  come_up();
  EXPECT_EQ(watch.silent_since(), std::nullopt);
}

TEST_F(ServerWatchTest, ACheckThatIsNotEvenConnectedInTimeIsAMissedOne) {
  come_up();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(state(), WorkerState::ready);
    next_check();
    now += seconds{2};
    watch.failed({HttpOutcome::late, "no connection in time"}, now);
  }
  EXPECT_EQ(state(), WorkerState::unhealthy);
  EXPECT_NE(watch.silent_since(), std::nullopt);
}

TEST_F(ServerWatchTest, AMissedCheckDoesNotCountAfterAnAnswer) {
  come_up();
  for (int i = 0; i < 4; ++i) {
    next_check();
    miss();
    next_check();
    miss();
    next_check();
    answer(200);
    if (question() == "/v1/models") answer(200, models_json);
  }
  EXPECT_EQ(state(), WorkerState::ready);
}

TEST_F(ServerWatchTest, TakesModelsForACheckWhereThereIsNoHealth) {
  for (const std::uint64_t status : {404u, 405u}) {
    watch = ServerWatch{{{base}, seconds{2}, seconds{5}, false}};
    ASSERT_EQ(question(), "/health");
    answer(status);
    ASSERT_EQ(question(), "/v1/models");
    answer(200, models_json);
    ASSERT_EQ(question(), "/v1/models");
    answer(200, models_json);
    ASSERT_EQ(question(), "/props");
    answer(200, R"({"total_slots":1})");
    EXPECT_EQ(state(), WorkerState::ready);
    now += seconds{2};
    EXPECT_EQ(question(), "/v1/models") << "it is not asked for /health again";
    refuse();
    EXPECT_EQ(state(), WorkerState::unhealthy);
    now += seconds{2};
    EXPECT_EQ(question(), "/health") << "another server may be there now";
  }
}

TEST_F(ServerWatchTest, ReadsTheModelsAgainNowAndThen) {
  come_up();
  const Time read = now;
  int models_asked = 0;
  while (now < read + seconds{60}) {
    next_check();
    answer(200);
    if (question() != "/v1/models") continue;
    ++models_asked;
    answer(200, R"({"data":[{"id":"m"},{"id":"n"}]})");
  }
  EXPECT_EQ(models_asked, 2);
  EXPECT_EQ(watch.status().models.size(), 2u);
  EXPECT_EQ(state(), WorkerState::ready);
}

TEST_F(ServerWatchTest, KeepsTheModelsWhereTheyCannotBeReadAndAsksAtTheNextCheck) {
  come_up();
  now += seconds{30};
  ASSERT_EQ(question(), "/health");
  answer(200);
  ASSERT_EQ(question(), "/v1/models");
  answer(500);
  EXPECT_EQ(watch.status().models.size(), 1u);
  EXPECT_EQ(state(), WorkerState::ready);
  next_check();
  answer(200);
  EXPECT_EQ(question(), "/v1/models");
}

TEST_F(ServerWatchTest, SaysThatTheKeyMayBeWrong) {
  ASSERT_EQ(question(), "/health");
  answer(200);
  ASSERT_EQ(question(), "/v1/models");
  answer(401);
  ASSERT_EQ(question(), "/props");
  answer(200, R"({"total_slots":1})");
  EXPECT_EQ(state(), WorkerState::ready);
  EXPECT_NE(why().find("GET /v1/models is answered with status 401: is server.api_key_file right?"),
            std::string::npos)
      << why();
}

TEST_F(ServerWatchTest, GoesOnWhereASlotsQuestionIsNotAnswered) {
  ASSERT_EQ(question(), "/health");
  answer(200);
  ASSERT_EQ(question(), "/v1/models");
  answer(200, models_json);
  ASSERT_EQ(question(), "/props");
  miss();
  ASSERT_EQ(question(), "/health") << "is it there at all?";
  answer(200);
  ASSERT_EQ(question(), "/get_server_info");
  answer(200, R"({"max_running_requests":7})");
  EXPECT_EQ(state(), WorkerState::ready);
  EXPECT_EQ(watch.status().slots, 7u);
}

TEST_F(ServerWatchTest, IsReadyWhereChecksAreAnsweredAndNoOtherQuestionIs) {
  ASSERT_EQ(question(), "/health");
  answer(200);
  ASSERT_EQ(question(), "/v1/models");
  answer(200, models_json);
  for (const char* path : {"/props", "/get_server_info", "/server_info", "/version"}) {
    ASSERT_EQ(question(), path);
    miss();
    EXPECT_EQ(state(), WorkerState::starting);
    ASSERT_EQ(question(), "/health");
    answer(200);
  }
  EXPECT_EQ(state(), WorkerState::ready);
  EXPECT_EQ(watch.status().slots, 256u);
}

TEST_F(ServerWatchTest, IsNotReadyWhereItFreezesBeforeItHasToldItsSlots) {
  for (const bool was_ready : {false, true}) {
    watch = ServerWatch{{{base}, seconds{2}, seconds{5}, false}};
    if (was_ready) {
      come_up();
      next_check();
      refuse();
      now = watch.next_deadline();
    }
    ASSERT_EQ(question(), "/health");
    answer(200);
    ASSERT_EQ(question(), "/v1/models");
    answer(200, models_json);
    ASSERT_EQ(question(), "/props");
    miss();
    std::vector<Time> began;
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(watch.silent_since(), std::nullopt) << "only checks count";
      next_check();
      began.push_back(now);
      miss();
      EXPECT_NE(state(), WorkerState::ready);
    }
    EXPECT_EQ(watch.silent_since(), began[0]);
    now = watch.next_deadline();
    come_up();
  }
}

TEST_F(ServerWatchTest, AFactsQuestionWithoutAConnectionInTimeIsFollowedByACheck) {
  for (const bool loads : {false, true}) {
    watch = ServerWatch{{{base}, seconds{2}, seconds{5}, false}};
    ASSERT_EQ(question(), "/health");
    answer(200);
    ASSERT_EQ(question(), "/v1/models");
    answer(200, models_json);
    ASSERT_EQ(question(), "/props");
    watch.failed({HttpOutcome::late, "no connection in time"}, now);
    ASSERT_EQ(question(), "/health");
    if (loads) {
      answer(503, "Loading model");
    } else {
      refuse();
    }
    EXPECT_EQ(state(), WorkerState::starting);
    now = watch.next_deadline();
    come_up();  // from the beginning: it may be another server now
  }
}

TEST_F(ServerWatchTest, AnAnswerThatIsNoneIsPassedOver) {
  ASSERT_EQ(question(), "/health");
  answer(200);
  ASSERT_EQ(question(), "/v1/models");
  answer(200, models_json);
  ASSERT_EQ(question(), "/props");
  watch.failed({HttpOutcome::malformed, "its answer to a check is over 4 MiB"}, now);
  ASSERT_EQ(question(), "/get_server_info");
  watch.failed({HttpOutcome::cut, "it cut the answer off"}, now);
  ASSERT_EQ(question(), "/server_info");
  refuse();
  EXPECT_EQ(state(), WorkerState::starting);
  EXPECT_EQ(why(), "no answer at http://h:1: connection refused");
}

// ---- what jobs tell ----------------------------------------------------------------------------

TEST_F(ServerWatchTest, AJobThatLostItsServerTellsAtOnceAndACheckFollows) {
  come_up();
  EXPECT_FALSE(watch.job_told({true, true, {}, {}, "connection refused"}, now));
  EXPECT_EQ(state(), WorkerState::unhealthy);
  EXPECT_EQ(watch.next_deadline(), now);
  come_up();
}

TEST_F(ServerWatchTest, ACheckFromBeforeAJobLostItsServerIsVoid) {
  come_up();
  next_check();
  EXPECT_TRUE(watch.job_told({true, true, {}, {}, "it closed the connection unanswered"}, now));
  EXPECT_EQ(state(), WorkerState::unhealthy);
  EXPECT_EQ(question(), "/health");
}

TEST_F(ServerWatchTest, AJobAnsweredWith503TellsLoadingOrUnhealthy) {
  come_up();
  EXPECT_FALSE(watch.job_told({true, true, 503, "Loading model", "status 503"}, now));
  EXPECT_EQ(state(), WorkerState::starting);
  come_up();
  EXPECT_FALSE(watch.job_told({true, true, 503, "", "status 503"}, now));
  EXPECT_EQ(state(), WorkerState::unhealthy);
}

TEST_F(ServerWatchTest, AJobThatWasCutOffOnlyBringsTheCheckForward) {
  come_up();
  EXPECT_FALSE(watch.job_told({false, true, {}, {}, "it cut the answer off"}, now));
  EXPECT_EQ(state(), WorkerState::ready);
  EXPECT_EQ(question(), "/health");
}

TEST_F(ServerWatchTest, JobsThatAreCutOffDoNotKeepACheckFromItsAnswer) {
  come_up();
  next_check();
  const Time asked = now;
  while (!watch.overdue(now) && now < asked + seconds{10}) {
    EXPECT_FALSE(watch.job_told({false, true, {}, {}, "it cut the answer off"}, now));
    EXPECT_EQ(question(), "");
    now += milliseconds{100};
  }
  EXPECT_EQ(now, asked + seconds{5});
}

TEST_F(ServerWatchTest, JobsThatAreGivenBackAgainAndAgainBringItUpOnceAnInterval) {
  come_up();
  const Time began = now;
  int ups = 0;
  for (; now < began + seconds{20}; now += milliseconds{10}) {
    if (state() == WorkerState::ready) {
      ++ups;
      EXPECT_FALSE(watch.job_told({true, true, 503, "", "status 503"}, now));
      EXPECT_EQ(state(), WorkerState::unhealthy);
    }
    if (now >= watch.next_deadline()) come_up();
  }
  EXPECT_LE(ups, 12);
  EXPECT_GE(ups, 9);

  if (state() != WorkerState::ready) {
    now = watch.next_deadline();
    come_up();
  }
  next_check();
  answer(200);
  EXPECT_FALSE(watch.job_told({true, true, {}, {}, "connection refused"}, now));
  EXPECT_EQ(watch.next_deadline(), now) << "it had been well in between";
}

TEST_F(ServerWatchTest, JobsTellNothingNewOfAServerThatIsNotReady) {
  ASSERT_EQ(question(), "/health");
  EXPECT_FALSE(watch.job_told({true, true, {}, {}, "connection refused"}, now));
  answer(200);
  EXPECT_EQ(question(), "/v1/models") << "the question under way stands";
}

TEST_F(ServerWatchTest, NoFileDescriptorForACheckTellsNothing) {
  come_up();
  next_check();
  watch.failed({HttpOutcome::no_connection, "too many open files"}, now);
  EXPECT_EQ(state(), WorkerState::ready);
  EXPECT_EQ(watch.next_deadline(), now + seconds{2});
}

// ---- where there are several addresses ---------------------------------------------------------

struct ServerSearchTest : ServerWatchTest {
  ServerSearchTest() : ServerWatchTest({"http://h:1", "http://h:2", "http://h:3"}) {}
};

TEST_F(ServerSearchTest, TakesTheFirstThatAnswersLikeAModelServer) {
  EXPECT_EQ(watch.next_question(now), "http://h:1/v1/models");
  refuse();
  EXPECT_EQ(watch.next_question(now), "http://h:2/v1/models");
  answer(200, "<html>");
  EXPECT_EQ(watch.next_question(now), "http://h:3/v1/models");
  miss();
  EXPECT_EQ(watch.url(), "");
  EXPECT_EQ(state(), WorkerState::starting);
  EXPECT_EQ(why(), "no model server answers at http://h:1, http://h:2 or http://h:3");

  now = watch.next_deadline();
  EXPECT_EQ(watch.next_question(now), "http://h:1/v1/models");
  refuse();
  EXPECT_EQ(watch.next_question(now), "http://h:2/v1/models");
  answer(200, models_json);
  EXPECT_EQ(watch.url(), "http://h:2");
  come_up();
  EXPECT_NE(why().find("the model server at http://h:2 is up"), std::string::npos) << why();
  EXPECT_NE(why().find("it was found there, as no url is set"), std::string::npos) << why();

  next_check();
  refuse();
  now = watch.next_deadline();
  EXPECT_EQ(watch.next_question(now), "http://h:2/health") << "it stays with the one it found";
}

TEST_F(ServerSearchTest, TakesOneThatLoadsOrAsksForAKey) {
  for (const std::uint64_t status : {503u, 401u, 403u}) {
    watch = ServerWatch{{{"http://h:1", "http://h:2"}, seconds{2}, seconds{5}, false}};
    ASSERT_EQ(watch.next_question(now), "http://h:1/v1/models");
    answer(status);
    EXPECT_EQ(watch.url(), "http://h:1");
  }
}

TEST_F(ServerSearchTest, TriesAllEveryInterval) {
  const Time began = now;
  for (int i = 0; i < 3; ++i) {
    ASSERT_NE(question(), "");
    refuse();
  }
  EXPECT_EQ(question(), "");
  EXPECT_EQ(watch.next_deadline(), began + seconds{2});
}

}  // namespace
}  // namespace muster::agent
