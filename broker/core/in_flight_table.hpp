#pragma once

// The in-flight table: every request that the broker owes something for, found by the client's id,
// by the broker's id of its present attempt, and by its deadline. Slots are counted here: one is
// taken exactly while an attempt stands in it (docs/protocol.md, section 8).
//
// Complexity: O(log n) an operation at worst; O(1) for what usually comes, which is ids and
// deadlines that ascend. Bounded by limits.outstanding_per_client_max a client, by
// limits.held_bytes_max together, and at workers by their slots.

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>
#include <boost/intrusive/unordered_set.hpp>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "broker/core/pending_request.hpp"
#include "broker/core/worker_info.hpp"

namespace muster::broker {

class InFlightTable {
  template <class Hook, Hook PendingRequest::*place>
  using At = boost::intrusive::member_hook<PendingRequest, Hook, place>;
  using ListHook = boost::intrusive::list_member_hook<>;
  using SetHook = boost::intrusive::set_member_hook<>;
  using HashHook = boost::intrusive::unordered_set_member_hook<>;
  struct ById {
    using type = ClientRequestId;
    const type& operator()(const PendingRequest& request) const { return request.id; }
  };
  struct ByAttempt {
    using type = BrokerId;
    const type& operator()(const PendingRequest& request) const { return request.attempt; }
  };
  struct ByTimer {
    using type = std::pair<Time, RequestNumber>;
    type operator()(const PendingRequest& request) const { return {request.armed, request.number}; }
  };
  using All = boost::intrusive::list<PendingRequest, At<ListHook, &PendingRequest::among_all>,
                                     boost::intrusive::constant_time_size<false>>;
  using OfClient =
      boost::intrusive::set<PendingRequest, At<SetHook, &PendingRequest::among_clients>,
                            boost::intrusive::key_of_value<ById>>;
  using Attempts =
      boost::intrusive::unordered_set<PendingRequest, At<HashHook, &PendingRequest::among_attempts>,
                                      boost::intrusive::key_of_value<ByAttempt>,
                                      boost::intrusive::hash<std::hash<BrokerId>>,
                                      boost::intrusive::power_2_buckets<true>>;
  using Timers = boost::intrusive::set<PendingRequest, At<SetHook, &PendingRequest::among_timers>,
                                       boost::intrusive::key_of_value<ByTimer>,
                                       boost::intrusive::constant_time_size<false>>;

 public:
  // What a waiting request costs beside its bytes; counted with them, so that empty ones are
  // bounded.
  static constexpr std::uint64_t overhead_bytes = 512;

  InFlightTable();
  ~InFlightTable();
  InFlightTable(const InFlightTable&) = delete;
  InFlightTable& operator=(const InFlightTable&) = delete;

  // The caller fills in the rest, and has it waiting or bound before anything else happens.
  // REQUIRES: the client has nothing outstanding under this id.
  PendingRequest& add(ClientConnection client, ClientRequestId id, Header&& header,
                      Payload&& payload);

  // A request that a worker says it works on and that nobody here waits for: it takes a slot until
  // the worker ends it (section 6). `ask_at`: when it is to be asked whether it still works on it.
  // REQUIRES: find(attempt) is null.
  PendingRequest& adopt(WorkerInfo& worker, BrokerId attempt, Time ask_at, Time now);

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
  // The next request whose deadline has come; null if there is none.
  [[nodiscard]] PendingRequest* pop_due(Time now);
  [[nodiscard]] Time next_deadline() const {
    return timers_.empty() ? time_never : timers_.begin()->armed;
  }

  [[nodiscard]] std::uint64_t held_bytes() const { return held_bytes_; }
  [[nodiscard]] std::size_t unanswered_count() const { return unanswered_; }
  [[nodiscard]] std::size_t at_workers() const { return by_attempt_.size(); }
  [[nodiscard]] std::size_t clients() const { return by_client_.size(); }
  [[nodiscard]] const All& all() const { return all_; }

 private:
  PendingRequest& make();
  void disarm(PendingRequest& request);
  void grow_buckets();

  using Buckets = std::unique_ptr<Attempts::bucket_type[]>;
  All all_;  // which own the requests, in order of arrival
  std::unordered_map<ClientConnection, OfClient> by_client_;
  std::size_t bucket_count_;
  Buckets buckets_;  // of by_attempt_
  Attempts by_attempt_;
  Timers timers_;
  std::uint64_t last_number_ = 0;
  std::uint64_t held_bytes_ = 0;
  std::size_t unanswered_ = 0;
};

}  // namespace muster::broker
