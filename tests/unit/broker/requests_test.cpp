// Where requests go: docs/protocol.md, section 4.

#include <gtest/gtest.h>

#include "tests/unit/broker/bench.hpp"

namespace muster::broker {
namespace {

using namespace std::chrono_literals;

RequestOptions with(auto change) {
  RequestOptions options;
  change(options);
  return options;
}

TEST(Requests, GoToAFreeSlotAtOnceAndTheAnswerComesBackUnderTheClientsId) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 7);
  EXPECT_EQ(bench.take(), Lines{"w1 REQUEST #0"});
  bench.final(1, 0);
  EXPECT_EQ(bench.take(), Lines{"c5 7 FINAL"});
  EXPECT_TRUE(bench.controller().idle());
}

TEST(Requests, StreamsPassPartByPartInOrder) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 7, streamed());
  bench.chunk(1, 0, 0);
  bench.chunk(1, 0, 1);
  bench.final(1, 0, 2);
  EXPECT_EQ(bench.take(), (Lines{"w1 REQUEST #0", "c5 7 CHUNK 0", "c5 7 CHUNK 1", "c5 7 FINAL"}));
}

TEST(Requests, NeverExceedTheSlotsThatAWorkerGranted) {
  Bench bench;
  bench.add_worker(1, {.slots = 2});
  for (std::uint64_t id = 0; id < 5; ++id)
    bench.request(5, id);
  EXPECT_EQ(bench.take(), (Lines{"w1 REQUEST #0", "w1 REQUEST #1"}));
  bench.final(1, 1);
  EXPECT_EQ(bench.take(), (Lines{"c5 1 FINAL", "w1 REQUEST #2"}));
  bench.heartbeat(1, {.slots = 4, .state = WorkerState::ready});
  EXPECT_EQ(bench.take(), (Lines{"w1 REQUEST #3", "w1 REQUEST #4"}));
}

TEST(Requests, ASmallerGrantTakesNothingAwayAndGivesNothingMore) {
  Bench bench;
  bench.add_worker(1, {.slots = 2});
  bench.request(5, 0);
  bench.request(5, 1);
  bench.heartbeat(1, {.slots = 1, .state = WorkerState::ready});
  bench.request(5, 2);
  bench.drop();
  bench.final(1, 0);
  EXPECT_EQ(bench.take(), Lines{"c5 0 FINAL"});
  bench.final(1, 1);
  EXPECT_EQ(bench.take(), (Lines{"c5 1 FINAL", "w1 REQUEST #2"}));
}

TEST(Requests, WaitByPriorityAndThenByArrival) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0);
  bench.request(5, 1);
  bench.request(5, 2, with([](auto& o) { o.priority = 5; }));
  bench.request(5, 3, with([](auto& o) { o.priority = 5; }));
  bench.request(5, 4, with([](auto& o) { o.priority = -1; }));
  bench.drop();
  Lines answered;
  for (std::uint64_t attempt = 0; attempt < 5; ++attempt) {
    bench.final(1, attempt);
    answered.push_back(bench.take().front());
  }
  EXPECT_EQ(answered,
            (Lines{"c5 0 FINAL", "c5 2 FINAL", "c5 3 FINAL", "c5 1 FINAL", "c5 4 FINAL"}));
}

TEST(Requests, AFullQueueAnswersOverloadedWithATimeToTryAgain) {
  ControllerOptions options;
  options.queue_depth_max = 1;
  Bench bench{options};
  bench.add_worker(1);
  bench.request(5, 0);
  bench.request(5, 1);
  bench.drop();
  bench.request(5, 2);
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 2 OVERLOADED queue_full"});
  EXPECT_TRUE(bench.errors().back().meta.retryable);
  EXPECT_EQ(bench.errors().back().meta.retry_after, 1s);
  EXPECT_EQ(bench.stat("errors.OVERLOADED"), 1u);
}

