// Workers that are put aside because their model server fails, or are stalled because nothing gets
// done: what stands in worker_health.hpp.

#include <gtest/gtest.h>

#include "tests/unit/broker/bench.hpp"

namespace muster::broker {
namespace {

using namespace std::chrono_literals;

// Asks until `attempt` is at a worker, and has that worker fail it.
void fail(Bench& bench, std::uint32_t connection, std::uint64_t attempt,
          std::optional<std::uint64_t> status = 500) {
  Error error{WireId{Bench::first_id + attempt}, ErrorCode::worker_failed, "it has failed", {}};
  error.meta.status = status;
  bench.worker_says(connection, std::move(error), "ERROR WORKER_FAILED");
}

bool ejected(Bench& bench, const std::string& name) {
  return bench.worker(name).find("ejected") != nullptr;
}

WorkerHeartbeat with_progress(std::optional<std::uint64_t> progress) {
  WorkerHeartbeat beat{.slots = 9, .state = WorkerState::ready};
  beat.progress = progress;
  return beat;
}

TEST(Ejection, PutsAsideAfterSoManyFailuresInARow) {
  Bench bench;
  bench.add_worker(1, {.name = "A"});
  bench.add_worker(2, {.name = "B", .slots = 0});
  std::uint64_t id = 0;
  for (; id < 4; ++id) {
    bench.request(5, id);
    fail(bench, 1, id);
  }
  bench.request(5, id);
  bench.final(1, id++);  // then they are not in a row
  for (; id < 9; ++id) {
    bench.request(5, id);
    fail(bench, 1, id);
  }
  bench.request(5, id);
  fail(bench, 1, id++, {});  // no status of a model server: nothing is known of it
  EXPECT_FALSE(ejected(bench, "A"));
  bench.request(5, id);
  fail(bench, 1, id++);
  EXPECT_TRUE(ejected(bench, "A"));
  bench.drop();
  bench.request(5, id);
  EXPECT_EQ(bench.take(), Lines{});
}

TEST(Ejection, IsOverForWhatWaitsByWhatTheNextHeartbeatGrants) {
  Bench bench{{.ejection_failures = 1, .ejection_duration = 100ms, .ejection_share_max = 1.0}};
  bench.add_worker(1, {.name = "A"});
  bench.request(5, 0);
  fail(bench, 1, 0);
  bench.request(5, 1);
  bench.pass(2s);  // it is suspect, too
  bench.drop();
  bench.heartbeat(1, {.slots = 0, .state = WorkerState::ready});
  EXPECT_EQ(bench.take(), Lines{});
  bench.heartbeat(1);
  EXPECT_EQ(bench.take(), Lines{"w1 REQUEST #1"});
}

TEST(Ejection, AStatusBelow500IsNoFailure) {
  Bench bench{{.ejection_failures = 1}};
  bench.add_worker(1, {.name = "A"});
  bench.add_worker(2, {.name = "B", .slots = 0});
  bench.request(5, 0);
  fail(bench, 1, 0, 499);
  EXPECT_FALSE(ejected(bench, "A"));
  bench.request(5, 1);
  fail(bench, 1, 1, 500);
  EXPECT_TRUE(ejected(bench, "A"));
}

TEST(Ejection, OfNoneWhereItIsOff) {
  Bench bench{{.ejection_failures = 0}};
  bench.add_worker(1, {.name = "A"});
  bench.add_worker(2, {.name = "B", .slots = 0});
  for (std::uint64_t id = 0; id < 50; ++id) {
    bench.request(5, id);
    fail(bench, 1, id);
  }
  EXPECT_FALSE(ejected(bench, "A"));
}

TEST(Ejection, OneRequestAtATimeTriesAndASuccessTakesBack) {
  Bench bench{{.ejection_failures = 1, .ejection_duration = 2s}};
  bench.add_worker(1, {.name = "A", .slots = 9});
  bench.add_worker(2, {.name = "B", .slots = 0});
  bench.request(5, 0);
  fail(bench, 1, 0);
  bench.request(5, 1);
  bench.request(5, 2);
  bench.drop();
  bench.pass(2s - 1us);
  bench.heartbeat(1, with_progress({}));
  EXPECT_EQ(bench.take(), Lines{});
  bench.pass(1us);
  bench.heartbeat(1, with_progress({}));
  EXPECT_EQ(bench.take(), Lines{"w1 REQUEST #1"});
  fail(bench, 1, 1);
  bench.heartbeat(1, with_progress({}));
  EXPECT_EQ(bench.take(), Lines{"c5 1 ERROR WORKER_FAILED"}) << "it is aside for another while";
  bench.pass(2s);
  bench.heartbeat(1, with_progress({}));
  EXPECT_EQ(bench.take(), Lines{"w1 REQUEST #2"});
  bench.final(1, 2);
  EXPECT_FALSE(ejected(bench, "A"));
}

TEST(Ejection, ATrialThatEndsOtherwiseLetsTheNextTry) {
  Bench bench{{.ejection_failures = 1, .ejection_duration = 1s}};
  bench.add_worker(1, {.name = "A"});
  bench.add_worker(2, {.name = "B", .slots = 0});
  bench.request(5, 0);
  fail(bench, 1, 0);
  bench.pass(1s);
  bench.drop();
  bench.request(5, 1);
  bench.cancel(5, 1);
  bench.request(5, 2);
  EXPECT_EQ(bench.take(), (Lines{"w1 REQUEST #1", "c5 ERROR 1 CANCELLED", "w1 CANCEL #1"}));
  bench.error(1, 1, ErrorCode::cancelled);
  EXPECT_EQ(bench.take(), Lines{"w1 REQUEST #2"});
}

TEST(Ejection, WhatItHasInHandFromBeforeDoesNotTryIt) {
  Bench bench{{.ejection_failures = 1, .ejection_duration = 1s}};
  bench.add_worker(1, {.name = "A", .slots = 3});
  bench.add_worker(2, {.name = "B", .slots = 0});
  bench.request(5, 0, streamed());
  bench.chunk(1, 0, 0);
  bench.request(5, 1);
  fail(bench, 1, 1);
  bench.pass(1s);
  bench.heartbeat(1, with_progress({}));
  bench.drop();
  bench.request(5, 2);
  bench.request(5, 3);
  EXPECT_EQ(bench.take(), Lines{"w1 REQUEST #2"}) << "one tries it";
}

TEST(Ejection, NeverOfMoreThanTheShareOfAnyModel) {
  Bench bench{{.ejection_failures = 1, .ejection_share_max = 0.5}};
  bench.add_worker(1, {.name = "A", .models = {"m", "n"}});
  bench.add_worker(2, {.name = "B", .models = {"m"}});
  bench.request(5, 0, {}, "n");
  fail(bench, 1, 0);
  EXPECT_FALSE(ejected(bench, "A")) << "nobody else serves n";
  bench.add_worker(3, {.name = "C", .models = {"n"}});
  bench.register_worker(3, {.name = "C", .models = {"n"}, .slots = 0});
  bench.request(5, 1, {}, "n");
  fail(bench, 1, 1);
  EXPECT_TRUE(ejected(bench, "A"));
  bench.request(5, 2);
  fail(bench, 2, 2);
  EXPECT_FALSE(ejected(bench, "B"));
}

TEST(Ejection, EndsWhereTooFewOthersAreLeft) {
  for (const bool moves : {false, true}) {
    Bench bench{{.ejection_failures = 1}};
    bench.add_worker(1, {.name = "A"});
    bench.request(5, 0);
    bench.add_worker(2, {.name = "B"});
    fail(bench, 1, 0);
    bench.request(5, 1);
    bench.request(5, 2);
    bench.drop();
    if (moves) {
      bench.register_worker(2, {.name = "B", .models = {"n"}});
      EXPECT_EQ(bench.take(), (Lines{"w2 REGISTERED", "w1 REQUEST #2"}));
    } else {
      bench.worker_says(2, Deregister{""});
      EXPECT_EQ(bench.take(), (Lines{"w1 REQUEST #2"}));
    }
    EXPECT_FALSE(ejected(bench, "A"));
  }
}

TEST(Stall, IsOfOneThatHasWorkAndTellsThatNothingGetsDone) {
  Bench bench{{.stall = 3s}};
  bench.add_worker(1, {.slots = 9});
  const auto stalled = [&] { return bench.worker("A").find("stalled") != nullptr; };
  const auto pass = [&](int seconds, std::optional<std::uint64_t> progress) {
    for (int i = 0; i < seconds; ++i) {
      bench.pass(1s);
      bench.heartbeat(1, with_progress(progress));
    }
  };
  pass(5, 7);
  EXPECT_FALSE(stalled()) << "it has no work";
  bench.request(5, 0, streamed());
  pass(2, 7);
  EXPECT_FALSE(stalled());
  bench.drop();
  pass(1, 7);
  EXPECT_TRUE(stalled());
  EXPECT_EQ(bench.take(), Lines{"w1 PROBE 1"});
  pass(3, 7);
  EXPECT_EQ(bench.take(), Lines{}) << "it is asked once";
  pass(1, 8);
  EXPECT_FALSE(stalled());
  pass(3, 8);
  EXPECT_TRUE(stalled());
  bench.chunk(1, 0, 0);
  EXPECT_FALSE(stalled());
  pass(9, {});
  EXPECT_FALSE(stalled()) << "it can't tell";
  EXPECT_EQ(bench.stat("sessions.stalled"), 2u);
}

// A server that hangs, and clients that wait less long than `worker.stall`: it would be the least
// loaded for ever.
TEST(Stall, AddsUpOverRequestsThatAreGivenUp) {
  Bench bench{{.stall = 3s}};
  bench.add_worker(1, {.name = "hangs", .slots = 9});
  bench.add_worker(2, {.name = "well", .slots = 9});
  const auto beat = [&] {
    bench.heartbeat(1, {.slots = 9, .state = WorkerState::ready, .progress = 7});
    bench.heartbeat(2, {.slots = 9, .queue_length = 5, .state = WorkerState::ready});
  };
  const auto stalled = [&] { return bench.worker("hangs").find("stalled") != nullptr; };
  std::uint64_t asked = 0;
  // Asks, and gives up after a second; true: it was given to the one that hangs.
  const auto given_to_hanging = [&] {
    bench.drop();
    const std::uint64_t attempt = asked++;
    bench.request(5, attempt);
    const bool hangs = bench.take() == Lines{"w1 REQUEST #" + std::to_string(attempt)};
    bench.pass(1s);
    beat();
    bench.cancel(5, attempt);
    bench.error(hangs ? 1 : 2, attempt, ErrorCode::cancelled);
    return hangs;
  };
  beat();
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(stalled());
    EXPECT_TRUE(given_to_hanging()) << "the other has five of its own";
    for (int idle = 0; i < 2 && idle < 5; ++idle) {
      bench.pass(1s);
      beat();
    }
  }
  EXPECT_TRUE(stalled());
  EXPECT_FALSE(given_to_hanging());
  EXPECT_EQ(bench.stat("sessions.stalled"), 1u);
}

TEST(Stall, WithoutWorkIsTriedAgainAfterAsLong) {
  Bench bench{{.stall = 3s}};
  bench.add_worker(1, {.slots = 9});
  const auto beat_for = [&](int seconds) {
    for (int i = 0; i < seconds; ++i) {
      bench.pass(1s);
      bench.heartbeat(1, with_progress(7));
    }
  };
  const auto stalled = [&] { return bench.worker("A").find("stalled") != nullptr; };
  bench.heartbeat(1, with_progress(7));
  bench.request(5, 0);
  beat_for(3);
  EXPECT_TRUE(stalled());
  bench.cancel(5, 0);
  bench.error(1, 0, ErrorCode::cancelled);
  beat_for(2);
  EXPECT_TRUE(stalled());
  beat_for(1);
  EXPECT_FALSE(stalled());
  beat_for(9);
  EXPECT_FALSE(stalled()) << "there is nothing to get done";
  bench.request(5, 1);
  beat_for(1);
  EXPECT_TRUE(stalled()) << "nothing has come of this one either";
  bench.final(1, 1);
  EXPECT_FALSE(stalled());
  bench.request(5, 2);
  beat_for(2);
  EXPECT_FALSE(stalled()) << "it counts from the answer on";
}

TEST(Stall, IsNotOverBecauseAnAgentAcknowledgesOrRefuses) {
  Bench bench{{.stall = 3s}};
  bench.add_worker(1, {.slots = 9});
  bench.heartbeat(1, with_progress(7));
  for (std::uint64_t id = 0; id < 3; ++id)
    bench.request(5, id);
  bench.pass(2s);
  bench.cancel(5, 0);
  bench.error(1, 0, ErrorCode::cancelled);
  bench.error(1, 1, ErrorCode::refused);
  bench.pass(1s);
  bench.heartbeat(1, with_progress(7));
  EXPECT_NE(bench.worker("A").find("stalled"), nullptr);
  bench.cancel(5, 2);
  bench.error(1, 2, ErrorCode::cancelled);
  bench.final(1, 77);
  EXPECT_NE(bench.worker("A").find("stalled"), nullptr);
}

TEST(Stall, IsOverWithAnyAnswerOfItsModelServer) {
  Bench bench{{.stall = 1s}};
  bench.add_worker(1, {.slots = 9});
  bench.heartbeat(1, with_progress(7));
  for (std::uint64_t id = 0; id < 2; ++id)
    bench.request(5, id);
  bench.pass(1s);
  bench.heartbeat(1, with_progress(7));
  EXPECT_NE(bench.worker("A").find("stalled"), nullptr);
  fail(bench, 1, 0, 400);
  EXPECT_EQ(bench.worker("A").find("stalled"), nullptr);
}

TEST(Stall, IsChosenLastAndNotNever) {
  Bench bench{{.stall = 1s}};
  bench.add_worker(1, {.name = "A", .slots = 9});
  bench.heartbeat(1, with_progress(7));
  bench.request(5, 0);
  bench.pass(1s);
  bench.heartbeat(1, with_progress(7));
  bench.add_worker(2, {.name = "B", .speed = 0.001});
  bench.request(5, 1);
  bench.request(5, 2);
  EXPECT_EQ(bench.take(), (Lines{"w2 REQUEST #1", "w1 REQUEST #2"}));
}

}  // namespace
}  // namespace muster::broker
