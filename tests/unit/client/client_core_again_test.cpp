// What is sent again when a connection or a broker is gone, and what is not.

#include <algorithm>

#include "tests/unit/client/core_bench.hpp"

namespace muster::client {
namespace {

using Ids = std::vector<std::uint64_t>;

std::uint64_t again(std::uint64_t id, std::uint64_t nth = 1) {
  return Bench::again(id, nth);
}

// ---- a new connection -------------------------------------------------------------------------

TEST(ClientCoreAgain, WhatHasNoPartYetIsSentAgainUnderAnotherIdAfterACancel) {
  Bench bench;
  bench.connect();
  bench.ask(1);
  bench.ask(2);
  bench.sent.clear();
  bench.connect();
  EXPECT_TRUE(bench.ends.empty());
  EXPECT_EQ(bench.cancels(), (Ids{1, 2}));
  EXPECT_EQ(bench.requests(), (Ids{again(1), again(2)}));
  const auto is_request = [](const Send& send) {
    return std::holds_alternative<Request>(send.message);
  };
  const auto first = std::find_if(bench.sent.begin(), bench.sent.end(), is_request);
  EXPECT_TRUE(std::none_of(first, bench.sent.end(), [](const Send& send) {
    return std::holds_alternative<Cancel>(send.message);
  }));
  EXPECT_EQ(first->payload.joined(), "body");
  EXPECT_EQ(std::get<Request>(first->message).model, "llama");
  ASSERT_EQ(bench.sent_again.size(), 2u);
  EXPECT_EQ(bench.sent_again[1].id.value, 2u);
  EXPECT_EQ(bench.sent_again[1].why,
            "the connection to the broker at tcp://there:5555 was lost and made anew");

  bench.chunk(again(1), 0);
  bench.final(again(1), 1);
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].id.value, 1u);
  EXPECT_EQ(bench.ends[0].parts, 1u);
  EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::answered);
}

TEST(ClientCoreAgain, ALateWordForTheFormerIdIsNotTakenForIt) {
  Bench bench;
  bench.connect();
  bench.ask(1);
  bench.connect();
  bench.chunk(1, 0);
  bench.final(1);
  bench.says(Error{WireId{1}, ErrorCode::cancelled, "cancelled", {}});
  bench.fault(FaultReason::field, 0x12, 1);
  bench.chunk(again(1, 2), 0);
  EXPECT_TRUE(bench.parts.empty());
  EXPECT_TRUE(bench.ends.empty());
  EXPECT_EQ(bench.core.dropped().unknown_id, 5u);
  EXPECT_EQ(bench.core.outstanding(), 1u);
  bench.cancel(1);  // the public handle stays
  EXPECT_EQ(bench.cancels(), (Ids{1, again(1)}));
}

TEST(ClientCoreAgain, ThirdTimesAreTheLast) {
  Bench bench;
  bench.connect();
  bench.ask(1);
  bench.ask_broker(2);
  bench.connect();
  bench.connect();
  EXPECT_EQ(bench.requests(), (Ids{1, again(1), again(1, 2)}));
  EXPECT_EQ(bench.ids<Query>(), (Ids{2, again(2), again(2, 2)}));
  EXPECT_TRUE(bench.ends.empty());
  EXPECT_TRUE(bench.answers.empty());
  bench.connect();
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::connection_lost);
  EXPECT_TRUE(bench.ends[0].conclusion.meta.retryable);
  ASSERT_EQ(bench.answers.size(), 1u);
  EXPECT_EQ(bench.answers[0].conclusion.kind, EndKind::connection_lost);
  EXPECT_EQ(bench.cancels(), (Ids{1, again(1), again(1, 2)}));
  EXPECT_EQ(bench.sent_again.size(), 2u);
}

TEST(ClientCoreAgain, NotAfterThePartThatSomebodyHasSeen) {
  Bench bench;
  bench.connect();
  bench.ask(1);
  EXPECT_GT(bench.core.kept_bytes(), 0u);
  bench.chunk(1, 0);
  EXPECT_EQ(bench.core.kept_bytes(), 0u);
  bench.sent.clear();
  bench.connect();
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::connection_lost);
  EXPECT_EQ(bench.ends[0].parts, 1u);
  EXPECT_TRUE(bench.requests().empty());
  EXPECT_TRUE(bench.sent_again.empty());
}

TEST(ClientCoreAgain, NotWhereItIsForbidden) {
  Bench bench;
  bench.connect();
  bench.ask_once(1);
  EXPECT_EQ(bench.core.kept_bytes(), 0u);
  bench.sent.clear();
  bench.connect();
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::connection_lost);
  EXPECT_TRUE(bench.requests().empty());
}