TEST(Requests, BodiesHeldAreBoundedTogetherAndLetGoAtTheFirstPart) {
  ControllerOptions options;
  options.held_bytes_max = 10'000;
  Bench bench{options};
  bench.add_worker(1, {.slots = 10});
  const std::string body(8'000, 'x');
  bench.request(5, 0, streamed(), "m", body);
  bench.drop();
  bench.request(5, 1, streamed(), "m", body);
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 1 OVERLOADED held_bytes"});
  bench.chunk(1, 0, 0);
  bench.drop();
  bench.request(5, 2, streamed(), "m", body);
  EXPECT_EQ(bench.take(), Lines{"w1 REQUEST #1"});
}

TEST(Requests, AClientMayHaveSoManyOutstandingAndNoMore) {
  ControllerOptions options;
  options.outstanding_per_client_max = 2;
  Bench bench{options};
  bench.add_worker(1, {.slots = 10});
  bench.request(5, 0);
  bench.request(5, 1);
  bench.drop();
  bench.request(5, 2);
  bench.request(6, 2);
  EXPECT_EQ(bench.take(), (Lines{"c5 ERROR 2 RATE_LIMITED outstanding", "w1 REQUEST #2"}));
}

TEST(Requests, ADuplicateIdIsAnsweredAndTheFirstGoesOn) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 7);
  bench.drop();
  bench.request(5, 7);
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 7 BAD_REQUEST duplicate"});
  bench.give(ClientSaid{ClientConnection{5}, Query{WireId{7}, "models", {}}, {}, {}});
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 7 BAD_REQUEST duplicate"});
  bench.final(1, 0);
  EXPECT_EQ(bench.take(), Lines{"c5 7 FINAL"});
  bench.request(5, 7);
  EXPECT_EQ(bench.take(), Lines{"w1 REQUEST #1"});
}

TEST(Requests, NeedTheLabelsThatTheyRequire) {
  Bench bench;
  bench.add_worker(1, {.name = "A", .labels = {{"gpu", "a100"}}});
  bench.add_worker(2, {.name = "B", .labels = {{"gpu", "h100"}}});
  bench.request(5, 0, with([](auto& o) { o.require = {{"gpu", "h100"}}; }));
  EXPECT_EQ(bench.take(), Lines{"w2 REQUEST #0"});
  bench.request(5, 1, with([](auto& o) { o.require = {{"gpu", "h100"}}; }));
  EXPECT_EQ(bench.take(), Lines{});  // waits for B, though A is free
  bench.request(5, 2);
  EXPECT_EQ(bench.take(), Lines{"w1 REQUEST #1"});
  bench.final(1, 1);
  EXPECT_EQ(bench.take(), Lines{"c5 2 FINAL"});
  bench.final(2, 0);
  EXPECT_EQ(bench.take(), (Lines{"c5 0 FINAL", "w2 REQUEST #2"}));
}

// ---- the configuration is read again -----------------------------------------------------------

TEST(Reconfigured, HoldsForWhatComesFromNowOn) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0);
  bench.request(5, 1);
  bench.drop();
  ControllerOptions options;
  options.request_timeout = 1s;
  options.queue_depth_max = 2;
  bench.give(Reconfigured{options});
  bench.request(5, 2);
  EXPECT_EQ(bench.take(), Lines{});
  bench.request(5, 3);
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 3 OVERLOADED queue_full"});
  bench.pass(1s, {1});
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 2 WORKER_TIMEOUT queued"});
  bench.pass(60s, {1});
  EXPECT_EQ(bench.take(), Lines{}) << "those before have the time that they were given";
}

TEST(Reconfigured, ChoosesByTheNewPolicy) {
  Bench bench;                                                     // shortest_queue
  bench.add_worker(1, {.name = "A", .slots = 9, .speed = 100.0});  // by queues it gets nearly all
  bench.add_worker(2, {.name = "B", .slots = 9});
  ControllerOptions options;
  options.policy = RoutingPolicyKind::round_robin;
  bench.give(Reconfigured{options});
  for (std::uint64_t id = 0; id < 8; ++id)
    bench.request(5, id);
  EXPECT_EQ(bench.worker("A").find("in_flight")->uint_or(0), 4u);
  EXPECT_EQ(bench.worker("B").find("in_flight")->uint_or(0), 4u);
}

TEST(Reconfigured, TheSamePolicyGoesOnWithItsTurns) {
  ControllerOptions options;
  options.policy = RoutingPolicyKind::round_robin;
  Bench bench{options};
  for (std::uint32_t worker = 1; worker <= 3; ++worker)
    bench.add_worker(worker, {.name = "w" + std::to_string(worker), .slots = 99});
  std::uint64_t id = 0;
  const auto ask_nine = [&] {
    for (int i = 0; i < 9; ++i)
      bench.request(5, id++);
  };
  ask_nine();
  bench.give(Reconfigured{options});
  ask_nine();
  options.policy = RoutingPolicyKind::lottery;
  bench.give(Reconfigured{options});
  options.policy = RoutingPolicyKind::round_robin;
  bench.give(Reconfigured{options});
  ask_nine();
  for (const char* worker : {"w1", "w2", "w3"})
    EXPECT_EQ(bench.worker(worker).find("in_flight")->uint_or(0), 9u) << worker;
}

TEST(Requests, MoreLabelsThanAWorkerCanHaveAreABadRequest) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0, with([](auto& o) {
                  for (int i = 0; i < 65; ++i)
                    o.require.emplace(std::to_string(i), "x");
                }));
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 0 BAD_REQUEST"});
  EXPECT_EQ(bench.stat("held_bytes"), 0u);
}

// ---- nobody there ------------------------------------------------------------------------------

