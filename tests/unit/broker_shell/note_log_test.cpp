#include "broker/shell/note_log.hpp"

#include <gtest/gtest.h>

#include "tests/unit/broker_shell/log_file.hpp"

namespace muster::broker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::LogFile;

const Time start{seconds{1'000'000}};

FaultNote bad_message() {
  return {
      .from_worker = true,
      .connection = 77,
      .worker = "gpu7:8000",
      .fault = {
          .reason = FaultReason::field, .what = "slots is -1\nforged line", .id = {}, .type = {}}};
}

TEST(NoteLog, AFloodOfBadMessagesLeavesABoundedNumberOfLinesAndSaysHowManyItWere) {
  LogFile file;
  NoteLog notes;
  for (int i = 0; i < 100'000; ++i)
    notes.write(bad_message(), start);
  ASSERT_EQ(10u, file.lines().size());
  EXPECT_EQ(10, file.count(R"("connection":77)"));
  EXPECT_EQ(10, file.count(R"("worker":"gpu7:8000")"));
  EXPECT_EQ(10, file.count(R"("reason":"field")"));
  EXPECT_EQ(10, file.count(R"("level":"warning")"));

  notes.tick(start + milliseconds{100});
  EXPECT_EQ(10u, file.lines().size());
  notes.tick(start + seconds{1});
  ASSERT_EQ(11u, file.lines().size());
  EXPECT_EQ(1, file.count(R"("count":99990)"));
  notes.tick(start + seconds{10});
  EXPECT_EQ(11u, file.lines().size());
}

TEST(NoteLog, AFloodOfOneFailureDoesNotHideAnother) {
  LogFile file;
  NoteLog notes;
  const FailureNote none_live{.code = ErrorCode::no_worker,
                              .reason = "none_live",
                              .sentence = "no live worker serves model \"m\"",
                              .model = "m",
                              .worker = "",
                              .request_id = "r1"};
  FailureNote lost = none_live;
  lost.code = ErrorCode::worker_lost;
  lost.reason = "expired";
  for (int i = 0; i < 1000; ++i)
    notes.write(none_live, start);
  notes.write(lost, start);
  ASSERT_EQ(4u, file.lines().size());
  EXPECT_EQ(3, file.count(R"("error":"NO_WORKER","reason":"none_live","what":"no live worker )"));
  EXPECT_EQ(1, file.count(R"("error":"WORKER_LOST","reason":"expired")"));
  EXPECT_EQ(4, file.count(R"("model":"m")"));
  notes.tick(start + seconds{10});
  ASSERT_EQ(5u, file.lines().size());
  EXPECT_EQ(1, file.count(R"("error":"NO_WORKER","reason":"none_live","worker":"","count":997)"));
}

TEST(NoteLog, WorkersMakingUpReasonsAreBoundedToo) {
  LogFile file;
  NoteLog notes;
  for (int i = 0; i < 10'000; ++i) {
    notes.write(FailureNote{.code = ErrorCode::worker_failed,
                            .reason = "made up " + std::to_string(i),
                            .sentence = {},
                            .model = {},
                            .worker = {},
                            .request_id = {}},
                start);
  }
  EXPECT_EQ(303u, file.lines().size());
}

TEST(NoteLog, AFloodOfOneWorkersFailuresDoesNotHideAnothers) {
  LogFile file;
  NoteLog notes;
  const auto cut_off_at = [](std::string worker) {
    return FailureNote{.code = ErrorCode::worker_failed,
                       .reason = "server_cut",
                       .sentence = "it cut the answer off",
                       .model = "m",
                       .worker = std::move(worker),
                       .request_id = {}};
  };
  for (int i = 0; i < 1000; ++i)
    notes.write(cut_off_at("gpu0"), start);
  notes.write(cut_off_at("gpu1"), start);
  EXPECT_EQ(3, file.count(R"("worker":"gpu0")"));
  EXPECT_EQ(1, file.count(R"("worker":"gpu1")"));
  notes.tick(start + seconds{10});
  EXPECT_EQ(1, file.count(R"("worker":"gpu0","count":997)"));
}

TEST(NoteLog, AWorkerThatWasQuietForLongMakesRoomForOthers) {
  LogFile file;
  NoteLog notes;
  const auto refused_by = [](int worker) {
    return FailureNote{.code = ErrorCode::refused,
                       .reason = {},
                       .sentence = {},
                       .model = {},
                       .worker = "w" + std::to_string(worker),
                       .request_id = {}};
  };
  for (int i = 0; i < 300; ++i)
    notes.write(refused_by(i), start);
  notes.tick(start + seconds{60});
  for (int i = 300; i < 600; ++i)
    notes.write(refused_by(i), start + seconds{60});
  EXPECT_EQ(600u, file.lines().size());
}

TEST(NoteLog, AFloodOfOneKindOfBadInputDoesNotHideAnotherNorThatOfTheOtherSide) {
  LogFile file;
  NoteLog notes;
  FaultNote other_kind = bad_message();
  other_kind.fault.reason = FaultReason::wrong_direction;
  FaultNote of_a_client = bad_message();
  of_a_client.from_worker = false;
  of_a_client.address = "10.0.0.3";
  for (int i = 0; i < 1000; ++i)
    notes.write(bad_message(), start);
  notes.write(other_kind, start);
  notes.write(of_a_client, start);
  notes.foreign_peer(true, start);
  EXPECT_EQ(13u, file.lines().size());
  EXPECT_EQ(1, file.count(R"("reason":"wrong_direction")"));
  EXPECT_EQ(1, file.count(R"(bad message at the frontend)"));
  EXPECT_EQ(1, file.count(R"("address":"10.0.0.3")"));
  EXPECT_EQ(1, file.count(R"("socket":"backend")"));
  notes.tick(start + seconds{1});
  EXPECT_EQ(1, file.count(R"("reason":"field","count":990)"));
}

TEST(NoteLog, WorkersComingAndGoingWithoutEndAreBoundedToo) {
  LogFile file;
  NoteLog notes;
  for (int i = 0; i < 10'000; ++i)
    notes.write(WorkerNote{.what = "registered", .worker = "w", .detail = "", .alarming = false},
                start);
  EXPECT_EQ(1000, file.count(R"("message":"worker registered")"));
  notes.tick(start + seconds{1});
  EXPECT_EQ(1, file.count(R"("count":9000)"));
}

TEST(NoteLog, WhatWantsAPersonsEyesIsAWarning) {
  LogFile file;
  NoteLog notes;
  notes.write(WorkerNote{.what = "expired", .worker = "w", .detail = "silent", .alarming = true},
              start);
  notes.write(WorkerNote{.what = "state", .worker = "w", .detail = "ready", .alarming = false},
              start);
  ASSERT_EQ(2u, file.lines().size());
  EXPECT_NE(std::string::npos, file.lines()[0].find(R"("level":"warning")"));
  EXPECT_NE(std::string::npos, file.lines()[0].find(R"("detail":"silent")"));
  EXPECT_NE(std::string::npos, file.lines()[1].find(R"("level":"info")"));
}

TEST(NoteLog, ARequestsStoryIsToldAtDebug) {
  const RequestNote note{.client = {5},
                         .id = {6},
                         .model = "llama",
                         .request_id = "r-1",
                         .worker = "w",
                         .end = "FINAL",
                         .reason = "",
                         .waited = milliseconds{2},
                         .took = milliseconds{1500},
                         .chunks = 12};
  NoteLog notes;
  {
    LogFile file(log::Level::info);
    notes.write(note);
    EXPECT_TRUE(file.lines().empty());
  }
  LogFile file(log::Level::debug);
  notes.write(note);
  ASSERT_EQ(1u, file.lines().size());
  for (const char* part : {R"("model":"llama")", R"("end":"FINAL")", R"("chunks":12)",
                           R"("took_ms":1500)", R"("waited_ms":2)", R"("request_id":"r-1")"})
    EXPECT_EQ(1, file.count(part)) << part << " in " << file.lines()[0];
}

}  // namespace
}  // namespace muster::broker
