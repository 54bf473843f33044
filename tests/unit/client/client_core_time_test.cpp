// Deadlines, heartbeats and the broker's silence, in virtual time.

#include "tests/unit/client/core_bench.hpp"

namespace muster::client {
namespace {

using Ids = std::vector<std::uint64_t>;

// ---- deadlines --------------------------------------------------------------------------------

TEST(ClientCoreTime, WithoutABrokerARequestEndsUnreachableAtItsTimeout) {
  Bench bench;
  bench.ask(1, 5s);
  bench.pass(5s - 1us);
  EXPECT_TRUE(bench.ends.empty());
  bench.pass(1us);
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::unreachable);
  EXPECT_TRUE(bench.ends[0].conclusion.meta.retryable);
  EXPECT_EQ(bench.ends[0].conclusion.message, "no broker answered at tcp://there:5555 within 5 s");
}

TEST(ClientCoreTime, WithoutATimeARequestHasTenMinutes) {
  Bench bench;
  bench.ask(1);
  bench.pass(10min - 1us);
  EXPECT_TRUE(bench.ends.empty());
  bench.pass(1us);
  EXPECT_EQ(bench.ends.size(), 1u);
}

TEST(ClientCoreTime, TheBrokerIsToldWhatIsLeftAndHasAnIntervalMoreToSayWhy) {
  Bench bench;
  bench.ask(1, 5s);
  bench.pass(2s);
  bench.connect();
  ASSERT_EQ(bench.requests(), Ids{1});
  EXPECT_EQ(bench.sent_as<Request>()[0].options.timeout, Duration{3s});

  for (int i = 0; i < 39; ++i) {  // a broker that works: alive, but without an answer
    bench.pass(100ms);
    bench.terms();
  }
  EXPECT_TRUE(bench.ends.empty());
  bench.pass(100ms);
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::timed_out);
  EXPECT_FALSE(bench.ends[0].conclusion.meta.retryable);
  EXPECT_EQ(bench.cancels(), Ids{1});
}

TEST(ClientCoreTime, ATimeThatWasNotAskedForIsNotToldToTheBroker) {
  Bench bench;
  bench.connect();
  bench.ask(1);
  EXPECT_FALSE(bench.sent_as<Request>()[0].options.timeout);
}

TEST(ClientCoreTime, AQueryEndsAtItsTimeoutWithoutACancel) {
  Bench bench;
  bench.connect();
  bench.ask_broker(1, 2s);
  bench.pass(2s - 1us);
  EXPECT_TRUE(bench.answers.empty());
  bench.pass(1us);
  ASSERT_EQ(bench.answers.size(), 1u);
  EXPECT_EQ(bench.answers[0].conclusion.kind, EndKind::timed_out);
  EXPECT_TRUE(bench.cancels().empty());
}

TEST(ClientCoreTime, EachRequestHasItsOwnDeadline) {
  Bench bench;
  bench.ask(1, 3s);
  bench.ask(2, 1s);
  bench.ask(3, 2s);
  bench.pass(1s);
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].id.value, 2u);
  bench.pass(1s);
  ASSERT_EQ(bench.ends.size(), 2u);
  EXPECT_EQ(bench.ends[1].id.value, 3u);
  bench.pass(1s);
  EXPECT_EQ(bench.ends.size(), 3u);
  EXPECT_EQ(bench.core.next_deadline(), time_never);
}

TEST(ClientCoreTime, TheLongestTimeDoesNotOverflow) {
  Bench bench;
  bench.ask(1, Duration::max());
  bench.connect();
  EXPECT_TRUE(bench.ends.empty());
  EXPECT_EQ(bench.sent_as<Request>()[0].options.timeout, duration_max);
}

// ---- heartbeats -------------------------------------------------------------------------------

