#pragma once

// WorkerHealth judges workers that are live and say that they are ready, by what they get done:
//
//   aside     its model server has failed (5xx) `ejection.failures` times in a row, whatever its
//             /health says. It gets nothing for `ejection.duration`; then one request at a time
//             tries it, and the first success brings it back. Never more than
//             `ejection.share_max` of the workers of a model.
//   stalled   it has had work in hand for `worker.stall`, be it with pauses, and its `progress` has
//             stood still. It is chosen last, until anything comes of its work; or until it has had
//             none in hand for as long again: then the next request tries it.
//
// What a client did wrong (4xx) counts for nothing here: it comes as a FINAL.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/counters.hpp"
#include "broker/core/options.hpp"
#include "broker/core/worker_registry.hpp"

namespace muster::broker {

class WorkerHealth {
 public:
  WorkerHealth(const ControllerOptions& options, const WorkerRegistry& workers, Counters& counters)
      : options_(options), workers_(workers), counters_(counters) {}

  // Its model server has answered; or has answered with a failure.
  void succeeded(WorkerInfo& worker, Step& step) const;
  void failed(WorkerInfo& worker, Step& step);

  // A part or an end of an answer has come from it.
  void got_done(WorkerInfo& worker, Step& step) const;

  // Its heartbeat tells how much has been done so far. True: it is stalled since now.
  [[nodiscard]] bool told(WorkerInfo& worker, std::optional<std::uint64_t> progress, Step& step);

  // Fewer serve these names than before, so that more than the share may be aside: takes back one,
  // the next that would be tried. Null: the share holds.
  [[nodiscard]] WorkerInfo* take_back_beyond_share(const std::vector<std::string>& names,
                                                   Step& step) const;

 private:
  static void goes_on(WorkerInfo& worker, std::string_view why, Step& step);
  // With so many more aside than there are.
  [[nodiscard]] bool share_holds(std::string_view model, std::size_t more) const;
  [[nodiscard]] bool may_put_aside(const WorkerInfo& worker) const;

  const ControllerOptions& options_;
  const WorkerRegistry& workers_;
  Counters& counters_;
};

}  // namespace muster::broker
