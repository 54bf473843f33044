#pragma once

// The WorkerTimeoutHandler says what becomes of a dead worker's requests, and of a request that has
// run out of time: each is answered, at once, with what went wrong (docs/protocol.md, sections 4, 5
// and 7). A slot goes with its worker; of a live worker it stays taken until the CANCEL is
// acknowledged, because until then the worker is working on it.

#include <string>
#include <string_view>
#include <vector>

#include "broker/core/dispatcher.hpp"

namespace muster::broker {

class WorkerTimeoutHandler {
 public:
  WorkerTimeoutHandler(const ControllerOptions& options, InFlightTable& requests,
                       Dispatcher& dispatcher)
      : options_(options), requests_(requests), dispatcher_(dispatcher) {}

  // Everything that `worker` holds is lost with it, with `reason` and `sentence` ("nothing was
  // heard of it for 3.0 s") for why: given to another worker where that is allowed, else ended with
  // WORKER_LOST. Afterwards it holds nothing. What may be given to another waits in front of its
  // queue; the caller has it placed, by place_waiting() of the Dispatcher, when the worker is gone.
  struct Waiting {
    ClientConnection client;
    ClientRequestId id;
  };
  [[nodiscard]] std::vector<Waiting> lose_all(WorkerInfo& worker, std::string_view reason,
                                              const std::string& sentence, Step& step);

  // The same for one request; where it may be given to another, it is at once.
  void lose(PendingRequest& request, std::string_view reason, const std::string& sentence,
            Step& step);

  // Its connection is gone: what may be given to another worker, and finds a free slot there, goes
  // at once; the rest waits for the worker to come back, or to expire.
  void move_away(WorkerInfo& worker, Step& step);

  // Decides on every request whose deadline has come. Gives the workers that are to be asked
  // whether they are still at work on what they were told to cancel.
  [[nodiscard]] std::vector<SessionId> run_deadlines(Step& step);

 private:
  // False: it is over.
  [[nodiscard]] bool set_back(PendingRequest& request, std::string_view reason,
                              const std::string& sentence, Step& step);
  void out_of_time(PendingRequest& request, Step& step);

  const ControllerOptions& options_;
  InFlightTable& requests_;
  Dispatcher& dispatcher_;
};

}  // namespace muster::broker
