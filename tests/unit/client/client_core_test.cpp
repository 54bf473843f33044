#include "client/core/client_core.hpp"

#include <algorithm>

#include "tests/unit/client/core_bench.hpp"

namespace muster::client {
namespace {

using Ids = std::vector<std::uint64_t>;

// ---- sent and unsent --------------------------------------------------------------------------

TEST(ClientCore, HoldsWhatIsAskedUntilAConnectionStands) {
  Bench bench;
  bench.ask(1);
  bench.ask_broker(2);
  EXPECT_TRUE(bench.sent.empty());

  bench.connect();
  EXPECT_EQ(bench.requests(), Ids{1});
  EXPECT_EQ(bench.ids<Query>(), Ids{2});
  EXPECT_TRUE(bench.ends.empty());
  EXPECT_EQ(bench.core.outstanding(), 2u);
}

TEST(ClientCore, SendsAtOnceOverAConnectionThatStands) {
  Bench bench;
  bench.connect();
  bench.ask(1);
  ASSERT_EQ(bench.requests(), Ids{1});
  EXPECT_EQ(bench.sent.back().payload.joined(), "body");
  EXPECT_EQ(bench.sent_as<Request>()[0].model, "llama");
}

TEST(ClientCore, ANewConnectionLosesWhatWasSentAndSendsWhatWasNot) {
  Bench bench;
  bench.connect();
  bench.ask_once(1);
  bench.ask_broker(2, 5s, "remove");
  bench.room = 0;
  bench.ask(3);
  bench.room = 100;
  bench.sent.clear();

  bench.connect();
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].id.value, 1u);
  EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::connection_lost);
  EXPECT_TRUE(bench.ends[0].conclusion.meta.retryable);
  ASSERT_EQ(bench.answers.size(), 1u);
  EXPECT_EQ(bench.answers[0].conclusion.kind, EndKind::connection_lost);
  EXPECT_EQ(bench.requests(), Ids{3});
  // Should 1 have slipped onto the new connection, nobody need work on it.
  EXPECT_EQ(bench.cancels(), Ids{1});
}

TEST(ClientCore, WhatTheSocketDidNotTakeIsSentLaterInOrder) {
  Bench bench;
  bench.connect();
  bench.room = 0;
  bench.ask(1);
  bench.ask(2);
  bench.ask_broker(3);
  EXPECT_TRUE(bench.requests().empty());
  EXPECT_TRUE(bench.ends.empty());

  bench.room = 1;
  bench.pass(10ms);
  EXPECT_EQ(bench.requests(), Ids{1});
  bench.room = 100;
  bench.pass(100ms);
  EXPECT_EQ(bench.requests(), (Ids{1, 2}));
  EXPECT_EQ(bench.ids<Query>(), Ids{3});
  EXPECT_EQ(bench.sent.back().payload.frame_count(), 0u);
  for (const Send& send : bench.sent) {
    if (std::holds_alternative<Request>(send.message)) {
      EXPECT_EQ(send.payload.joined(), "body");
    }
  }
}

TEST(ClientCore, ALongBacklogIsHandedOverInBursts) {
  Bench bench;
  for (std::uint64_t id = 1; id <= 250; ++id)
    bench.ask(id);
  bench.connect();
  EXPECT_LT(bench.requests().size(), 250u);
  EXPECT_EQ(bench.core.next_deadline(), bench.now);
  for (int i = 0; i < 3; ++i)
    bench.step(Tick{});
  Ids all;
  for (std::uint64_t id = 1; id <= 250; ++id)
    all.push_back(id);
  EXPECT_EQ(bench.requests(), all);
}

// ---- answers ----------------------------------------------------------------------------------

TEST(ClientCore, GivesPartsAndTheEndInOrder) {
  Bench bench;
  bench.connect();
  bench.ask(7);
  PartMeta meta;
  meta.status = 200;
  meta.worker = "gpu7:8000";
  bench.says(Chunk{WireId{7}, 0, meta}, "Once");
  bench.chunk(7, 1, " upon");
  bench.final(7, 2, "");

  ASSERT_EQ(bench.parts.size(), 2u);
  EXPECT_EQ(bench.parts[0].meta, meta);
  EXPECT_EQ(bench.parts[0].bytes.joined(), "Once");
  EXPECT_EQ(bench.parts[1].seq, 1u);
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].conclusion, Conclusion{});
  EXPECT_EQ(bench.ends[0].parts, 2u);
  EXPECT_EQ(bench.core.outstanding(), 0u);
}

