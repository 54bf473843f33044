// Worker sessions, bad input and queries: docs/protocol.md, sections 6, 9 and 11.

#include <gtest/gtest.h>

#include "tests/unit/broker/bench.hpp"

namespace muster::broker {
namespace {

using namespace std::chrono_literals;

Fault malformed(std::optional<std::uint64_t> type = {}) {
  return {.reason = FaultReason::malformed, .what = "not msgpack", .id = {}, .type = type};
}

TEST(Session, BeginsWithRegisterAndTellsTheTerms) {
  ControllerOptions options;
  options.name = "b1";
  options.heartbeat_interval = 250ms;
  Controller controller{options, Birth{Instance{9}, BrokerId{broker_id_min}, 1}, Time{}};
  std::vector<Action> out;
  WorkerDescription info;
  info.worker = "A";
  controller.step(WorkerSaid{WorkerConnection{1}, Register{info}, {}, {}}, Time{}, out);
  const Registered* registered = nullptr;
  for (const Action& action : out) {
    if (const auto* send = std::get_if<SendToWorker>(&action)) {
      registered = std::get_if<Registered>(&send->message);
    }
  }
  ASSERT_NE(registered, nullptr);
  EXPECT_EQ(registered->terms.broker, "b1");
  EXPECT_EQ(registered->terms.instance, Instance{9});
  EXPECT_EQ(registered->terms.interval, 250ms);
  EXPECT_EQ(registered->terms.liveness, 3u);
}

TEST(Session, IsNeededForAnythingElse) {
  Bench bench;
  bench.heartbeat(1);
  EXPECT_EQ(bench.take(), Lines{"w1 REREGISTER"});
  bench.heartbeat(1);
  bench.final(1, 0);
  EXPECT_EQ(bench.take(), Lines{});  // at most once an interval and connection
  bench.heartbeat(2);
  EXPECT_EQ(bench.take(), Lines{"w2 REREGISTER"});
  bench.pass(1s);
  bench.heartbeat(1);
  EXPECT_EQ(bench.take(), Lines{"w1 REREGISTER"});
  EXPECT_EQ(bench.stat("dropped.unbound"), 5u);
}

TEST(Session, ARegisterOnItsOwnConnectionOnlyUpdates) {
  Bench bench;
  bench.add_worker(1, {.slots = 1});
  bench.request(5, 0);
  bench.request(5, 1);
  bench.drop();
  bench.register_worker(1, {.slots = 2});
  EXPECT_EQ(bench.take(), (Lines{"w1 REGISTERED", "w1 REQUEST #1"}));
  EXPECT_EQ(bench.stat("sessions.registered"), 1u);
}

TEST(Session, TwoLiveWorkersCannotHaveOneName) {
  Bench bench;
  bench.add_worker(1, {.instance = 5});
  bench.register_worker(2, {.instance = 6});
  EXPECT_EQ(bench.take(), Lines{"w1 PROBE 1"});
  bench.status(1, 1, {.instance = 5});
  EXPECT_EQ(bench.take(), Lines{"w2 DISMISS NAME_TAKEN"});
  bench.register_worker(3, {.instance = 4});
  EXPECT_EQ(bench.take(), Lines{"w3 DISMISS REPLACED"});
  bench.request(5, 0);
  EXPECT_EQ(bench.take(), Lines{"w1 REQUEST #0"});
}

TEST(Session, ANewerInstanceTakesTheNameOfABrokenOne) {
  Bench bench;
  bench.add_worker(1, {.instance = 5});
  bench.request(5, 0);
  bench.drop();
  bench.give(WorkerUnreachable{WorkerConnection{1}});
  bench.register_worker(2, {.instance = 6});
  EXPECT_EQ(bench.take(), (Lines{"w2 REGISTERED", "w2 REQUEST #1"}));
  bench.final(2, 1);
  EXPECT_EQ(bench.take(), Lines{"c5 0 FINAL"});
}

TEST(Session, ResumesOnAnotherConnectionWithWhatItWorksOn) {
  Bench bench;
  bench.add_worker(1, {.slots = 3});
  bench.request(5, 0, once());
  bench.request(5, 1, streamed());
  bench.chunk(1, 1, 0);
  bench.drop();
  bench.register_worker(2, {.slots = 3, .active = {1}});
  EXPECT_EQ(bench.take(), (Lines{"w2 REGISTERED", "c5 ERROR 0 WORKER_LOST not_active"}));
  bench.chunk(1, 1, 1);  // from the connection that is no longer bound
  EXPECT_EQ(bench.take(), Lines{"w1 REREGISTER"});
  bench.chunk(2, 1, 1);
  bench.final(2, 1, 2);
  EXPECT_EQ(bench.take(), (Lines{"c5 1 CHUNK 1", "c5 1 FINAL"}));
  EXPECT_EQ(bench.stat("sessions.resumed"), 1u);
}

TEST(Session, AResumeBeforeTheBackendIsReadEmptyLosesNothing) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0);
  bench.drop();
  bench.give(WorkerUnreachable{WorkerConnection{1}});
  bench.tick(false);
  bench.register_worker(2, {.active = {0}});
  bench.tick(true);
  EXPECT_EQ(bench.take(), Lines{"w2 REGISTERED"});
  bench.final(2, 0);
  EXPECT_EQ(bench.take(), Lines{"c5 0 FINAL"});
}