TEST(ClientCoreAgain, QueriesThatOnlyReadAndNoOthers) {
  Bench bench;
  bench.connect();
  std::uint64_t id = 0;
  for (const char* name : {"models", "workers", "stats", "why", "refresh"})
    bench.ask_broker(++id, 5s, name);
  for (const char* name : {"drain", "remove", "of-a-later-version"})
    bench.ask_broker(++id, 5s, name);
  bench.sent.clear();
  bench.connect();
  EXPECT_EQ(bench.ids<Query>(), (Ids{again(1), again(2), again(3), again(4), again(5)}));
  EXPECT_EQ(bench.answers.size(), 3u);
  EXPECT_TRUE(bench.cancels().empty());
  bench.says(Answer{WireId{1}, Value{"late"}});
  bench.says(Answer{WireId{again(1)}, Value{"right"}});
  ASSERT_EQ(bench.answers.size(), 4u);
  EXPECT_EQ(bench.answers[3].id.value, 1u);
  EXPECT_EQ(bench.answers[3].result, Value{"right"});
}

TEST(ClientCoreAgain, ArgsOfAQueryGoAgainToo) {
  Bench bench;
  bench.connect();
  bench.step(AskBroker{{1}, "why", 5s, Value::Map{{"model", "llama"}}});
  bench.connect();
  ASSERT_EQ(bench.sent_as<Query>().size(), 2u);
  EXPECT_EQ(bench.sent_as<Query>()[1].args, (Value{Value::Map{{"model", "llama"}}}));
}

TEST(ClientCoreAgain, WithTheTimeThatIsLeft) {
  Bench bench;
  bench.connect();
  bench.ask(1, 5s);
  bench.pass(2s);
  bench.connect();
  ASSERT_EQ(bench.requests(), (Ids{1, again(1)}));
  EXPECT_EQ(bench.sent_as<Request>()[1].options.timeout, Duration{3s});
  for (int i = 0; i < 4; ++i) {
    bench.pass(999ms);
    bench.terms();
  }
  EXPECT_TRUE(bench.ends.empty());
  bench.pass(4ms);
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::timed_out);
}

// The core gives a broker an interval more to say why: no time to ask again in.
TEST(ClientCoreAgain, NotWhenNoTimeIsLeft) {
  Bench bench;
  bench.connect();
  bench.ask(1, 1s);
  bench.pass(1s);
  EXPECT_TRUE(bench.ends.empty());
  bench.connect();
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::connection_lost);
  EXPECT_EQ(bench.requests(), Ids{1});
}

TEST(ClientCoreAgain, WhatFoundNoRoomHasNotBeenSentAgain) {
  Bench bench;
  bench.connect();
  bench.ask(1);
  bench.room = 0;
  bench.connect();
  EXPECT_EQ(bench.core.kept_bytes(), 0u);
  bench.room = 100;
  bench.sent.clear();
  bench.pass(10ms);
  EXPECT_EQ(bench.cancels(), Ids{1});
  EXPECT_EQ(bench.requests(), Ids{again(1)});
  EXPECT_EQ(bench.sent.back().payload.joined(), "body");
  bench.connect();
  EXPECT_EQ(bench.requests(), (Ids{again(1), again(1, 2)}));
  EXPECT_EQ(bench.sent.back().payload.joined(), "body");
}

// ---- a broker that is dead --------------------------------------------------------------------

TEST(ClientCoreAgain, WhatADeadBrokerHadWaitsForTheNextConnection) {
  Bench bench;
  bench.connect();
  bench.ask(1, 60s);
  bench.ask_broker(2, 60s);
  bench.pass(3s);
  EXPECT_EQ(bench.reopened, 1);
  EXPECT_TRUE(bench.ends.empty());
  ASSERT_EQ(bench.sent_again.size(), 1u);
  EXPECT_EQ(bench.sent_again[0].why,
            "the broker at tcp://there:5555 has said nothing for 3 s, so it is taken for dead");
  bench.pass(20s);
  EXPECT_EQ(bench.reopened, 1);
  bench.sent.clear();
  bench.connect();
  EXPECT_EQ(bench.requests(), Ids{again(1)});
  EXPECT_EQ(bench.ids<Query>(), Ids{again(2)});
  EXPECT_EQ(bench.sent_as<Request>()[0].options.timeout, Duration{37s});
  EXPECT_TRUE(bench.cancels().empty()) << "another socket: nothing can have slipped onto it";
}

TEST(ClientCoreAgain, WithoutAnotherConnectionItEndsLostAndNotUnreachable) {
  Bench bench;
  bench.connect();
  bench.ask(1, 8s);
  bench.pass(8s);
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::connection_lost);
  EXPECT_TRUE(bench.ends[0].conclusion.meta.retryable);
  EXPECT_EQ(bench.ends[0].conclusion.message,
            "the connection to the broker at tcp://there:5555 was lost and did not come back "
            "within 8 s");
}

// ---- a broker that stops ----------------------------------------------------------------------

TEST(ClientCoreAgain, WhatAStoppingBrokerTurnsAwayWaitsForItToComeBack) {
  Bench bench;
  bench.connect();
  bench.ask(1, 60s);
  bench.stops(1);
  EXPECT_TRUE(bench.ends.empty());
  ASSERT_EQ(bench.sent_again.size(), 1u);
  EXPECT_EQ(bench.sent_again[0].why, "the broker at tcp://there:5555 is stopping");
  bench.stops(1);
  EXPECT_EQ(bench.core.dropped().unfitting, 1u);
  bench.pass(2s);
  EXPECT_EQ(bench.requests(), Ids{1});
  bench.connect();
  EXPECT_EQ(bench.requests(), (Ids{1, again(1)}));
  EXPECT_TRUE(bench.cancels().empty()) << "the broker has done with it";
  EXPECT_EQ(bench.sent_again.size(), 1u);
  bench.final(again(1));
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::answered);
  EXPECT_EQ(bench.core.next_deadline(), time_never);
}

