// What the Agent notes of its model server: each thing once, when it becomes true.

#include <gtest/gtest.h>

#include "agent_harness.hpp"

namespace muster::agent::test {
namespace {

using Words = std::vector<std::string>;

ServerChanged server_says(WorkerState state, std::string why) {
  ServerChanged event = server_is(state);
  event.why = std::move(why);
  return event;
}

ServerChanged serves_nothing(WorkerState state = WorkerState::ready) {
  ServerChanged event = server_is(state);
  event.models.clear();
  return event;
}

std::string last_sentence(const Harness& h) {
  return h.all<AgentNote>().back()->sentence;
}

TEST(AgentNotes, WhyAServerIsWaitedForIsSaidWhenItChangesAndNotOverAndOver) {
  Harness h{options_for(1)};
  h.step(server_says(WorkerState::starting, "no answer at http://h:1: connection refused"));
  EXPECT_EQ(h.notes(), Words{"waiting!"});
  EXPECT_EQ(last_sentence(h), "still starting: no answer at http://h:1: connection refused");
  for (int i = 0; i < 5; ++i) {
    h.step(server_says(WorkerState::starting, "no answer at http://h:1: connection refused"));
    h.advance(2s);
  }
  h.clear();
  h.step(server_says(WorkerState::starting, "it is loading its model"));
  h.step(server_says(WorkerState::starting, "it is loading its model"));
  EXPECT_EQ(h.notes(), Words{"waiting!"});
  EXPECT_EQ(last_sentence(h), "still starting: it is loading its model");

  h.clear();
  h.step(server_says(WorkerState::ready, "it is up"));
  h.step(server_says(WorkerState::unhealthy, "connection refused"));
  h.step(server_says(WorkerState::unhealthy, "connection refused"));
  EXPECT_EQ(h.notes(), (Words{"state", "state!"})) << "a change of state says why by itself";
  h.step(server_says(WorkerState::unhealthy, "it does not answer"));
  EXPECT_EQ(last_sentence(h), "still unhealthy: it does not answer");
}

TEST(AgentNotes, WhileItDrainsTheServersEndIsNotCalledOld) {
  Harness h{options_for(1)};
  h.make_ready();
  ASSERT_TRUE(h.ask(first, 1));
  h.step(StopAsked{});
  h.clear();
  h.step(server_says(WorkerState::unhealthy, "connection refused"));
  EXPECT_EQ(h.notes(), Words{"waiting!"});
  EXPECT_EQ(last_sentence(h), "unhealthy: connection refused");
  h.step(server_says(WorkerState::unhealthy, "it does not answer"));
  EXPECT_EQ(last_sentence(h), "still unhealthy: it does not answer");
}

TEST(AgentNotes, WhatAReadyServerSaysAnewIsSaid) {
  Harness h{options_for(1)};
  h.step(server_says(WorkerState::ready, "it is up"));
  h.clear();
  h.step(server_says(WorkerState::ready, "it is up; is the key right?"));
  h.step(server_says(WorkerState::ready, "it is up; is the key right?"));
  EXPECT_EQ(h.notes(), Words{"server"});
  EXPECT_EQ(last_sentence(h), "it is up; is the key right?");
}

TEST(AgentNotes, AServerThatIsUpAndServesNothingIsSaidOnce) {
  Harness h{options_for(1)};
  h.step(serves_nothing());
  EXPECT_EQ(h.notes(), (Words{"state", "no_models!"})) << "also where it never served any";
  EXPECT_NE(last_sentence(h).find("--model"), std::string::npos);
  h.clear();
  for (int i = 0; i < 5; ++i) {
    ServerChanged event = serves_nothing();
    event.slots = 4 + static_cast<std::uint64_t>(i);
    h.step(std::move(event));
  }
  EXPECT_TRUE(h.notes().empty());
  h.step(server_is(WorkerState::ready));
  h.step(serves_nothing());
  EXPECT_EQ(h.notes(), Words{"no_models!"}) << "it has become true again";
}

TEST(AgentNotes, NothingIsServedOnlyWhereTheServerIsUpAndNoModelsAreSet) {
  Harness h{options_for(1)};
  h.step(serves_nothing(WorkerState::starting));
  h.step(server_is(WorkerState::ready));
  h.step(serves_nothing(WorkerState::unhealthy));
  h.step(serves_nothing(WorkerState::starting));
  for (const std::string& note : h.notes())
    EXPECT_FALSE(note.starts_with("no_models")) << note;

  auto options = options_for(1);
  options.models = server_is(WorkerState::ready, 0, "mine").models;
  Harness set{options};
  set.step(serves_nothing());
  EXPECT_EQ(set.notes(), Words{"state"});
}

TEST(AgentNotes, AConnectionThatAnswersNoRegisterMayBeAFrontend) {
  Harness h{options_for(1)};
  h.step(Connected{first});
  for (int i = 0; i < 20; ++i)
    h.advance(500ms);
  EXPECT_EQ(h.notes(), Words{"silent!"}) << "once for the whole outage";
  const std::string& sentence = h.all<SessionNote>().back()->sentence;
  EXPECT_NE(sentence.find("is this the broker's backend"), std::string::npos) << sentence;
}

TEST(AgentNotes, WhatIsWrongWithAReadyServerIsSaidAndTold) {
  Harness h{options_for(1)};
  h.make_ready();
  ServerChanged refused = server_says(WorkerState::ready, "it is up; but 401");
  refused.trouble = "GET /v1/models is answered with status 401";
  h.step(refused);
  h.step(refused);
  EXPECT_EQ(h.notes(), Words{"server!"});
  EXPECT_EQ(last_sentence(h), "GET /v1/models is answered with status 401");
  h.advance(1s);
  EXPECT_EQ(h.all_said<WorkerHeartbeat>().back()->why, refused.trouble);
  EXPECT_EQ(h.all_said<WorkerHeartbeat>().back()->state, WorkerState::ready);
}

TEST(AgentNotes, AServerThatServesNothingSaysWhyToBrokersToo) {
  Harness h{options_for(1)};
  h.register_with(first);
  ServerChanged nothing = serves_nothing();
  nothing.trouble = "GET /v1/models is answered with status 401";
  h.step(nothing);
  EXPECT_NE(last_sentence(h).find("nothing is served: GET /v1/models is answered with status 401"),
            std::string::npos);
  EXPECT_EQ(h.all_said<WorkerHeartbeat>().back()->why, nothing.trouble);
}

}  // namespace
}  // namespace muster::agent::test