TEST(Session, AResumeRepeatsACancelThatMayHaveBeenLost) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0);
  bench.cancel(5, 0);
  bench.drop();
  bench.register_worker(2, {.active = {0}});
  EXPECT_EQ(bench.take(), (Lines{"w2 REGISTERED", "w2 CANCEL #0"}));
  EXPECT_EQ(bench.stat("dropped.orphans"), 0u);
}

TEST(Session, AConnectionThatWasGivenUpAndLivesIsAskedToRegisterAgain) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0);
  bench.drop();
  bench.give(WorkerUnreachable{WorkerConnection{1}});
  bench.heartbeat(1);
  EXPECT_EQ(bench.take(), Lines{"w1 REREGISTER"});
  bench.register_worker(1, {.active = {0}});
  EXPECT_EQ(bench.take(), Lines{"w1 REGISTERED"});
  bench.final(1, 0);
  bench.request(5, 1);
  EXPECT_EQ(bench.take(), (Lines{"c5 0 FINAL", "w1 REQUEST #1"}));
}

TEST(Session, TooManyRegistersInAnIntervalAreDropped) {
  Bench bench;
  for (int i = 0; i < 20; ++i)
    bench.register_worker(1);
  EXPECT_EQ(bench.take().size(), 8u);
  EXPECT_EQ(bench.stat("dropped.hasty"), 12u);
  bench.pass(1s, {1});
  bench.register_worker(1);
  EXPECT_EQ(bench.take(), Lines{"w1 REGISTERED"});
}

TEST(Session, AnAbsurdDescriptionIsDismissedWithTheReason) {
  Bench bench;
  WorkerSpec spec;
  for (int i = 0; i < 65; ++i)
    spec.labels.emplace(std::to_string(i), "x");
  bench.register_worker(1, spec);
  spec.labels = {{"zone", std::string(257, 'x')}};
  bench.register_worker(2, spec);
  spec.labels = {};
  for (int i = 0; i < 257; ++i)
    spec.models.push_back("m" + std::to_string(i));
  bench.register_worker(3, spec);
  EXPECT_EQ(bench.take(),
            (Lines{"w1 DISMISS BAD_REQUEST", "w2 DISMISS BAD_REQUEST", "w3 DISMISS BAD_REQUEST"}));
  EXPECT_EQ(bench.query("workers").find("workers")->array()->size(), 0u);
}

TEST(Session, ALowerInstanceOnTheBoundConnectionIsDismissed) {
  Bench bench;
  bench.add_worker(1, {.instance = 5});
  bench.request(5, 0, once());
  bench.drop();
  bench.register_worker(1, {.instance = 4});
  EXPECT_EQ(bench.take(), (Lines{"w1 DISMISS REPLACED", "c5 ERROR 0 WORKER_LOST dismissed"}));
  EXPECT_EQ(bench.worker("A").find("state")->string_or(""), "gone");
}

