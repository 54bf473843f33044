#pragma once

// The in-flight table: every request that the broker owes something for, found by the client's id,
// by the broker's id of its present attempt, and by its deadline. Slots are counted here: one is
// taken exactly while an attempt stands in it (docs/protocol.md, section 8).
//
// Complexity: O(log n) an operation. Bounded by limits.outstanding_per_client_max a client, by
// limits.held_bytes_max together, and at workers by their slots.

#include <map>
#include <unordered_map>
#include <vector>

#include "broker/core/pending_request.hpp"
#include "broker/core/timer_queue.hpp"

namespace muster::broker {

class InFlightTable {
 public:
  // What a waiting request costs beside its bytes; counted with them, so that empty ones are
  // bounded.
  static constexpr std::uint64_t overhead_bytes = 512;

  // REQUIRES: the client has nothing outstanding under this id.
  PendingRequest& add(PendingRequest request);

  // A request that a worker says it works on and that nobody here waits for: it takes a slot until
  // the worker ends it (section 6). REQUIRES: find(attempt) is null.
  PendingRequest& adopt(WorkerInfo& worker, BrokerId attempt, Time now);

  [[nodiscard]] PendingRequest* find(ClientConnection client, ClientRequestId id);
  [[nodiscard]] PendingRequest* find(BrokerId attempt);
  [[nodiscard]] std::size_t outstanding(ClientConnection client) const;

  // What a client waits for, in the order of its ids; and what anybody does, in order of arrival.
  [[nodiscard]] std::vector<PendingRequest*> of_client(ClientConnection client);
  [[nodiscard]] std::vector<PendingRequest*> unanswered();

  // Takes a slot. REQUIRES: not at a worker; the worker has a free slot.
  void bind(PendingRequest& request, WorkerInfo& worker, BrokerId attempt, Time now);

  // Frees the slot. REQUIRES: at a worker.
  void unbind(PendingRequest& request, Time now);

  // The client has its answer: its id is free again, the body is let go.
  // REQUIRES: not answered before.
  void answered(PendingRequest& request);

  // REQUIRES: answered, not at a worker.
  void erase(PendingRequest& request);

  // No other worker will be given it: lets go of the body.
  void let_go_of_body(PendingRequest& request);

  // To be called after whatever moves request.deadline(); cheap where it moved to later.
  void rearm(PendingRequest& request);
  // The next unanswered request whose deadline has come; null if there is none.
  [[nodiscard]] PendingRequest* pop_due(Time now);
  [[nodiscard]] Time next_deadline() const { return timers_.next(); }

  [[nodiscard]] std::uint64_t held_bytes() const { return held_bytes_; }
  [[nodiscard]] std::size_t unanswered_count() const { return unanswered_; }
  [[nodiscard]] std::size_t at_workers() const { return by_attempt_.size(); }
  [[nodiscard]] std::size_t clients() const { return by_client_.size(); }
  [[nodiscard]] const std::map<RequestNumber, PendingRequest>& all() const { return requests_; }

 private:
  std::map<RequestNumber, PendingRequest> requests_;
  std::unordered_map<BrokerId, PendingRequest*> by_attempt_;
  std::unordered_map<ClientConnection, std::map<ClientRequestId, PendingRequest*>> by_client_;
  TimerQueue<RequestNumber> timers_;
  std::uint64_t last_number_ = 0;
  std::uint64_t held_bytes_ = 0;
  std::size_t unanswered_ = 0;
};

}  // namespace muster::broker
