// How requests end: docs/protocol.md, sections 4, 5 and 8.

#include <gtest/gtest.h>

#include "broker/core/pending_request.hpp"
#include "tests/unit/broker/bench.hpp"

namespace muster::broker {
namespace {

using namespace std::chrono_literals;

TEST(Cancel, EndsAWaitingRequest) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0);
  bench.request(5, 1);
  bench.drop();
  bench.cancel(5, 1);
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 1 CANCELLED"});
  bench.final(1, 0);
  EXPECT_EQ(bench.take(), Lines{"c5 0 FINAL"});
}

TEST(Cancel, KeepsTheSlotUntilTheWorkerAcknowledges) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0, streamed());
  bench.chunk(1, 0, 0);
  bench.request(5, 1);
  bench.drop();
  bench.cancel(5, 0);
  EXPECT_EQ(bench.take(), (Lines{"c5 ERROR 0 CANCELLED", "w1 CANCEL #0"}));
  bench.chunk(1, 0, 1);  // on its way already: dropped
  EXPECT_EQ(bench.take(), Lines{});
  bench.error(1, 0, ErrorCode::cancelled);
  EXPECT_EQ(bench.take(), Lines{"w1 REQUEST #1"});
  EXPECT_EQ(bench.stat("dropped.late"), 1u);
}

TEST(Cancel, OfAnUnknownIdIsIgnored) {
  Bench bench;
  bench.cancel(5, 99);
  EXPECT_EQ(bench.take(), Lines{});
}

TEST(Cancel, ACancelledIdMayBeUsedAgainAtOnce) {
  Bench bench;
  bench.add_worker(1, {.slots = 2});
  bench.request(5, 0);
  bench.cancel(5, 0);
  bench.drop();
  bench.request(5, 0);
  EXPECT_EQ(bench.take(), Lines{"w1 REQUEST #1"});
  bench.final(1, 0);  // the first attempt's end is nobody's
  EXPECT_EQ(bench.take(), Lines{});
  bench.final(1, 1);
  EXPECT_EQ(bench.take(), Lines{"c5 0 FINAL"});
}

TEST(ClientGone, FreesItsWorkAtTheWorkers) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0);
  bench.request(5, 1);
  bench.request(6, 2);
  bench.drop();
  bench.give(ClientUnreachable{ClientConnection{5}});
  EXPECT_EQ(bench.take(), Lines{"w1 CANCEL #0"});
  bench.error(1, 0, ErrorCode::cancelled);
  EXPECT_EQ(bench.take(), Lines{"w1 REQUEST #1"});
  EXPECT_EQ(bench.stat("clients_gone"), 1u);
}

TEST(Stream, APartOutOfTurnBreaksIt) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0, streamed());
  bench.chunk(1, 0, 0);
  bench.drop();
  bench.chunk(1, 0, 2);
  EXPECT_EQ(bench.take(), (Lines{"c5 ERROR 0 WORKER_LOST stream_broken", "w1 CANCEL #0"}));
  EXPECT_EQ(bench.errors().back().meta.worker, "A");
}

TEST(Stream, APartThatWasNotAskedForBreaksIt) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0);
  bench.drop();
  bench.chunk(1, 0, 0);
  EXPECT_EQ(bench.take(), (Lines{"c5 ERROR 0 WORKER_LOST stream_broken", "w1 CANCEL #0"}));
}

TEST(Stream, AFinalWithAWrongCountBreaksItAndFreesTheSlot) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0, streamed());
  bench.request(5, 1);
  bench.drop();
  bench.final(1, 0, 3);
  EXPECT_EQ(bench.take(), (Lines{"c5 ERROR 0 WORKER_LOST stream_broken", "w1 REQUEST #1"}));
}

TEST(Refused, GoesToAnotherWorkerAndIsNoError) {
  Bench bench;
  bench.add_worker(1, {.name = "A"});
  bench.request(5, 0);
  bench.add_worker(2, {.name = "B"});
  bench.error(1, 0, ErrorCode::refused);
  EXPECT_EQ(bench.take(), Lines{"w2 REQUEST #1"});
  bench.final(2, 1);
  EXPECT_EQ(bench.take(), Lines{"c5 0 FINAL"});
}

