#include "broker/core/queries.hpp"

#include <array>
#include <set>

#include "broker/core/worker_notes.hpp"

namespace muster::broker {
namespace {

Value names_of(const std::vector<ModelDescription>& models) {
  Value::Array names;
  for (const ModelDescription& model : models)
    names.emplace_back(model.name);
  return names;
}

Value labels_of(const StringMap& labels) {
  Value::Map map;
  for (const auto& [name, value] : labels)
    map.emplace_back(name, Value{value});
  return map;
}

template <class Strings>
Value strings(const Strings& all) {
  Value::Array array;
  for (const std::string& one : all)
    array.emplace_back(one);
  return array;
}

struct ModelRow {
  std::set<std::string> aliases;
  std::set<std::string> modalities;
  std::optional<std::uint64_t> context_length;
  std::uint64_t workers = 0;
  std::uint64_t ready = 0;
  std::uint64_t free_slots = 0;
};

void add_worker(ModelRow& row, const ModelDescription& model, const WorkerInfo& worker) {
  row.aliases.insert(model.aliases.begin(), model.aliases.end());
  row.modalities.insert(model.modalities.begin(), model.modalities.end());
  if (model.context_length) {
    // Clients must fit the smallest.
    row.context_length =
        std::min(row.context_length.value_or(*model.context_length), *model.context_length);
  }
  ++row.workers;
  if (worker.state != WorkerState::ready || worker.broken) return;
  ++row.ready;
  row.free_slots += worker.free_slots();
}

Value fault_counts(const std::array<std::uint64_t, fault_reason_count>& counts,
                   std::uint64_t foreign) {
  Value::Map map;
  if (foreign > 0) map.emplace_back("foreign_routing_id", Value{foreign});
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    map.emplace_back(std::string{fault_name(static_cast<FaultReason>(i))}, Value{counts[i]});
  }
  return map;
}

Value worker_row(const WorkerInfo& worker, Time now) {
  const bool idle = worker.holds.empty();
  Value::Map row{{"worker", Value{worker.name}},
                 {"state", Value{state_name(worker.state)}},
                 {"suspect", Value{worker.suspect}},
                 {"broken", Value{worker.broken}},
                 {"models", names_of(worker.models)},
                 {"slots", Value{worker.slots}},
                 {"in_flight", Value{worker.in_flight()}},
                 {"queue_length", Value{worker.queue_length}},
                 {"speed", Value{worker.speed}},
                 {"idle", Value{idle ? to_wire_ms(now - worker.idle_since) : 0}},
                 {"served", Value{worker.served}},
                 {"failed", Value{worker.failed}},
                 {"refused", Value{worker.refused}},
                 {"heard", Value{to_wire_ms(now - worker.last_heard)}},
                 {"labels", labels_of(worker.labels)},
                 {"version", Value{worker.version}}};
  if (worker.stalled) row.emplace_back("stalled", Value{true});
  if (worker.aside) {
    row.emplace_back("ejected", Value{true});
    row.emplace_back("ejected_for",
                     Value{to_wire_ms(std::max(worker.aside_until - now, Duration{}))});
  }
  if (const std::string why = why_text(worker); !why.empty()) row.emplace_back("why", Value{why});
  if (!worker.address.empty()) row.emplace_back("address", Value{worker.address});
  if (worker.progress) row.emplace_back("progress", Value{*worker.progress});
  if (worker.kv_cache_usage) row.emplace_back("kv_cache_usage", Value{*worker.kv_cache_usage});
  return row;
}

Value gone_row(const GoneWorker& worker, Time now) {
  Value::Map row{{"worker", Value{worker.name}},
                 {"state", Value{"gone"}},
                 {"suspect", Value{false}},
                 {"broken", Value{false}},
                 {"models", strings(worker.models)},
                 {"slots", Value{worker.slots}},
                 {"in_flight", Value{0}},
                 {"queue_length", Value{0}},
                 {"speed", Value{worker.speed}},
                 {"idle", Value{0}},
                 {"served", Value{worker.served}},
                 {"failed", Value{worker.failed}},
                 {"labels", Value{Value::Map{}}},
                 {"version", Value{worker.version}},
                 {"gone", Value{to_wire_ms(now - worker.at)}},
                 {"reason", Value{worker.reason}}};
  if (!worker.address.empty()) row.emplace_back("address", Value{worker.address});
  return row;
}

// How many workers are in each state, and how many something speaks against.
Value states_of(const WorkerRegistry& registry) {
  std::array<std::uint64_t, 4> states{};
  std::uint64_t suspect = 0;
  std::uint64_t broken = 0;
  std::uint64_t stalled = 0;
  std::uint64_t ejected = 0;
  for (const auto& [name, worker] : registry.all()) {
    ++states[static_cast<std::size_t>(worker->state)];
    suspect += worker->suspect ? 1 : 0;
    broken += worker->broken ? 1 : 0;
    stalled += worker->stalled ? 1 : 0;
    ejected += worker->aside ? 1 : 0;
  }
  Value::Map workers;
  for (const WorkerState state :
       {WorkerState::starting, WorkerState::ready, WorkerState::draining, WorkerState::unhealthy}) {
    workers.emplace_back(std::string{state_name(state)},
                         Value{states[static_cast<std::size_t>(state)]});
  }
  workers.emplace_back("suspect", Value{suspect});
  workers.emplace_back("broken", Value{broken});
  workers.emplace_back("stalled", Value{stalled});
  workers.emplace_back("ejected", Value{ejected});
  return workers;
}

}  // namespace

