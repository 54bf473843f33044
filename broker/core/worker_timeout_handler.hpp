#pragma once

// The WorkerTimeoutHandler says what becomes of a dead worker's requests, and of a request that has
// run out of time: each is answered, at once, with what went wrong (docs/protocol.md, sections 4, 5
// and 7). A slot goes with its worker; of a live worker it stays taken until the CANCEL is
// acknowledged, because until then the worker is working on it.

#include <string>
#include <string_view>

#include "broker/core/dispatcher.hpp"

namespace muster::broker {

class WorkerTimeoutHandler {
 public:
  WorkerTimeoutHandler(InFlightTable& requests, Dispatcher& dispatcher)
      : requests_(requests), dispatcher_(dispatcher) {}

  // Everything that `worker` holds ends with WORKER_LOST, with `reason` and `sentence` ("nothing
  // was heard of it for 3.0 s") for why. Afterwards it holds nothing.
  void lose_all(WorkerInfo& worker, std::string_view reason, const std::string& sentence,
                Step& step);

  // The same for one request.
  void lose(PendingRequest& request, std::string_view reason, const std::string& sentence,
            Step& step);

  // Decides on every request whose deadline has come.
  void run_deadlines(Step& step);

 private:
  void out_of_time(PendingRequest& request, Step& step);

  InFlightTable& requests_;
  Dispatcher& dispatcher_;
};

}  // namespace muster::broker
