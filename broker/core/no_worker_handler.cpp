#include "broker/core/no_worker_handler.hpp"

#include <algorithm>
#include <array>

#include "broker/core/text.hpp"
#include "broker/core/worker_notes.hpp"

namespace muster::broker {
namespace {

std::string labels_text(const StringMap& labels) {
  std::string text;
  for (const auto& [name, value] : labels) {
    if (!text.empty()) text += ", ";
    text += name + "=" + value;
  }
  return text;
}

}  // namespace

bool NoWorkerHandler::servable(const PendingRequest& request) const {
  for (const WorkerInfo* worker : workers_.serving(request.model)) {
    if (worker->worth_waiting_for() && worker->fits(request.require)) return true;
  }
  return false;
}

// What may be the matter where nobody has served a model yet; a part of a sentence.
std::string NoWorkerHandler::never_served() const {
  const std::size_t silent = workers_.all().size() - workers_.serving_any();
  if (silent == 0) return "check the name";
  const auto first = std::ranges::find_if(
      workers_.all(), [](const auto& entry) { return entry.second->names.empty(); });
  return "check the name, or wait: worker " + in_quotes(first->second->name) +
         (silent == 1 ? " has" : " and " + std::to_string(silent - 1) + " more have") +
         " not said yet what is served there";
}

// Where somebody did: who was the last, and who is left.
std::string NoWorkerHandler::served_no_more(const PendingRequest& request, Time now) const {
  std::string text;
  // A request that was lost with its worker tells of that one already.
  if (request.retries() == 0) text = last_text(workers_.last_gone(request.model, now), now);
  const std::size_t others = workers_.serving_any();
  if (others == 0) return text;
  return text + "; " + std::to_string(others) +
         (others == 1 ? " worker is live and serves others" : " workers are live and serve others");
}

NoWorkerHandler::Reason NoWorkerHandler::explain(const PendingRequest& request, Time now) const {
  const auto serving = workers_.serving(request.model);
  const std::string model = "model " + in_quotes(request.model);
  if (serving.empty() && !workers_.ever_served(request.model)) {
    return {reason::unknown_model, false,
            "no worker has served " + model + " since this broker started; " + never_served()};
  }
  if (serving.empty()) {
    return {reason::none_live, true,
            "no live worker serves " + model + " any more" + served_no_more(request, now)};
  }

  std::array<std::size_t, 4> states{};
  const WorkerInfo* telling = nullptr;  // the first one that says why it is not ready
  for (const WorkerInfo* worker : serving) {
    if (worker->worth_waiting_for()) {
      return {reason::none_fit, true,
              "no worker that serves " + model + " has the labels " + labels_text(request.require)};
    }
    ++states[static_cast<std::size_t>(worker->state)];
    if (telling == nullptr && !why_text(*worker).empty()) telling = worker;
  }
  std::string census;
  for (const WorkerState state :
       {WorkerState::starting, WorkerState::draining, WorkerState::unhealthy}) {
    const std::size_t count = states[static_cast<std::size_t>(state)];
    if (count == 0) continue;
    if (!census.empty()) census += ", ";
    census += std::to_string(count) + " " + std::string{state_name(state)};
  }
  const bool draining = states[static_cast<std::size_t>(WorkerState::draining)] > 0;
  return {draining ? reason::all_draining : reason::none_live, true,
          "no worker that serves " + model + " is ready: " + census +
              (telling == nullptr
                   ? ""
                   : "; worker " + in_quotes(telling->name) + " says: " + why_text(*telling))};
}

}  // namespace muster::broker
