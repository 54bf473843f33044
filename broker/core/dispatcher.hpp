#pragma once

// The Dispatcher brings requests to workers and their ends to clients. It is the only part that
// takes or frees a slot, and the only one that answers a client's request: the promise of
// docs/protocol.md, section 4, and the cap of section 8 can be read in this one file.
//
// Choosing a worker and counting its slot is one step of one thread, so nothing can come between.

#include <string>
#include <string_view>
#include <vector>

#include "broker/core/counters.hpp"
#include "broker/core/in_flight_table.hpp"
#include "broker/core/no_worker_handler.hpp"
#include "broker/core/waiting_room.hpp"
#include "broker/core/worker_choice.hpp"
#include "broker/core/worker_registry.hpp"

namespace muster::broker {

// An ERROR of the broker's own making.
struct Verdict {
  ErrorCode code{};
  std::string_view reason;  // a stable word; empty: none
  bool retryable = false;
  std::string sentence;
  std::optional<Duration> retry_after{};
};

class Dispatcher {
 public:
  Dispatcher(const ControllerOptions& options, WorkerRegistry& workers, InFlightTable& requests,
             WaitingRoom& waiting, Counters& counters, BrokerId first_id, std::uint64_t seed,
             Time started);

  // Takes a new REQUEST in, or answers it.
  void accept(ClientConnection from, Request&& message, Header&& header, Payload&& payload,
              Step& step);

  // Answers a REQUEST that is not taken in, or a QUERY.
  void reject(ClientConnection from, WireId id, const Verdict& verdict, Step& step,
              bool duplicate = false);

  // Ends a request for its client, wherever it is. Where a worker has it, `worker_lives` decides:
  // it is sent a CANCEL and keeps the slot until it acknowledges, or the slot goes with it.
  void fail(PendingRequest& request, const Verdict& verdict, bool worker_lives, Step& step);

  // Its client has fallen silent: it is told, should it still hear.
  void expire_client(PendingRequest& request, Step& step);

  // Nobody is left to be told: the same as fail(), without the ERROR.
  void abandon(PendingRequest& request, Step& step);

  // What a worker said about a request that it has. The slot is free after `finish` and `fail_by`.
  void part(PendingRequest& request, const Chunk& chunk, Header&& header, Payload&& payload,
            Step& step);
  void finish(PendingRequest& request, const Final& final, Header&& header, Payload&& payload,
              Step& step);
  void fail_by_worker(PendingRequest& request, const Error& error, Header&& header,
                      Payload&& payload, Step& step);

  // It was never delivered to its worker, or refused there before anything was begun: another
  // worker gets it, before all that wait in the usual way (section 5). REQUIRES: no part has come.
  void give_to_another(PendingRequest& request, Step& step);

  // Whether a request that is lost with its worker may be given to another (section 7); and whether
  // one could take it at once.
  [[nodiscard]] bool may_retry(const PendingRequest& request) const;
  [[nodiscard]] bool another_can_take(const PendingRequest& request, Time now);

  // It was lost with its worker, as `why` tells: it waits again, before all others, and this counts
  // as one of its retries. place_waiting() then looks for a worker. REQUIRES: may_retry().
  void set_back(PendingRequest& request, std::string_view reason, const std::string& why,
                Step& step);
  void place_waiting(PendingRequest& request, Step& step);

  // What its worker said about it cannot be read, or contradicts the protocol: WORKER_LOST. Unless
  // the worker has ended it thereby (`slot_free`), it is sent a CANCEL.
  void break_stream(PendingRequest& request, std::string sentence, bool slot_free, Step& step);

  // The worker may be able to take more than before: gives it what waits for it.
  void fill(WorkerInfo& worker, Step& step);

  // The workers serving `names` may be able to take less than before: what waits under them and can
  // be served no more goes to the No Worker Handler.
  void recheck(const std::vector<std::string>& names, Step& step);

  // A waiting request whose time has come for another look: no longer avoiding a worker, or held
  // for nobody long enough.
  void look_again(PendingRequest& request, Step& step);

  // Frees the slot of an attempt whose client has its answer, and gives it to who waits.
  void free_slot(PendingRequest& request, Step& step);

  // Frees the slot of an attempt that will never end by itself, after its client was answered.
  void drop_attempt(PendingRequest& request, Step& step);

  // The options have changed: what is decided from now on is decided by the new ones.
  void reconfigured();

  [[nodiscard]] const NoWorkerHandler& no_worker() const { return no_worker_; }

 private:
  // A REQUEST as it came, to be passed on or left where it is.
  struct Arrived {
    Header&& header;
    Payload&& payload;
  };

  // Rules 1 to 3 of section 4. The request is not in the waiting room. `as_it_came`: null unless it
  // has just come; then this is what is sent, and a full queue turns it away.
  void place(PendingRequest& request, const Arrived* as_it_came, Step& step);
  void wait_in_front(PendingRequest& request, Step& step);
  // The second one sends what is kept of the request.
  void bind(PendingRequest& request, WorkerInfo& worker, Header&& header, Payload&& payload,
            Step& step);
  void bind(PendingRequest& request, WorkerInfo& worker, Step& step);
  // What its worker says, to its client.
  static void pass_on(const PendingRequest& request, Header&& header, Payload&& payload,
                      Step& step);
  void cancel_at_worker(PendingRequest& request, Step& step);
  void answer_no_worker(PendingRequest& request, Step& step);
  void hold_or_answer(PendingRequest& request, Step& step);
  void wait(PendingRequest& request);
  // The client's side ends here, and only here.
  void close(PendingRequest& request, std::string_view end, std::string_view reason, Step& step);
  [[nodiscard]] Error make_error(WireId id, const Verdict& verdict, const WorkerInfo* worker) const;

  const ControllerOptions& options_;
  InFlightTable& requests_;
  WaitingRoom& waiting_;
  Counters& counters_;
  NoWorkerHandler no_worker_;
  WorkerChoice choice_;
  std::uint64_t next_id_;
};

}  // namespace muster::broker