Value answer_models(const Census& census) {
  std::map<std::string, ModelRow> rows;
  for (const auto& [name, worker] : census.workers.all()) {
    for (const ModelDescription& model : worker->models) {
      add_worker(rows[model.name], model, *worker);
    }
  }
  Value::Array models;
  for (const auto& [name, row] : rows) {
    std::uint64_t queued = census.waiting.depth(name);
    for (const std::string& alias : row.aliases)
      queued += census.waiting.depth(alias);
    Value::Map map{{"name", Value{name}},
                   {"aliases", strings(row.aliases)},
                   {"workers", Value{row.workers}},
                   {"ready", Value{row.ready}},
                   {"free_slots", Value{row.free_slots}},
                   {"queued", Value{queued}}};
    if (row.context_length) map.emplace_back("context_length", Value{*row.context_length});
    if (!row.modalities.empty()) map.emplace_back("modalities", strings(row.modalities));
    models.emplace_back(std::move(map));
  }
  return Value::Map{{"models", std::move(models)}};
}

Value answer_workers(const Census& census) {
  Value::Array rows;
  for (const auto& [name, worker] : census.workers.all()) {
    rows.push_back(worker_row(*worker, census.now));
  }
  for (const GoneWorker* worker : census.workers.gone(census.now)) {
    rows.push_back(gone_row(*worker, census.now));
  }
  return Value::Map{{"workers", std::move(rows)}};
}

Value answer_stats(const Census& census) {
  const Counters& counters = census.counters;
  Value::Map errors;
  for (const auto& [code, count] : counters.errors) {
    errors.emplace_back(error_name(code), Value{count});
  }
  Value::Map reasons;
  for (const auto& [word, count] : counters.reasons)
    reasons.emplace_back(word, Value{count});
  if (counters.other_errors > 0) errors.emplace_back("OTHER", Value{counters.other_errors});
  return Value::Map{
      {"broker", Value{census.options.name}},
      {"version", Value{MUSTER_VERSION}},
      {"uptime", Value{to_wire_ms(census.now - census.started)}},
      {"stopping", Value{census.stopping}},
      {"policy", Value{policy_name(census.options.policy)}},
      {"in_flight", Value{std::uint64_t{census.requests.at_workers()}}},
      {"queued", Value{std::uint64_t{census.waiting.size()}}},
      {"requests", Value{counters.requests}},
      {"answered", Value{counters.finals}},
      {"chunks", Value{counters.chunks}},
      {"cancels", Value{counters.cancels}},
      {"errors", std::move(errors)},
      {"reasons", std::move(reasons)},
      {"held_bytes", Value{census.requests.held_bytes()}},
      {"clients", Value{std::uint64_t{census.requests.clients()}}},
      {"clients_gone", Value{counters.clients_gone}},
      {"clients_silent", Value{counters.clients_silent}},
      {"clients_cut_off", Value{counters.clients_cut_off}},
      {"retried", Value{counters.retried}},
      {"workers", states_of(census.workers)},
      {"sessions", Value::Map{{"registered", Value{counters.registered}},
                              {"resumed", Value{counters.resumed}},
                              {"broken", Value{counters.broken}},
                              {"expired", Value{counters.expired}},
                              {"all_silent", Value{counters.all_silent}},
                              {"deregistered", Value{counters.deregistered}},
                              {"dismissed", Value{counters.dismissed}},
                              {"probed", Value{counters.probes}},
                              {"stalled", Value{counters.stalled}},
                              {"ejected", Value{counters.put_aside}}}},
      {"dropped", Value::Map{{"late", Value{counters.late}},
                             {"unbound", Value{counters.unbound}},
                             {"hasty", Value{counters.hasty_workers}},
                             {"orphans", Value{counters.orphans}},
                             {"refused", Value{counters.refused}}}},
      {"faults",
       Value::Map{{"clients", fault_counts(counters.client_faults, counters.foreign_clients)},
                  {"workers", fault_counts(counters.worker_faults, counters.foreign_workers)}}}};
}

}  // namespace muster::broker
