// Liveness: docs/protocol.md, section 7.

#include <gtest/gtest.h>

#include "tests/unit/broker/bench.hpp"

namespace muster::broker {
namespace {

using namespace std::chrono_literals;

TEST(Liveness, ASilentWorkerIsSuspectAndThenExpires) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0, once());
  bench.drop();
  bench.pass(1500ms - 1us);
  EXPECT_FALSE(bench.worker("A").find("suspect")->bool_or(true));
  bench.pass(1us);
  EXPECT_TRUE(bench.worker("A").find("suspect")->bool_or(false));
  bench.pass(1500ms - 1us);
  EXPECT_EQ(bench.take(), Lines{});
  bench.pass(1us);
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 0 WORKER_LOST expired"});
  const Value row = bench.worker("A");
  EXPECT_EQ(row.find("state")->string_or(""), "gone");
  EXPECT_EQ(row.find("reason")->string_or(""), "expired: nothing was heard of it for 3.0 s");
  EXPECT_EQ(bench.stat("sessions.expired"), 1u);
}

TEST(Liveness, AnyMessageIsASignOfLife) {
  Bench bench;
  bench.add_worker(1, {.slots = 20});
  for (std::uint64_t i = 0; i < 10; ++i)
    bench.request(5, i, streamed());
  bench.drop();
  for (std::uint64_t i = 0; i < 10; ++i) {
    bench.pass(1400ms);
    bench.chunk(1, i, 0);
  }
  EXPECT_EQ(bench.worker("A").find("state")->string_or(""), "ready");
}

TEST(Liveness, ASuspectIsChosenOnlyWhereNobodyElseCan) {
  Bench bench;
  bench.add_worker(1, {.name = "A", .slots = 10});
  bench.add_worker(2, {.name = "B", .slots = 2});
  bench.pass(2s, {2});
  bench.heartbeat(2, {.slots = 2, .state = WorkerState::ready});
  bench.drop();
  for (std::uint64_t i = 0; i < 3; ++i)
    bench.request(5, i);
  EXPECT_EQ(bench.take(), (Lines{"w2 REQUEST #0", "w2 REQUEST #1", "w1 REQUEST #2"}));
}

TEST(Liveness, ASuspectThatIsHeardIsTrustedAgain) {
  Bench bench;
  bench.add_worker(1);
  bench.pass(2s);
  bench.heartbeat(1);
  EXPECT_FALSE(bench.worker("A").find("suspect")->bool_or(true));
  Lines notes;
  for (const WorkerNote& note : bench.take_notes())
    notes.emplace_back(note.what);
  EXPECT_EQ(notes, (Lines{"registered", "suspect", "recovered"}));
}

TEST(Liveness, WorkersAreSentHeartbeatsEachInterval) {
  Bench bench;
  bench.add_worker(1, {.slots = 1});
  bench.heartbeat(1, {.slots = 1, .grant = 42, .state = WorkerState::ready});
  bench.request(5, 0);
  bench.request(5, 1);
  bench.pass(2500ms, {});
  EXPECT_EQ(bench.take_heartbeats(),
            (Lines{"w1 grant=42 in_flight=0 queued=0", "w1 grant=42 in_flight=1 queued=1",
                   "w1 grant=42 in_flight=1 queued=1"}));
}

TEST(Liveness, APauseOfTheBrokerIsNotHeldAgainstWorkers) {
  Bench bench;
  bench.add_worker(1);
  bench.pass(900ms);
  bench.freeze(60s);
  bench.tick(true);
  bench.tick(true);
  EXPECT_EQ(bench.worker("A").find("state")->string_or(""), "ready");
  bench.pass(1s - 1us);
  EXPECT_EQ(bench.worker("A").find("state")->string_or(""), "ready");
  bench.pass(500ms);  // and silent still: now it is its own silence
  EXPECT_EQ(bench.worker("A").find("state")->string_or(""), "gone");
}

TEST(Liveness, NobodyIsJudgedWhileMessagesAreUnread) {
  Bench bench;
  bench.add_worker(1);
  for (int i = 0; i < 35; ++i) {
    bench.freeze(100ms);
    bench.tick(false);
  }
  EXPECT_EQ(bench.worker("A").find("state")->string_or(""), "ready");
  bench.heartbeat(1);  // it was among the unread
  bench.tick(true);
  EXPECT_EQ(bench.worker("A").find("state")->string_or(""), "ready");
}

TEST(Liveness, ABackendThatIsNeverReadEmptyDelaysTheJudgementAndDoesNotPreventIt) {
  Bench bench;
  bench.add_worker(1);
  for (int i = 0; i < 65; ++i) {
    bench.freeze(100ms);
    bench.tick(false);
  }
  EXPECT_EQ(bench.worker("A").find("state")->string_or(""), "gone");
}

Lines whats(Bench& bench) {
  Lines said;
  for (const WorkerNote& note : bench.take_notes())
    said.emplace_back(note.what);
  return said;
}