TEST(Refused, WaitsInFrontAndNotAtThatWorkerForAnInterval) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0);
  bench.request(5, 1, with([](auto& o) { o.priority = 100; }));
  bench.drop();
  bench.error(1, 0, ErrorCode::refused);
  EXPECT_EQ(bench.take(), Lines{"w1 REQUEST #1"});  // the other one: 0 avoids the worker now
  bench.request(5, 2, with([](auto& o) { o.priority = 100; }));
  bench.pass(1s, {1});
  bench.drop();
  bench.final(1, 1);
  EXPECT_EQ(bench.take(), (Lines{"c5 1 FINAL", "w1 REQUEST #2"}));
  bench.final(1, 2);
  EXPECT_EQ(bench.take().front(), "c5 0 FINAL");
}

TEST(Refused, ComesBackToTheOnlyWorkerAfterAnInterval) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0);
  bench.drop();
  bench.error(1, 0, ErrorCode::refused);
  bench.pass(1s - 1ms);
  EXPECT_EQ(bench.take(), Lines{});
  bench.pass(1ms);
  EXPECT_EQ(bench.take(), Lines{"w1 REQUEST #1"});
}

TEST(Failures, AreCountedByCodeAndByReasonAndNoted) {
  Bench bench;
  bench.request(5, 0);  // nobody there
  bench.add_worker(1, {.slots = 2});
  bench.request(5, 1);
  bench.request(5, 2);
  bench.cancel(5, 2);
  bench.error(1, 0, ErrorCode::worker_failed);
  EXPECT_EQ(bench.stat("errors.NO_WORKER"), 1u);
  EXPECT_EQ(bench.stat("reasons.unknown_model"), 1u);
  EXPECT_EQ(bench.stat("errors.WORKER_FAILED"), 1u);
  const auto notes = bench.take_failure_notes();
  ASSERT_EQ(notes.size(), 2u) << "a cancelled request is no failure";
  EXPECT_EQ(notes[0].code, ErrorCode::no_worker);
  EXPECT_EQ(notes[0].reason, "unknown_model");
  EXPECT_EQ(notes[0].model, "m");
  EXPECT_EQ(notes[1].code, ErrorCode::worker_failed);
  EXPECT_EQ(notes[1].worker, "A");
}

TEST(Failures, OfAWorkerAreItsTimeOutsToo) {
  Bench bench;
  bench.add_worker(1, {.slots = 2});
  bench.request(5, 0, with([](auto& o) { o.timeout = 500ms; }));
  bench.request(5, 1);
  bench.error(1, 1, ErrorCode::refused);
  bench.pass(500ms, {1});
  EXPECT_EQ(bench.worker("A").find("failed")->uint_or(0), 1u);
  EXPECT_EQ(bench.worker("A").find("refused")->uint_or(0), 1u);
}

TEST(Refused, IsToldWhereTimeRunsOutOverIt) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0, with([](auto& o) { o.timeout = 1500ms; }));
  const auto refuse = [&](std::uint64_t attempt, const std::string& why) {
    bench.worker_says(1, Error{WireId{Bench::first_id + attempt}, ErrorCode::refused, why, {}});
  };
  refuse(0, "its model server answers 429");
  bench.pass(1s, {1});
  refuse(1, "its model server answers 429: slow down" + std::string(1000, '!'));
  bench.pass(500ms, {1});
  ASSERT_EQ(1u, bench.errors().size());
  const std::string& sentence = bench.errors().front().message;
  EXPECT_TRUE(
      sentence.starts_with("no worker took it within 1.5 s: it was refused 2 times, last "
                           "by worker \"A\": its model server answers 429: slow down!"))
      << sentence;
  EXPECT_LT(sentence.size(), 500u);
}

TEST(Refused, AfterAPartIsABrokenStream) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0, streamed());
  bench.chunk(1, 0, 0);
  bench.drop();
  bench.error(1, 0, ErrorCode::refused);
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 0 WORKER_LOST stream_broken"});
}

