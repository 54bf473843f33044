#pragma once

// What is noted of workers, in words.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/counters.hpp"
#include "broker/core/text.hpp"
#include "broker/core/worker_info.hpp"
#include "broker/core/worker_registry.hpp"

namespace muster::broker {

inline void note(const WorkerInfo& worker, std::string_view what, std::string detail, bool alarming,
                 Step& step) {
  step.out.push_back(WorkerNote{what, worker.name, std::move(detail), alarming});
}

// Why it is in its state, as it says itself, and as the operator said who told it to drain; empty:
// nobody has said.
[[nodiscard]] inline std::string why_text(const WorkerInfo& worker) {
  if (worker.drain_reason.empty() || worker.state != WorkerState::draining) return worker.why;
  return worker.why.empty() ? worker.drain_reason : worker.why + ": " + worker.drain_reason;
}

// "unhealthy (connection refused)"
[[nodiscard]] inline std::string state_text(const WorkerInfo& worker) {
  const std::string state{state_name(worker.state)};
  const std::string why = why_text(worker);
  return why.empty() ? state : state + " (" + why + ")";
}

// " from 10.0.0.3"; empty: it is not known.
[[nodiscard]] inline std::string from_text(const std::string& address) {
  return address.empty() ? "" : " from " + address;
}

// "; the last was worker "A", gone for 3.0 s: expired: nothing heard for 3.0 s": who served a model
// that nobody serves any more; empty: it is not known. Goes on in a sentence.
[[nodiscard]] inline std::string last_text(const GoneWorker* last, Time now) {
  if (last == nullptr) return {};
  std::string text = "; the last was worker " + in_quotes(last->name) + ", gone for " +
                     in_seconds(now - last->at) + ": " + last->reason;
  if (text.ends_with('.')) text.pop_back();
  return text;
}

// The first few of them, and how many more.
[[nodiscard]] inline std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t shown_max = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), shown_max); ++i)
    text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > shown_max)
    text += " and " + std::to_string(names.size() - shown_max) + " more";
  return text;
}

// "; nobody else serves m, n": the models that go with it; empty: others serve all that it does.
[[nodiscard]] inline std::string alone_text(const WorkerInfo& worker,
                                            const WorkerRegistry& workers) {
  std::vector<std::string> alone;
  for (const std::string& name : worker.names)
    if (workers.serving(name).size() == 1) alone.push_back(name);
  return alone.empty() ? "" : "; nobody else serves " + listed(alone);
}

}  // namespace muster::broker