TEST(ClientCoreTime, HeartbeatsOnlyWhileSomethingIsOutstanding) {
  Bench bench;
  bench.connect();
  EXPECT_EQ(bench.sent_as<ClientHeartbeat>().size(), 1u);  // asks for the broker's terms
  EXPECT_EQ(bench.core.next_deadline(), time_never);

  bench.pass(10s);
  EXPECT_EQ(bench.sent_as<ClientHeartbeat>().size(), 1u);
  bench.ask(1);
  for (int i = 0; i < 10; ++i) {
    bench.pass(500ms);
    bench.terms();
  }
  EXPECT_EQ(bench.sent_as<ClientHeartbeat>().size(), 6u);
  bench.final(1);
  EXPECT_EQ(bench.core.next_deadline(), time_never);
}

TEST(ClientCoreTime, HeartbeatsAsOftenAsAnImpatientBrokerWants) {
  Bench bench;
  bench.connect();
  BrokerTerms terms = Bench::told();
  terms.interval = 200ms;
  bench.terms(terms);
  bench.sent.clear();
  bench.ask(1);
  for (int i = 0; i < 10; ++i) {
    bench.pass(100ms);
    bench.terms(terms);
  }
  EXPECT_EQ(bench.sent_as<ClientHeartbeat>().size(), 5u);
}

TEST(ClientCoreTime, HastensItsNextHeartbeatOnceItKnows) {
  Bench bench;
  bench.connect();
  bench.ask(1);
  bench.sent.clear();
  BrokerTerms terms = Bench::told();
  terms.interval = 200ms;
  bench.terms(terms);
  bench.pass(200ms);
  EXPECT_EQ(bench.sent_as<ClientHeartbeat>().size(), 1u);
}

TEST(ClientCoreTime, ABrokerThatNamesNoIntervalIsNotFlooded) {
  Bench bench;
  bench.connect();
  bench.terms(BrokerTerms{});
  bench.sent.clear();
  bench.ask(1);
  bench.pass(1s);
  EXPECT_LE(bench.sent_as<ClientHeartbeat>().size(), 101u);
}

// ---- silence ----------------------------------------------------------------------------------

TEST(ClientCoreTime, ASilentBrokerIsTakenForDead) {
  Bench bench;
  bench.connect();
  bench.ask_once(1, 60s);
  bench.ask_broker(2, 60s, "drain");
  bench.pass(3s - 1us);
  EXPECT_TRUE(bench.ends.empty());
  EXPECT_EQ(bench.reopened, 0);

  bench.pass(1us);
  EXPECT_EQ(bench.reopened, 1);
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::connection_lost);
  ASSERT_EQ(bench.answers.size(), 1u);

  bench.ask(3, 60s);  // waits for the new connection
  bench.pass(10s);
  EXPECT_EQ(bench.reopened, 1);
  EXPECT_EQ(bench.requests(), Ids{1});
  bench.connect();
  EXPECT_EQ(bench.requests(), (Ids{1, 3}));
}

TEST(ClientCoreTime, AnyWordOfTheBrokerIsASignOfLife) {
  Bench bench;
  bench.connect();
  bench.ask(1, 60s);
  for (int i = 0; i < 5; ++i) {
    bench.pass(2s);
    bench.fault(FaultReason::unknown_type);
    bench.pass(2s);
    bench.chunk(99, 0);
  }
  EXPECT_EQ(bench.reopened, 0);
  EXPECT_TRUE(bench.ends.empty());
}

// A broker heartbeats whoever has something outstanding, asked or not (docs/protocol.md, section
// 7).
TEST(ClientCoreTime, AHeartbeatOfTheBrokerIsASignOfLifeAlsoUnasked) {
  Bench bench;
  bench.connect();
  bench.ask(1, 60s);
  bench.ask_broker(2, 60s);
  for (int i = 0; i < 40; ++i) {
    bench.room = 0;  // ours do not get through
    bench.pass(500ms);
    bench.terms();
  }
  EXPECT_EQ(bench.reopened, 0);
  bench.room = 100;
  bench.sent.clear();
  for (int i = 0; i < 40; ++i) {  // nor do they hasten or put off our own
    bench.pass(100ms);
    bench.terms();
  }
  EXPECT_EQ(bench.sent_as<ClientHeartbeat>().size(), 4u);
  bench.final(1);
  bench.says(Answer{WireId{2}, {}});
  bench.terms();  // on its way when nothing was outstanding any more
  EXPECT_EQ(bench.core.next_deadline(), time_never);
  EXPECT_TRUE(bench.core.idle());
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::answered);
}

