// PROBE and STATUS, and two that want one name: docs/protocol.md, sections 6 to 8.

#include <gtest/gtest.h>

#include "tests/unit/broker/bench.hpp"

namespace muster::broker {
namespace {

using namespace std::chrono_literals;

TEST(Probe, OfASuspectIsSentOnceAndAgainWhenItIsSuspectAgain) {
  Bench bench{{.heartbeat_liveness = 20}};
  bench.add_worker(1);
  bench.pass(5s);
  EXPECT_EQ(bench.take_probes(), Lines{"w1 PROBE 1"});
  bench.heartbeat(1);
  bench.pass(1500ms - 1us);
  EXPECT_EQ(bench.take_probes(), Lines{});
  bench.pass(1us);
  EXPECT_EQ(bench.take_probes(), Lines{"w1 PROBE 2"});
}

TEST(Probe, IsSentAtMostOnceAnIntervalWhileItIsNotAnswered) {
  Bench bench;
  bench.add_worker(1, {.slots = 100});
  for (std::uint64_t i = 0; i < 100; ++i) {
    bench.request(5, i);
    bench.cancel(5, i);
    bench.pass(10ms);
  }
  bench.pass(10s, {1});
  EXPECT_GE(bench.take_probes().size(), 3u);
  EXPECT_LE(bench.stat("sessions.probed"), 12u);
}

TEST(Probe, OfWhatWasNotAcknowledgedFreesTheSlotByStatus) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0);
  bench.request(5, 1);
  bench.cancel(5, 0);
  bench.pass(3s - 1us, {1});
  EXPECT_EQ(bench.take_probes(), Lines{});
  bench.pass(1us);
  EXPECT_EQ(bench.take_probes(), Lines{"w1 PROBE 1"});
  bench.drop();
  bench.status(1, 1, {.active = {0}});
  EXPECT_EQ(bench.take(), Lines{"w1 CANCEL #0"});
  bench.pass(3s, {1});
  EXPECT_EQ(bench.take_probes(), Lines{"w1 PROBE 2"});
  bench.status(1, 2);
  EXPECT_EQ(bench.take(), Lines{"w1 REQUEST #1"});
}

TEST(Probe, OfABrokenWorkerIsNotSentAndWantsNoTick) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0);
  bench.cancel(5, 0);
  bench.give(WorkerUnreachable{WorkerConnection{1}, {}});
  bench.pass(10s);
  EXPECT_EQ(bench.take_probes(), Lines{});
  EXPECT_EQ(bench.stat("in_flight"), 0u) << "the slot went with the session";
}

TEST(Status, DoesNotJudgeWhatWasSentAfterTheProbe) {
  Bench bench;
  bench.add_worker(1, {.slots = 2});
  bench.request(5, 0, once());
  bench.pass(1500ms);
  bench.request(5, 1, once());
  bench.drop();
  bench.status(1, 1, {.slots = 2});
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 0 WORKER_LOST not_active"});
  bench.final(1, 1);
  EXPECT_EQ(bench.take(), Lines{"c5 1 FINAL"});
}

TEST(Status, ThatNobodyAskedForIsASignOfLifeAndNoMore) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0);
  bench.drop();
  bench.status(1, 0, {.slots = 7});
  bench.status(1, 1, {.slots = 7});
  bench.pass(1500ms);
  bench.status(1, 2, {.slots = 7});
  bench.status(1, 1, {.instance = 2, .slots = 7});
  bench.status(1, 1, {.name = "B", .slots = 7});
  EXPECT_EQ(bench.take(), Lines{});
  EXPECT_EQ(bench.worker("A").find("slots")->uint_or(0), 1u);
  bench.status(1, 1, {.slots = 7, .active = {0}});
  bench.status(1, 1, {.slots = 9});
  EXPECT_EQ(bench.worker("A").find("slots")->uint_or(0), 7u) << "it counts once";
}

TEST(Status, FindsOrphansAndFreesThem) {
  Bench bench;
  bench.add_worker(1);
  bench.pass(1500ms);
  bench.drop();
  bench.status(1, 1, {.active = {700}});
  EXPECT_EQ(bench.take(), Lines{"w1 CANCEL #700"});
  bench.request(5, 0);
  EXPECT_EQ(bench.take(), Lines{});
  bench.pass(3s, {1});
  EXPECT_EQ(bench.take_probes(), (Lines{"w1 PROBE 1", "w1 PROBE 2"}));
  bench.status(1, 2);
  EXPECT_EQ(bench.take(), Lines{"w1 REQUEST #0"});
}

TEST(Contender, HasTheNameWhenTheHolderDoesNotAnswer) {
  Bench bench;
  bench.add_worker(1, {.instance = 5});
  bench.request(5, 0, once());
  bench.drop();
  bench.register_worker(2, {.instance = 6});
  EXPECT_EQ(bench.take(), Lines{"w1 PROBE 1"});
  bench.pass(1s - 1us, {1});
  EXPECT_EQ(bench.take(), Lines{});
  bench.pass(1us, {1});
  EXPECT_EQ(bench.take(), (Lines{"c5 ERROR 0 WORKER_LOST unreachable", "w2 REGISTERED"}));
}