TEST(WorkerError, IsPassedOnUnchanged) {
  Bench bench;
  bench.add_worker(1, {.slots = 3});
  bench.request(5, 0);
  bench.request(5, 1);
  bench.request(5, 2);
  bench.drop();
  bench.error(1, 0, ErrorCode::worker_failed);
  bench.error(1, 1, ErrorCode{12345});
  bench.error(1, 2, ErrorCode::unknown_model);
  EXPECT_EQ(bench.take(),
            (Lines{"c5 0 ERROR WORKER_FAILED", "c5 1 ERROR 12345", "c5 2 ERROR UNKNOWN_MODEL"}));
  EXPECT_EQ(bench.stat("errors.WORKER_FAILED"), 1u);
}

TEST(WorkerError, ServerGoneIsALostWorkerToTheClient) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0, once());
  bench.drop();
  bench.error(1, 0, ErrorCode::server_gone);
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 0 WORKER_LOST server_gone"});
  EXPECT_TRUE(bench.errors().back().meta.retryable);
}

TEST(WorkerError, ThatSaysItEndsNothingEndsTheRequestAllTheSame) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0);
  bench.request(5, 1);
  bench.drop();
  Error error{WireId{Bench::first_id}, ErrorCode::bad_request, "again", {}};
  error.meta.duplicate = true;
  bench.worker_says(1, error);
  EXPECT_EQ(bench.take(), (Lines{"c5 ERROR 0 WORKER_LOST stream_broken", "w1 CANCEL #0"}));
  bench.final(1, 0);
  EXPECT_EQ(bench.take(), Lines{"w1 REQUEST #1"});
}

TEST(WorkerError, CodesThatWorkersMakeUpAreCountedTogether) {
  Bench bench;
  bench.add_worker(1, {.slots = 3});
  for (std::uint64_t i = 0; i < 3; ++i) {
    bench.request(5, i);
    bench.error(1, i, ErrorCode{static_cast<std::uint32_t>(70'000 + i)});
  }
  EXPECT_EQ(bench.stat("errors.OTHER"), 3u);
  EXPECT_EQ(bench.query("stats").find("errors")->map()->size(), 1u);
}

TEST(WorkerError, ServerGoneDoesNotPullThoseThatWaitIntoTheDeadServer) {
  Bench bench;
  bench.add_worker(1, {.name = "A"});
  bench.request(5, 0, once());
  bench.request(5, 1);
  bench.add_worker(2, {.name = "B", .slots = 0});
  bench.error(1, 0, ErrorCode::server_gone);
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 0 WORKER_LOST server_gone"});
  bench.heartbeat(2, {.slots = 1, .state = WorkerState::ready});
  EXPECT_EQ(bench.take(), Lines{"w2 REQUEST #1"});
  bench.heartbeat(1, {.slots = 1, .state = WorkerState::ready});  // it was only a hiccup
  bench.request(5, 2);
  EXPECT_EQ(bench.take(), Lines{"w1 REQUEST #2"});
}

TEST(WorkerAnswers, ThatCannotBeReadEndTheirRequest) {
  Bench bench;
  bench.add_worker(1);
  for (const std::uint64_t type : {0x11u, 0x12u}) {
    const std::uint64_t attempt = type - 0x11;
    bench.request(5, attempt);
    bench.drop();
    bench.give(WorkerFault{WorkerConnection{1}, Fault{.reason = FaultReason::field,
                                                      .what = "meta.type is not UTF-8.",
                                                      .id = WireId{Bench::first_id + attempt},
                                                      .type = type}});
    const std::string error = "c5 ERROR " + std::to_string(attempt) + " WORKER_LOST stream_broken";
    if (type == 0x11) {
      EXPECT_EQ(bench.take(), (Lines{error, "w1 CANCEL #0"}));
      bench.error(1, 0, ErrorCode::cancelled);
    } else {
      EXPECT_EQ(bench.take(), Lines{error});
    }
    EXPECT_TRUE(bench.controller().idle());
  }
}

TEST(WorkerAnswers, AFaultThatIsNoAnswerEndsNothing) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0);
  bench.drop();
  bench.give(WorkerFault{WorkerConnection{1}, Fault{.reason = FaultReason::wrong_direction,
                                                    .what = "CANCEL may not be sent by a worker.",
                                                    .id = WireId{Bench::first_id},
                                                    .type = 0x02}});
  EXPECT_EQ(bench.take(), Lines{});
  bench.final(1, 0);
  EXPECT_EQ(bench.take(), Lines{"c5 0 FINAL"});
}

TEST(Undelivered, GoesToAnotherWorkerAndIsNoError) {
  Bench bench;
  bench.add_worker(1, {.name = "A"});
  bench.request(5, 0);
  bench.add_worker(2, {.name = "B"});
  bench.undelivered(1, 0);
  EXPECT_EQ(bench.take(), Lines{"w2 REQUEST #1"});
  EXPECT_TRUE(bench.worker("A").find("broken")->bool_or(false));
}

TEST(Undelivered, WaitsForItsWorkerWhereThereIsNoOther) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0);
  bench.drop();
  bench.undelivered(1, 0);
  bench.pass(1500ms);
  EXPECT_EQ(bench.take(), Lines{});
  bench.register_worker(2);
  EXPECT_EQ(bench.take(), (Lines{"w2 REGISTERED", "w2 REQUEST #1"}));
}