TEST(Session, AWorkerThatAsksForTooMuchLosesItsSession) {
  Bench bench;
  WorkerSpec spec;
  bench.add_worker(1, spec);
  bench.request(5, 0, once());
  bench.drop();
  spec.labels = {{"zone", std::string(257, 'x')}};
  bench.register_worker(1, spec);
  EXPECT_EQ(bench.take(), (Lines{"w1 DISMISS BAD_REQUEST", "c5 ERROR 0 WORKER_LOST dismissed"}));
  EXPECT_EQ(bench.worker("A").find("state")->string_or(""), "gone");
}

TEST(Session, IsToldToRegisterAtMostOnceAnInterval) {
  Bench bench;
  bench.add_worker(1);  // an interval of REGISTERs begins
  bench.worker_says(1, Deregister{"bye"});
  bench.pass(900ms);
  bench.heartbeat(1);
  EXPECT_EQ(bench.take(), Lines{"w1 REREGISTER"});
  bench.pass(999ms);
  bench.heartbeat(1);
  EXPECT_EQ(bench.take(), Lines{});
  bench.pass(1ms);
  bench.heartbeat(1);
  EXPECT_EQ(bench.take(), Lines{"w1 REREGISTER"});
}

TEST(Session, OrphansTakeSlotsUntilTheyEnd) {
  Bench bench;
  bench.register_worker(1, {.slots = 2, .active = {500, 501}});
  EXPECT_EQ(bench.take(), (Lines{"w1 REGISTERED", "w1 CANCEL #500", "w1 CANCEL #501"}));
  bench.request(5, 0);
  EXPECT_EQ(bench.take(), Lines{});
  bench.error(1, 500, ErrorCode::cancelled);
  EXPECT_EQ(bench.take(), Lines{"w1 REQUEST #0"});
  EXPECT_EQ(bench.stat("dropped.orphans"), 2u);
}

TEST(Session, DeregisterEndsItAndLosesWhatItHolds) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0, once());
  bench.request(5, 1);
  bench.drop();
  bench.worker_says(1, Deregister{"stopped"});
  EXPECT_EQ(bench.take(),
            (Lines{"c5 ERROR 0 WORKER_LOST deregistered", "c5 ERROR 1 NO_WORKER none_live"}));
  EXPECT_EQ(bench.worker("A").find("state")->string_or(""), "gone");
  EXPECT_EQ(bench.worker("A").find("reason")->string_or(""),
            "deregistered: it has deregistered: stopped");
}

TEST(Session, AConnectionThatRegistersUnderAnotherNameEndsItsFormerSession) {
  Bench bench;
  bench.add_worker(1, {.name = "A"});
  bench.request(5, 0, once());
  bench.drop();
  bench.register_worker(1, {.name = "B"});
  EXPECT_EQ(bench.take(), (Lines{"c5 ERROR 0 WORKER_LOST deregistered", "w1 REGISTERED"}));
  EXPECT_EQ(bench.worker("A").find("state")->string_or(""), "gone");
  EXPECT_EQ(bench.worker("B").find("state")->string_or(""), "ready");
}

TEST(Session, StatesOtherThanReadyGetNothing) {
  for (const WorkerState state :
       {WorkerState::starting, WorkerState::draining, WorkerState::unhealthy}) {
    Bench bench;
    bench.add_worker(1, {.name = "A", .slots = 9});
    bench.add_worker(2, {.name = "B", .slots = 1});
    bench.heartbeat(1, {.slots = 9, .state = state});
    bench.request(5, 0);
    bench.request(5, 1);
    EXPECT_EQ(bench.take(), Lines{"w2 REQUEST #0"});
    bench.heartbeat(1, {.slots = 9, .state = WorkerState::ready});
    EXPECT_EQ(bench.take(), Lines{"w1 REQUEST #1"});
  }
}