TEST(NoWorker, SaysWhy) {
  Bench bench;
  bench.request(5, 0);
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 0 NO_WORKER unknown_model"});
  EXPECT_FALSE(bench.errors().back().meta.retryable);
  bench.add_worker(1, {.state = WorkerState::starting});
  bench.request(5, 1);
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 1 NO_WORKER none_live"});
  EXPECT_EQ(bench.errors().back().message,
            "no worker that serves model \"m\" is ready: 1 starting");
  bench.heartbeat(1, {.slots = 1, .state = WorkerState::unhealthy, .why = "it burns"});
  bench.request(5, 9);
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 9 NO_WORKER none_live"});
  EXPECT_EQ(bench.errors().back().message,
            "no worker that serves model \"m\" is ready: 1 unhealthy; worker \"A\" says: it burns");
  bench.heartbeat(1, {.slots = 1, .state = WorkerState::draining});
  bench.request(5, 2);
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 2 NO_WORKER all_draining"});
  bench.heartbeat(1, {.slots = 1, .state = WorkerState::ready});
  bench.request(5, 3, with([](auto& o) { o.require = {{"zone", "b"}}; }));
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 3 NO_WORKER none_fit"});
  bench.worker_says(1, Deregister{"bye"});
  bench.request(5, 4);
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 4 NO_WORKER none_live"});
  EXPECT_TRUE(bench.errors().back().meta.retryable);
}

TEST(NoWorker, AnswersThoseThatWaitWhenTheLastWorkerStopsBeingReady) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0);
  bench.request(5, 1);
  bench.drop();
  bench.heartbeat(1, {.slots = 1, .state = WorkerState::unhealthy});
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 1 NO_WORKER none_live"});
}

TEST(NoWorker, HoldsWhereConfiguredUntilAWorkerComes) {
  ControllerOptions options;
  options.no_worker_wait = 2s;
  Bench bench{options};
  bench.request(5, 0);
  bench.pass(1s);
  EXPECT_EQ(bench.take(), Lines{});
  bench.register_worker(1);
  EXPECT_EQ(bench.take(), (Lines{"w1 REGISTERED", "w1 REQUEST #0"}));
}

TEST(NoWorker, HoldsNoLongerThanConfigured) {
  ControllerOptions options;
  options.no_worker_wait = 2s;
  Bench bench{options};
  bench.request(5, 0);
  bench.pass(2s - 1ms);
  EXPECT_EQ(bench.take(), Lines{});
  bench.pass(1ms);
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 0 NO_WORKER unknown_model"});
}

TEST(NoWorker, AFullWorkerEndsTheHoldingAndTheRequestWaitsInTheUsualWay) {
  ControllerOptions options;
  options.no_worker_wait = 2s;
  Bench bench{options};
  bench.request(5, 0);
  bench.request(5, 1);
  bench.add_worker(1);
  bench.pass(10s, {1});
  EXPECT_EQ(bench.take(), Lines{});
  bench.final(1, 0);
  EXPECT_EQ(bench.take(), (Lines{"c5 0 FINAL", "w1 REQUEST #1"}));
}

TEST(NoWorker, HoldsAfterAStartWhatNobodyCanTakeYet) {
  Bench bench{{.restart_grace = 2s}};
  bench.request(5, 0);
  bench.request(5, 1, {}, "n");
  bench.pass(1s);
  bench.register_worker(1, {.state = WorkerState::draining});
  bench.request(5, 2);
  EXPECT_EQ(bench.take(), Lines{"w1 REGISTERED"}) << "others may be on their way";
  bench.register_worker(2);
  EXPECT_EQ(bench.take(), (Lines{"w2 REGISTERED", "w2 REQUEST #0"}));
  bench.pass(1s - 1us, {1, 2});
  EXPECT_EQ(bench.take(), Lines{});
  bench.pass(1us, {1, 2});
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 1 NO_WORKER unknown_model"});
}

TEST(NoWorker, ModelsAreFoundByAlias) {
  Bench bench;
  WorkerDescription info;
  info.worker = "A";
  info.instance = Instance{1};
  info.slots = 1;
  info.state = WorkerState::ready;
  info.models = {{.name = "llama-3-8b",
                  .aliases = {"llama", "default"},
                  .context_length = 8192,
                  .modalities = {},
                  .operations = {}}};
  bench.worker_says(1, Register{info});
  bench.drop();
  bench.request(5, 0, {}, "llama");
  bench.request(5, 1, {}, "default");
  EXPECT_EQ(bench.take(), Lines{"w1 REQUEST #0"});
  bench.final(1, 0);
  EXPECT_EQ(bench.take(), (Lines{"c5 0 FINAL", "w1 REQUEST #1"}));
}

}  // namespace
}  // namespace muster::broker