TEST(Contender, IsTurnedAwayWhereTheHolderAnswers) {
  Bench bench;
  bench.add_worker(1, {.instance = 5});
  bench.register_worker(2, {.instance = 6});
  bench.status(1, 1, {.instance = 5});
  EXPECT_EQ(bench.take(), (Lines{"w1 PROBE 1", "w2 DISMISS NAME_TAKEN"}));
  bench.pass(5s, {1});
  EXPECT_EQ(bench.take(), Lines{});
}

TEST(Contender, IsOneANameAndTheNewest) {
  Bench bench;
  bench.add_worker(1, {.instance = 5});
  bench.register_worker(2, {.instance = 7});
  bench.register_worker(3, {.instance = 6});
  bench.register_worker(4, {.instance = 8});
  bench.register_worker(6, {.instance = 8});  // the same on a new connection
  EXPECT_EQ(bench.take(), (Lines{"w1 PROBE 1", "w3 DISMISS NAME_TAKEN", "w2 DISMISS NAME_TAKEN",
                                 "w4 DISMISS NAME_TAKEN"}));
  bench.worker_says(1, Deregister{""});
  EXPECT_EQ(bench.take(), Lines{"w6 REGISTERED"});
}

TEST(Contender, WaitsNoLongerForRegisteringAgain) {
  Bench bench;
  bench.add_worker(1, {.instance = 5});
  bench.register_worker(2, {.instance = 6});
  bench.pass(900ms, {1});
  bench.register_worker(2, {.instance = 6});
  bench.drop();
  bench.pass(100ms, {1});
  EXPECT_EQ(bench.take(), Lines{"w2 REGISTERED"});
}

TEST(Contender, ThatRegistersOtherwiseWaitsNoMore) {
  Bench bench;
  bench.add_worker(1, {.name = "A", .instance = 5});
  bench.add_worker(2, {.name = "B", .instance = 5});
  bench.register_worker(3, {.name = "A", .instance = 6});
  bench.register_worker(3, {.name = "B", .instance = 6});
  bench.register_worker(3, {.name = "C", .instance = 6});
  EXPECT_EQ(bench.take(), (Lines{"w1 PROBE 1", "w2 PROBE 2", "w3 REGISTERED"}));
  bench.pass(2s, {1, 2, 3});
  EXPECT_EQ(bench.take(), Lines{});
}

TEST(Contender, ThatTurnsOutToBeTheHolderResumesIt) {
  Bench bench;
  bench.add_worker(1, {.instance = 5});
  bench.request(5, 0);
  bench.drop();
  bench.register_worker(2, {.instance = 6});
  bench.register_worker(2, {.instance = 5, .active = {0}});
  EXPECT_EQ(bench.take(), (Lines{"w1 PROBE 1", "w2 REGISTERED"}));
  bench.final(2, 0);
  EXPECT_EQ(bench.take(), Lines{"c5 0 FINAL"});
}

TEST(Contender, ThatGoesOrIsDismissedWaitsNoMore) {
  Bench bench;
  bench.add_worker(1, {.instance = 5});
  bench.register_worker(2, {.instance = 6});
  bench.worker_says(2, Deregister{"stopped"});
  bench.drop();
  bench.pass(1s, {1});
  EXPECT_EQ(bench.take(), Lines{});
  bench.register_worker(3, {.instance = 6});
  WorkerSpec absurd{.instance = 6};
  for (int i = 0; i < 65; ++i)
    absurd.labels.emplace("label" + std::to_string(i), "");
  bench.register_worker(3, absurd);
  bench.drop();
  bench.pass(1s, {1});
  EXPECT_EQ(bench.take(), Lines{});
}

TEST(Contender, WantsNoTickWithoutEndWhereTheBackendIsNeverReadEmpty) {
  Bench bench;
  bench.add_worker(1, {.instance = 5});
  bench.register_worker(2, {.instance = 6});
  bench.drop();
  int ticks = 0;
  const Time end = bench.now() + 10s;
  while (bench.now() < end && bench.take().empty()) {
    const Time wanted = bench.controller().next_deadline();
    ASSERT_GT(wanted, bench.now()) << "it wants to be woken now, for ever";
    bench.freeze(wanted - bench.now());
    bench.heartbeat(1);
    bench.tick(false);
    ++ticks;
  }
  EXPECT_EQ(bench.worker("A").find("heard")->uint_or(1), 0u);
  EXPECT_LT(ticks, 100);
  EXPECT_EQ(bench.stat("sessions.registered"), 2u) << "late, not never";
}

TEST(Contender, DoesNotCostWhatWasNotDelivered) {
  Bench bench;
  bench.add_worker(1, {.instance = 5, .slots = 2});
  bench.register_worker(2, {.instance = 6, .slots = 2});
  bench.request(5, 0, once());
  bench.request(5, 1, once());
  bench.drop();
  bench.undelivered(1, 0);
  bench.undelivered(1, 1);
  bench.tick();
  EXPECT_EQ(bench.take(), (Lines{"w2 REGISTERED", "w2 REQUEST #2", "w2 REQUEST #3"}));
}

}  // namespace
}  // namespace muster::broker
