// What operators ask for: docs/protocol.md, section 9; and how a broker stops.

#include <gtest/gtest.h>

#include "broker/core/refreshes.hpp"
#include "tests/unit/broker/bench.hpp"

namespace muster::broker {
namespace {

using namespace std::chrono_literals;

void ask(Bench& bench, std::uint64_t id, const std::string& name, Value args = {}) {
  bench.give(ClientSaid{ClientConnection{7}, Query{WireId{id}, name, std::move(args)}, {}, {}});
}

TEST(Operators, DrainIsPassedOnAndChangesNothingByItself) {
  Bench bench;
  bench.add_worker(1);
  ask(bench, 0, "drain", Value::Map{{"worker", "A"}, {"on", true}, {"reason", "new driver"}});
  ask(bench, 1, "drain", Value::Map{{"worker", "A"}, {"on", false}});
  bench.request(5, 0);
  EXPECT_EQ(bench.take(), (Lines{"w1 DRAIN", "w1 UNDRAIN", "w1 REQUEST #0"}));
  const auto notes = bench.take_notes();
  EXPECT_EQ(notes.at(1).what, "drain_asked");
  EXPECT_EQ(notes.at(1).detail, "an operator asks for it: new driver");
}

TEST(Operators, DrainOfABrokenWorkerIsPassedOnOnceItIsBack) {
  Bench bench;
  bench.add_worker(1);
  bench.give(WorkerUnreachable{WorkerConnection{1}});
  bench.drop();
  ask(bench, 0, "drain", Value::Map{{"worker", "A"}, {"on", false}});
  ask(bench, 1, "drain", Value::Map{{"worker", "A"}, {"on", true}});
  EXPECT_EQ(bench.take(), Lines{});
  bench.register_worker(2);
  bench.register_worker(2);
  EXPECT_EQ(bench.take(), (Lines{"w2 REGISTERED", "w2 DRAIN", "w2 REGISTERED"}));
}

TEST(Operators, ARemovedWorkerDoesNotComeBackThoughItDidNotHearOfIt) {
  Bench bench;
  bench.add_worker(1, {.instance = 5});
  bench.give(WorkerUnreachable{WorkerConnection{1}});
  ask(bench, 0, "remove", Value::Map{{"worker", "A"}});
  bench.drop();
  bench.register_worker(2, {.instance = 5});
  EXPECT_EQ(bench.take(), Lines{"w2 DISMISS REPLACED"});
  bench.register_worker(3, {.instance = 6});
  EXPECT_EQ(bench.take(), Lines{"w3 REGISTERED"}) << "it was started anew";
}

TEST(Operators, BadArgumentsAreBadRequests) {
  Bench bench;
  bench.add_worker(1);
  ask(bench, 0, "drain", Value::Map{{"worker", "B"}, {"on", true}});
  ask(bench, 1, "drain", Value::Map{{"worker", "A"}});
  ask(bench, 2, "drain", Value::Map{{"worker", "A"}, {"on", 1}});
  ask(bench, 3, "remove", Value::Map{{"worker", 1}});
  ask(bench, 4, "remove", Value{"A"});
  Lines expected;
  for (int id = 0; id < 5; ++id)
    expected.push_back("c7 ERROR " + std::to_string(id) + " BAD_REQUEST");
  EXPECT_EQ(bench.take(), expected);
}

TEST(Operators, RemoveDismissesForGoodAndGivesAwayWhatItHad) {
  Bench bench;
  bench.add_worker(1, {.name = "A"});
  bench.request(5, 0);
  bench.add_worker(2, {.name = "B"});
  bench.drop();
  ask(bench, 0, "remove", Value::Map{{"worker", "A"}});
  EXPECT_EQ(bench.take(), (Lines{"w1 DISMISS REPLACED", "w2 REQUEST #1"}));
  EXPECT_EQ(bench.worker("A").find("state")->string_or(""), "gone");
}

TEST(Operators, RefreshAnswersWhenAllHaveOrAnIntervalHasPassed) {
  Bench bench;
  const auto answered = [&](std::uint64_t id) {  // then its id is free again
    bench.drop();
    ask(bench, id, "nothing of the kind");
    return bench.take() == Lines{"c7 ERROR " + std::to_string(id) + " BAD_REQUEST"};
  };
  ask(bench, 0, "refresh");
  EXPECT_TRUE(answered(0)) << "there is nobody to ask";
  bench.add_worker(1);
  ask(bench, 1, "refresh");
  EXPECT_EQ(bench.take(), Lines{"w1 PROBE 1"});
  bench.status(1, 1);
  ask(bench, 2, "refresh");
  EXPECT_EQ(bench.take(), Lines{"w1 PROBE 2"});
  bench.pass(1s - 1us, {1});
  EXPECT_EQ(bench.errors().size(), 1u);
  ask(bench, 2, "stats");
  EXPECT_TRUE(bench.errors().back().meta.duplicate) << "it is still under way";
  bench.pass(1us);
  ask(bench, 2, "stats");
  EXPECT_EQ(bench.errors().size(), 2u);
}

TEST(Operators, RefreshesUnderWayAreBounded) {
  Bench bench;
  bench.add_worker(1);
  for (std::uint64_t id = 0; id < Refreshes::waiting_max; ++id)
    ask(bench, id, "refresh");
  EXPECT_EQ(bench.take(), Lines{"w1 PROBE 1"});
  ask(bench, Refreshes::waiting_max, "refresh");
  EXPECT_EQ(bench.take(), Lines{"c7 ERROR 64 RATE_LIMITED outstanding"});
  bench.give(ClientUnreachable{ClientConnection{7}, false});
  ask(bench, 0, "refresh");
  EXPECT_EQ(bench.take(), Lines{}) << "those of a client that is gone take no room";
}

TEST(Operators, WhySaysWhatIsTrueOfEachWorker) {
  Bench bench;
  EXPECT_EQ(bench.query("why").find("models")->array()->size(), 0u);
  bench.add_worker(1, {.name = "A"});
  bench.add_worker(2, {.name = "B"});
  bench.request(5, 0);
  bench.give(WorkerUnreachable{WorkerConnection{2}, {}});
  bench.heartbeat(1, {.slots = 1, .state = WorkerState::draining, .why = "It was told to."});
  const Value answer = bench.query("why");
  const Value& row = answer.find("models")->array()->front();
  Lines lines;
  for (const Value& worker : *row.find("workers")->array())
    lines.emplace_back(worker.find("why")->string_or(""));
  std::ranges::sort(lines);
  EXPECT_EQ(lines, (Lines{"it is draining (It was told to.)",
                          "its connection is gone; nothing heard for 0.0 s"}));
}

TEST(Operators, WhySaysWhoWasTheLastToServeAModel) {
  Bench bench;
  const auto note = [&](const std::string& model) {
    const Value answer = bench.query("why", Value::Map{{"model", Value{model}}});
    return std::string{answer.find("models")->array()->front().find("note")->string_or("")};
  };
  bench.add_worker(1, {.name = "A"});
  EXPECT_EQ(note("other"), "no worker has served it since this broker started");
  bench.worker_says(1, Deregister{"The power went."});
  EXPECT_EQ(note("m"),
            "no live worker serves it any more; the last was worker \"A\", gone for 0.0 s: "
            "deregistered: it has deregistered: The power went");
}

// Whoever asks for a model that nobody serves must not have all looked at who ever left.
TEST(Operators, WhoWasTheLastIsKnownForAnHourAndAmongTheLastSixtyFour) {
  Bench bench;
  const auto last_is_known = [&] {
    const Value answer = bench.query("why", Value::Map{{"model", Value{"m"}}});
    const Value& row = answer.find("models")->array()->front();
    return row.find("note")->string_or("").find("the last was worker \"A\"") != std::string::npos;
  };
  const auto come_and_go = [&](std::uint32_t connection, const std::string& name,
                               const std::string& model) {
    bench.add_worker(connection, {.name = name, .models = {model}});
    bench.worker_says(connection, Deregister{});
  };
  come_and_go(1, "A", "m");
  for (std::uint32_t i = 0; i < 63; ++i)
    come_and_go(2 + i, "other-" + std::to_string(i), "other");
  EXPECT_TRUE(last_is_known());
  come_and_go(100, "one-too-many", "other");
  EXPECT_FALSE(last_is_known());

  come_and_go(101, "A", "m");
  bench.pass(1h);
  EXPECT_TRUE(last_is_known());
  bench.pass(1s);
  EXPECT_FALSE(last_is_known());
}

// ---- who, and where ----------------------------------------------------------------------------

TEST(Operators, WhereAWorkerRegisteredFromIsToldWhereverItIsLookedFor) {
  Bench bench;
  const auto register_from = [&](std::uint32_t connection, std::uint64_t instance,
                                 const std::string& address) {
    WorkerDescription info;
    info.worker = "A";
    info.instance = Instance{instance};
    info.models = {{.name = "m"}};
    info.slots = 1;
    info.state = WorkerState::ready;
    bench.give(WorkerSaid{WorkerConnection{connection}, Register{info}, {}, {}, address});
  };
  const auto address = [&] {
    const Value row = bench.worker("A");
    return row.find("address") != nullptr ? std::string{row.find("address")->string_or("")} : "";
  };
  register_from(1, 1, "10.0.0.3");
  EXPECT_EQ(address(), "10.0.0.3");
  EXPECT_EQ(bench.take_notes().front().detail, "ready from 10.0.0.3, 1 slots, serves m");

  register_from(2, 2, "10.0.0.4");
  bench.status(1, 1, {.name = "A"});
  const FailureNote turned_away = bench.take_failure_notes().front();
  EXPECT_EQ(turned_away.code, ErrorCode::name_taken);
  EXPECT_EQ(turned_away.address, "10.0.0.4");
  EXPECT_TRUE(turned_away.sentence.starts_with(
      "a live worker is registered as \"A\" from 10.0.0.3; if it is dead, "))
      << turned_away.sentence;

  register_from(3, 1, "10.0.0.5");
  EXPECT_EQ(address(), "10.0.0.5") << "it has resumed";
  bench.worker_says(3, Deregister{"It moves."});
  EXPECT_EQ(address(), "10.0.0.5");
}

TEST(Operators, AWorkerThatIsBackIsToldApartFromANewOne) {
  Bench bench;
  bench.add_worker(1, {.name = "A"});
  bench.pass(5s);
  (void)bench.take_notes();
  bench.register_worker(2, {.name = "A", .instance = 2});
  EXPECT_EQ(bench.take_notes().front().detail,
            "ready, 1 slots, serves m; back after 2.0 s (expired: nothing was heard of it for "
            "3.0 s)");
}

TEST(Operators, TheLastThatServesAModelSaysSoWhenItGoes) {
  Bench bench;
  bench.add_worker(1, {.name = "A", .models = {"m", "n", "o"}});
  bench.add_worker(2, {.name = "B", .models = {"m"}});
  (void)bench.take_notes();
  const auto said = [&] { return bench.take_notes().front().detail; };
  bench.worker_says(1, Deregister{"It moves."});
  EXPECT_EQ(said(),
            "it has deregistered: It moves.; 0 requests were in flight at it; nobody else serves "
            "n, o");
  bench.add_worker(1, {.name = "A", .instance = 2});
  (void)bench.take_notes();
  bench.worker_says(2, Deregister{""});
  EXPECT_TRUE(said().ends_with("in flight at it")) << "A serves m";
  // Whose place is taken at once leaves nothing unserved.
  bench.register_worker(1, {.name = "A", .instance = 3});
  EXPECT_TRUE(said().ends_with("in flight at it"));
  bench.pass(10s);
  EXPECT_TRUE(bench.take_notes().back().detail.ends_with("nobody else serves m"));
}

TEST(Operators, WhyAWorkerIsDrainedIsToldUntilItServesAgain) {
  Bench bench;
  bench.add_worker(1, {.name = "A"});
  const auto why = [&] {
    const Value row = bench.worker("A");
    return row.find("why") != nullptr ? std::string{row.find("why")->string_or("")} : "";
  };
  const auto drain = [&](bool on, Value reason) {
    ask(bench, 1, "drain", Value::Map{{"worker", "A"}, {"on", on}, {"reason", std::move(reason)}});
    bench.heartbeat(1, {.slots = 1,
                        .state = on ? WorkerState::draining : WorkerState::ready,
                        .why = on ? "drained by an operator" : ""});
  };
  drain(true, "new driver, ask Kim");
  EXPECT_EQ(why(), "drained by an operator: new driver, ask Kim");
  EXPECT_EQ(bench.query("why")
                .find("models")
                ->array()
                ->front()
                .find("workers")
                ->array()
                ->front()
                .find("why")
                ->string_or(""),
            "it is draining (drained by an operator: new driver, ask Kim)");
  drain(false, Value{});
  EXPECT_EQ(why(), "");
  drain(true, Value{});
  EXPECT_EQ(why(), "drained by an operator");
  drain(true, "new driver");
  bench.heartbeat(1, {.slots = 1, .state = WorkerState::ready});
  bench.heartbeat(1, {.slots = 1, .state = WorkerState::draining, .why = "told to stop"});
  EXPECT_EQ(why(), "told to stop") << "it is no operator's any more";
}

TEST(Operators, WhyAsksOfAllNamesWhatWasServedUntilLatelyToo) {
  Bench bench;
  bench.add_worker(1, {.name = "B", .models = {"m"}});
  bench.add_worker(2, {.name = "A", .models = {"m", "other"}});
  bench.add_worker(3, {.name = "C", .models = {"gone"}});
  bench.worker_says(3, Deregister{});
  Lines models;
  Lines workers;
  const Value answer = bench.query("why");
  for (const Value& row : *answer.find("models")->array()) {
    models.emplace_back(row.find("model")->string_or(""));
    for (const Value& worker : *row.find("workers")->array())
      workers.emplace_back(worker.find("worker")->string_or(""));
  }
  EXPECT_EQ(models, (Lines{"gone", "m", "other"}));
  EXPECT_EQ(workers, (Lines{"A", "B", "A"})) << "by name";
}

TEST(Stop, WithTimeLetsWhatIsOutstandingFinish) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0);
  bench.request(5, 1);
  bench.drop();
  bench.give(Stop{.within = 2s});
  bench.give(Stop{.within = 9s});
  bench.request(5, 2);
  bench.final(1, 0);
  EXPECT_EQ(bench.take(), (Lines{"c5 ERROR 2 SHUTTING_DOWN", "c5 0 FINAL", "w1 REQUEST #1"}));
  EXPECT_FALSE(bench.controller().idle());
  bench.pass(2s, {1});
  EXPECT_EQ(bench.take(), (Lines{"c5 ERROR 1 SHUTTING_DOWN", "w1 CANCEL #1"}));
  EXPECT_TRUE(bench.controller().idle());
}

TEST(Stop, AnswersARefresh) {
  Bench bench;
  bench.add_worker(1);
  ask(bench, 0, "refresh");
  EXPECT_FALSE(bench.controller().idle());
  bench.give(Stop{});
  EXPECT_TRUE(bench.controller().idle());
}

}  // namespace
}  // namespace muster::broker
