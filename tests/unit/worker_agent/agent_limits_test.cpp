// The Agent keeps to its broker's limits, whatever its model server says: docs/protocol.md,
// section 2. What gives way, and how, is header_fit_test.cpp's.

#include <gtest/gtest.h>

#include "agent_harness.hpp"
#include "protocol/codec.hpp"

namespace muster::agent::test {
namespace {

using Words = std::vector<std::string>;

WireLimits narrow_limits() {
  WireLimits limits;
  limits.header_bytes = 4096;
  limits.frame_bytes = 8192;
  limits.message_bytes = 8192;
  return limits;
}

void register_with(Harness& h, const WireLimits& limits) {
  h.step(Connected{first});
  auto terms = terms_of();
  terms.limits = limits;
  h.hear(first, Registered{terms});
}

// Everything that was said is taken by a broker with these limits.
void expect_all_taken(const Harness& h, const WireLimits& limits) {
  Decoder decoder{limits};
  for (const Said& said : h.said) {
    Payload payload;
    if (!said.payload.empty()) payload = Payload{said.payload};
    const auto decoded = decoder.from_worker(encode(said.message), payload);
    EXPECT_TRUE(decoded) << decoded.error().what;
  }
}

std::vector<ModelDescription> models_of(std::size_t count, std::size_t name_bytes) {
  std::vector<ModelDescription> models;
  for (std::size_t i = 0; i < count; ++i) {
    ModelDescription model;
    model.name = std::to_string(i);
    model.name.resize(name_bytes, 'm');
    models.push_back(std::move(model));
  }
  return models;
}

ServerChanged serves(std::vector<ModelDescription> models) {
  ServerChanged event = server_is(WorkerState::ready);
  event.models = std::move(models);
  return event;
}

TEST(AgentLimits, AnAnswersHeadersAndUsageGiveWay) {
  Harness h{options_for(1)};
  register_with(h, narrow_limits());
  h.step(server_is(WorkerState::ready));
  h.clear();
  const auto stream = h.ask(first, 1, true);
  const auto whole = h.ask(first, 2);
  PartMeta meta;
  meta.status = 200;
  meta.type = "text/event-stream";
  meta.headers["x-long"] = std::string(5000, 'x');
  h.step(PartMade{*stream, meta, Payload{"a"}});
  meta.headers["x-long"].resize(10);
  meta.usage = Value::Map{{"note", std::string(5000, 'x')}};
  h.step(JobEnded{*whole, meta, Payload{"answer"}});
  h.step(JobEnded{*stream, {}, {}});
  EXPECT_EQ(h.answers(), (Words{"CHUNK 1 0 a", "FINAL 2 0 answer", "FINAL 1 1"}));
  EXPECT_TRUE(h.all_said<Chunk>()[0]->meta.headers.empty());
  EXPECT_EQ(h.all_said<Chunk>()[0]->meta.type, "text/event-stream");
  EXPECT_TRUE(h.all_said<Final>()[0]->meta.usage.is_nil());
  expect_all_taken(h, narrow_limits());
}

TEST(AgentLimits, AnAnswerOfTheLargestSizeIsTakenWithAHeaderBesideIt) {
  Harness h{options_for(1)};
  register_with(h, narrow_limits());
  h.step(server_is(WorkerState::ready));
  h.clear();
  const auto largest = h.ask(first, 1);
  const auto larger = h.ask(first, 2);
  const auto failed = h.ask(first, 3);
  PartMeta meta;
  meta.headers["x-long"] = std::string(3000, 'x');
  const std::size_t most = 8192 - 512;
  h.step(JobEnded{*largest, meta, Payload{std::string(most, 'x')}});
  h.step(JobEnded{*larger, meta, Payload{std::string(most + 1, 'x')}});
  h.step(JobBroke{*failed,
                  ErrorCode::worker_failed,
                  std::string(3000, 'm'),
                  {},
                  Payload{std::string(most, 'b')}});
  ASSERT_EQ(h.all_said<Final>().size(), 1u);
  ASSERT_EQ(h.all_said<Error>().size(), 2u);
  EXPECT_NE(h.all_said<Error>()[0]->message.find(std::to_string(most + 1)), std::string::npos);
  EXPECT_LT(h.all_said<Error>()[1]->message.size(), 512u) << "its body is worth more";
  expect_all_taken(h, narrow_limits());
}

TEST(AgentLimits, LongSentencesAreCut) {
  Harness h{options_for(1)};
  register_with(h, narrow_limits());
  h.step(server_is(WorkerState::ready));
  h.clear();
  const auto job = h.ask(first, 1);
  const std::string long_text(70'000, 'x');
  h.step(JobBroke{*job, ErrorCode::refused, long_text, {}, {}});
  h.step(BrokerFault{first, {FaultReason::field, long_text, WireId{2}, 0x01}});
  EXPECT_FALSE(h.ask(first, 3, false, long_text));
  EXPECT_EQ(h.answers(),
            (Words{"ERROR 1 REFUSED", "ERROR 2 BAD_REQUEST", "ERROR 3 UNKNOWN_MODEL"}));
  expect_all_taken(h, narrow_limits());
}

TEST(AgentLimits, ModelsThatDoNotFitAreLeftOutAndThatIsSaidOnce) {
  Harness h{options_for(1)};
  h.step(serves(models_of(300, 5)));
  h.clear();
  h.register_with(first);
  EXPECT_EQ(h.all_said<Register>()[0]->info.models.size(), 256u);
  ASSERT_EQ(h.notes(), (Words{"registered", "models_left_out!"}));
  const std::string sentence = h.all<SessionNote>()[1]->sentence;
  EXPECT_NE(sentence.find("44 of the 300 models"), std::string::npos) << sentence;

  h.clear();
  h.beating[0] = true;
  h.advance(10s);
  h.register_with(first);
  h.step(serves(models_of(300, 6)));
  EXPECT_EQ(h.notes(), (Words{"new_connection", "registered"}));
  EXPECT_EQ(h.all_said<WorkerHeartbeat>().back()->models->size(), 256u);
  h.step(serves(models_of(310, 6)));
  EXPECT_EQ(h.notes(), (Words{"new_connection", "registered", "models_left_out!"}));
  h.step(serves(models_of(10, 6)));
  h.step(serves(models_of(310, 6)));
  EXPECT_EQ(h.notes().size(), 4u) << "it has become true again";
}

TEST(AgentLimits, EachBrokerIsToldWhatItTakes) {
  Harness h{options_for(2)};
  register_with(h, narrow_limits());
  h.register_with(second);
  h.clear();
  h.step(serves(models_of(100, 100)));
  EXPECT_LT(h.all_said<WorkerHeartbeat>(first)[0]->models->size(), 40u);
  EXPECT_EQ(h.all_said<WorkerHeartbeat>(second)[0]->models->size(), 100u);
  EXPECT_EQ(h.notes(), (Words{"state", "models_left_out!"}));
  EXPECT_TRUE(h.ask(second, 1, false, h.all_said<WorkerHeartbeat>(second)[0]->models->back().name));
}

TEST(AgentLimits, ARegisterGivesItsModelsForTheActiveIdsAndTheHeartbeatTellsThem) {
  Harness h{options_for(1, slots_max)};
  h.register_with(first);
  h.step(serves(models_of(250, 120)));
  for (std::uint64_t i = 0; i < slots_max; ++i)
    ASSERT_TRUE(h.ask(first, broker_id_start_max + i, false, std::string("0").append(119, 'm')));
  h.clear();
  h.step(Connected{first});
  const auto& info = h.all_said<Register>()[0]->info;
  EXPECT_EQ(info.active.size(), slots_max);
  EXPECT_LT(info.models.size(), 250u);
  h.hear(first, Registered{terms_of()});
  ASSERT_EQ(h.all_said<WorkerHeartbeat>().size(), 1u);
  ASSERT_TRUE(h.all_said<WorkerHeartbeat>()[0]->models);
  EXPECT_EQ(h.all_said<WorkerHeartbeat>()[0]->models->size(), 250u);
  h.beating[0] = true;
  h.advance(1s);
  EXPECT_FALSE(h.all_said<WorkerHeartbeat>().back()->models) << "they are told once";
  EXPECT_EQ(h.notes(), (Words{"new_connection", "registered"})) << "nothing stays left out";
  expect_all_taken(h, WireLimits{});
}

TEST(AgentLimits, WhatIsWorkedOnIsTheLastToBeLeftOut) {
  Harness h{options_for(1, 500)};
  register_with(h, narrow_limits());
  h.step(server_is(WorkerState::ready));
  // The first two hundred of five hundred are answered, but the broker can't be told so yet.
  std::vector<JobId> jobs;
  for (std::uint64_t i = 0; i < 500; ++i)
    jobs.push_back(*h.ask(first, broker_id_min + i));
  h.writable[0] = false;
  for (std::size_t i = 0; i < 200; ++i)
    h.done(jobs[i]);
  h.step(Connected{first});
  h.clear();
  h.writable[0] = true;
  h.flush();
  const auto& active = h.all_said<Register>()[0]->info.active;
  ASSERT_GT(active.size(), 400u);
  ASSERT_LT(active.size(), 500u);
  for (std::uint64_t i = 0; i < 300; ++i)
    EXPECT_EQ(active[i], BrokerId{broker_id_min + 200 + i});
  expect_all_taken(h, narrow_limits());
}

TEST(AgentLimits, ARegisterAfterARestartDoesNotCountOnLimitsToldBefore) {
  WireLimits wide;
  wide.header_bytes = 1024 * 1024;
  Harness h{options_for(1)};
  register_with(h, wide);
  std::vector<ModelDescription> models = models_of(200, 100);
  for (ModelDescription& model : models)
    model.operations.assign(4, std::string(120, 'o'));
  h.step(serves(models));
  ASSERT_EQ(h.all_said<WorkerHeartbeat>().back()->models->size(), 200u);
  h.clear();
  h.step(Connected{first});
  EXPECT_LT(h.all_said<Register>()[0]->info.models.size(), 200u);
  expect_all_taken(h, WireLimits{});
}

}  // namespace
}  // namespace muster::agent::test