TEST(Session, WhyAWorkerIsAsItIsIsKeptAndTold) {
  Bench bench;
  const auto why = [&]() -> std::string {
    const Value row = bench.worker("A");
    return row.find("why") == nullptr ? "(none)" : std::string{row.find("why")->string_or("")};
  };
  bench.add_worker(1, {.name = "A"});
  EXPECT_EQ(why(), "(none)");
  (void)bench.take_notes();
  bench.heartbeat(1,
                  {.state = WorkerState::unhealthy, .why = "no answer " + std::string(999, '.')});
  EXPECT_EQ(why(), "no answer " + std::string(246, '.'));
  const auto notes = bench.take_notes();
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].detail, "ready -> unhealthy (" + why() + ")");
  bench.heartbeat(1, {.state = WorkerState::unhealthy, .why = "status 500"});
  EXPECT_EQ(why(), "status 500");
  EXPECT_TRUE(bench.take_notes().empty()) << "the state is the same";
  bench.heartbeat(1, {.slots = 1, .state = WorkerState::ready});
  EXPECT_EQ(why(), "(none)");
}

TEST(Session, AHeartbeatThatChangesTheModelsMovesTheWaiting) {
  Bench bench;
  bench.add_worker(1, {.models = {"m"}});
  bench.request(5, 0);
  bench.request(5, 1);
  bench.drop();
  WorkerHeartbeat beat{.slots = 1, .state = WorkerState::ready};
  beat.models = {ModelDescription{
      .name = "n", .aliases = {}, .context_length = {}, .modalities = {}, .operations = {}}};
  bench.heartbeat(1, beat);
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 1 NO_WORKER none_live"});
  bench.final(1, 0);
  bench.request(5, 2, {}, "n");
  EXPECT_EQ(bench.take(), (Lines{"c5 0 FINAL", "w1 REQUEST #1"}));
}

// ---- bad input ---------------------------------------------------------------------------------

TEST(BadInput, FromAClientIsAnsweredWhereItHasAnIdAndCounted) {
  Bench bench;
  Fault fault = malformed();
  bench.give(ClientFault{ClientConnection{5}, fault});
  EXPECT_EQ(bench.take(), Lines{});
  fault.id = WireId{3};
  bench.give(ClientFault{ClientConnection{5}, fault});
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 3 BAD_REQUEST"});
  EXPECT_EQ(bench.errors().back().message, "not msgpack");
  fault.reason = FaultReason::unknown_type;
  bench.give(ClientFault{ClientConnection{5}, fault});
  EXPECT_EQ(bench.take(), Lines{});
  EXPECT_EQ(bench.stat("faults.clients.malformed"), 2u);
  EXPECT_EQ(bench.stat("faults.clients.unknown_type"), 1u);
}

TEST(BadInput, WithTheIdOfAnOutstandingRequestDoesNotEndThatOne) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 3);
  bench.drop();
  Fault fault = malformed();
  fault.id = WireId{3};
  bench.give(ClientFault{ClientConnection{5}, fault});
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 3 BAD_REQUEST duplicate"});
  bench.final(1, 0);
  EXPECT_EQ(bench.take(), Lines{"c5 3 FINAL"});
}

TEST(BadInput, AWorkerWhoseMessagesKeepBeingMalformedIsDismissed) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0, once());
  bench.drop();
  for (int i = 0; i < 10; ++i)
    bench.give(WorkerFault{WorkerConnection{1}, malformed()});
  EXPECT_EQ(bench.take(), Lines{});
  bench.give(WorkerFault{WorkerConnection{1}, malformed()});
  EXPECT_EQ(bench.take(), (Lines{"w1 DISMISS BAD_REQUEST", "c5 ERROR 0 WORKER_LOST dismissed"}));
  EXPECT_EQ(bench.stat("faults.workers.malformed"), 11u);
}