TEST(ClientCore, PassesOnTheBrokersErrorWithTheServersBody) {
  Bench bench;
  bench.connect();
  bench.ask(7);
  ErrorMeta meta;
  meta.reason = "server_cut";
  meta.worker = "w";
  meta.status = 500;
  bench.says(Error{WireId{7}, ErrorCode::worker_failed, "it broke", meta}, "{}");
  ASSERT_EQ(bench.ends.size(), 1u);
  const Conclusion& said = bench.ends[0].conclusion;
  EXPECT_EQ(said.kind, EndKind::from_broker);
  EXPECT_EQ(said.code, ErrorCode::worker_failed);
  EXPECT_EQ(said.message, "it broke");
  EXPECT_EQ(said.meta, meta);
  EXPECT_EQ(bench.ends[0].bytes.joined(), "{}");
}

TEST(ClientCore, AQueryEndsWithItsAnswerOrAnError) {
  Bench bench;
  bench.connect();
  bench.ask_broker(1);
  bench.ask_broker(2);
  bench.says(Answer{WireId{1}, Value{"result"}});
  bench.says(Error{WireId{2}, ErrorCode::bad_request, "no such query", {}});
  ASSERT_EQ(bench.answers.size(), 2u);
  EXPECT_EQ(bench.answers[0].conclusion.kind, EndKind::answered);
  EXPECT_EQ(bench.answers[0].result, Value{"result"});
  EXPECT_EQ(bench.answers[1].conclusion.code, ErrorCode::bad_request);
  EXPECT_TRUE(bench.ends.empty());
}

TEST(ClientCore, ADuplicateErrorDoesNotEndItsRequest) {
  Bench bench;
  bench.connect();
  bench.ask(1);
  ErrorMeta meta;
  meta.duplicate = true;
  bench.says(Error{WireId{1}, ErrorCode::bad_request, "duplicate id", meta});
  EXPECT_TRUE(bench.ends.empty());
  EXPECT_EQ(bench.core.dropped().duplicates, 1u);
  bench.final(1);
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::answered);
}

TEST(ClientCore, DropsAndCountsWhatIsForNobody) {
  Bench bench;
  bench.connect();
  bench.ask(1);
  bench.ask_broker(2);
  bench.room = 0;
  bench.ask(3);  // not sent
  bench.chunk(9, 0);
  bench.final(9);
  bench.says(Error{WireId{9}, ErrorCode::no_worker, "?", {}});
  bench.says(Answer{WireId{9}, {}});
  EXPECT_EQ(bench.core.dropped().unknown_id, 4u);
  bench.final(2);
  bench.says(Answer{WireId{1}, {}});
  bench.chunk(3, 0);
  bench.says(Error{WireId{3}, ErrorCode::no_worker, "?", {}});
  EXPECT_EQ(bench.core.dropped().unfitting, 4u);
  bench.fault(FaultReason::field);
  EXPECT_EQ(bench.core.dropped().faults[static_cast<std::size_t>(FaultReason::field)], 1u);
  EXPECT_EQ(bench.core.outstanding(), 3u);
  EXPECT_TRUE(bench.ends.empty());
  EXPECT_TRUE(bench.parts.empty());
}

TEST(ClientCore, APartOutOfTurnBreaksTheStreamAndCancelsTheWork) {
  for (const std::uint64_t wrong : {0u, 2u}) {
    Bench bench;
    bench.connect();
    bench.ask(1);
    bench.chunk(1, 0);
    bench.chunk(1, wrong);
    bench.chunk(1, 1);
    EXPECT_EQ(bench.parts.size(), 1u);
    ASSERT_EQ(bench.ends.size(), 1u);
    EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::from_broker);
    EXPECT_EQ(bench.ends[0].conclusion.code, ErrorCode::worker_lost);
    EXPECT_EQ(bench.ends[0].conclusion.meta.reason, reason::stream_broken);
    EXPECT_EQ(bench.cancels(), Ids{1});
  }
}