TEST(ClientCoreAgain, AStoppingBrokerThatFallsSilentIsGone) {
  Bench bench;
  bench.connect();
  bench.ask(1, 60s);
  bench.stops(1);
  bench.pass(900ms);
  bench.terms();  // it takes its time
  bench.pass(3s);
  EXPECT_EQ(bench.reopened, 1);
  bench.pass(20s);
  EXPECT_TRUE(bench.ends.empty());
  bench.connect();
  EXPECT_EQ(bench.requests(), (Ids{1, again(1)}));
}

TEST(ClientCoreAgain, ABrokerThatStopsAndStaysHasTheLastWord) {
  Bench bench;
  bench.connect();
  bench.ask(1, 60s);
  bench.stops(1);
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(bench.ends.empty());
    bench.pass(1s);
    bench.terms();
  }
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::from_broker);
  EXPECT_EQ(bench.ends[0].conclusion.code, ErrorCode::shutting_down);
  EXPECT_EQ(bench.ends[0].conclusion.message, "the broker is stopping");
  EXPECT_TRUE(bench.ends[0].conclusion.meta.retryable);
  EXPECT_TRUE(bench.cancels().empty());
  EXPECT_EQ(bench.core.kept_bytes(), 0u);
  EXPECT_TRUE(bench.core.idle());
}

TEST(ClientCoreAgain, TheDeadlineComesFirstWhereItIsSooner) {
  Bench bench;
  bench.connect();
  bench.ask(1, 2s);
  bench.stops(1);
  bench.pass(2s);
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].conclusion.code, ErrorCode::shutting_down);
}

TEST(ClientCoreAgain, ShuttingDownEndsWhatMayNotBeSentAgain) {
  Bench bench;
  bench.connect();
  bench.ask_once(1);
  bench.stops(1);
  bench.ask(2);
  bench.chunk(2, 0);
  bench.stops(2);
  bench.ask(3);
  bench.says(Error{WireId{3}, ErrorCode::shutting_down, "not retryable", {}});
  bench.ask(4);
  bench.says(Error{WireId{4}, ErrorCode::overloaded, "another error", {.retryable = true}});
  ASSERT_EQ(bench.ends.size(), 4u);
  for (const RequestEnded& end : bench.ends)
    EXPECT_EQ(end.conclusion.kind, EndKind::from_broker);
  EXPECT_TRUE(bench.sent_again.empty());
}

TEST(ClientCoreAgain, CancelAndStopEndWhatIsParkedWithoutAWord) {
  Bench bench;
  bench.connect();
  for (const std::uint64_t id : {1u, 2u}) {
    bench.ask(id);
    bench.stops(id);
  }
  bench.cancel(1);
  bench.step(Stop{});
  ASSERT_EQ(bench.ends.size(), 2u);
  for (const RequestEnded& end : bench.ends)
    EXPECT_EQ(end.conclusion.kind, EndKind::cancelled);
  EXPECT_TRUE(bench.cancels().empty());
  EXPECT_EQ(bench.core.kept_bytes(), 0u);
  EXPECT_EQ(bench.core.next_deadline(), time_never);
}

// ---- bounds -----------------------------------------------------------------------------------

TEST(ClientCoreAgain, KeepsABoundedNumberOfBytesAndNoMore) {
  CoreOptions options = Bench::default_options();
  options.retry_bytes_max = 5000;
  Bench bench(options);
  bench.connect();
  const auto ask = [&](std::uint64_t id, std::size_t bytes) {
    bench.step(Ask{Request{WireId{id}, "llama", {}}, Payload{std::string(bytes, 'x')}});
  };
  ask(1, 2000);
  ask(2, 2000);  // beyond, with what their headers take
  ask(3, 1000);
  EXPECT_LE(bench.core.kept_bytes(), 5000u);
  ask(4, 6000);
  bench.final(1);
  ask(5, 2000);
  bench.sent.clear();
  bench.connect();
  ASSERT_EQ(bench.ends.size(), 3u);
  EXPECT_EQ(bench.ends[1].id.value, 2u);
  EXPECT_EQ(bench.ends[1].conclusion.kind, EndKind::connection_lost);
  EXPECT_EQ(bench.ends[2].id.value, 4u);
  EXPECT_EQ(bench.requests(), (Ids{again(3), again(5)}));
  bench.final(again(3));
  bench.final(again(5));
  EXPECT_EQ(bench.core.kept_bytes(), 0u);
}

TEST(ClientCoreAgain, NoneWhereNothingMayBeKept) {
  CoreOptions options = Bench::default_options();
  options.retry_bytes_max = 0;
  Bench bench(options);
  bench.connect();
  bench.ask(1);
  bench.connect();
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::connection_lost);
}

}  // namespace
}  // namespace muster::client
