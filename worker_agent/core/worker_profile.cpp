#include "worker_agent/core/worker_profile.hpp"

#include <algorithm>
#include <utility>

#include "protocol/text.hpp"

namespace muster::agent {
namespace {

// A broker keeps no more of it (docs/protocol.md, section 6).
constexpr std::size_t why_bytes_max = 256;

}  // namespace

WorkerProfile::WorkerProfile(const AgentOptions& options, Instance instance)
    : name_(options.name),
      instance_(instance),
      speed_(options.speed),
      labels_(options.labels),
      slots_are_set_(options.slots.has_value()),
      models_are_set_(!options.models.empty()),
      models_(options.models),
      grants_(options.slots.value_or(0), options.brokers.size()) {}

WorkerProfile::Change WorkerProfile::server_changed(const ServerChanged& server) {
  Change change;
  const WorkerState before = state();
  server_state_ = server.state;
  server_why_ = cut_to(server.why, why_bytes_max);
  trouble_ = cut_to(server.trouble, why_bytes_max);
  change.state = state() != before;
  // A server that is not there can't say what it serves: what was known of it stands, so that a
  // broker still tells "none of those that serve it is live" from "never heard of".
  const bool ready = server.state == WorkerState::ready;
  if (ready || !server.models.empty()) change.models = set_models(server.models);
  if (ready || server.slots != 0) {
    server_slots_ = server.slots;
    change.slots = !slots_are_set_ && grants_.set_slots(server.slots);
  }
  if (ready || !server.version.empty()) server_version_ = server.version;
  return change;
}

bool WorkerProfile::set_models(const std::vector<ModelDescription>& models) {
  if (models_are_set_ || models == models_) return false;
  models_ = models;
  ++models_version_;
  return true;
}

bool WorkerProfile::reconfigured(const AgentOptions& options) {
  slots_are_set_ = options.slots.has_value();
  return grants_.set_slots(options.slots.value_or(server_slots_));
}

void WorkerProfile::stop() {
  stopping_ = true;
  grants_.renumber();
}

bool WorkerProfile::set_drained(bool on) {
  return std::exchange(drained_, on) != on;
}

void WorkerProfile::engine_told(const EngineTold& engine) {
  engine_done_ = std::max(engine_done_, engine.progress.value_or(0));
  kv_cache_usage_ = engine.kv_cache_usage;
}

WorkerState WorkerProfile::state() const {
  return stopping_ || drained_ ? WorkerState::draining : server_state_;
}

std::string WorkerProfile::why() const {
  if (stopping_) return "it was told to stop";
  if (drained_) return "drained by an operator";
  if (server_state_ != WorkerState::ready) return server_why_;
  if (trouble_.empty() && models_.empty()) return "the model server lists no models";
  return trouble_;
}

bool WorkerProfile::serves(std::string_view model) const {
  return std::any_of(models_.begin(), models_.end(), [&](const ModelDescription& served) {
    return served.name == model ||
           std::find(served.aliases.begin(), served.aliases.end(), model) != served.aliases.end();
  });
}

WorkerDescription WorkerProfile::describe(SessionId session, std::uint64_t queue_length,
                                          std::vector<BrokerId> active) const {
  WorkerDescription info;
  info.worker = name_;
  info.instance = instance_;
  info.models = models_;
  info.slots = grants_.granted(session.value);
  info.state = state();
  info.why = why();
  info.speed = speed_;
  info.queue_length = queue_length;
  info.labels = labels_;
  info.version = MUSTER_VERSION;
  if (!server_version_.empty()) info.version += " (" + server_version_ + ")";
  info.active = std::move(active);
  return info;
}

WorkerHeartbeat WorkerProfile::heartbeat(SessionId session, std::uint64_t queue_length,
                                         std::uint64_t models_told) const {
  WorkerHeartbeat beat;
  beat.slots = grants_.granted(session.value);
  beat.grant = grants_.number(session.value);
  beat.queue_length = queue_length;
  beat.state = state();
  beat.why = why();
  beat.progress = progress();
  beat.kv_cache_usage = kv_cache_usage_;
  if (models_told != models_version_) beat.models = models_;
  return beat;
}

}  // namespace muster::agent
