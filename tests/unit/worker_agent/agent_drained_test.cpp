// DRAIN (docs/protocol.md, section 6): an operator asks, the worker sets its own state and tells
// every broker.

#include <gtest/gtest.h>

#include "agent_harness.hpp"

namespace muster::agent::test {
namespace {

using Words = std::vector<std::string>;

TEST(AgentDrained, TellsEveryBrokerAtOnceAndGoesOnWithWhatItHas) {
  Harness h{options_for(2)};
  h.make_ready();
  h.beating = {true, true};
  const auto job = h.ask(first, 1, true);
  h.part(*job, "a");
  h.clear();
  h.hear(second, Drain{true});
  for (const SessionId session : {first, second}) {
    ASSERT_EQ(h.all_said<WorkerHeartbeat>(session).size(), 1u);
    EXPECT_EQ(h.all_said<WorkerHeartbeat>(session)[0]->state, WorkerState::draining);
    EXPECT_EQ(h.all_said<WorkerHeartbeat>(session)[0]->why, "drained by an operator");
  }
  EXPECT_EQ(h.notes(), Words{"drained"});
  EXPECT_EQ(h.all<SessionNote>()[0]->session, second);
  h.part(*job, "b");
  h.done(*job, "");
  EXPECT_EQ(h.answers(), (Words{"CHUNK 1 1 b", "FINAL 1 2"}));
  // What was on its way goes to another worker, as with SIGTERM.
  EXPECT_FALSE(h.ask(first, 2));
  EXPECT_EQ(h.answers().back(), "ERROR 2 REFUSED");
  h.advance(10min);
  EXPECT_FALSE(h.exit_code());
  EXPECT_TRUE(h.all_said<Deregister>(first).empty());
  EXPECT_EQ(h.all_said<WorkerHeartbeat>(first).back()->state, WorkerState::draining);
}

TEST(AgentDrained, IsTakenBack) {
  Harness h{options_for(2)};
  h.make_ready();
  h.hear(first, Drain{true});
  h.clear();
  h.hear(second, Drain{false});
  for (const SessionId session : {first, second}) {
    ASSERT_EQ(h.all_said<WorkerHeartbeat>(session).size(), 1u);
    EXPECT_EQ(h.all_said<WorkerHeartbeat>(session)[0]->state, WorkerState::ready);
    EXPECT_EQ(h.all_said<WorkerHeartbeat>(session)[0]->why, "");
  }
  EXPECT_EQ(h.notes(), Words{"undrained"});
  EXPECT_TRUE(h.ask(first, 3));
}

TEST(AgentDrained, IsNotedAndToldOnceEachWay) {
  Harness h{options_for(1)};
  h.make_ready();
  h.hear(first, Drain{false});
  EXPECT_TRUE(h.said.empty());
  for (int i = 0; i < 3; ++i)
    h.hear(first, Drain{true});
  EXPECT_EQ(h.all_said<WorkerHeartbeat>().size(), 1u);
  for (int i = 0; i < 3; ++i)
    h.hear(first, Drain{false});
  EXPECT_EQ(h.all_said<WorkerHeartbeat>().size(), 2u);
  EXPECT_EQ(h.notes(), (Words{"drained", "undrained"}));
}

TEST(AgentDrained, OutlivesItsBrokerAndWhatTheModelServerDoes) {
  Harness h{options_for(1)};
  h.make_ready();
  h.hear(first, Drain{true});
  h.step(server_is(WorkerState::unhealthy));
  h.step(server_is(WorkerState::ready));
  h.clear();
  h.register_with(first, Instance{broker_instance.value + 1});
  EXPECT_EQ(h.all_said<Register>()[0]->info.state, WorkerState::draining);
  EXPECT_EQ(h.all_said<Register>()[0]->info.why, "drained by an operator");
  h.step(server_is(WorkerState::unhealthy));
  h.clear();
  h.hear(first, Drain{false});
  EXPECT_EQ(h.all_said<WorkerHeartbeat>().back()->state, WorkerState::unhealthy);
}

TEST(AgentDrained, CountsAlsoWhereItCameBeforeRegistered) {
  Harness h{options_for(1)};
  h.make_ready();
  h.hear(first, Reregister{});
  h.clear();
  h.hear(first, Drain{true});
  EXPECT_TRUE(h.said.empty());
  h.hear(first, Registered{terms_of()});
  ASSERT_EQ(h.all_said<WorkerHeartbeat>().size(), 1u);
  EXPECT_EQ(h.all_said<WorkerHeartbeat>()[0]->state, WorkerState::draining);
}

TEST(AgentDrained, ABrokerThatDismissedTheWorkerHasNothingToSayToIt) {
  Harness h{options_for(1)};
  h.make_ready();
  h.hear(first, Dismiss{ErrorCode::forbidden, "no"});
  h.clear();
  h.hear(first, Drain{true});
  EXPECT_TRUE(h.notes().empty());
  h.register_with(first);
  EXPECT_EQ(h.all_said<Register>()[0]->info.state, WorkerState::ready);
}

TEST(AgentDrained, SigtermDrainsAndExitsAsEver) {
  Harness h{options_for(1)};
  h.make_ready();
  h.beating[0] = true;
  const auto job = h.ask(first, 1);
  h.hear(first, Drain{true});
  h.step(StopAsked{});
  h.advance(1s);
  EXPECT_EQ(h.all_said<WorkerHeartbeat>().back()->why, "it was told to stop");
  h.hear(first, Drain{false});  // comes too late
  h.advance(1s);
  EXPECT_EQ(h.all_said<WorkerHeartbeat>().back()->state, WorkerState::draining);
  EXPECT_FALSE(h.exit_code());
  h.done(*job);
  EXPECT_EQ(h.all_said<Deregister>().size(), 1u);
  h.step(Tick{true});
  EXPECT_EQ(h.exit_code(), ExitCode::drained);
  EXPECT_EQ(h.notes(), (Words{"drained", "draining"}));

  Harness idle{options_for(1)};
  idle.make_ready();
  idle.hear(first, Drain{true});
  idle.step(StopAsked{});
  idle.beat(first);
  idle.step(Tick{true});
  EXPECT_EQ(idle.exit_code(), ExitCode::drained);
}

}  // namespace
}  // namespace muster::agent::test