TEST(BadInput, NowAndThenDoesNotDismiss) {
  Bench bench;
  bench.add_worker(1);
  for (int i = 0; i < 30; ++i) {
    bench.give(WorkerFault{WorkerConnection{1}, malformed()});
    bench.pass(1s, {1});
  }
  EXPECT_EQ(bench.worker("A").find("state")->string_or(""), "ready");
}

TEST(BadInput, ForeignRoutingIdsAreCountedBySide) {
  Bench bench;
  bench.give(ForeignPeer{.on_backend = false});
  bench.give(ForeignPeer{.on_backend = true});
  bench.give(ForeignPeer{.on_backend = true});
  EXPECT_EQ(bench.take(), Lines{});
  EXPECT_EQ(bench.stat("faults.clients.foreign_routing_id"), 1u);
  EXPECT_EQ(bench.stat("faults.workers.foreign_routing_id"), 2u);
}

TEST(BadInput, ARegisterThatCannotBeReadIsToldWhyAFewTimesAnInterval) {
  Bench bench;
  for (int i = 0; i < 20; ++i)
    bench.give(WorkerFault{WorkerConnection{1}, malformed(0x21)});
  EXPECT_EQ(bench.take(), Lines(8, "w1 DISMISS BAD_REQUEST"));
  bench.give(WorkerFault{WorkerConnection{2}, malformed()});
  EXPECT_EQ(bench.take(), Lines{"w2 REREGISTER"});
}

// ---- what it tells of itself -------------------------------------------------------------------

TEST(Queries, ModelsAreSummedOverWorkers) {
  Bench bench;
  bench.add_worker(1, {.name = "A", .models = {"m", "n"}, .slots = 3});
  bench.add_worker(2, {.name = "B", .models = {"m"}, .slots = 2, .state = WorkerState::starting});
  bench.request(5, 0);
  const Value answer = bench.query("models");
  const Value::Array& models = *answer.find("models")->array();
  ASSERT_EQ(models.size(), 2u);
  EXPECT_EQ(models[0].find("name")->string_or(""), "m");
  EXPECT_EQ(models[0].find("workers")->uint_or(0), 2u);
  EXPECT_EQ(models[0].find("ready")->uint_or(0), 1u);
  EXPECT_EQ(models[0].find("free_slots")->uint_or(0), 2u);
  EXPECT_EQ(models[1].find("name")->string_or(""), "n");
}

TEST(Queries, AModelNamedTwiceIsServedOnce) {
  Bench bench;
  bench.add_worker(1, {.models = {"m", "m"}, .slots = 3});
  const Value answer = bench.query("models");
  ASSERT_EQ(answer.find("models")->array()->size(), 1u);
  EXPECT_EQ(answer.find("models")->array()->front().find("free_slots")->uint_or(0), 3u);
}

TEST(Queries, AnUnknownOneIsABadRequest) {
  Bench bench;
  (void)bench.query("nonsense");
  EXPECT_EQ(bench.errors().back().code, ErrorCode::bad_request);
  EXPECT_EQ(bench.errors().back().message,
            "there is no query \"nonsense\"; this broker answers models, workers, stats, why, "
            "refresh, drain and remove");
}

TEST(Queries, GoneWorkersAreKeptForAnHourOrUntilTheyAreBack) {
  Bench bench;
  bench.add_worker(1, {.name = "A"});
  bench.add_worker(2, {.name = "B"});
  bench.worker_says(1, Deregister{"x"});
  bench.worker_says(2, Deregister{"x"});
  EXPECT_EQ(bench.query("workers").find("workers")->array()->size(), 2u);
  bench.add_worker(3, {.name = "A", .instance = 2});
  EXPECT_EQ(bench.worker("A").find("state")->string_or(""), "ready");
  bench.worker_says(3, Deregister{"x"});
  bench.pass(1h);
  EXPECT_EQ(bench.query("workers").find("workers")->array()->size(), 2u);
  bench.pass(1ms);
  EXPECT_EQ(bench.query("workers").find("workers")->array()->size(), 0u);
}

}  // namespace
}  // namespace muster::broker
