#pragma once

// The NoWorkerHandler says what becomes of a request that no worker can serve (docs/protocol.md,
// section 4, rule 3): it is answered at once, or, where no_worker.wait is set and after a start,
// held in case a worker comes. The answer says why: a person must know from it what to mend.

#include <algorithm>
#include <string>
#include <string_view>

#include "broker/core/options.hpp"
#include "broker/core/pending_request.hpp"
#include "broker/core/worker_registry.hpp"

namespace muster::broker {

class NoWorkerHandler {
 public:
  NoWorkerHandler(const ControllerOptions& options, const WorkerRegistry& workers, Time started)
      : options_(options), workers_(workers), started_(started) {}

  // Whether a request may wait for a worker to have a free slot (rule 2).
  [[nodiscard]] bool servable(const PendingRequest& request) const;

  // Until when an unservable request that came to be so `now` is held; up to `now`: it is answered
  // at once. Just after a start workers are on their way, and the first to be back may be one that
  // drains.
  [[nodiscard]] Time hold_until(Time now) const {
    return std::max(now + options_.no_worker_wait, started_ + options_.restart_grace);
  }

  struct Reason {
    std::string_view word;  // unknown_model, none_live, all_draining, none_fit
    bool retryable = true;
    std::string sentence;
  };
  // REQUIRES: !servable(request).
  [[nodiscard]] Reason explain(const PendingRequest& request, Time now) const;

 private:
  [[nodiscard]] std::string never_served() const;
  [[nodiscard]] std::string served_no_more(const PendingRequest& request, Time now) const;

  const ControllerOptions& options_;
  const WorkerRegistry& workers_;
  const Time started_;
};

}  // namespace muster::broker