// All at once: that is likelier the broker's own network.
TEST(Doubt, SparesAllWhereAllAreSilentAndTheyHaveTheExpiryTimeToFollowTheFirst) {
  Bench bench;
  bench.add_worker(1, {.name = "A"});
  bench.pass(800ms, {1});
  bench.add_worker(2, {.name = "B"});
  bench.drop();
  (void)whats(bench);
  bench.pass(5s);
  EXPECT_EQ(whats(bench), (Lines{"suspect", "all workers are silent", "suspect"}));
  EXPECT_EQ(bench.stat("sessions.all_silent"), 1u);
  bench.heartbeat(2);
  bench.pass(2900ms, {2});
  EXPECT_EQ(whats(bench), (Lines{"recovered", "the silence of all workers is over"}));
  bench.heartbeat(1);
  bench.heartbeat(2);
  bench.pass(3s, {1, 2});
  EXPECT_EQ(whats(bench), Lines{"recovered"});
  EXPECT_EQ(bench.stat("sessions.expired"), 0u);
}

TEST(Doubt, DoesNotSpareOneThatDoesNotFollow) {
  Bench bench;
  bench.add_worker(1, {.name = "A"});
  bench.add_worker(2, {.name = "B"});
  bench.pass(4s);
  bench.heartbeat(2);
  bench.pass(3s - 1us, {2});
  EXPECT_EQ(bench.stat("sessions.expired"), 0u);
  bench.pass(1s, {2});
  EXPECT_EQ(bench.worker("A").find("state")->string_or(""), "gone");
  EXPECT_EQ(bench.worker("B").find("state")->string_or(""), "ready");
}

TEST(Doubt, OfManyGapsOfOneDoesNotSpareTheOtherForEver) {
  Bench bench;
  bench.add_worker(1, {.name = "A"});
  bench.add_worker(2, {.name = "B"});
  for (int gap = 0; gap < 3; ++gap) {
    bench.pass(1600ms);
    bench.heartbeat(2);
  }
  EXPECT_EQ(bench.worker("A").find("state")->string_or(""), "gone");
  EXPECT_EQ(bench.stat("sessions.all_silent"), 1u);
}

TEST(Doubt, EndsInTimeWhereTheExpiryTimeIsLong) {
  Bench bench{{.heartbeat_liveness = 10}};
  bench.add_worker(1, {.name = "A"});
  bench.add_worker(2, {.name = "B"});
  bench.pass(2s);
  bench.heartbeat(2);
  bench.pass(10s - 1us, {2});
  EXPECT_EQ(bench.worker("A").find("state")->string_or(""), "ready");
  bench.pass(1us, {2});
  EXPECT_EQ(bench.worker("A").find("state")->string_or(""), "gone");
}

TEST(Doubt, LastsForTwiceTheExpiryTime) {
  Bench bench;
  bench.add_worker(1, {.name = "A"});
  bench.add_worker(2, {.name = "B"});
  bench.request(5, 0, once());
  bench.drop();
  bench.pass(6s - 1us);
  EXPECT_EQ(bench.take(), Lines{});
  bench.pass(1s);
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 0 WORKER_LOST expired"});
  EXPECT_EQ(bench.stat("sessions.expired"), 2u);
}

TEST(Doubt, IsNotHadWhereAllOthersConnectionsAreGone) {
  Bench bench;
  bench.add_worker(1, {.name = "A"});
  bench.add_worker(2, {.name = "B"});
  bench.give(WorkerUnreachable{WorkerConnection{2}});
  bench.pass(3s);
  EXPECT_EQ(bench.stat("sessions.expired"), 2u);
  EXPECT_EQ(bench.stat("sessions.all_silent"), 0u);
}

TEST(Broken, AWorkerHasUntilItsExpiryToComeBackWithWhatItHeld) {
  Bench bench;
  bench.add_worker(1, {.slots = 2});
  bench.request(5, 0);
  bench.request(5, 1, once());
  bench.drop();
  bench.give(WorkerUnreachable{WorkerConnection{1}});
  bench.tick(false);
  bench.final(1, 0);  // was on its way before the connection broke
  EXPECT_EQ(bench.take(), (Lines{"w1 REREGISTER", "c5 0 FINAL"}));
  bench.tick(true);
  EXPECT_EQ(bench.take(), Lines{});
  EXPECT_TRUE(bench.worker("A").find("broken")->bool_or(false));
  bench.request(5, 2);  // waits for it to come back
  EXPECT_EQ(bench.take(), Lines{});
  bench.pass(3s);
  EXPECT_EQ(bench.take(),
            (Lines{"c5 ERROR 1 WORKER_LOST expired", "c5 ERROR 2 NO_WORKER none_live"}));
}

TEST(Broken, ASessionThatComesBackGetsWhatWaits) {
  Bench bench;
  bench.add_worker(1);
  bench.give(WorkerUnreachable{WorkerConnection{1}});
  bench.request(5, 0);
  bench.drop();
  bench.register_worker(2);
  EXPECT_EQ(bench.take(), (Lines{"w2 REGISTERED", "w2 REQUEST #0"}));
}

}  // namespace
}  // namespace muster::broker