TEST(ClientCoreTime, AnIdleBrokerMayBeSilent) {
  Bench bench;
  bench.connect();
  for (int i = 0; i < 100; ++i) {
    bench.now += 500ms;
    bench.step(Tick{});
  }
  EXPECT_EQ(bench.reopened, 0);
  bench.ask(1, 60s);  // the silence counts from here
  bench.pass(2900ms);
  EXPECT_EQ(bench.reopened, 0);
  bench.final(1);
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::answered);
}

TEST(ClientCoreTime, APauseOfThisProcessIsNotTheBrokersSilence) {
  Bench bench;
  bench.connect();
  bench.ask(1, 60s);
  bench.pass(1s);
  bench.now += 20s;  // stopped and continued: no Tick in between
  bench.step(Tick{});
  EXPECT_EQ(bench.reopened, 0);
  EXPECT_TRUE(bench.ends.empty());
  bench.pass(3s);  // but from here on it counts again
  EXPECT_EQ(bench.reopened, 1);
}

// With intervals so short, a busy machine keeps a thread waiting for longer than one and a half of
// them every now and then: what counts as a pause is 100 ms at least, or no silence ever counted.
TEST(ClientCoreTime, WhatIsShorterThanATenthOfASecondIsNoPause) {
  for (const auto& [gap, reopened] : {std::pair{100ms, 1}, std::pair{101ms, 0}}) {
    CoreOptions options = Bench::default_options();
    options.heartbeat_interval = 20ms;
    Bench bench(options);
    bench.connect();
    bench.ask(1, 60s);
    bench.now += gap;  // longer than the expiry time, and no Tick in between
    bench.step(Tick{});
    EXPECT_EQ(bench.reopened, reopened) << gap.count() << " ms";
  }
}

TEST(ClientCoreTime, ASocketThatTakesNothingForSoLongIsMadeAnew) {
  Bench bench;
  bench.connect();
  bench.room = 0;
  bench.ask(1, 8s);
  bench.pass(3s);
  EXPECT_EQ(bench.reopened, 1);
  EXPECT_TRUE(bench.ends.empty());  // it was never sent: it may still be
  bench.pass(5s);
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::unreachable);
  EXPECT_EQ(bench.ends[0].conclusion.message,
            "the connection to the broker at tcp://there:5555 was lost and did not come back "
            "within 8 s");
}

TEST(ClientCoreTime, ASocketThatTakesNothingUntilTheDeadlineTimesOut) {
  Bench bench;
  bench.connect();
  bench.room = 0;
  bench.ask(1, 1s);
  bench.pass(1s);
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::timed_out);
  EXPECT_TRUE(bench.ends[0].conclusion.meta.retryable);
  EXPECT_TRUE(bench.cancels().empty());
}

TEST(ClientCoreTime, AFullSocketIsTriedEverMoreSeldom) {
  Bench bench;
  bench.connect();
  bench.room = 0;
  bench.ask(1, 60s);
  int tries = 0;
  const Time end = bench.now + 1s;
  while (bench.core.next_deadline() < end) {
    bench.now = bench.core.next_deadline();
    bench.step(Tick{});
    ++tries;
  }
  EXPECT_LE(tries, 20);
  EXPECT_GE(tries, 10);
}

// The last CANCEL of the one comes back after the other is given up: it must not be waited with.
TEST(ClientCoreTime, ACancelThatFindsNoRoomAsTheBrokerIsGivenUpWantsNoTick) {
  Bench bench;
  bench.connect();
  bench.ask(1, 2500ms);
  bench.ask(2, 60s);
  bench.pass(2s);
  bench.room = 0;
  bench.now += 1500ms;  // both the deadline of the first and the expiry time are over
  bench.step(Tick{});
  ASSERT_EQ(bench.reopened, 1);
  bench.now += 1s;
  bench.step(Tick{});
  EXPECT_GT(bench.core.next_deadline(), bench.now);
}

}  // namespace
}  // namespace muster::client
