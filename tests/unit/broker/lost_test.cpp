// What is lost with its worker: docs/protocol.md, section 7.

#include <gtest/gtest.h>

#include "tests/unit/broker/bench.hpp"

namespace muster::broker {
namespace {

using namespace std::chrono_literals;

void deregister(Bench& bench, std::uint32_t connection) {
  bench.worker_says(connection, Deregister{"gone"});
}

TEST(Lost, IsGivenToAnotherWorkerUnderANewId) {
  Bench bench;
  bench.add_worker(1, {.name = "A"});
  bench.request(5, 0);
  bench.add_worker(2, {.name = "B"});
  deregister(bench, 1);
  EXPECT_EQ(bench.take(), Lines{"w2 REQUEST #1"});
  bench.final(1, 0);
  bench.final(2, 0);
  EXPECT_EQ(bench.take(), Lines{"w1 REREGISTER"}) << "the first attempt is over";
  bench.final(2, 1);
  EXPECT_EQ(bench.take(), Lines{"c5 0 FINAL"});
  EXPECT_EQ(bench.stat("retried"), 1u);
  EXPECT_EQ(bench.stat("errors.WORKER_LOST"), 0u);
}

TEST(Lost, IsNotedAndCountsAsAFailureOfItsWorker) {
  Bench bench;
  bench.add_worker(1, {.name = "A"});
  bench.add_worker(2, {.name = "B", .slots = 0});
  bench.request(5, 0);
  deregister(bench, 1);
  const auto notes = bench.take_failure_notes();
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].code, ErrorCode::server_gone);
  EXPECT_EQ(notes[0].reason, "deregistered");
  EXPECT_EQ(notes[0].worker, "A");
  EXPECT_EQ(bench.worker("A").find("failed")->uint_or(0), 1u);
}

TEST(Lost, EndsAfterSoManyRetriesWithHowItWasLostLast) {
  Bench bench{{.retries = 1}};
  bench.add_worker(1, {.name = "A"});
  bench.request(5, 0);
  bench.add_worker(2, {.name = "B"});
  deregister(bench, 1);
  bench.add_worker(3, {.name = "C"});
  bench.drop();
  deregister(bench, 2);
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 0 WORKER_LOST deregistered"});
  EXPECT_EQ(bench.errors().back().message,
            "worker \"B\" was lost: it has deregistered: gone; it was given to 2 workers in vain");
}

TEST(Lost, GoesToNoneOfThoseThatLostItWhileAnotherCanTakeIt) {
  Bench bench;
  bench.add_worker(1, {.name = "A"});
  bench.add_worker(2, {.name = "B"});
  bench.add_worker(3, {.name = "C"});
  const auto queue = [&](std::uint32_t connection, std::uint64_t length) {
    bench.heartbeat(connection, {.slots = 1, .queue_length = length, .state = WorkerState::ready});
  };
  queue(2, 10);
  queue(3, 50);
  bench.request(5, 0);
  bench.error(1, 0, ErrorCode::server_gone);
  queue(1, 0);
  bench.drop();
  bench.error(2, 1, ErrorCode::server_gone);
  EXPECT_EQ(bench.take(), Lines{"w3 REQUEST #2"});
}

TEST(Lost, ARefusalIsNoRetry) {
  Bench bench{{.retries = 1}};
  bench.add_worker(1, {.name = "A"});
  bench.request(5, 0);
  bench.add_worker(2, {.name = "B"});
  bench.error(1, 0, ErrorCode::refused);
  bench.add_worker(3, {.name = "C"});
  bench.drop();
  deregister(bench, 2);
  EXPECT_EQ(bench.take(), Lines{"w3 REQUEST #2"});
}

TEST(Lost, OnceAPartWasSeenEndsThere) {
  Bench bench;
  bench.add_worker(1, {.name = "A"});
  bench.request(5, 0, streamed());
  bench.chunk(1, 0, 0);
  bench.add_worker(2, {.name = "B"});
  bench.drop();
  deregister(bench, 1);
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 0 WORKER_LOST deregistered"});
}

TEST(Lost, WhereItMayNotBeGivenToAnotherEndsThere) {
  Bench bench;
  bench.add_worker(1, {.name = "A"});
  bench.request(5, 0, once());
  bench.add_worker(2, {.name = "B"});
  deregister(bench, 1);
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 0 WORKER_LOST deregistered"});
}

TEST(Lost, WaitsInFrontThoughTheQueueIsFull) {
  Bench bench{{.queue_depth_max = 1}};
  bench.add_worker(1, {.name = "A", .slots = 2});
  bench.add_worker(2, {.name = "B", .slots = 0});
  bench.request(5, 0);
  bench.request(5, 1);
  bench.request(5, 2);
  bench.drop();
  deregister(bench, 1);
  EXPECT_EQ(bench.take(), Lines{});
  bench.heartbeat(2, {.slots = 3, .state = WorkerState::ready});
  EXPECT_EQ(bench.take(), (Lines{"w2 REQUEST #2", "w2 REQUEST #3", "w2 REQUEST #4"}));
  bench.final(2, 2);
  bench.final(2, 3);
  EXPECT_EQ(bench.take(), (Lines{"c5 0 FINAL", "c5 1 FINAL"}));
}

