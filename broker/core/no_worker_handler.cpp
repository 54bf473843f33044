#include "broker/core/no_worker_handler.hpp"

#include <array>

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

NoWorkerHandler::Reason NoWorkerHandler::explain(const PendingRequest& request) const {
  const auto serving = workers_.serving(request.model);
  const std::string model = "model \"" + request.model + "\"";
  if (serving.empty() && !workers_.ever_served(request.model)) {
    std::size_t silent = 0;
    for (const auto& [name, worker] : workers_.all())
      silent += worker->names.empty() ? 1 : 0;
    const std::string maybe = silent == 0 ? ""
                                          : ", or wait: " + std::to_string(silent) +
                                                (silent == 1 ? " worker has" : " workers have") +
                                                " not said yet what is served there";
    return {reason::unknown_model, false,
            "no worker has served " + model + " since this broker started; check the name" + maybe};
  }
  if (serving.empty()) {
    const std::size_t others = workers_.all().size();
    return {reason::none_live, true,
            "no live worker serves " + model + " any more" +
                (others == 0 ? std::string{}
                             : "; " + std::to_string(others) +
                                   (others == 1 ? " worker is live and serves others"
                                                : " workers are live and serve others"))};
  }

  std::array<std::size_t, 4> states{};
  const WorkerInfo* telling = nullptr;  // the first one that says why it is not ready
  for (const WorkerInfo* worker : serving) {
    if (worker->worth_waiting_for()) {
      return {reason::none_fit, true,
              "no worker that serves " + model + " has the labels " + labels_text(request.require)};
    }
    ++states[static_cast<std::size_t>(worker->state)];
    if (telling == nullptr && !worker->why.empty()) telling = worker;
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
  return {
      draining ? reason::all_draining : reason::none_live, true,
      "no worker that serves " + model + " is ready: " + census +
          (telling == nullptr ? "" : "; worker \"" + telling->name + "\" says: " + telling->why)};
}

}  // namespace muster::broker
