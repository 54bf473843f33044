#include "tests/unit/protocol/samples.hpp"

#include <limits>

#include "protocol/codec.hpp"

namespace muster::samples {
namespace {

using std::chrono::milliseconds;

constexpr WireId small_id{7};
constexpr WireId large_id{std::numeric_limits<std::uint64_t>::max()};

RequestOptions all_options() {
  RequestOptions o;
  o.timeout = milliseconds{30000};
  o.first_timeout = milliseconds{0};
  o.idle_timeout = milliseconds{70000};
  o.stream = true;
  o.path = "/v1/chat/completions";
  o.type = "application/json";
  o.headers = {{"accept", "text/event-stream"}, {"x-empty", ""}};
  o.request_id = "r-1";
  o.trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  o.session = "sitzung-\xc3\xa4";
  o.prefix = {0, 1, std::numeric_limits<std::uint64_t>::max()};
  o.require = {{"zone", "a"}};
  o.priority = -5;
  o.tenant = "acme";
  o.retry = false;
  return o;
}

PartMeta all_part_meta() {
  PartMeta meta;
  meta.status = 200;
  meta.type = "text/event-stream";
  meta.headers = {{"x-request-id", "9"}};
  meta.worker = "gpu7:8000";
  meta.usage = Value::Map{{"prompt_tokens", 12}, {"rate", 1.5}};
  return meta;
}

std::vector<ModelDescription> some_models() {
  ModelDescription full;
  full.name = "llama-3-8b";
  full.aliases = {"llama", "default"};
  full.context_length = 8192;
  full.modalities = {"text", "image"};
  full.operations = {"/v1/chat/completions"};
  ModelDescription bare;
  bare.name = "tiny";
  return {full, bare};
}

WorkerDescription bare_worker() {
  WorkerDescription info;
  info.worker = "w";
  info.instance = Instance{1};
  info.models = {{"tiny", {}, {}, {}, {}}};
  info.slots = 1;
  return info;
}

WorkerDescription full_worker() {
  WorkerDescription info;
  info.worker = "gpu7:8000";
  info.instance = Instance{instance_max};
  info.models = some_models();
  info.slots = slots_max;
  info.state = WorkerState::draining;
  info.why = "It was told to stop.";
  info.speed = 2.5;
  info.queue_length = 3;
  info.labels = {{"zone", "a"}, {"gpu", "h100"}};
  info.version = "0.1.0";
  info.active = {BrokerId{broker_id_min}, BrokerId{broker_id_start_max}};
  return info;
}

BrokerTerms some_terms() {
  BrokerTerms terms;
  terms.broker = "broker-1";
  terms.instance = Instance{std::uint64_t{1700000000000} * 1024 + 5};
  terms.interval = milliseconds{1000};
  terms.liveness = 3;
  terms.limits = WireLimits{1000, 2000, 3000, 4, 50};
  terms.features = {"stream"};
  return terms;
}

BrokerTerms draining_terms() {
  BrokerTerms terms = some_terms();
  terms.draining = true;
  return terms;
}

Value tree() {
  return Value::Map{
      {"nil", Value{}},
      {"yes", true},
      {"negative", -300},
      {"large", std::numeric_limits<std::uint64_t>::max()},
      {"real", 0.25},
      {"text", "\xe2\x82\xac"},
      {"array", Value::Array{1, "two", Value::Array{}, Value::Map{}}},
      {"map", Value::Map{{"inner", Value::Array{Value::Map{{"deep", false}}}}}},
  };
}

}  // namespace

std::vector<FromClient> from_client() {
  return {
      Request{small_id, "tiny", {}},
      Request{large_id, "llama", all_options()},
      Cancel{large_id},
      ClientHeartbeat{},
      Query{small_id, "stats", Value{}},
      Query{large_id, "drain", tree()},
  };
}

std::vector<ToClient> to_client() {
  ErrorMeta bare;
  ErrorMeta full{true, milliseconds{250}, "queued", "gpu7:8000", 503, true};
  return {
      Chunk{small_id, 0, all_part_meta()},
      Chunk{large_id, 70000, {}},
      Final{small_id, 3, all_part_meta()},
      Final{large_id, 0, {}},
      Error{small_id, ErrorCode::no_worker, "Nobody serves this model.", bare},
      Error{large_id, static_cast<ErrorCode>(0xffffffff), "", full},
      ClientTerms{some_terms()},
      ClientTerms{draining_terms()},
      Answer{small_id, Value{}},
      Answer{large_id, tree()},
  };
}

std::vector<FromWorker> from_worker() {
  WorkerHeartbeat full;
  full.slots = slots_max;
  full.grant = 12;
  full.queue_length = 400;
  full.state = WorkerState::unhealthy;
  full.why = "The model server refuses connections.";
  full.progress = std::uint64_t{1} << 40;
  full.kv_cache_usage = 0.75;
  full.models = some_models();
  WorkerHeartbeat no_models_left;
  no_models_left.models.emplace();
  return {
      Chunk{small_id, 0, all_part_meta()},
      Final{small_id, 1, all_part_meta()},
      Error{small_id, ErrorCode::refused, "", {}},
      WorkerHeartbeat{},
      full,
      no_models_left,
      Register{bare_worker()},
      Register{full_worker()},
      Deregister{"stopping"},
      Deregister{""},
      Status{0, bare_worker()},
      Status{std::numeric_limits<std::uint64_t>::max(), full_worker()},
  };
}

std::vector<ToWorker> to_worker() {
  return {
      Request{large_id, "llama", all_options()},
      Cancel{small_id},
      BrokerHeartbeat{1, 2, 300},
      Registered{some_terms()},
      Registered{draining_terms()},
      Reregister{},
      Dismiss{ErrorCode::name_taken, "The name is taken."},
      Probe{99},
      Drain{true},
      Drain{false},
  };
}

std::vector<std::string> headers() {
  std::vector<std::string> all;
  const auto add = [&](const auto& messages) {
    for (const auto& message : messages)
      all.emplace_back(encode(message).text());
  };
  add(from_client());
  add(from_worker());
  add(to_client());
  add(to_worker());
  return all;
}

}  // namespace muster::samples
