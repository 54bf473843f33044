// One worker's sessions with its brokers: docs/protocol.md, sections 6 and 7, from the worker's
// side.

#include <gtest/gtest.h>

#include "agent_harness.hpp"

namespace muster::agent::test {
namespace {

using Words = std::vector<std::string>;

TEST(BrokerSession, SaysNothingBeforeTheEmptyFirstFrame) {
  Harness h{options_for(1)};
  h.step(server_is(WorkerState::ready));
  h.advance(500ms);
  EXPECT_TRUE(h.said.empty());
}

TEST(BrokerSession, AnswersTheEmptyFrameWithRegister) {
  auto options = options_for(2, 7);
  options.labels = {{"gpu", "h100"}};
  options.speed = 2.5;
  Harness h{options};
  h.step(server_is(WorkerState::ready));
  h.step(Connected{second});

  ASSERT_EQ(h.said.size(), 1u);
  const auto registers = h.all_said<Register>(second);
  ASSERT_EQ(registers.size(), 1u);
  const WorkerDescription& info = registers[0]->info;
  EXPECT_EQ(info.worker, "gpu7:8000");
  EXPECT_EQ(info.instance, Instance{77});
  EXPECT_EQ(info.slots, 3u);  // 7 = 4 + 3
  EXPECT_EQ(info.state, WorkerState::ready);
  EXPECT_EQ(info.speed, 2.5);
  EXPECT_EQ(info.labels, (StringMap{{"gpu", "h100"}}));
  EXPECT_EQ(info.queue_length, 0u);
  ASSERT_EQ(info.models.size(), 1u);
  EXPECT_EQ(info.models[0].name, "llama");
  EXPECT_TRUE(info.active.empty());
  EXPECT_EQ(info.version, MUSTER_VERSION);
}

TEST(BrokerSession, RegistersWhileTheServerStartsAndTellsWhatItLearnsAtOnce) {
  Harness h{options_for(1, std::nullopt)};
  h.register_with(first);
  const auto registers = h.all_said<Register>();
  ASSERT_EQ(registers.size(), 1u);
  EXPECT_EQ(registers[0]->info.state, WorkerState::starting);
  EXPECT_EQ(registers[0]->info.slots, 0u);
  EXPECT_TRUE(registers[0]->info.models.empty());

  h.clear();
  h.step(server_is(WorkerState::ready, 8));
  const auto beats = h.all_said<WorkerHeartbeat>();
  ASSERT_EQ(beats.size(), 1u);
  EXPECT_EQ(beats[0]->state, WorkerState::ready);
  EXPECT_EQ(beats[0]->slots, 8u);
  EXPECT_EQ(beats[0]->grant, 1u);
  ASSERT_TRUE(beats[0]->models.has_value());
  EXPECT_EQ(beats[0]->models->at(0).name, "llama");

  // Models are told only where they changed.
  h.clear();
  h.advance(1s);
  ASSERT_EQ(h.all_said<WorkerHeartbeat>().size(), 1u);
  EXPECT_FALSE(h.all_said<WorkerHeartbeat>()[0]->models.has_value());

  h.clear();
  h.step(server_is(WorkerState::ready, 6, "mistral"));
  ASSERT_EQ(h.all_said<WorkerHeartbeat>().size(), 1u);
  EXPECT_EQ(h.all_said<WorkerHeartbeat>()[0]->grant, 2u);
  EXPECT_EQ(h.all_said<WorkerHeartbeat>()[0]->models->at(0).name, "mistral");
}

TEST(BrokerSession, ModelsStayUntoldUntilAHeartbeatWithThemIsTaken) {
  Harness h{options_for(1)};
  h.make_ready();
  h.writable[0] = false;
  h.step(server_is(WorkerState::ready, 4, "mistral"));
  h.beating[0] = true;
  h.advance(3s);
  h.writable[0] = true;
  h.flush();
  const auto beats = h.all_said<WorkerHeartbeat>();
  ASSERT_EQ(beats.size(), 1u) << "what a full socket did not take is not kept in copies";
  ASSERT_TRUE(beats[0]->models.has_value());
  EXPECT_EQ(beats[0]->models->at(0).name, "mistral");
}

TEST(BrokerSession, HeartbeatsAtTheIntervalThatTheTermsTell) {
  Harness h{options_for(1)};
  h.step(Connected{first});
  auto terms = terms_of();
  terms.interval = 200ms;
  const Time start = h.now();
  h.hear(first, Registered{terms});
  h.clear();
  h.beating[0] = true;
  h.advance(1s);
  EXPECT_EQ(h.times_of<WorkerHeartbeat>(first, start),
            (std::vector<Duration>{200ms, 400ms, 600ms, 800ms, 1s}));
}

TEST(BrokerSession, AbsurdTermsAreBroughtIntoRange) {
  Harness h{options_for(1)};
  h.step(Connected{first});
  auto terms = terms_of();
  terms.interval = 0ms;
  terms.liveness = 0;
  h.hear(first, Registered{terms});
  h.beating[0] = true;
  h.clear();
  h.advance(5ms);
  h.beating[0] = false;
  h.advance(15ms);
  EXPECT_LE(h.all_said<WorkerHeartbeat>().size(), 3u);  // no more than one in 10 ms
  EXPECT_EQ(h.all<ReopenSocket>().size(), 1u);          // liveness counts as 1

  Harness patient{options_for(1)};
  patient.step(Connected{first});
  terms.interval = duration_max;
  terms.liveness = UINT64_MAX;
  patient.hear(first, Registered{terms});
  EXPECT_LT(patient.agent.next_deadline(), time_never);
}

TEST(BrokerSession, AnyMessageIsASignOfLifeAndSilenceIsDeath) {
  Harness h{options_for(1)};
  h.register_with(first);
  h.advance(5900ms);
  h.hear(first, Drain{});
  h.advance(5900ms);
  h.hear(first, Probe{1});
  h.advance(5900ms);
  h.step(BrokerFault{first, {FaultReason::malformed, "nonsense", {}, {}}});
  h.advance(5900ms);
  EXPECT_TRUE(h.all<ReopenSocket>().empty());
  h.clear();
  h.advance(100ms);
  ASSERT_EQ(h.all<ReopenSocket>().size(), 1u);
  EXPECT_EQ(h.all<ReopenSocket>()[0]->session, first);
  EXPECT_EQ(h.notes(), Words{"silent!"});
}

TEST(BrokerSession, ADeadBrokersSocketIsRenewedUpToTheExpiryTime) {
  Harness h{options_for(1)};
  h.register_with(first);
  h.advance(6s);
  std::vector<Duration> waits;
  Time last = h.now();
  for (int i = 0; i < 6; ++i) {
    h.clear();
    while (h.all<ReopenSocket>().empty())
      h.advance(h.agent.next_deadline() - h.now());
    waits.push_back(h.now() - last);
    last = h.now();
    EXPECT_TRUE(h.said.empty());
    EXPECT_TRUE(h.notes().empty()) << "an outage is told once";
  }
  const Duration full[] = {1s, 2s, 3s, 3s, 3s, 3s};
  for (int i = 0; i < 6; ++i) {
    EXPECT_LE(waits[i], full[i]);
    EXPECT_GE(waits[i], full[i] * 3 / 4);
  }
  EXPECT_NE(waits[3], waits[4]) << "without jitter all workers come at once";

  h.clear();
  h.register_with(first);
  EXPECT_EQ(h.notes(), Words{"registered"});
  h.clear();
  h.advance(5900ms);
  EXPECT_TRUE(h.all<ReopenSocket>().empty());
}

TEST(BrokerSession, AnUnreachableBrokerIsToldOfOnce) {
  Harness h{options_for(1)};
  h.advance(30s);
  EXPECT_EQ(h.notes(), Words{"unreachable!"});
  EXPECT_GE(h.all<ReopenSocket>().size(), 8u);
  h.clear();
  h.register_with(first);
  EXPECT_EQ(h.notes(), Words{"registered"});
  h.advance(60s);
  EXPECT_EQ(h.notes(), (Words{"registered", "silent!"}));
}

TEST(BrokerSession, ABrokerThatConnectsAndNeverAnswersRegisterIsDead) {
  Harness h{options_for(1)};
  h.step(Connected{first});
  h.advance(2999ms);
  EXPECT_TRUE(h.all<ReopenSocket>().empty());
  h.advance(1ms);
  EXPECT_EQ(h.all<ReopenSocket>().size(), 1u);
}

TEST(BrokerSession, NobodyIsTakenForDeadBeforeTheSocketsAreReadEmpty) {
  Harness h{options_for(1)};
  h.register_with(first);
  h.advance(5900ms);
  h.freeze(100ms);
  h.step(Tick{false});
  EXPECT_TRUE(h.all<ReopenSocket>().empty());
  h.step(Tick{true});
  EXPECT_EQ(h.all<ReopenSocket>().size(), 1u);
}

TEST(BrokerSession, AfterAPauseOfItsOwnItGivesTheBrokerOneMoreInterval) {
  Harness h{options_for(1)};
  h.register_with(first);
  h.advance(500ms);
  h.freeze(60s);
  h.step(Tick{true});
  EXPECT_TRUE(h.all<ReopenSocket>().empty());
  h.advance(999ms);
  EXPECT_TRUE(h.all<ReopenSocket>().empty());
  h.advance(1ms);
  EXPECT_EQ(h.all<ReopenSocket>().size(), 1u);
}

TEST(BrokerSession, HoldsWhatItHasToSayUntilRegistered) {
  Harness h{options_for(1)};
  h.make_ready();
  const auto one = h.ask(first, 11, true);
  const auto two = h.ask(first, 12);
  const auto three = h.ask(first, 13);
  ASSERT_TRUE(one && two && three);
  h.part(*one, "a");
  h.advance(6s);  // dead
  ASSERT_EQ(h.all<ReopenSocket>().size(), 1u);
  EXPECT_TRUE(h.all<StopJob>().empty()) << "it keeps what it is working on";
  h.clear();

  h.part(*one, "b");
  h.done(*two);
  h.advance(500ms);
  EXPECT_TRUE(h.said.empty());
  h.step(Connected{first});
  ASSERT_EQ(h.said.size(), 1u);
  // 12 is done, but the broker has not been told so yet.
  EXPECT_EQ(h.all_said<Register>()[0]->info.active,
            (std::vector{BrokerId{11}, BrokerId{13}, BrokerId{12}}));
  h.clear();
  h.hear(first, Registered{terms_of()});
  ASSERT_FALSE(h.said.empty());
  EXPECT_TRUE(std::holds_alternative<WorkerHeartbeat>(h.said[0].message));
  EXPECT_EQ(h.answers(), (Words{"CHUNK 11 1 b", "FINAL 12 0 answer"}));
  h.clear();
  h.done(*one, "");
  EXPECT_EQ(h.answers(), Words{"FINAL 11 2"});
}

TEST(BrokerSession, ActiveNamesOnlyWhatThatBrokerAskedFor) {
  Harness h{options_for(2)};
  h.make_ready();
  ASSERT_TRUE(h.ask(first, 11));
  ASSERT_TRUE(h.ask(second, 21));
  ASSERT_TRUE(h.ask(second, 22));
  h.clear();
  h.step(Connected{first});
  const auto& info = h.all_said<Register>()[0]->info;
  EXPECT_EQ(info.active, std::vector{BrokerId{11}});
  EXPECT_EQ(info.queue_length, 2u);
}

TEST(BrokerSession, ASecondEmptyFrameIsANewConnection) {
  Harness h{options_for(1)};
  h.make_ready();
  const auto job = h.ask(first, 11);
  h.clear();
  h.step(Connected{first});
  h.done(*job);
  ASSERT_EQ(h.said.size(), 1u);
  EXPECT_EQ(h.all_said<Register>()[0]->info.active, std::vector{BrokerId{11}});
  EXPECT_EQ(h.notes(), Words{"new_connection"});
  EXPECT_TRUE(h.all<ReopenSocket>().empty());
  h.hear(first, Registered{terms_of()});
  EXPECT_EQ(h.answers(), Words{"FINAL 11 0 answer"});
}

TEST(BrokerSession, RegistersAgainWhenAskedButNeverTwiceUnanswered) {
  Harness h{options_for(1)};
  h.make_ready();
  h.hear(first, Reregister{});
  EXPECT_EQ(h.all_said<Register>().size(), 1u);
  h.hear(first, Reregister{});
  h.hear(first, Reregister{});
  EXPECT_EQ(h.all_said<Register>().size(), 1u);
  h.hear(first, Registered{terms_of()});
  h.hear(first, Reregister{});
  EXPECT_EQ(h.all_said<Register>().size(), 2u);
}

TEST(BrokerSession, ARegisteredThatNothingAskedForChangesNothing) {
  Harness h{options_for(1)};
  h.make_ready();
  auto terms = terms_of(Instance{5});
  terms.interval = 10ms;
  h.hear(first, Registered{terms});
  EXPECT_TRUE(h.said.empty());
  EXPECT_TRUE(h.notes().empty());
}

TEST(BrokerSession, ARegisterThatTheSocketDidNotTakeIsSentWhenItDoes) {
  Harness h{options_for(1)};
  h.writable[0] = false;
  h.step(Connected{first});
  h.hear(first, Registered{terms_of()});  // cannot be for this worker: it has not asked
  EXPECT_TRUE(h.notes().empty());
  h.writable[0] = true;
  h.flush();
  EXPECT_EQ(h.all_said<Register>().size(), 1u);
}

TEST(BrokerSession, ANameThatIsTakenIsTriedForAgainLaterAndLater) {
  Harness h{options_for(1)};
  h.step(Connected{first});
  std::vector<Duration> waits;
  for (int i = 0; i < 5; ++i) {
    const Time asked = h.now();
    h.hear(first, Dismiss{ErrorCode::name_taken, "gpu7:8000 is live"});
    h.said.clear();
    while (h.all_said<Register>().empty())
      h.advance(h.agent.next_deadline() - h.now());
    waits.push_back(h.now() - asked);
  }
  const Duration full[] = {1s, 2s, 3s, 3s, 3s};
  for (int i = 0; i < 5; ++i) {
    EXPECT_LE(waits[i], full[i]);
    EXPECT_GE(waits[i], full[i] * 3 / 4);
  }
  EXPECT_EQ(h.notes(), Words{"dismissed!"}) << "said once";
  EXPECT_NE(h.all<SessionNote>()[0]->sentence.find("--name"), std::string::npos);
  EXPECT_TRUE(h.all<ReopenSocket>().empty());
  EXPECT_FALSE(h.exit_code());

  h.hear(first, Registered{terms_of()});
  h.hear(first, Dismiss{ErrorCode::name_taken, "again"});
  EXPECT_EQ(h.notes(), (Words{"dismissed!", "registered", "dismissed!"}));
}

TEST(BrokerSession, ADismissedWorkerSaysNothingAndStopsTheWork) {
  Harness h{options_for(2)};
  h.make_ready();
  const auto one = h.ask(first, 11, true);
  const auto ended = h.ask(first, 14);
  const auto other = h.ask(second, 21);
  h.writable[0] = false;
  h.part(*one, "waits");
  h.done(*ended);
  h.clear();
  h.hear(first, Dismiss{ErrorCode::forbidden, "no such worker here"});
  ASSERT_EQ(h.all<StopJob>().size(), 1u);
  EXPECT_EQ(h.all<StopJob>()[0]->job, *one);
  h.writable[0] = true;
  h.flush();
  h.hear(first, Request{WireId{12}, "llama", {}});
  h.hear(first, Cancel{WireId{11}});
  h.step(BrokerFault{first, {FaultReason::field, "x", WireId{13}, 1}});
  h.step(server_is(WorkerState::unhealthy));
  EXPECT_TRUE(h.all_said<WorkerHeartbeat>(first).empty());
  EXPECT_TRUE(h.answers(first).empty());
  // The other broker goes on as if nothing were.
  EXPECT_EQ(h.all_said<WorkerHeartbeat>(second).size(), 1u);
  h.done(*other);
  EXPECT_EQ(h.answers(second), Words{"FINAL 21 0 answer"});
  // A new connection is a new beginning.
  h.step(Connected{first});
  ASSERT_EQ(h.all_said<Register>(first).size(), 1u);
  EXPECT_TRUE(h.all_said<Register>(first)[0]->info.active.empty());
  h.hear(first, Registered{terms_of()});
  EXPECT_TRUE(h.answers(first).empty());
}

TEST(BrokerSession, AReplacedWorkerNeverRegistersThereAgain) {
  Harness h{options_for(2)};
  h.make_ready();
  h.hear(first, Dismiss{ErrorCode::replaced, "a newer one is here"});
  EXPECT_EQ(h.notes(), Words{"replaced!"});
  EXPECT_FALSE(h.exit_code()) << "the other broker still wants it";
  h.clear();
  h.beating[1] = true;
  h.step(Connected{first});
  h.hear(first, Reregister{});
  h.advance(5min);
  EXPECT_TRUE(h.times_of<Register>(first, h.now()).empty());
  EXPECT_TRUE(h.all<ReopenSocket>().empty());

  h.hear(second, Dismiss{ErrorCode::replaced, "here too"});
  EXPECT_EQ(h.exit_code(), ExitCode::replaced);
  h.clear();
  h.step(Connected{second});
  h.advance(1min);
  EXPECT_TRUE(h.actions.empty());
  EXPECT_TRUE(h.said.empty());
}

TEST(BrokerSession, ARestartedBrokersNewInstanceCostsNoWork) {
  Harness h{options_for(1)};
  h.make_ready();
  const auto kept = h.ask(first, 11);
  const auto orphan = h.ask(first, 12);
  h.clear();
  h.register_with(first, Instance{broker_instance.value + 1});
  EXPECT_TRUE(h.all<StopJob>().empty());
  EXPECT_NE(h.all<SessionNote>().back()->sentence.find("restarted"), std::string::npos);
  h.clear();
  h.hear(first, Cancel{WireId{12}});
  ASSERT_EQ(h.all<StopJob>().size(), 1u);
  EXPECT_EQ(h.all<StopJob>()[0]->job, *orphan);
  h.done(*kept);
  EXPECT_EQ(h.answers(), (Words{"ERROR 12 CANCELLED", "FINAL 11 0 answer"}));
}

TEST(BrokerSession, MessagesBeforeTheEmptyFrameAreDropped) {
  Harness h{options_for(1)};
  h.step(server_is(WorkerState::ready));
  h.hear(first, Registered{terms_of()});
  h.hear(first, Request{WireId{1}, "llama", {}});
  EXPECT_TRUE(h.all<StartJob>().empty());
  EXPECT_TRUE(h.said.empty());
  EXPECT_EQ(h.all<FaultNote>().size(), 1u);
}

TEST(BrokerSession, MalformedInputIsNotedAtABoundedRate) {
  Harness h{options_for(1)};
  h.make_ready();
  h.beating[0] = true;
  for (int i = 0; i < 3000; ++i) {
    h.step(BrokerFault{first, {FaultReason::malformed, "nonsense", {}, {}}});
    h.advance(1ms);
  }
  const auto notes = h.all<FaultNote>();
  ASSERT_EQ(notes.size(), 3u);
  EXPECT_EQ(notes[0]->unsaid, 0u);
  EXPECT_EQ(notes[1]->unsaid, 999u);
  EXPECT_EQ(notes[1]->fault.what, "nonsense");
}

TEST(BrokerSession, TheSameSeedGivesTheSameTimes) {
  const auto play = [](std::uint64_t seed) {
    Harness h{options_for(2), seed};
    std::vector<Duration> times;
    const Time start = h.now();
    while (times.size() < 20) {
      h.advance(h.agent.next_deadline() - h.now());
      times.push_back(h.now() - start);
    }
    return times;
  };
  EXPECT_EQ(play(5), play(5));
  EXPECT_NE(play(5), play(6));
}

}  // namespace
}  // namespace muster::agent::test
