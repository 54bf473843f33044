#pragma once

// What the worker says of itself: who it is, which models it serves, its state, and the slots that
// it grants each broker. The one source of truth about a worker is the worker (docs/protocol.md,
// section 6): everything in REGISTER and HEARTBEAT comes from here.
//
// What its configuration sets stands; the rest is what the model server told last.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/message.hpp"
#include "worker_agent/core/event.hpp"
#include "worker_agent/core/options.hpp"
#include "worker_agent/core/slot_grants.hpp"

namespace muster::agent {

class WorkerProfile {
 public:
  WorkerProfile(const AgentOptions& options, Instance instance);

  struct Change {
    bool state = false;
    bool slots = false;
    bool models = false;
    [[nodiscard]] bool any() const { return state || slots || models; }
  };
  // What brokers have to be told after this.
  [[nodiscard]] Change server_changed(const ServerChanged& server);

  // Takes `slots` of them: whether brokers have to be told.
  [[nodiscard]] bool reconfigured(const AgentOptions& options);

  // From now on `draining`, whatever the model server's state. The numbers of all grants rise, so
  // that their echo shows that a broker knows.
  void stop();
  // `draining` until it is taken back. Whether that is new.
  [[nodiscard]] bool set_drained(bool on);
  // The model server has given something: a part, or a whole answer.
  void progressed() { ++given_; }
  void engine_told(const EngineTold& engine);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] WorkerState state() const;
  // Why it is in that state; while it is ready, what a person should mend. Empty: all is well.
  [[nodiscard]] std::string why() const;
  [[nodiscard]] WorkerState server_state() const { return server_state_; }
  [[nodiscard]] const std::vector<ModelDescription>& models() const { return models_; }
  // By name or alias.
  [[nodiscard]] bool serves(std::string_view model) const;
  // How many requests the model server does at once.
  [[nodiscard]] std::uint64_t slots() const { return grants_.slots(); }
  // What is granted of them, by session.
  [[nodiscard]] const SlotGrants& grants() const { return grants_; }
  [[nodiscard]] SlotGrants& grants() { return grants_; }
  // What the model server has got done so far: what it has given and, where it tells, what its
  // engine has done besides. Never falls.
  [[nodiscard]] std::uint64_t progress() const { return given_ + engine_done_; }
  // Rises with every change of models; never 0.
  [[nodiscard]] std::uint64_t models_version() const { return models_version_; }

  // `active` as in section 6. `queue_length`: requests here that did not come from this broker.
  [[nodiscard]] WorkerDescription describe(SessionId session, std::uint64_t queue_length,
                                           std::vector<BrokerId> active) const;
  // `models_told`: the models_version() that this broker knows; 0: none.
  [[nodiscard]] WorkerHeartbeat heartbeat(SessionId session, std::uint64_t queue_length,
                                          std::uint64_t models_told) const;

 private:
  [[nodiscard]] bool set_models(const std::vector<ModelDescription>& models);

  std::string name_;
  Instance instance_;
  double speed_;
  StringMap labels_;
  bool slots_are_set_;
  bool models_are_set_;

  bool stopping_ = false;
  bool drained_ = false;  // by an operator
  WorkerState server_state_ = WorkerState::starting;
  std::string server_why_;
  std::string trouble_;
  std::string server_version_;
  std::vector<ModelDescription> models_;
  std::uint64_t models_version_ = 1;
  std::uint64_t server_slots_ = 0;
  SlotGrants grants_;
  std::uint64_t given_ = 0;        // parts and whole answers, for all brokers
  std::uint64_t engine_done_ = 0;  // the most that the engine has told
  std::optional<double> kv_cache_usage_;
};

}  // namespace muster::agent