TEST(Lost, IsHeldForAWorkerThoughTheQueueIsFull) {
  Bench bench{{.queue_depth_max = 0, .no_worker_wait = 1s}};
  bench.add_worker(1);
  bench.request(5, 0);
  bench.drop();
  deregister(bench, 1);
  EXPECT_EQ(bench.take(), Lines{});
  bench.register_worker(2, {.name = "B"});
  EXPECT_EQ(bench.take(), (Lines{"w2 REGISTERED", "w2 REQUEST #1"}));
}

TEST(Lost, GoesBackToTheWorkerThatLostItWhereNoOtherCanTakeIt) {
  Bench bench;
  bench.add_worker(1, {.name = "A", .slots = 9});
  bench.request(5, 0);
  bench.request(5, 1);
  bench.add_worker(2, {.name = "B"});
  bench.heartbeat(2, {.slots = 1, .queue_length = 50, .state = WorkerState::ready});
  bench.drop();
  bench.register_worker(3, {.name = "A", .slots = 9});
  EXPECT_EQ(bench.take(), (Lines{"w3 REGISTERED", "w2 REQUEST #2", "w3 REQUEST #3"}));
}

TEST(Lost, WithTheLastWorkerIsToldTogether) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0);
  bench.drop();
  bench.worker_says(1, Deregister{"The power went."});
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 0 NO_WORKER none_live"});
  EXPECT_EQ(bench.errors().back().message,
            "worker \"A\" was lost: it has deregistered: The power went, and no live worker serves "
            "model \"m\" any more");
}

TEST(Lost, KeepsItsTime) {
  Bench bench;
  bench.add_worker(1, {.name = "A"});
  RequestOptions options;
  options.timeout = 2s;
  bench.request(5, 0, options);
  bench.pass(1s);
  bench.add_worker(2, {.name = "B"});
  deregister(bench, 1);
  bench.drop();
  bench.pass(1s - 1us, {2});
  EXPECT_EQ(bench.take(), Lines{});
  bench.pass(1us);
  EXPECT_EQ(bench.take(), (Lines{"c5 ERROR 0 WORKER_TIMEOUT running", "w2 CANCEL #1"}));
}

TEST(Lost, AndTakenByNobodyInTimeIsToldTogether) {
  Bench bench;
  bench.add_worker(1, {.name = "A"});
  RequestOptions options;
  options.timeout = 2s;
  bench.request(5, 0, options);
  bench.add_worker(2, {.name = "B", .slots = 0});
  deregister(bench, 1);
  bench.drop();
  bench.pass(1s);
  bench.heartbeat(2, {.slots = 0, .state = WorkerState::ready});
  bench.pass(1s);
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 0 WORKER_TIMEOUT queued"});
  EXPECT_EQ(bench.errors().back().message,
            "no worker took it within 2.0 s: worker \"A\" was lost: it has deregistered: gone, and "
            "no other had a free slot");
}

TEST(Lost, WithABrokenSessionMovesOnceAllIsRead) {
  Bench bench;
  bench.add_worker(1, {.name = "A", .slots = 3});
  bench.request(5, 0);
  bench.request(5, 1, once());
  bench.request(5, 2);
  bench.add_worker(2, {.name = "B"});
  bench.drop();
  bench.give(WorkerUnreachable{WorkerConnection{1}, {}});
  bench.tick(false);
  EXPECT_EQ(bench.take(), Lines{});
  bench.tick(true);
  EXPECT_EQ(bench.take(), Lines{"w2 REQUEST #3"}) << "one free slot there";
  bench.register_worker(3, {.name = "A", .slots = 3, .active = {0, 1, 2}});
  EXPECT_EQ(bench.take(), (Lines{"w3 REGISTERED", "w3 CANCEL #0"}));
}

TEST(Lost, APartOfWhatWasNeverDeliveredEndsIt) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0, streamed());
  bench.chunk(1, 0, 0);  // its id was guessed
  bench.drop();
  bench.undelivered(1, 0);
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 0 WORKER_LOST unreachable"});
}

TEST(Lost, WithOneOfSeveralThatExpireTogetherIsGivenToNoneOfThem) {
  Bench bench;
  bench.add_worker(1, {.name = "A"});
  bench.request(5, 0);
  bench.add_worker(2, {.name = "B"});
  bench.add_worker(3, {.name = "C", .models = {"n"}});  // is heard, so nobody doubts the network
  bench.drop();
  bench.pass(3s, {3});
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 0 NO_WORKER none_live"});
  EXPECT_EQ(bench.stat("retried"), 1u);
}

TEST(Lost, WithItsModelServerGoesToAnotherAtOnce) {
  Bench bench;
  bench.add_worker(1, {.name = "A", .slots = 2});
  bench.request(5, 0);
  bench.request(5, 1, streamed());
  bench.chunk(1, 1, 0);
  bench.add_worker(2, {.name = "B"});
  bench.error(1, 0, ErrorCode::server_gone);
  EXPECT_EQ(bench.take(), Lines{"w2 REQUEST #2"});
  bench.error(1, 1, ErrorCode::server_gone);
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 1 WORKER_LOST server_gone"});
}

}  // namespace
}  // namespace muster::broker
