// What gives way where a message would be over its broker's limits: docs/protocol.md, section 2.

#include "worker_agent/core/header_fit.hpp"

#include <gtest/gtest.h>

#include <string>

#include "protocol/codec.hpp"
#include "protocol/prng.hpp"
#include "tests/support/effort.hpp"

namespace muster::agent::test {
namespace {

WireLimits header_limit(std::uint64_t bytes) {
  WireLimits limits;
  limits.header_bytes = bytes;
  return limits;
}

template <class Message>
Message fitted(Message message, const WireLimits& limits, std::size_t payload_bytes = 0) {
  FromWorker any{std::move(message)};
  fit_header(any, payload_bytes, limits);
  return std::get<Message>(std::move(any));
}

// A broker takes it, as it comes from the wire.
template <class Message>
void expect_taken(const Message& message, const WireLimits& limits) {
  Decoder decoder{limits};
  const Frame header = encode(message);
  auto decoded = decoder.from_worker(header, {});
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_EQ(std::get<Message>(decoded->message), message);
}

Final answer(std::size_t header_bytes, std::size_t usage_bytes, std::size_t type_bytes) {
  Final final{WireId{broker_id_min}, 3, {}};
  final.meta.status = 200;
  final.meta.worker = "gpu7:8000";
  if (type_bytes > 0) final.meta.type = std::string(type_bytes, 't');
  if (header_bytes > 0) final.meta.headers["x-long"] = std::string(header_bytes, 'h');
  if (usage_bytes > 0) final.meta.usage = Value::Map{{"note", std::string(usage_bytes, 'u')}};
  return final;
}

std::vector<ModelDescription> models_of(std::size_t count, std::size_t name_bytes,
                                        std::size_t aliases = 0) {
  std::vector<ModelDescription> models;
  for (std::size_t i = 0; i < count; ++i) {
    ModelDescription model;
    model.name = std::to_string(i);
    model.name.resize(name_bytes, 'm');
    for (std::size_t a = 0; a < aliases; ++a)
      model.aliases.push_back("a" + std::to_string(i) + "-" + std::to_string(a));
    models.push_back(std::move(model));
  }
  return models;
}

WorkerDescription worker(std::size_t models, std::size_t labels, std::size_t active) {
  WorkerDescription info;
  info.worker = std::string(128, 'w');
  info.instance = Instance{instance_max};
  info.models = models_of(models, 128);
  info.slots = slots_max;
  info.state = WorkerState::unhealthy;
  info.speed = 1.5;
  info.queue_length = 3;
  for (std::size_t i = 0; i < labels; ++i) {
    std::string name = std::to_string(i);
    name.resize(128, 'l');
    info.labels[name] = std::string(256, 'v');
  }
  info.version = std::string(200, '1');
  for (std::size_t i = 0; i < active; ++i)
    info.active.push_back(BrokerId{broker_id_start_max + i});
  return info;
}

TEST(HeaderFit, HeadersGoFirstThenUsageThenTheType) {
  const WireLimits limits = header_limit(4096);
  EXPECT_EQ(fitted(answer(3000, 500, 200), limits), answer(3000, 500, 200));
  EXPECT_EQ(fitted(answer(4000, 500, 200), limits), answer(0, 500, 200));
  EXPECT_EQ(fitted(answer(10, 4000, 200), limits), answer(0, 0, 200));
  EXPECT_EQ(fitted(answer(10, 10, 4096), limits), answer(0, 0, 0));
  Chunk chunk{WireId{broker_id_min}, 0, answer(4000, 0, 200).meta};
  EXPECT_EQ(fitted(chunk, limits).meta, answer(0, 0, 200).meta);
}

TEST(HeaderFit, AHeaderExactlyAtTheLimitStays) {
  const Final final = answer(3000, 500, 0);
  const std::size_t bytes = encode(final).size();
  EXPECT_EQ(fitted(final, header_limit(bytes)), final);
  EXPECT_EQ(fitted(final, header_limit(bytes - 1)), answer(0, 500, 0));
}

TEST(HeaderFit, HeaderAndPayloadTogetherKeepToTheMessagesLimit) {
  WireLimits limits;
  limits.frame_bytes = 10'000;
  limits.message_bytes = 10'000;
  limits.header_bytes = 8192;
  EXPECT_EQ(payload_bytes_max(limits), 10'000 - lean_header_bytes);
  EXPECT_EQ(fitted(answer(3000, 100, 0), limits, 6000), answer(3000, 100, 0));
  EXPECT_EQ(fitted(answer(3000, 100, 0), limits, 8000), answer(0, 100, 0));
  const Final lean = fitted(answer(3000, 100, 256), limits, payload_bytes_max(limits));
  EXPECT_LE(encode(lean).size(), lean_header_bytes);

  limits.frame_bytes = 500;
  EXPECT_EQ(payload_bytes_max(limits), 500u);
  limits.message_bytes = 0;
  EXPECT_EQ(payload_bytes_max(limits), 0u);
}

TEST(HeaderFit, AnErrorsMessageIsCutAtABorderOfUtf8) {
  for (std::size_t odd = 0; odd < 4; ++odd) {
    Error error{WireId{broker_id_min}, ErrorCode::worker_failed, std::string(odd, 'x'), {}};
    for (int i = 0; i < 3000; ++i)
      error.message += "\xf0\x9f\x90\x8e";  // a horse: four bytes
    error.meta.worker = "gpu7:8000";
    const WireLimits limits = header_limit(4096);
    const Error cut = fitted(error, limits);
    EXPECT_LT(cut.message.size(), error.message.size());
    EXPECT_GT(cut.message.size(), 3900u);
    EXPECT_TRUE(cut.message.ends_with("\x8e\u2026"));
    EXPECT_EQ(cut.meta, error.meta);
    expect_taken(cut, limits);
  }
  const Error brief{WireId{1}, ErrorCode::refused, "no", {}};
  EXPECT_EQ(fitted(brief, header_limit(4096)), brief);
  EXPECT_EQ(fitted(brief, header_limit(10)).message, "");
}

TEST(HeaderFit, TheLeanestErrorIsWithinItsBound) {
  Error error{WireId{UINT64_MAX}, ErrorCode{UINT32_MAX}, "", {}};
  error.meta.retryable = true;
  error.meta.retry_after = duration_max;
  error.meta.reason = std::string(64, 'r');
  error.meta.worker = std::string(128, 'w');
  error.meta.status = UINT64_MAX;
  error.meta.duplicate = true;
  EXPECT_LE(encode(error).size(), lean_header_bytes);
}

TEST(HeaderFit, AHeartbeatTellsTheModelsThatFit) {
  WorkerHeartbeat beat;
  beat.models = models_of(200, 128);
  EXPECT_EQ(fitted(beat, WireLimits{}), beat);
  const WireLimits narrow = header_limit(4096);
  const WorkerHeartbeat less = fitted(beat, narrow);
  ASSERT_LT(less.models->size(), 200u);
  EXPECT_GT(less.models->size(), 4096u / 128u - 4u) << "not fewer than must be";
  EXPECT_TRUE(std::equal(less.models->begin(), less.models->end(), beat.models->begin()));
  expect_taken(less, narrow);
  beat.models.reset();
  EXPECT_EQ(fitted(beat, narrow), beat);
}

TEST(HeaderFit, NoMoreModelsAndAliasesAreToldThanABrokerKeeps) {
  WorkerHeartbeat beat;
  beat.models = models_of(300, 5);
  EXPECT_EQ(fitted(beat, WireLimits{}).models->size(), models_told_max);
  beat.models = models_of(20, 5, 60);
  EXPECT_EQ(fitted(beat, WireLimits{}).models->size(), aliases_told_max / 60);
  beat.models->front().aliases.resize(2000, "x");
  const WorkerHeartbeat told = fitted(beat, WireLimits{});
  EXPECT_EQ(told.models->size(), aliases_told_max / 60) << "the others still have room";
  EXPECT_EQ(told.models->front(), beat.models->at(1));
}

TEST(HeaderFit, ModelsOfARegisterGiveWayToAllActiveIds) {
  const Register full{worker(256, 64, slots_max)};
  ASSERT_GT(encode(full).size(), WireLimits{}.header_bytes);
  const Register told = fitted(full, WireLimits{});
  EXPECT_LT(told.info.models.size(), 256u);
  EXPECT_GT(told.info.models.size(), 5u);
  EXPECT_EQ(told.info.active, full.info.active);
  EXPECT_EQ(told.info.labels, full.info.labels);
  EXPECT_EQ(told.info.version, full.info.version);
  expect_taken(told, WireLimits{});
}

TEST(HeaderFit, LabelsGiveWayToActiveIdsAndIdsOnlyWhereNothingElseIsLeft) {
  const WireLimits limits = header_limit(16 * 1024);
  const Register no_labels = fitted(Register{worker(10, 64, 1500)}, limits);
  EXPECT_TRUE(no_labels.info.models.empty());
  EXPECT_TRUE(no_labels.info.version.empty());
  EXPECT_TRUE(no_labels.info.labels.empty());
  EXPECT_EQ(no_labels.info.active.size(), 1500u);
  expect_taken(no_labels, limits);

  const Register full{worker(10, 64, slots_max)};
  const Register first = fitted(full, limits);
  ASSERT_GT(first.info.active.size(), 1700u);
  ASSERT_LT(first.info.active.size(), slots_max);
  EXPECT_TRUE(
      std::equal(first.info.active.begin(), first.info.active.end(), full.info.active.begin()));
  expect_taken(first, limits);
  expect_taken(fitted(Status{7, full.info}, limits), limits);
}

TEST(HeaderFit, TheBoundIsNeverBelowWhatIsEncoded) {
  Prng chance{7};
  const auto text = [&](std::size_t bytes_max) {
    return std::string(chance.below(bytes_max), 'x');
  };
  for (int i = 0; i < muster::test::effort(2000, 300); ++i) {
    PartMeta meta{chance.below(2) == 0 ? std::optional<std::uint64_t>{} : chance.next(),
                  text(300),
                  {},
                  text(128),
                  {}};
    for (std::uint64_t n = chance.below(5); n > 0; --n)
      meta.headers[text(40)] = text(300);
    if (chance.below(2) == 0)
      meta.usage = Value::Map{{text(40), chance.next()},
                              {text(40), Value::Map{{text(40), -1.5}, {text(9), text(400)}}},
                              {text(40), Value::Array{true, Value{}, std::int64_t{-70'000}}}};
    Error error{WireId{chance.next()}, ErrorCode{UINT32_MAX}, text(70'000), {}};
    error.meta = {true, duration_max, text(40), text(128), chance.next(), true};
    WorkerHeartbeat beat{
        slots_max,     chance.next(),
        chance.next(), WorkerState::unhealthy,
        text(300),     chance.next(),
        0.5,           models_of(chance.below(40), 1 + chance.below(128), chance.below(9))};
    for (ModelDescription& model : *beat.models) {
      if (chance.below(2) == 0) continue;
      model.context_length = chance.next();
      model.modalities = {text(9), text(9)};
      model.operations = {text(128)};
    }
    const WorkerDescription info = worker(chance.below(9), chance.below(9), chance.below(400));
    for (const FromWorker& message :
         {FromWorker{Chunk{WireId{chance.next()}, chance.next(), meta}},
          FromWorker{Final{WireId{chance.next()}, chance.next(), meta}}, FromWorker{error},
          FromWorker{beat}, FromWorker{Register{info}}, FromWorker{Status{chance.next(), info}},
          FromWorker{Deregister{text(300)}}})
      ASSERT_GE(header_bytes_bound(message), encode(message).size()) << message.index();
  }
}

}  // namespace
}  // namespace muster::agent::test
