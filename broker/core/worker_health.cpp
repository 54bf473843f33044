#include "broker/core/worker_health.hpp"

#include <algorithm>
#include <string>

#include "broker/core/text.hpp"
#include "broker/core/worker_notes.hpp"

namespace muster::broker {
void WorkerHealth::succeeded(WorkerInfo& worker, Step& step) const {
  worker.failures_in_row = 0;
  if (!std::exchange(worker.aside, false)) return;
  worker.touch();
  note(worker, "taken_back", "its model server has answered again", false, step);
}

void WorkerHealth::failed(WorkerInfo& worker, Step& step) {
  ++worker.failures_in_row;
  if (worker.aside) {
    worker.aside_until = step.now + options_.ejection_duration;
    worker.touch();
    return;
  }
  if (options_.ejection_failures == 0 || worker.failures_in_row < options_.ejection_failures ||
      !may_put_aside(worker)) {
    return;
  }
  worker.aside = true;
  worker.touch();
  worker.aside_until = step.now + options_.ejection_duration;
  ++counters_.put_aside;
  note(worker, "put_aside",
       "its model server has failed " + std::to_string(worker.failures_in_row) +
           " times in a row; one request tries it again after " +
           in_seconds(options_.ejection_duration),
       true, step);
}

WorkerInfo* WorkerHealth::take_back_beyond_share(const std::vector<std::string>& names,
                                                 Step& step) const {
  for (const std::string& name : names) {
    if (share_holds(name, 0)) continue;
    WorkerInfo* first = nullptr;
    for (WorkerInfo* worker : workers_.serving(name)) {
      if (worker->aside && (first == nullptr || worker->aside_until < first->aside_until))
        first = worker;
    }
    first->aside = false;
    first->touch();
    note(*first, "taken_back", "too few others serve " + in_quotes(name), false, step);
    return first;
  }
  return nullptr;
}

bool WorkerHealth::share_holds(std::string_view model, std::size_t more) const {
  const auto serving = workers_.serving(model);
  const auto aside =
      static_cast<std::size_t>(std::ranges::count_if(serving, &WorkerInfo::aside)) + more;
  return static_cast<double>(aside) <=
         options_.ejection_share_max * static_cast<double>(serving.size());
}

bool WorkerHealth::may_put_aside(const WorkerInfo& worker) const {
  return std::ranges::all_of(worker.names,
                             [&](const std::string& name) { return share_holds(name, 1); });
}

void WorkerHealth::got_done(WorkerInfo& worker, Step& step) const {
  worker.progressed = step.now;
  worker.fruitless = {};
  goes_on(worker, "something has come of its work again", step);
}

void WorkerHealth::goes_on(WorkerInfo& worker, std::string_view why, Step& step) {
  if (!std::exchange(worker.stalled, false)) return;
  worker.touch();
  note(worker, "goes_on", std::string{why}, false, step);
}

bool WorkerHealth::told(WorkerInfo& worker, std::optional<std::uint64_t> progress, Step& step) {
  const bool moved = progress != std::exchange(worker.progress, progress);
  const bool idle = worker.holds.empty();
  if (moved || !progress) {
    got_done(worker, step);
  } else if (idle && step.now - worker.idle_since >= options_.stall) {
    goes_on(worker, "it has had nothing in hand for as long again; the next request tries it",
            step);
  }
  if (worker.stalled || options_.stall == Duration::zero() || idle ||
      worker.fruitless_for(step.now) < options_.stall) {
    return false;
  }
  worker.stalled = true;
  worker.touch();
  ++counters_.stalled;
  note(worker, "stalled",
       "it has " + std::to_string(worker.in_flight()) +
           " requests in hand, and nothing has come of its work for " +
           in_seconds(worker.fruitless_for(step.now)) + "; it is chosen last",
       true, step);
  return true;
}

}  // namespace muster::broker
