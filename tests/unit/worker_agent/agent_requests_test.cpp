// Requests and the jobs that they become: docs/protocol.md, sections 4, 5 and 8, from the worker's
// side.

#include <gtest/gtest.h>

#include "agent_harness.hpp"
#include "tests/support/effort.hpp"
#include "worker_agent/core/slot_split.hpp"

namespace muster::agent::test {
namespace {

using Words = std::vector<std::string>;

TEST(AgentRequests, ARequestBecomesAJobWithAllThatTheClientSaid) {
  Harness h{options_for(1)};
  h.make_ready();
  RequestOptions options;
  options.path = "/v1/chat/completions";
  options.type = "application/json";
  options.headers = {{"x-a", "1"}};
  options.stream = true;
  h.hear(first, Request{WireId{5}, "alias", options}, Payload{"the body"});
  const auto starts = h.all<StartJob>();
  ASSERT_EQ(starts.size(), 1u);
  EXPECT_EQ(starts[0]->model, "alias");
  EXPECT_EQ(starts[0]->options, options);
  EXPECT_EQ(starts[0]->body.joined(), "the body");
}

TEST(AgentRequests, AnAnswerInOnePieceIsAFinal) {
  Harness h{options_for(1)};
  h.make_ready();
  const auto job = h.ask(first, 5);
  PartMeta meta;
  meta.status = 404;
  meta.type = "application/json";
  h.step(JobEnded{*job, meta, Payload{"not found"}});
  EXPECT_EQ(h.answers(), Words{"FINAL 5 0 not found"});
  const auto finals = h.all_said<Final>();
  EXPECT_EQ(finals[0]->meta.status, 404u);
  EXPECT_EQ(finals[0]->meta.type, "application/json");
  EXPECT_EQ(finals[0]->meta.worker, "gpu7:8000");
  ASSERT_EQ(h.all<RequestNote>().size(), 1u);
  EXPECT_EQ(h.all<RequestNote>()[0]->end, "FINAL");
}

TEST(AgentRequests, AStreamIsNumberedChunksAndAFinalWithTheirNumber) {
  Harness h{options_for(1)};
  h.make_ready();
  const auto job = h.ask(first, 5, true);
  PartMeta meta;
  meta.status = 200;
  meta.type = "text/event-stream";
  h.step(PartMade{*job, meta, Payload{"a"}});
  h.part(*job, "b");
  h.part(*job, "c");
  h.done(*job, "");
  EXPECT_EQ(h.answers(), (Words{"CHUNK 5 0 a", "CHUNK 5 1 b", "CHUNK 5 2 c", "FINAL 5 3"}));
  const auto chunks = h.all_said<Chunk>();
  EXPECT_EQ(chunks[0]->meta.status, 200u);
  EXPECT_EQ(chunks[0]->meta.type, "text/event-stream");
  EXPECT_EQ(chunks[0]->meta.worker, "gpu7:8000");
  EXPECT_EQ(chunks[1]->meta, PartMeta{});
  const auto finals = h.all_said<Final>();
  EXPECT_EQ(finals[0]->meta.status, 200u);
  EXPECT_EQ(finals[0]->meta.type, "text/event-stream");
  EXPECT_EQ(finals[0]->meta.worker, "gpu7:8000");
}

TEST(AgentRequests, ARequestWithoutStreamNeverGetsAChunk) {
  Harness h{options_for(1)};
  h.make_ready();
  const auto job = h.ask(first, 5, false);
  h.part(*job, "a");
  h.part(*job, "b");
  h.done(*job);
  EXPECT_EQ(h.answers(), Words{"ERROR 5 WORKER_FAILED"});
  ASSERT_EQ(h.all<StopJob>().size(), 1u);
}

TEST(AgentRequests, AFailureIsPassedOnAsItIs) {
  Harness h{options_for(1)};
  h.make_ready();
  const auto job = h.ask(first, 5, true);
  h.part(*job, "a");
  ErrorMeta meta;
  meta.reason = reason::server_cut;
  meta.status = 200;
  h.step(JobBroke{*job, ErrorCode::worker_failed, "The server hung up.", meta, Payload{"half"}});
  EXPECT_EQ(h.answers(), (Words{"CHUNK 5 0 a", "ERROR 5 WORKER_FAILED half"}));
  const auto errors = h.all_said<Error>();
  EXPECT_EQ(errors[0]->message, "The server hung up.");
  EXPECT_EQ(errors[0]->meta.reason, "server_cut");
  EXPECT_EQ(errors[0]->meta.status, 200u);
  EXPECT_EQ(errors[0]->meta.worker, "gpu7:8000");
  EXPECT_EQ(h.agent.jobs_in_hand(), 0u);
}

TEST(AgentRequests, WhatCannotBeDoneIsAnsweredAtOnceWithTheRightCode) {
  struct Case {
    const char* name;
    WorkerState server;
    bool drain;
    const char* model;
    const char* answer;
  };
  const Case cases[] = {
      {"starting", WorkerState::starting, false, "llama", "ERROR 9 SERVER_GONE"},
      {"unhealthy", WorkerState::unhealthy, false, "llama", "ERROR 9 SERVER_GONE"},
      {"draining", WorkerState::ready, true, "llama", "ERROR 9 REFUSED"},
      {"unknown model", WorkerState::ready, false, "gpt", "ERROR 9 UNKNOWN_MODEL"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Harness h{options_for(1)};
    h.make_ready();
    ASSERT_TRUE(h.ask(first, 1));  // keeps a draining agent from leaving
    if (c.server != WorkerState::ready) h.step(server_is(c.server));
    if (c.drain) h.step(StopAsked{});
    h.clear();
    EXPECT_FALSE(h.ask(first, 9, false, c.model));
    EXPECT_EQ(h.answers(), Words{c.answer});
    EXPECT_EQ(h.all_said<Error>()[0]->meta.worker, "gpu7:8000");
  }
}

TEST(AgentRequests, ADuplicateIdDoesNotEndTheRequestOfThatId) {
  Harness h{options_for(2)};
  h.make_ready();
  const auto job = h.ask(first, 5);
  EXPECT_FALSE(h.ask(first, 5));
  EXPECT_EQ(h.answers(), Words{"ERROR 5 BAD_REQUEST"});
  EXPECT_TRUE(h.all_said<Error>()[0]->meta.duplicate);
  EXPECT_TRUE(h.ask(second, 5)) << "another broker's ids are its own";
  h.done(*job);
  EXPECT_EQ(h.answers(), (Words{"ERROR 5 BAD_REQUEST", "FINAL 5 0 answer"}));
  EXPECT_TRUE(h.ask(first, 5)) << "an id that has ended may come again";
}

TEST(AgentRequests, AMalformedRequestWithAnIdIsAnsweredSoThatItsSlotIsFree) {
  Harness h{options_for(1)};
  h.make_ready();
  h.step(BrokerFault{first, {FaultReason::field, "stream is no bool", WireId{5}, 0x01}});
  h.step(BrokerFault{first, {FaultReason::unknown_type, "no such type", WireId{6}, 0x99}});
  h.step(BrokerFault{first, {FaultReason::malformed, "nonsense", {}, {}}});
  EXPECT_EQ(h.answers(), Words{"ERROR 5 BAD_REQUEST"});
  EXPECT_EQ(h.all_said<Error>()[0]->message, "stream is no bool");
}

TEST(AgentRequests, WhatExceedsTheSlotsIsRefused) {
  Harness h{options_for(1, 2)};
  h.make_ready();
  const auto one = h.ask(first, 1);
  ASSERT_TRUE(h.ask(first, 2));
  EXPECT_FALSE(h.ask(first, 3));
  EXPECT_EQ(h.answers(), Words{"ERROR 3 REFUSED"});
  h.done(*one);
  EXPECT_TRUE(h.ask(first, 4));
}

TEST(AgentRequests, EachBrokerHasItsShareOfTheSlots) {
  Harness h{options_for(2, 3)};
  h.make_ready();
  EXPECT_TRUE(h.ask(first, 1));
  EXPECT_TRUE(h.ask(first, 2));
  EXPECT_FALSE(h.ask(first, 3));
  EXPECT_TRUE(h.ask(second, 1));
  EXPECT_FALSE(h.ask(second, 2));
  EXPECT_EQ(h.agent.jobs_in_hand(), 3u);
  // Each hears of what the other one's work is.
  h.clear();
  h.beating = {true, true};
  h.advance(1s);
  EXPECT_EQ(h.all_said<WorkerHeartbeat>(first)[0]->queue_length, 1u);
  EXPECT_EQ(h.all_said<WorkerHeartbeat>(second)[0]->queue_length, 2u);
}

TEST(AgentRequests, SlotsThatShrinkAreNeverExceededByAnotherBroker) {
  Harness h{options_for(2, std::nullopt)};
  h.make_ready(4);
  ASSERT_TRUE(h.ask(first, 1));
  ASSERT_TRUE(h.ask(first, 2));
  h.step(server_is(WorkerState::ready, 2));
  EXPECT_EQ(h.all_said<WorkerHeartbeat>(second).back()->slots, 1u);
  EXPECT_FALSE(h.ask(second, 1)) << "the first one's two fill the worker";
  EXPECT_EQ(h.answers(second), Words{"ERROR 1 REFUSED"});
}

TEST(AgentRequests, SlotsAreSplitEvenlyAndTheRestGoesToTheFirst) {
  struct Case {
    std::uint64_t slots, brokers;
    std::vector<std::uint64_t> shares;
  };
  for (const Case& c : {Case{8, 1, {8}}, Case{8, 2, {4, 4}}, Case{8, 3, {3, 3, 2}},
                        Case{1, 2, {1, 0}}, Case{0, 2, {0, 0}}, Case{10000, 2, {4096, 4096}}})
    for (std::uint64_t i = 0; i < c.brokers; ++i)
      EXPECT_EQ(slot_share(c.slots, c.brokers, i), c.shares[i]) << c.slots << "/" << c.brokers;
}

TEST(AgentRequests, TooFewSlotsForTheBrokersAreSaid) {
  Harness h{options_for(2, std::nullopt)};
  h.step(server_is(WorkerState::ready, 1));
  EXPECT_EQ(h.notes(), (Words{"state", "slots!"}));
  Harness set{options_for(2, 1)};
  set.step(server_is(WorkerState::ready));
  EXPECT_EQ(set.notes(), (Words{"state", "slots!"}));
}

TEST(AgentRequests, CancelStopsTheWorkAndIsAcknowledged) {
  Harness h{options_for(1)};
  h.make_ready();
  const auto job = h.ask(first, 5, true);
  h.part(*job, "a");
  h.hear(first, Cancel{WireId{5}});
  ASSERT_EQ(h.all<StopJob>().size(), 1u);
  EXPECT_EQ(h.all<StopJob>()[0]->job, *job);
  h.part(*job, "late");
  h.done(*job);
  h.hear(first, Cancel{WireId{5}});
  h.hear(first, Cancel{WireId{404}});
  EXPECT_EQ(h.answers(), (Words{"CHUNK 5 0 a", "ERROR 5 CANCELLED", "ERROR 5 CANCELLED",
                                "ERROR 404 CANCELLED"}));
}

TEST(AgentRequests, CancelTakesBackWhatHasNotBeenSaidYet) {
  Harness h{options_for(1)};
  h.make_ready();
  h.writable[0] = false;
  const auto job = h.ask(first, 5, true);
  const auto other = h.ask(first, 6);
  h.part(*job, "a");
  h.done(*other);
  h.done(*job);
  h.hear(first, Cancel{WireId{5}});
  h.writable[0] = true;
  h.flush();
  EXPECT_EQ(h.answers(), (Words{"FINAL 6 0 answer", "ERROR 5 CANCELLED"}));
}

TEST(AgentRequests, AFullSocketKeepsTheOrder) {
  Harness h{options_for(1)};
  h.make_ready();
  const auto job = h.ask(first, 5, true);
  h.part(*job, "a");
  h.writable[0] = false;
  h.part(*job, "b");
  h.part(*job, "c");
  h.writable[0] = true;
  h.part(*job, "d");
  h.done(*job, "");
  EXPECT_EQ(h.answers(),
            (Words{"CHUNK 5 0 a", "CHUNK 5 1 b", "CHUNK 5 2 c", "CHUNK 5 3 d", "FINAL 5 4"}));
}

TEST(AgentRequests, PartsThatCannotBeSaidAreBoundedInBytes) {
  Harness h{options_for(1)};
  h.make_ready();
  const auto greedy = h.ask(first, 5, true);
  const auto modest = h.ask(first, 6, true);
  h.writable[0] = false;
  h.part(*modest, "small");
  const Frame piece{std::string(1024 * 1024, 'x')};
  for (int i = 0; i < 63; ++i)
    h.step(PartMade{*greedy, {}, Payload{piece.share()}});
  EXPECT_TRUE(h.all<StopJob>().empty());
  h.step(PartMade{*greedy, {}, Payload{piece.share()}});
  ASSERT_EQ(h.all<StopJob>().size(), 1u) << "beyond the bound the job is stopped";
  EXPECT_EQ(h.all<StopJob>()[0]->job, *greedy);
  h.part(*modest, "more");
  h.done(*modest, "");
  h.writable[0] = true;
  h.flush();
  EXPECT_EQ(h.answers(),
            (Words{"CHUNK 6 0 small", "ERROR 5 WORKER_FAILED", "CHUNK 6 1 more", "FINAL 6 2"}));
}

TEST(AgentRequests, ABrokerThatAsksAndNeverReadsCannotGrowTheAgent) {
  Harness h{options_for(1)};
  h.make_ready();
  h.writable[0] = false;
  for (std::uint64_t i = 0; i < muster::test::effort<std::uint64_t>(300'000, 20'000); ++i)
    h.step(BrokerSaid{first, Cancel{WireId{i}}, {}});
  h.writable[0] = true;
  h.flush();
  EXPECT_LE(h.answers().size(), held_bytes_end / 512);
  if (!muster::test::sanitized) {
    EXPECT_GE(h.answers().size(), held_bytes_max / 1024);
  }
}

TEST(AgentRequests, AnAnswerOverTheBrokersLimitsIsAnErrorThatSaysSo) {
  Harness h{options_for(1)};
  h.step(Connected{first});
  auto terms = terms_of();
  terms.limits.frame_bytes = 1000;
  h.hear(first, Registered{terms});
  h.step(server_is(WorkerState::ready));
  h.clear();
  const auto whole = h.ask(first, 1);
  const auto stream = h.ask(first, 2, true);
  const auto failed = h.ask(first, 3);
  const auto fits = h.ask(first, 4);
  const std::string big(1001, 'x');
  h.done(*whole, big);
  h.part(*stream, big);
  h.step(JobBroke{*failed, ErrorCode::worker_failed, "It failed.", {}, Payload{big}});
  h.done(*fits, std::string(1000, 'y'));
  const auto lines = h.answers();
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0], "ERROR 1 WORKER_FAILED");
  EXPECT_EQ(lines[1], "ERROR 2 WORKER_FAILED");
  EXPECT_EQ(lines[2], "ERROR 3 WORKER_FAILED") << "told without its body";
  EXPECT_TRUE(lines[3].starts_with("FINAL 4 0 yyy"));
  EXPECT_NE(h.all_said<Error>()[0]->message.find("1001"), std::string::npos);
}

TEST(AgentRequests, WithoutItsBrokerARequestIsWorkedOnUpToItsOwnTimeout) {
  Harness h{options_for(2)};
  h.make_ready();
  h.beating[1] = true;
  const auto timed = h.ask(first, 1, false, "llama", 20s);
  const auto untimed = h.ask(first, 2);
  const auto other = h.ask(second, 1, false, "llama", 20s);
  ASSERT_TRUE(timed && untimed && other);
  h.advance(19999ms);
  EXPECT_TRUE(h.all<StopJob>().empty());
  h.advance(1ms);
  ASSERT_EQ(h.all<StopJob>().size(), 1u) << "a broker that is there times its requests itself";
  EXPECT_EQ(h.all<StopJob>()[0]->job, *timed);
  h.clear();
  h.advance(lonely_timeout - 20s);
  ASSERT_EQ(h.all<StopJob>().size(), 1u);
  EXPECT_EQ(h.all<StopJob>()[0]->job, *untimed);
  h.register_with(first);
  EXPECT_EQ(h.answers(), (Words{"ERROR 1 WORKER_TIMEOUT", "ERROR 2 WORKER_TIMEOUT"}));
  EXPECT_EQ(h.all_said<Error>()[0]->meta.reason, "running");
}

TEST(AgentRequests, ServerChangesAreToldAtOnce) {
  Harness h{options_for(1)};
  h.make_ready();
  ErrorMeta meta;
  const auto job = h.ask(first, 1);
  h.step(JobBroke{*job, ErrorCode::server_gone, "Connection refused.", meta, {}});
  auto gone = server_is(WorkerState::unhealthy, 0);
  gone.models.clear();
  h.step(gone);
  const auto beats = h.all_said<WorkerHeartbeat>();
  ASSERT_EQ(beats.size(), 1u);
  EXPECT_EQ(beats[0]->state, WorkerState::unhealthy);
  EXPECT_EQ(beats[0]->why, "so it is");
  EXPECT_EQ(beats[0]->slots, 4u) << "what it can do is known still";
  EXPECT_FALSE(beats[0]->models.has_value());
  EXPECT_EQ(h.notes(), Words{"state!"});
  h.step(server_is(WorkerState::unhealthy));
  EXPECT_EQ(h.all_said<WorkerHeartbeat>().size(), 1u) << "nothing has changed";
}

TEST(AgentRequests, BrokersAreToldWhyItIsNotReady) {
  Harness h{options_for(1)};
  h.register_with(first);
  EXPECT_EQ(h.all_said<Register>()[0]->info.why, "") << "nothing is known yet";
  h.step(server_is(WorkerState::starting));
  h.advance(1s);
  EXPECT_EQ(h.all_said<WorkerHeartbeat>().back()->why, "so it is");
  h.step(server_is(WorkerState::ready));
  EXPECT_EQ(h.all_said<WorkerHeartbeat>().back()->why, "");
  const auto job = h.ask(first, 1);
  h.step(StopAsked{});
  EXPECT_EQ(h.all_said<WorkerHeartbeat>().back()->why, "it was told to stop");
  h.done(*job);
}

TEST(AgentRequests, SlotsCanBeSetAnewWhileItRuns) {
  auto options = options_for(1);
  Harness h{options};
  h.make_ready(4);
  options.slots = 2;
  h.step(Reconfigured{options});
  ASSERT_EQ(h.all_said<WorkerHeartbeat>().size(), 1u) << "told at once";
  EXPECT_EQ(h.all_said<WorkerHeartbeat>()[0]->slots, 2u);
  EXPECT_EQ(h.all_said<WorkerHeartbeat>()[0]->grant, 1u) << "a change more";
  h.step(server_is(WorkerState::ready, 8));
  EXPECT_EQ(h.all_said<WorkerHeartbeat>().size(), 1u) << "what is set stands";
  options.slots.reset();
  h.step(Reconfigured{options});
  EXPECT_EQ(h.all_said<WorkerHeartbeat>().back()->slots, 8u) << "what the server told last";
}

TEST(AgentRequests, WhatIsConfiguredStandsOverWhatTheServerTells) {
  auto options = options_for(1, 2);
  options.models = server_is(WorkerState::ready, 0, "mine").models;
  Harness h{options};
  h.make_ready(100);
  h.register_with(first);
  const auto& info = h.all_said<Register>()[0]->info;
  EXPECT_EQ(info.slots, 2u);
  EXPECT_EQ(info.models[0].name, "mine");
  EXPECT_TRUE(h.ask(first, 1, false, "mine"));
  EXPECT_FALSE(h.ask(first, 2, false, "llama"));
}

}  // namespace
}  // namespace muster::agent::test