TEST(Undelivered, ThatWasCancelledInTheMeantimeFreesItsSlot) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0);
  bench.cancel(5, 0);
  bench.drop();
  bench.undelivered(1, 0);
  EXPECT_EQ(bench.take(), Lines{});
  EXPECT_EQ(bench.stat("in_flight"), 0u);
}

TEST(Refused, ByEverybodyMeansWaitingAndNotGoingRound) {
  Bench bench;
  for (std::uint32_t i = 1; i <= 20; ++i)
    bench.add_worker(i, {.name = "w" + std::to_string(i)});
  bench.request(5, 0);
  std::uint64_t hops = 0;
  for (Lines lines = bench.take(); !lines.empty() && hops < 100; lines = bench.take()) {
    const auto worker = static_cast<std::uint32_t>(std::stoul(lines.front().substr(1)));
    bench.error(worker, hops++, ErrorCode::refused);
  }
  EXPECT_EQ(hops, Setbacks::avoided_max);
  bench.pass(1s);
  EXPECT_EQ(bench.take().size(), 1u);
}

TEST(WorkerAnswers, ForWhatIsNotItsOwnAreDropped) {
  Bench bench;
  bench.add_worker(1, {.name = "A"});
  bench.request(5, 0);
  bench.add_worker(2, {.name = "B"});
  bench.final(2, 0);
  bench.final(2, 9999);
  EXPECT_EQ(bench.take(), Lines{});
  bench.final(1, 0);
  EXPECT_EQ(bench.take(), Lines{"c5 0 FINAL"});
  bench.final(1, 0);  // twice
  EXPECT_EQ(bench.take(), Lines{});
}

TEST(Stop, AnswersWhatIsOutstandingAndWhatStillComes) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0);
  bench.request(5, 1);
  bench.drop();
  bench.give(Stop{});
  EXPECT_EQ(bench.take(),
            (Lines{"c5 ERROR 0 SHUTTING_DOWN", "w1 CANCEL #0", "c5 ERROR 1 SHUTTING_DOWN"}));
  EXPECT_TRUE(bench.controller().idle());
  bench.request(5, 2);
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 2 SHUTTING_DOWN"});
  bench.give(ClientSaid{ClientConnection{5}, ClientHeartbeat{}, {}, {}});
  EXPECT_EQ(bench.take(), Lines{"c5 HEARTBEAT draining"});
}

TEST(Notes, TellARequestsStoryWhereAskedFor) {
  ControllerOptions options;
  options.note_requests = true;
  Bench bench{options};
  bench.add_worker(1);
  bench.request(5, 0, streamed());
  bench.request(5, 1);
  bench.pass(100ms);
  bench.chunk(1, 0, 0);
  bench.final(1, 0, 1);
  bench.pass(50ms);
  bench.final(1, 1);
  const auto notes = bench.take_request_notes();
  ASSERT_EQ(notes.size(), 2u);
  EXPECT_EQ(notes[0].end, "FINAL");
  EXPECT_EQ(notes[0].chunks, 1u);
  EXPECT_EQ(notes[0].waited, 0ms);
  EXPECT_EQ(notes[0].took, 100ms);
  EXPECT_EQ(notes[1].waited, 100ms);
  EXPECT_EQ(notes[1].took, 150ms);
  EXPECT_EQ(notes[1].worker, "A");
}

}  // namespace
}  // namespace muster::broker
