// `why`: what stands for and against each worker of a model, in a line.

#include <algorithm>
#include <set>

#include "broker/core/queries.hpp"
#include "broker/core/text.hpp"
#include "broker/core/worker_notes.hpp"

namespace muster::broker {
namespace {

std::string slots_text(const WorkerInfo& worker) {
  return std::to_string(worker.free_slots()) + " of " + std::to_string(worker.slots) +
         " slots free";
}

std::string aside_text(const WorkerInfo& worker, Time now) {
  const std::string failed = "put aside: its model server has failed " +
                             std::to_string(worker.failures_in_row) + " times in a row; ";
  if (now < worker.aside_until)
    return failed + "one request tries it again in " + in_seconds(worker.aside_until - now);
  return failed + "one request is trying it now";
}

std::string why(const WorkerInfo& worker, Time now) {
  switch (worker.standing(now)) {
    case Standing::free:
      return slots_text(worker) + (worker.aside ? "; the next request tries it again" : "");
    case Standing::suspect:
      return "chosen last: nothing heard for " + in_seconds(now - worker.last_heard) + "; " +
             slots_text(worker);
    case Standing::stalled:
      return "chosen last: nothing has come of its work for " +
             in_seconds(worker.fruitless_for(now)) + "; " + slots_text(worker);
    case Standing::full:
      return worker.slots == 0
                 ? "it grants no slots"
                 : "all of its slots are taken: " + std::to_string(worker.in_flight()) +
                       " requests at " + std::to_string(worker.slots) + " slots";
    case Standing::aside:
      return aside_text(worker, now);
    case Standing::broken:
      return "its connection is gone; nothing heard for " + in_seconds(now - worker.last_heard);
    case Standing::not_ready:
      return "it is " + state_text(worker);
  }
  return "";
}

// What is to be known besides; empty: nothing.
std::string note_on(const Census& census, const std::string& model) {
  if (census.stopping) return "this broker is stopping: what comes now gets SHUTTING_DOWN";
  const auto serving = census.workers.serving(model);
  if (std::ranges::any_of(serving, &WorkerInfo::worth_waiting_for)) return "";
  const bool known = census.workers.ever_served(model);
  std::string note;
  if (serving.empty())
    note = known ? "no live worker serves it any more" +
                       last_text(census.workers.last_gone(model, census.now), census.now)
                 : "no worker has served it since this broker started";
  const Time until = std::max(census.now + census.options.no_worker_wait,
                              census.started + census.options.restart_grace);
  if (until <= census.now) return note;
  return note + (note.empty() ? "" : "; ") + "a request that comes now waits " +
         in_seconds(until - census.now) + " for one";
}

Value model_row(const Census& census, const std::string& model) {
  Value::Array rows;
  const auto serving = census.workers.serving(model);
  std::vector<const WorkerInfo*> by_name(serving.begin(), serving.end());
  std::ranges::sort(
      by_name, {}, [](const WorkerInfo* worker) -> const auto& { return worker->name; });
  for (const WorkerInfo* worker : by_name) {
    rows.emplace_back(
        Value::Map{{"worker", Value{worker->name}},
                   {"eligible", Value{!census.stopping && worker->can_take(census.now)}},
                   {"why", Value{why(*worker, census.now)}}});
  }
  Value::Map row{{"model", Value{model}},
                 {"queued", Value{std::uint64_t{census.waiting.depth(model)}}},
                 {"policy", Value{policy_name(census.options.policy)}}};
  if (std::string note = note_on(census, model); !note.empty())
    row.emplace_back("note", Value{std::move(note)});
  row.emplace_back("workers", std::move(rows));
  return row;
}

}  // namespace

Value answer_why(const Census& census, std::string_view model) {
  std::set<std::string> names;
  if (!model.empty()) names.emplace(model);
  if (model.empty()) {
    for (const auto& [name, worker] : census.workers.all()) {
      for (const ModelDescription& served : worker->models)
        names.insert(served.name);
    }
    // What was served until lately, and is not any more, is what is asked about.
    for (const GoneWorker* worker : census.workers.gone(census.now))
      names.insert(worker->models.begin(), worker->models.end());
  }
  Value::Array models;
  for (const std::string& name : names)
    models.push_back(model_row(census, name));
  return Value::Map{{"models", std::move(models)}};
}

}  // namespace muster::broker
