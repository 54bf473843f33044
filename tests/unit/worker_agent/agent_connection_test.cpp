// A connection that breaks and is made anew by the same socket (docs/protocol.md, sections 1 and
// 6): nothing is said on it before REGISTER, and nothing that waits is lost.

#include <gtest/gtest.h>

#include "agent_harness.hpp"

namespace muster::agent::test {
namespace {

using Ids = std::vector<BrokerId>;
using Words = std::vector<std::string>;

TEST(AgentConnection, FromTheBreakToRegisteredNothingElseIsSaid) {
  Harness h{options_for(2)};
  h.make_ready();
  const auto stream = h.ask(first, 11, true);
  const auto whole = h.ask(first, 12);
  h.part(*stream, "a");
  h.hear(first, Reregister{});
  h.hear(first, Registered{terms_of()});
  h.clear();
  h.step(Disconnected{first});
  EXPECT_EQ(h.notes(), Words{"connection_lost"});
  h.part(*stream, "b");
  h.done(*whole);
  h.step(server_is(WorkerState::ready, 4, "another"));
  h.advance(500ms);
  EXPECT_TRUE(h.all_said<WorkerHeartbeat>(first).empty());
  EXPECT_TRUE(h.answers(first).empty());
  EXPECT_FALSE(h.all_said<WorkerHeartbeat>(second).empty()) << "the other goes on";
  EXPECT_TRUE(h.all<StopJob>().empty());

  h.clear();
  h.step(Connected{first});
  ASSERT_EQ(h.said.size(), 1u);
  EXPECT_EQ(h.all_said<Register>()[0]->info.active, (Ids{BrokerId{11}, BrokerId{12}}));
  h.hear(first, Registered{terms_of()});
  EXPECT_EQ(h.answers(), (Words{"CHUNK 11 1 b", "FINAL 12 0 answer"}));
  EXPECT_TRUE(h.all<ReopenSocket>().empty());
}

TEST(AgentConnection, IsDialledByANewSocketWhereItDoesNotComeBack) {
  Harness h{options_for(1)};
  h.make_ready();
  h.step(Disconnected{first});
  h.advance(700ms);
  EXPECT_TRUE(h.all<ReopenSocket>().empty());
  h.advance(300ms);
  EXPECT_EQ(h.all<ReopenSocket>().size(), 1u);
  EXPECT_EQ(h.notes(), (Words{"connection_lost", "unreachable!"}));
}

TEST(AgentConnection, WhatStillComesOfTheLostOneIsDropped) {
  Harness h{options_for(1)};
  h.make_ready();
  h.step(Disconnected{first});
  h.hear(first, Request{WireId{1}, "llama", {}});
  h.hear(first, Probe{1});
  EXPECT_TRUE(h.all<StartJob>().empty());
  EXPECT_TRUE(h.all<FaultNote>().empty());
  h.step(Connected{first});
  EXPECT_TRUE(h.all_said<Register>()[0]->info.active.empty());
}

TEST(AgentConnection, TheBreakOfOneWithoutASessionChangesNothing) {
  Harness h{options_for(1)};
  h.step(Disconnected{first});
  EXPECT_TRUE(h.notes().empty());
  h.register_with(first);
  h.hear(first, Dismiss{ErrorCode::name_taken, "taken"});
  h.clear();
  h.step(Disconnected{first});
  EXPECT_TRUE(h.notes().empty());
  while (h.all_said<Register>().empty())
    h.advance(h.agent.next_deadline() - h.now());
}

TEST(AgentConnection, AWorkerThatLeavesWaitsAMomentForItToComeBack) {
  for (const bool comes_back : {true, false}) {
    Harness h{options_for(1)};
    h.make_ready();
    const auto job = h.ask(first, 1);
    h.step(Disconnected{first});
    h.step(StopAsked{});
    h.done(*job);
    h.advance(500ms);
    EXPECT_FALSE(h.exit_code());
    if (comes_back) {
      h.register_with(first);
      EXPECT_EQ(h.answers(), Words{"FINAL 1 0 answer"});
      EXPECT_EQ(h.all_said<Deregister>().size(), 1u);
      h.step(Tick{true});
      EXPECT_EQ(h.exit_code(), ExitCode::drained);
    } else {
      h.advance(500ms);
      EXPECT_EQ(h.exit_code(), ExitCode::cut);
    }
  }
}

}  // namespace
}  // namespace muster::agent::test
