#pragma once

// The workers that are live, found by name, by session, by connection and by what they serve; and
// for an hour those that are gone, with the reason.
//
// It holds soft state only: everything in it was said by workers since this broker started, and is
// said again within one heartbeat after it starts anew.
//
// Complexity: look-ups are O(log n) in workers or names; a change of a worker's models costs
// O(names that it serves). The same events give the same order everywhere, and so the same choices.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "broker/core/options.hpp"
#include "broker/core/routing/model_pool.hpp"
#include "broker/core/worker_info.hpp"

namespace muster::broker {

// A worker whose session has ended, kept for those who ask why.
struct GoneWorker {
  std::string name;
  Instance instance;
  std::vector<std::string> models;  // the first gone_models_max of them, by name
  std::string version;
  std::string address;  // empty: not known
  std::uint64_t slots = 0;
  double speed = 1.0;
  std::uint64_t served = 0;
  std::uint64_t failed = 0;
  Time at{};
  std::string reason;
};

class WorkerRegistry {
 public:
  using ByName = std::map<std::string, std::unique_ptr<WorkerInfo>, std::less<>>;

  static constexpr std::size_t gone_max = 1024;  // beyond: the oldest is forgotten
  static constexpr std::size_t gone_models_max = 16;
  static constexpr std::size_t gone_looked_at_max = 64;  // by last_gone()
  static constexpr std::size_t removed_max = 1024;       // beyond: one of them is forgotten
  static constexpr std::size_t gone_reason_bytes_max = 256;
  static constexpr Duration gone_kept = std::chrono::hours{1};
  static constexpr std::size_t names_remembered_max =
      16384;  // beyond: no further name is remembered

  explicit WorkerRegistry(RoutingPolicyKind policy) : policy_(policy) {}
  WorkerRegistry(const WorkerRegistry&) = delete;
  WorkerRegistry& operator=(const WorkerRegistry&) = delete;

  [[nodiscard]] WorkerInfo* find(std::string_view name);
  [[nodiscard]] WorkerInfo* find(WorkerConnection connection);
  [[nodiscard]] WorkerInfo* find(SessionId session);
  [[nodiscard]] const ByName& all() const { return by_name_; }

  // Who had this name before, lately; null: nobody.
  [[nodiscard]] const GoneWorker* last_gone_named(std::string_view name, Time now) const;

  // How many serve anything, in whatever state. O(1).
  [[nodiscard]] std::size_t serving_any() const { return serving_any_; }

  // Those that serve a model, by name or alias, in whatever state.
  [[nodiscard]] std::span<WorkerInfo* const> serving(std::string_view model) const;

  // The same, as they are now, to choose from; null where there is none.
  [[nodiscard]] ModelPool* pool(std::string_view model, Time now);

  // Whether any worker named this model since the broker started.
  [[nodiscard]] bool ever_served(std::string_view model) const;

  // A new session. REQUIRES: neither the name nor the connection is bound.
  WorkerInfo& add(const WorkerDescription& info, WorkerConnection connection, Time now);

  // The session goes on, on another connection. REQUIRES: that connection is not bound.
  void rebind(WorkerInfo& worker, WorkerConnection connection);

  void set_models(WorkerInfo& worker, std::vector<ModelDescription> models);

  // Chosen by another policy from now on.
  void use(RoutingPolicyKind policy);

  // The session has ended; `worker` is no more. REQUIRES: it holds no request.
  void remove(WorkerInfo& worker, std::string reason, Time now);

  // What an operator has removed does not come back as the same instance, or an older one.
  void remember_removed(const std::string& name, Instance instance);
  [[nodiscard]] bool removed(const std::string& name, Instance instance) const;

  // Workers gone within the last hour and not back since, the latest first.
  [[nodiscard]] std::vector<const GoneWorker*> gone(Time now) const;
  // The latest of them that served `model`, not by an alias; null: none did of those that are
  // looked at, since requests for a model that is gone come by the thousand.
  [[nodiscard]] const GoneWorker* last_gone(std::string_view model, Time now) const;

 private:
  void index_models(WorkerInfo& worker);
  void unindex_models(WorkerInfo& worker);
  void look_at_touched(Time now);

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const {
      return std::hash<std::string_view>{}(name);
    }
  };

  RoutingPolicyKind policy_;
  ByName by_name_;
  std::unordered_map<WorkerConnection, WorkerInfo*> by_connection_;
  std::unordered_map<SessionId, WorkerInfo*> by_session_;
  std::unordered_map<std::string, ModelPool, Hash, std::equal_to<>> by_model_;
  std::vector<WorkerInfo*> touched_;                  // to be looked at before anything is chosen
  std::set<std::pair<Time, SessionId>> aside_until_;  // ... and these when their time aside is over
  std::set<std::string, std::less<>> names_seen_;
  std::deque<GoneWorker> gone_;
  std::map<std::string, Instance> removed_;
  std::uint64_t last_session_ = 0;
  std::size_t serving_any_ = 0;
};

}  // namespace muster::broker