TEST(ClientCore, APartThatWasNotAskedForBreaksTheRequest) {
  Bench bench;
  bench.connect();
  bench.ask(1, {}, false);
  bench.chunk(1, 0);
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].conclusion.meta.reason, reason::stream_broken);
  EXPECT_EQ(bench.cancels(), Ids{1});
  EXPECT_TRUE(bench.parts.empty());
}

TEST(ClientCore, AFinalWithAWrongCountBreaksTheStreamWithoutACancel) {
  Bench bench;
  bench.connect();
  bench.ask(1);
  bench.chunk(1, 0);
  bench.final(1, 2);
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].conclusion.meta.reason, reason::stream_broken);
  EXPECT_TRUE(bench.cancels().empty());
}

// ---- cancel -----------------------------------------------------------------------------------

TEST(ClientCore, CancelOfASentRequestEndsItAndTellsTheBroker) {
  Bench bench;
  bench.connect();
  bench.ask(1);
  bench.cancel(1);
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::cancelled);
  EXPECT_EQ(bench.cancels(), Ids{1});

  bench.chunk(1, 0);
  bench.says(Error{WireId{1}, ErrorCode::cancelled, "cancelled", {}});
  bench.cancel(1);
  EXPECT_EQ(bench.ends.size(), 1u);
  EXPECT_TRUE(bench.parts.empty());
  EXPECT_EQ(bench.cancels(), Ids{1});
}

TEST(ClientCore, CancelOfAnUnsentRequestNeverReachesTheBroker) {
  Bench bench;
  bench.ask(1);
  bench.cancel(1);
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::cancelled);
  bench.connect();
  EXPECT_TRUE(bench.requests().empty());
  EXPECT_TRUE(bench.cancels().empty());
}

TEST(ClientCore, ACancelThatFoundNoRoomIsSaidLater) {
  Bench bench;
  bench.connect();
  bench.ask(1);
  bench.room = 0;
  bench.cancel(1);
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_TRUE(bench.cancels().empty());
  bench.room = 10;
  bench.pass(100ms);
  EXPECT_EQ(bench.cancels(), Ids{1});
}

TEST(ClientCore, StopCancelsEverythingAndTakesNothingMore) {
  Bench bench;
  bench.connect();
  bench.ask(1);
  bench.ask_broker(2);
  bench.room = 0;
  bench.ask(3);
  bench.room = 10;
  bench.step(Stop{});
  bench.ask(4);
  EXPECT_EQ(bench.cancels(), Ids{1});
  ASSERT_EQ(bench.ends.size(), 3u);
  for (const RequestEnded& end : bench.ends)
    EXPECT_EQ(end.conclusion.kind, EndKind::cancelled);
  ASSERT_EQ(bench.answers.size(), 1u);
  EXPECT_EQ(bench.answers[0].conclusion.kind, EndKind::cancelled);
  EXPECT_EQ(bench.core.outstanding(), 0u);
}

// ---- bounds and what can't be said ------------------------------------------------------------

TEST(ClientCore, RefusesWhatIsOverItsBound) {
  CoreOptions options = Bench::default_options();
  options.outstanding_max = 2;
  Bench bench(options);
  bench.ask(1);
  bench.ask_broker(2);
  bench.ask(3);
  bench.ask_broker(4);
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].id.value, 3u);
  EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::overloaded);
  ASSERT_EQ(bench.answers.size(), 1u);
  EXPECT_EQ(bench.answers[0].conclusion.kind, EndKind::overloaded);
  EXPECT_EQ(bench.core.outstanding(), 2u);

  bench.connect();
  bench.final(1);
  bench.ask(5);
  EXPECT_EQ(bench.requests(), (Ids{1, 5}));
}

