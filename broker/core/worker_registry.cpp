#include "broker/core/worker_registry.hpp"

#include "broker/core/text.hpp"
#include "protocol/check.hpp"

namespace muster::broker {

WorkerInfo* WorkerRegistry::find(std::string_view name) {
  const auto found = by_name_.find(name);
  return found != by_name_.end() ? found->second.get() : nullptr;
}

WorkerInfo* WorkerRegistry::find(WorkerConnection connection) {
  const auto found = by_connection_.find(connection);
  return found != by_connection_.end() ? found->second : nullptr;
}

WorkerInfo* WorkerRegistry::find(SessionId session) {
  const auto found = by_session_.find(session);
  return found != by_session_.end() ? found->second : nullptr;
}

std::span<WorkerInfo* const> WorkerRegistry::serving(std::string_view model) const {
  const auto found = by_model_.find(model);
  if (found == by_model_.end()) return {};
  return found->second.workers();
}

ModelPool* WorkerRegistry::pool(std::string_view model, Time now) {
  look_at_touched(now);
  const auto found = by_model_.find(model);
  return found != by_model_.end() ? &found->second : nullptr;
}

void WorkerRegistry::look_at_touched(Time now) {
  while (!aside_until_.empty() && aside_until_.begin()->first <= now) {
    if (WorkerInfo* worker = find(aside_until_.begin()->second)) worker->touch();
    aside_until_.erase(aside_until_.begin());
  }
  for (WorkerInfo* worker : touched_) {
    worker->is_touched = false;
    if (worker->aside && now < worker->aside_until)
      aside_until_.emplace(worker->aside_until, worker->session);
    for (const Seat& seat : worker->seats)
      seat.pool->look_at(seat.number, now);
  }
  touched_.clear();
}

void WorkerRegistry::use(RoutingPolicyKind policy) {
  policy_ = policy;
  for (const auto& [name, worker] : by_name_) {
    for (const Seat& seat : worker->seats)
      seat.pool->use(policy);
    worker->touch();
  }
}

bool WorkerRegistry::ever_served(std::string_view model) const {
  return names_seen_.contains(model);
}

WorkerInfo& WorkerRegistry::add(const WorkerDescription& info, WorkerConnection connection,
                                Time now) {
  CHECK(find(info.worker) == nullptr, "a second session under one worker name");
  CHECK(find(connection) == nullptr, "a second session on one connection");
  auto owned = std::make_unique<WorkerInfo>();
  WorkerInfo& worker = *owned;
  worker.session = SessionId{++last_session_};
  worker.connection = connection;
  worker.name = info.worker;
  worker.instance = info.instance;
  worker.registered = now;
  worker.last_heard = now;
  worker.idle_since = now;
  worker.malformed_since = now;
  worker.touched = &touched_;
  by_name_.emplace(worker.name, std::move(owned));
  by_connection_.emplace(connection, &worker);
  by_session_.emplace(worker.session, &worker);
  std::erase_if(gone_, [&](const GoneWorker& gone) { return gone.name == worker.name; });
  set_models(worker, info.models);
  return worker;
}

void WorkerRegistry::rebind(WorkerInfo& worker, WorkerConnection connection) {
  CHECK(find(connection) == nullptr, "a second session on one connection");
  by_connection_.erase(worker.connection);
  worker.connection = connection;
  by_connection_.emplace(connection, &worker);
}

void WorkerRegistry::set_models(WorkerInfo& worker, std::vector<ModelDescription> models) {
  // Named twice is served once; a model's own name is no alias of it.
  std::set<std::string> seen;
  std::erase_if(models, [&](const ModelDescription& m) { return !seen.insert(m.name).second; });
  for (ModelDescription& model : models) {
    std::erase(model.aliases, model.name);
  }
  if (models == worker.models) return;
  unindex_models(worker);
  worker.models = std::move(models);
  std::set<std::string> names;
  for (const ModelDescription& model : worker.models) {
    names.insert(model.name);
    names.insert(model.aliases.begin(), model.aliases.end());
  }
  worker.names.assign(names.begin(), names.end());
  index_models(worker);
}

void WorkerRegistry::remove(WorkerInfo& worker, std::string reason, Time now) {
  CHECK(worker.holds.empty(), "a worker was removed with requests still bound to it");
  gone_.push_front(GoneWorker{.name = worker.name,
                              .instance = worker.instance,
                              .models = {},
                              .version = worker.version,
                              .address = worker.address,
                              .slots = worker.slots,
                              .speed = worker.speed,
                              .served = worker.served,
                              .failed = worker.failed,
                              .at = now,
                              .reason = cut_to(std::move(reason), gone_reason_bytes_max)});
  for (const ModelDescription& model : worker.models) {
    if (gone_.front().models.size() == gone_models_max) break;
    gone_.front().models.push_back(model.name);
  }
  while (gone_.size() > gone_max || (!gone_.empty() && now - gone_.back().at > gone_kept)) {
    gone_.pop_back();
  }
  unindex_models(worker);
  if (worker.is_touched) std::erase(touched_, &worker);
  by_connection_.erase(worker.connection);
  by_session_.erase(worker.session);
  by_name_.erase(by_name_.find(worker.name));
}

void WorkerRegistry::remember_removed(const std::string& name, Instance instance) {
  if (removed_.size() == removed_max && !removed_.contains(name)) removed_.erase(removed_.begin());
  removed_.insert_or_assign(name, instance);
}

bool WorkerRegistry::removed(const std::string& name, Instance instance) const {
  const auto known = removed_.find(name);
  return known != removed_.end() && instance <= known->second;
}

std::vector<const GoneWorker*> WorkerRegistry::gone(Time now) const {
  std::vector<const GoneWorker*> recent;
  for (const GoneWorker& worker : gone_) {
    if (now - worker.at <= gone_kept) recent.push_back(&worker);
  }
  return recent;
}

const GoneWorker* WorkerRegistry::last_gone(std::string_view model, Time now) const {
  const std::size_t count = std::min(gone_.size(), gone_looked_at_max);
  for (std::size_t i = 0; i < count && now - gone_[i].at <= gone_kept; ++i)
    if (std::ranges::find(gone_[i].models, model) != gone_[i].models.end()) return &gone_[i];
  return nullptr;
}

const GoneWorker* WorkerRegistry::last_gone_named(std::string_view name, Time now) const {
  const auto found = std::ranges::find(gone_, name, &GoneWorker::name);
  return found != gone_.end() && now - found->at <= gone_kept ? &*found : nullptr;
}

void WorkerRegistry::index_models(WorkerInfo& worker) {
  if (!worker.names.empty()) ++serving_any_;
  for (const std::string& name : worker.names) {
    by_model_.try_emplace(name, policy_).first->second.join(worker);
    if (names_seen_.size() < names_remembered_max) names_seen_.insert(name);
  }
  worker.touch();
}

void WorkerRegistry::unindex_models(WorkerInfo& worker) {
  if (!worker.names.empty()) --serving_any_;
  for (const std::string& name : worker.names) {
    const auto found = by_model_.find(name);
    found->second.leave(worker);
    if (found->second.workers().empty()) by_model_.erase(found);
  }
}

}  // namespace muster::broker
