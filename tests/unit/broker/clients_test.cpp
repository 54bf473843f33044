// Clients: their liveness and ours towards them (docs/protocol.md, section 7), and where the
// requests of one conversation go (section 4, `session`).

#include <gtest/gtest.h>

#include "broker/core/client_sessions.hpp"
#include "broker/core/worker_choice.hpp"
#include "tests/unit/broker/bench.hpp"

namespace muster::broker {
namespace {

using namespace std::chrono_literals;

void beat(Bench& bench, std::uint32_t client) {
  bench.give(ClientSaid{ClientConnection{client}, ClientHeartbeat{}, {}, {}});
}

RequestOptions of_session(const std::string& session) {
  RequestOptions options;
  options.session = session;
  return options;
}

TEST(Clients, WithSomethingOutstandingAreSentHeartbeats) {
  Bench bench;
  bench.add_worker(1, {.slots = 2});
  bench.request(5, 0);
  bench.request(6, 0);
  bench.pass(1s, {1});
  EXPECT_EQ(bench.take_client_heartbeats(), (Lines{"c5 HEARTBEAT", "c6 HEARTBEAT"}));
  bench.final(1, 0);
  bench.pass(1s, {1});
  EXPECT_EQ(bench.take_client_heartbeats(), Lines{"c6 HEARTBEAT"});
  bench.give(ClientUnreachable{ClientConnection{6}, false});
  bench.pass(5s, {1});
  EXPECT_EQ(bench.take_client_heartbeats(), Lines{});
}

TEST(Clients, ThatBeatAndFallSilentAreGivenUp) {
  Bench bench;
  bench.add_worker(1);
  beat(bench, 5);
  bench.request(5, 0);
  bench.request(5, 1);
  bench.request(6, 0);
  bench.drop();
  bench.pass(6s - 1us, {1});
  EXPECT_EQ(bench.take(), Lines{});
  bench.pass(1us, {1});
  EXPECT_EQ(bench.take(), (Lines{"c5 ERROR 0 CANCELLED expired", "w1 CANCEL #0",
                                 "c5 ERROR 1 CANCELLED expired"}));
  EXPECT_EQ(bench.stat("clients_silent"), 1u);
  bench.request(5, 0);
  EXPECT_EQ(bench.take(), Lines{}) << "it may ask again; as one that has never sent a heartbeat";
}

TEST(Clients, AreHeardByWhateverTheySay) {
  Bench bench;
  bench.add_worker(1);
  beat(bench, 5);
  bench.request(5, 0);
  bench.drop();
  for (std::uint64_t i = 0; i < 5; ++i) {
    bench.pass(2s, {1});
    bench.cancel(5, 1000 + i);
  }
  EXPECT_EQ(bench.take(), Lines{});
}

TEST(Clients, AreNotJudgedForAPauseOfTheBroker) {
  Bench bench;
  bench.add_worker(1);
  beat(bench, 5);
  bench.request(5, 0);
  bench.drop();
  bench.freeze(60s);
  bench.heartbeat(1);
  bench.tick();
  EXPECT_EQ(bench.take(), Lines{});
  beat(bench, 5);
  bench.drop();
  bench.pass(6s - 1us, {1});
  EXPECT_EQ(bench.take(), Lines{});
  bench.pass(1us, {1});
  EXPECT_EQ(bench.take(), (Lines{"c5 ERROR 0 CANCELLED expired", "w1 CANCEL #0"}));
}

TEST(ClientSessions, JudgesByWhatIsReadAndForgetsWhoNeedsNothing) {
  const ControllerOptions options;
  InFlightTable requests;
  Time now{1h};
  ClientSessions clients{options, now};
  requests.add(ClientConnection{5}, ClientRequestId{0}, {}, {});
  clients.asks(ClientConnection{5}, now);
  clients.beats(ClientConnection{5}, now);
  clients.asks(ClientConnection{6}, now);  // its request was answered at once
  std::size_t expired = 0;
  int seconds = 0;
  for (; expired == 0 && seconds < 20; ++seconds) {
    now += 1s;
    expired = clients.tick(now, false, requests).expired.size();
  }
  EXPECT_EQ(seconds, 9) << "while not all is read: late, not never";
  EXPECT_EQ(clients.next_deadline(), time_never) << "nobody is remembered";
  PendingRequest* request = requests.find(ClientConnection{5}, ClientRequestId{0});
  requests.answered(*request);
  requests.erase(*request);
}

TEST(Conversation, StaysAtItsWorkerWhileThatCanTakeIt) {
  Bench bench{{.policy = RoutingPolicyKind::round_robin}};
  bench.add_worker(1, {.name = "A", .slots = 2});
  bench.add_worker(2, {.name = "B", .slots = 9});
  bench.request(5, 0, of_session("talk"));
  bench.request(6, 0, of_session("talk"));
  EXPECT_EQ(bench.take(), (Lines{"w1 REQUEST #0", "w1 REQUEST #1"}));
  bench.request(5, 1, of_session("talk"));
  bench.final(1, 0);
  bench.drop();
  bench.request(5, 2, of_session("talk"));
  EXPECT_EQ(bench.take(), Lines{"w2 REQUEST #3"}) << "it has moved";
  bench.heartbeat(2, {.slots = 9, .state = WorkerState::draining});
  bench.request(5, 3, of_session("talk"));
  EXPECT_EQ(bench.take(), Lines{"w1 REQUEST #4"});
}

TEST(Conversation, OfASuspectOrLostWorkerGoesElsewhere) {
  Bench bench{{.policy = RoutingPolicyKind::round_robin}};
  bench.add_worker(1, {.name = "A", .slots = 9});
  bench.request(5, 0, of_session("talk"));
  bench.add_worker(2, {.name = "B", .slots = 1});
  bench.drop();
  bench.pass(1500ms, {2});
  bench.request(5, 1, of_session("talk"));
  EXPECT_EQ(bench.take(), Lines{"w2 REQUEST #1"});
}

TEST(Conversation, IsForgottenAfterSoManyOthers) {
  WorkerRegistry workers{RoutingPolicyKind::lottery};
  ControllerOptions options;
  options.policy = RoutingPolicyKind::round_robin;
  WorkerChoice choice{options, workers, 1};
  const Time now{1h};
  std::vector<WorkerInfo*> both;
  for (const std::uint32_t connection : {1u, 2u}) {
    WorkerDescription info;
    info.worker = std::to_string(connection);
    info.models.push_back({"m", {}, {}, {}, {}});
    WorkerInfo& worker = workers.add(info, WorkerConnection{connection}, now);
    worker.state = WorkerState::ready;
    worker.slots = 1;
    both.push_back(&worker);
  }
  const auto talk = [](std::size_t number) {
    auto request = std::make_unique<PendingRequest>();
    request->model = "m";
    request->conversation = std::to_string(number);
    return request;
  };
  const auto stays = [&](std::size_t number) {
    WorkerInfo* const first = choice.choose(*talk(number), now);
    return first == both[0] && choice.choose(*talk(number), now) == both[0];
  };
  for (std::size_t i = 0; i < WorkerChoice::sessions_max; ++i)
    choice.chosen(*talk(i), *both[0]);
  EXPECT_TRUE(stays(0));
  choice.chosen(*talk(0), *both[0]);  // the oldest no more
  choice.chosen(*talk(WorkerChoice::sessions_max), *both[0]);
  EXPECT_TRUE(stays(0));
  EXPECT_TRUE(stays(2));
  EXPECT_FALSE(stays(1)) << "used least lately: it goes by the policy";
}

}  // namespace
}  // namespace muster::broker