TEST(ClientCore, KeepsABoundedNumberOfCancelsThatFindNoRoom) {
  CoreOptions options = Bench::default_options();
  options.outstanding_max = 2;
  Bench bench(options);
  bench.connect();
  bench.refuse_cancels = true;
  for (std::uint64_t id = 1; id <= 5; ++id) {
    bench.ask(id);
    bench.pass(200ms);  // the pause after what found no room
    bench.cancel(id);
  }
  EXPECT_EQ(bench.requests(), (Ids{1, 2, 3, 4, 5}));
  bench.refuse_cancels = false;
  bench.pass(200ms);
  Ids late = bench.cancels();
  std::sort(late.begin(), late.end());
  EXPECT_EQ(late, (Ids{4, 5}));
}

TEST(ClientCore, RefusesWhatTheProtocolCannotSay) {
  Bench bench;
  bench.connect();
  bench.terms();
  bench.ask(1, Duration::zero());
  bench.step(Ask{Request{WireId{2}, "", {}}, {}});
  bench.step(Ask{Request{WireId{3}, std::string(129, 'm'), {}}, {}});
  RequestOptions idle;
  idle.idle_timeout = Duration{-1};
  bench.step(Ask{Request{WireId{4}, "llama", idle}, {}});
  ASSERT_EQ(bench.ends.size(), 4u);
  for (const RequestEnded& end : bench.ends) {
    EXPECT_EQ(end.conclusion.kind, EndKind::invalid);
    EXPECT_FALSE(end.conclusion.message.empty());
  }
  EXPECT_TRUE(bench.requests().empty());
}

TEST(ClientCore, WaitsForTheBrokersLimitsBeforeItRefusesABody) {
  CoreOptions options = Bench::default_options();
  options.limits.frame_bytes = 10;
  Bench bench(options);
  bench.connect();
  for (const std::uint64_t id : {1u, 2u})
    bench.step(Ask{Request{WireId{id}, "llama", {}}, Payload{std::string(id * 100, 'x')}});
  bench.ask(3);
  EXPECT_EQ(bench.requests(), Ids{3});
  EXPECT_TRUE(bench.ends.empty());

  BrokerTerms terms = Bench::told();
  terms.limits.frame_bytes = 100;
  bench.terms(terms);
  EXPECT_EQ(bench.requests(), (Ids{3, 1}));
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].id.value, 2u);
  EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::invalid);
  EXPECT_NE(bench.ends[0].conclusion.message.find("200 bytes"), std::string::npos);
}

TEST(ClientCore, AnotherConnectionMayBeABrokerWithOtherLimits) {
  Bench bench;
  BrokerTerms terms = Bench::told();
  terms.limits.frame_bytes = 100;
  bench.connect();
  bench.terms(terms);
  bench.connect();
  bench.step(Ask{Request{WireId{1}, "llama", {}}, Payload{std::string(200, 'x')}});
  EXPECT_TRUE(bench.ends.empty());
  terms.limits.frame_bytes = 200;
  bench.terms(terms);
  EXPECT_EQ(bench.requests(), Ids{1});
}

TEST(ClientCore, IsExactAboutTheLengthOfAHeader) {
  Bench bench;
  bench.connect();
  BrokerTerms terms = Bench::told();
  Request request{WireId{1}, "llama", {}};
  request.options.headers["x"] = std::string(3000, 'y');
  terms.limits.header_bytes = encode(request).size();
  bench.terms(terms);
  bench.step(Ask{request, {}});
  EXPECT_TRUE(bench.ends.empty());
  request.id = WireId{2};
  request.options.headers["x"] += 'y';
  bench.step(Ask{request, {}});
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::invalid);
}

TEST(ClientCore, AnEndpointThatCannotBeDialledEndsEverything) {
  Bench bench;
  bench.ask(1);
  bench.step(EndpointRefused{"no such endpoint"});
  bench.ask(2);
  ASSERT_EQ(bench.ends.size(), 2u);
  for (const RequestEnded& end : bench.ends) {
    EXPECT_EQ(end.conclusion.kind, EndKind::invalid);
    EXPECT_EQ(end.conclusion.message, "no such endpoint");
  }
}

}  // namespace
}  // namespace muster::client
