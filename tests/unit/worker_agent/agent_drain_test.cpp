// The way out: draining, DEREGISTER, exit codes (docs/protocol.md, section 6).

#include <gtest/gtest.h>

#include "agent_harness.hpp"

namespace muster::agent::test {
namespace {

using Words = std::vector<std::string>;

TEST(AgentDrain, AnIdleAgentSaysGoodbyeOnceItsBrokersKnow) {
  Harness h{options_for(2)};
  h.make_ready();
  h.step(StopAsked{});
  for (const SessionId session : {first, second}) {
    ASSERT_EQ(h.all_said<WorkerHeartbeat>(session).size(), 1u);
    EXPECT_EQ(h.all_said<WorkerHeartbeat>(session)[0]->state, WorkerState::draining);
  }
  h.beat(first);
  EXPECT_TRUE(h.all_said<Deregister>(first).empty()) << "the other one may not know yet";
  h.beat(second);
  for (const SessionId session : {first, second})
    EXPECT_EQ(h.all_said<Deregister>(session).size(), 1u);
  EXPECT_FALSE(h.exit_code()) << "not before the sockets have taken it";
  EXPECT_EQ(h.agent.next_deadline(), h.now());
  h.step(Tick{true});
  EXPECT_EQ(h.exit_code(), ExitCode::drained);
}

TEST(AgentDrain, ARequestOnItsWayToAnIdleAgentThatStopsIsRefusedAndNotLost) {
  Harness h{options_for(1)};
  h.make_ready();
  h.step(StopAsked{});
  h.hear(first, BrokerHeartbeat{});  // on its way as well: it tells of what was before
  EXPECT_TRUE(h.all_said<Deregister>().empty());
  EXPECT_FALSE(h.ask(first, 1));
  EXPECT_EQ(h.answers(), Words{"ERROR 1 REFUSED"});
  h.beat(first);
  EXPECT_TRUE(std::holds_alternative<Deregister>(h.said.back().message));
  h.step(Tick{true});
  EXPECT_EQ(h.exit_code(), ExitCode::drained);
}

TEST(AgentDrain, ABrokerThatDoesNotShowThatItKnowsIsWaitedForOneInterval) {
  Harness h{options_for(2)};
  h.step(Connected{first});
  BrokerTerms terms = terms_of();
  terms.interval = 300ms;
  h.hear(first, Registered{terms});  // the other one was never there
  h.step(server_is(WorkerState::ready));
  h.step(StopAsked{});
  h.advance(299ms);
  EXPECT_TRUE(h.all_said<Deregister>(first).empty());
  h.advance(1ms);
  EXPECT_EQ(h.all_said<Deregister>(first).size(), 1u);
  h.step(Tick{true});
  EXPECT_EQ(h.exit_code(), ExitCode::drained);
}

TEST(AgentDrain, NoLongerThanDrainTimeoutIsWaitedForABrokerToKnow) {
  auto options = options_for(1);
  options.drain_timeout = 100ms;
  Harness h{options};
  h.make_ready();
  h.step(StopAsked{});
  h.advance(100ms);
  EXPECT_EQ(h.all_said<Deregister>().size(), 1u);
  h.step(Tick{true});
  EXPECT_EQ(h.exit_code(), ExitCode::drained);
}

TEST(AgentDrain, ABrokerThatDismissesTheWorkerMeanwhileIsNotWaitedFor) {
  Harness h{options_for(2)};
  h.make_ready();
  h.step(StopAsked{});
  h.beat(second);
  h.hear(first, Dismiss{ErrorCode::name_taken, "taken"});
  EXPECT_EQ(h.all_said<Deregister>(second).size(), 1u);
}

TEST(AgentDrain, FinishesWhatIsInHandAndTellsItsStateAtOnce) {
  Harness h{options_for(2)};
  h.make_ready();
  h.beating = {true, true};
  const auto job = h.ask(first, 1, true);
  h.part(*job, "a");
  h.clear();
  h.step(StopAsked{});
  EXPECT_EQ(h.all_said<WorkerHeartbeat>(first).size(), 1u);
  EXPECT_EQ(h.all_said<WorkerHeartbeat>(second).size(), 1u);
  EXPECT_FALSE(h.ask(second, 9));
  EXPECT_EQ(h.answers(second), Words{"ERROR 9 REFUSED"});
  h.step(server_is(WorkerState::ready, 6));  // whatever the server says, it drains
  h.advance(4min);
  EXPECT_EQ(h.all_said<WorkerHeartbeat>(first).back()->state, WorkerState::draining);
  EXPECT_TRUE(h.all_said<Deregister>(first).empty());
  h.part(*job, "b");
  h.done(*job, "");
  EXPECT_EQ(h.answers(first), (Words{"CHUNK 1 1 b", "FINAL 1 2"}));
  EXPECT_TRUE(std::holds_alternative<Deregister>(h.said.back().message));
  EXPECT_EQ(h.all_said<Deregister>(first).size(), 1u);
  EXPECT_EQ(h.all_said<Deregister>(second).size(), 1u);
  h.step(Tick{true});
  EXPECT_EQ(h.exit_code(), ExitCode::drained);
  h.clear();
  h.step(StopAsked{});
  h.hear(first, Request{WireId{2}, "llama", {}});
  h.advance(1min);
  EXPECT_TRUE(h.actions.empty());
  EXPECT_TRUE(h.said.empty());
}

TEST(AgentDrain, ASecondSignalStopsAtOnce) {
  Harness h{options_for(1)};
  h.make_ready();
  const auto job = h.ask(first, 1, true);
  h.part(*job, "a");
  h.step(StopAsked{});
  h.clear();
  h.step(StopAsked{});
  ASSERT_EQ(h.all<StopJob>().size(), 1u);
  EXPECT_EQ(h.all<StopJob>()[0]->job, *job);
  EXPECT_TRUE(h.answers().empty()) << "DEREGISTER lets the broker say what becomes of it";
  EXPECT_EQ(h.all_said<Deregister>().size(), 1u);
  h.step(Tick{true});
  EXPECT_EQ(h.exit_code(), ExitCode::cut);
}

TEST(AgentDrain, DrainTimeoutCutsOffWhatIsLeftAndSaysSo) {
  auto options = options_for(1);
  options.drain_timeout = 10s;
  Harness h{options};
  h.make_ready();
  h.beating[0] = true;
  ASSERT_TRUE(h.ask(first, 1));
  h.step(StopAsked{});
  h.advance(9999ms);
  EXPECT_TRUE(h.all<StopJob>().empty());
  h.clear();
  h.advance(1ms);
  EXPECT_EQ(h.all<StopJob>().size(), 1u);
  EXPECT_EQ(h.notes(), Words{"stopping!"});
  h.step(Tick{true});
  EXPECT_EQ(h.exit_code(), ExitCode::cut);
}

TEST(AgentDrain, NobodyWaitsForABrokerThatIsNotThere) {
  Harness h{options_for(2)};
  h.register_with(first);
  h.step(server_is(WorkerState::ready));
  h.clear();
  h.step(StopAsked{});
  h.beat(first);
  EXPECT_EQ(h.all_said<Deregister>(first).size(), 1u);
  h.step(Tick{true});
  EXPECT_EQ(h.exit_code(), ExitCode::drained);

  Harness lonely{options_for(1)};
  lonely.step(StopAsked{});
  EXPECT_EQ(lonely.exit_code(), ExitCode::drained);
}

TEST(AgentDrain, AnswersThatNoBrokerTookAreSaidInTheExitCode) {
  Harness h{options_for(1)};
  h.make_ready();
  const auto job = h.ask(first, 1);
  h.advance(6s);
  h.done(*job);
  h.clear();
  h.step(StopAsked{});
  EXPECT_EQ(h.notes(), (Words{"draining", "unsaid!"}));
  EXPECT_EQ(h.exit_code(), ExitCode::cut);
}

TEST(AgentDrain, WaitsForABrokerThatIsJustComingBack) {
  Harness h{options_for(1)};
  h.make_ready();
  const auto job = h.ask(first, 1);
  h.step(Connected{first});
  h.done(*job);
  h.step(StopAsked{});
  EXPECT_FALSE(h.exit_code());
  h.clear();
  h.hear(first, Registered{terms_of()});
  EXPECT_EQ(h.answers(), Words{"FINAL 1 0 answer"});
  EXPECT_EQ(h.all_said<Deregister>().size(), 1u);
  h.step(Tick{true});
  EXPECT_EQ(h.exit_code(), ExitCode::drained);
}

TEST(AgentDrain, AFullSocketHoldsUpTheExitForABoundedTime) {
  Harness h{options_for(1)};
  h.make_ready();
  h.beating[0] = true;
  ASSERT_TRUE(h.ask(first, 1));
  h.step(StopAsked{});
  h.writable[0] = false;
  h.step(StopAsked{});
  h.advance(goodbye_wait - 1ms);
  EXPECT_FALSE(h.exit_code());
  h.advance(1ms);
  EXPECT_EQ(h.exit_code(), ExitCode::cut);
}

TEST(AgentDrain, AThirdSignalDoesNotWaitForAnything) {
  Harness h{options_for(1)};
  h.make_ready();
  h.writable[0] = false;
  h.step(StopAsked{});
  h.step(StopAsked{});
  EXPECT_FALSE(h.exit_code());
  h.step(StopAsked{});
  EXPECT_EQ(h.exit_code(), ExitCode::drained);
}

TEST(AgentDrain, ADismissedAgentIsNotHeldUp) {
  Harness h{options_for(1)};
  h.step(Connected{first});
  h.hear(first, Dismiss{ErrorCode::name_taken, "taken"});
  h.step(StopAsked{});
  EXPECT_EQ(h.exit_code(), ExitCode::drained);
  EXPECT_TRUE(h.all_said<Deregister>().empty());
}

TEST(AgentDrain, ADismissedWorkerDoesNotRegisterAgainToSayGoodbye) {
  Harness h{options_for(2)};
  h.make_ready();
  h.hear(first, Dismiss{ErrorCode::name_taken, "taken"});
  h.step(StopAsked{});
  h.writable[1] = false;  // holds up the exit
  h.beating[1] = true;
  h.beat(second);
  h.clear();
  h.advance(10s);
  h.step(Connected{first});
  EXPECT_FALSE(h.exit_code());
  EXPECT_TRUE(h.said.empty()) << "without a session there is nothing to end";
  h.writable[1] = true;
  h.flush();
  EXPECT_EQ(h.all_said<Deregister>(second).size(), 1u);
  h.step(Tick{true});
  EXPECT_EQ(h.exit_code(), ExitCode::drained);
}

TEST(AgentDrain, AWorkerThatIsDismissedWhileItLeavesStaysAway) {
  Harness h{options_for(2)};
  h.make_ready();
  h.writable = {false, false};
  h.beating = {true, true};
  h.step(StopAsked{});
  h.advance(1s);
  h.hear(first, Dismiss{ErrorCode::bad_request, "go away"});
  EXPECT_EQ(h.notes(), (Words{"draining", "dismissed!"}));
  h.clear();
  h.writable[0] = true;
  h.advance(10s);
  h.step(Connected{first});
  EXPECT_TRUE(h.said.empty());
  h.writable[1] = true;
  h.flush();
  h.step(Tick{true});
  EXPECT_EQ(h.exit_code(), ExitCode::drained);
}

TEST(AgentDrain, WhoIsRegisteringWhenTheWorkerLeavesHearsGoodbyeToo) {
  Harness h{options_for(1)};
  h.step(Connected{first});
  h.hear(first, Dismiss{ErrorCode::name_taken, "taken"});
  h.said.clear();
  while (h.all_said<Register>().empty())
    h.advance(h.agent.next_deadline() - h.now());
  h.step(StopAsked{});
  EXPECT_FALSE(h.exit_code());
  EXPECT_TRUE(h.all_said<Deregister>().empty());
  h.hear(first, Registered{terms_of()});
  EXPECT_EQ(h.all_said<Deregister>().size(), 1u);
  h.step(Tick{true});
  EXPECT_EQ(h.exit_code(), ExitCode::drained);
}

TEST(AgentDrain, AfterGoodbyeNothingIsSaid) {
  Harness h{options_for(2)};
  h.make_ready();
  h.writable[1] = false;  // holds up the exit
  h.beating = {true, true};
  h.step(StopAsked{});
  h.advance(1s);
  ASSERT_EQ(h.all_said<Deregister>(first).size(), 1u);
  h.clear();
  h.hear(first, Request{WireId{1}, "llama", {}});
  h.hear(first, Cancel{WireId{1}});
  h.hear(first, Reregister{});
  h.step(Connected{first});
  h.step(server_is(WorkerState::unhealthy));
  h.advance(500ms);
  EXPECT_TRUE(h.said.empty());
}

}  // namespace
}  // namespace muster::agent::test
