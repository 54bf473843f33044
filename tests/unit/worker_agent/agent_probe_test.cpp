// PROBE and STATUS (docs/protocol.md, section 7): the nonce comes back, and `active` is a barrier.

#include <gtest/gtest.h>

#include "agent_harness.hpp"

namespace muster::agent::test {
namespace {

using Ids = std::vector<BrokerId>;
using Words = std::vector<std::string>;

TEST(AgentProbe, IsAnsweredAtOnceWithTheNonceAndTheInfoOfRegister) {
  Harness h{options_for(1)};
  h.step(server_is(WorkerState::ready));
  h.register_with(first);
  const WorkerDescription registered = h.all_said<Register>()[0]->info;
  h.clear();
  h.hear(first, Probe{71});
  ASSERT_EQ(h.said.size(), 1u);
  ASSERT_EQ(h.all_said<Status>().size(), 1u);
  EXPECT_EQ(h.all_said<Status>()[0]->nonce, 71u);
  EXPECT_EQ(h.all_said<Status>()[0]->info, registered);
  EXPECT_TRUE(h.actions.empty());
}

TEST(AgentProbe, IsAnsweredWhateverTheModelServersState) {
  for (const WorkerState state : {WorkerState::starting, WorkerState::unhealthy}) {
    Harness h{options_for(1)};
    h.step(server_is(state));
    h.register_with(first);
    h.hear(first, Probe{1});
    ASSERT_EQ(h.all_said<Status>().size(), 1u);
    EXPECT_EQ(h.all_said<Status>()[0]->info.state, state);
  }
}

TEST(AgentProbe, ActiveHoldsWhatIsInHandAndWhatWaitsToBeSaid) {
  Harness h{options_for(1)};
  h.make_ready();
  const auto said = h.ask(first, 11);
  const auto waits = h.ask(first, 12);
  ASSERT_TRUE(h.ask(first, 13));
  h.done(*said);
  h.writable[0] = false;
  h.done(*waits);
  EXPECT_FALSE(h.ask(first, 14, false, "not served"));  // its ERROR waits as well
  h.hear(first, Probe{5});
  h.clear();
  h.writable[0] = true;
  h.flush();
  // STATUS goes ahead of what waits, which therefore has not been said before it.
  ASSERT_FALSE(h.said.empty());
  EXPECT_TRUE(std::holds_alternative<Status>(h.said[0].message));
  EXPECT_EQ(h.all_said<Status>()[0]->info.active, (Ids{BrokerId{13}, BrokerId{12}, BrokerId{14}}));
  EXPECT_EQ(h.answers(), (Words{"FINAL 12 0 answer", "ERROR 14 UNKNOWN_MODEL"}));

  h.clear();
  h.hear(first, Probe{6});
  EXPECT_EQ(h.all_said<Status>()[0]->info.active, Ids{BrokerId{13}});
}

TEST(AgentProbe, ActiveNamesOnlyWhatThatBrokerAskedFor) {
  Harness h{options_for(2)};
  h.make_ready();
  ASSERT_TRUE(h.ask(first, 11));
  ASSERT_TRUE(h.ask(second, 21));
  h.clear();
  h.hear(second, Probe{1});
  EXPECT_TRUE(h.all_said<Status>(first).empty());
  ASSERT_EQ(h.all_said<Status>(second).size(), 1u);
  EXPECT_EQ(h.all_said<Status>(second)[0]->info.active, Ids{BrokerId{21}});
  EXPECT_EQ(h.all_said<Status>(second)[0]->info.queue_length, 1u);
}

TEST(AgentProbe, OnlyTheLatestIsAnswered) {
  Harness h{options_for(1)};
  h.make_ready();
  h.writable[0] = false;
  for (std::uint64_t nonce = 1; nonce <= 1000; ++nonce)
    h.hear(first, Probe{nonce});
  h.writable[0] = true;
  h.flush();
  ASSERT_EQ(h.all_said<Status>().size(), 1u);
  EXPECT_EQ(h.all_said<Status>()[0]->nonce, 1000u);
}

TEST(AgentProbe, IsNotAnsweredBeforeRegistered) {
  Harness h{options_for(1)};
  h.make_ready();
  h.hear(first, Reregister{});
  h.clear();
  h.hear(first, Probe{3});
  EXPECT_TRUE(h.said.empty());
  h.hear(first, Registered{terms_of()});
  ASSERT_EQ(h.all_said<Status>().size(), 1u);
  EXPECT_EQ(h.all_said<Status>()[0]->nonce, 3u);
}

// What a former connection was asked, REGISTER has answered on the new one.
TEST(AgentProbe, IsForgottenWithItsConnection) {
  Harness h{options_for(1)};
  h.make_ready();
  h.writable[0] = false;
  h.hear(first, Probe{3});
  h.step(Connected{first});
  h.writable[0] = true;
  h.hear(first, Registered{terms_of()});
  EXPECT_TRUE(h.all_said<Status>().empty());

  Harness dead{options_for(1)};
  dead.make_ready();
  dead.writable[0] = false;
  dead.hear(first, Probe{3});
  dead.advance(6s);
  ASSERT_EQ(dead.all<ReopenSocket>().size(), 1u);
  dead.writable[0] = true;
  dead.register_with(first);
  EXPECT_TRUE(dead.all_said<Status>().empty());

  Harness dismissed{options_for(1)};
  dismissed.make_ready();
  dismissed.writable[0] = false;
  dismissed.hear(first, Probe{3});
  dismissed.hear(first, Dismiss{ErrorCode::forbidden, "no"});
  dismissed.hear(first, Probe{4});
  dismissed.writable[0] = true;
  dismissed.register_with(first);
  EXPECT_TRUE(dismissed.all_said<Status>().empty());
}

TEST(AgentProbe, AWorkerThatLeavesAnswersUntilItHasSaidGoodbye) {
  Harness h{options_for(2)};
  h.make_ready();
  const auto job = h.ask(first, 1);
  h.writable = {false, false};
  h.step(StopAsked{});
  h.done(*job);
  h.advance(1s);
  h.hear(first, Probe{8});
  h.writable[0] = true;
  h.flush();
  ASSERT_EQ(h.all_said<Status>(first).size(), 1u);
  EXPECT_EQ(h.all_said<Status>(first)[0]->info.active, Ids{BrokerId{1}});
  EXPECT_TRUE(std::holds_alternative<Deregister>(h.said.back().message));
  h.clear();
  h.hear(first, Probe{9});
  EXPECT_TRUE(h.said.empty());
}

TEST(AgentProbe, ModelsThatHadToGiveWayAreToldByTheNextHeartbeat) {
  auto options = options_for(1);
  options.models.assign(250, {.name = std::string(115, 'm'),
                              .aliases = {},
                              .context_length = {},
                              .modalities = {},
                              .operations = {}});
  for (std::size_t i = 0; i < options.models.size(); ++i)
    options.models[i].name += std::to_string(i);
  options.slots = 4096;
  Harness h{options};
  h.make_ready();
  for (std::uint64_t id = 1; id <= 4096; ++id)
    ASSERT_TRUE(h.ask(first, id, false, options.models[0].name));
  h.clear();
  h.hear(first, Probe{1});
  ASSERT_LT(h.all_said<Status>()[0]->info.models.size(), 250u);
  EXPECT_EQ(h.all_said<Status>()[0]->info.active.size(), 4096u);
  h.advance(1s);
  ASSERT_EQ(h.all_said<WorkerHeartbeat>().size(), 1u);
  ASSERT_TRUE(h.all_said<WorkerHeartbeat>()[0]->models);
  EXPECT_EQ(h.all_said<WorkerHeartbeat>()[0]->models->size(), 250u);
}

}  // namespace
}  // namespace muster::agent::test
