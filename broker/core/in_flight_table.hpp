#pragma once

// The in-flight table: every request that the broker owes something for, found by the client's id,
// by the broker's id of its present attempt, and by its deadline. Slots are counted here: one is
// taken exactly while an attempt stands in it (docs/protocol.md, section 8).
//
// Complexity: O(1) an operation; O(log n) for deadlines that do not ascend, where one client's
// time-outs are shorter than another's. Bounded by limits.outstanding_per_client_max a client, by
// limits.held_bytes_max together, and at workers by their slots.

#include <algorithm>
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
  struct ByClient {
    using type = std::pair<ClientConnection, ClientRequestId>;
    type operator()(const PendingRequest& request) const { return {request.client, request.id}; }
  };
  struct HashByClient {
    std::size_t operator()(const ByClient::type& key) const {
      // Ids that follow each other are neighbours, eight buckets to a cache line or two. Beyond
      // that spread over all bits, since the buckets go by the lowest: no pattern that ids have by
      // chance crowds them. Who seeks collisions finds them, and has a line as long as his own
      // requests.
      constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;
      constexpr unsigned neighbours_bits = 3;
      const std::uint64_t id = key.second.value;
      const std::uint64_t mixed =
          ((id >> neighbours_bits) + key.first.value * odd) * 0xbf58476d1ce4e5b9;
      constexpr std::uint64_t neighbours = (std::uint64_t{1} << neighbours_bits) - 1;
      return static_cast<std::size_t>((mixed ^ (mixed >> 32)) << neighbours_bits |
                                      (id & neighbours));
    }
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
      boost::intrusive::list<PendingRequest, At<ListHook, &PendingRequest::among_siblings>>;
  template <class Key, class Hash, HashHook PendingRequest::*place>
  using Hashed = boost::intrusive::unordered_set<
      PendingRequest, At<HashHook, place>, boost::intrusive::key_of_value<Key>,
      boost::intrusive::hash<Hash>, boost::intrusive::power_2_buckets<true>>;
  using Asked = Hashed<ByClient, HashByClient, &PendingRequest::among_clients>;
  using Attempts = Hashed<ByAttempt, std::hash<BrokerId>, &PendingRequest::among_attempts>;
  using AscendingTimers =
      boost::intrusive::list<PendingRequest, At<ListHook, &PendingRequest::among_ascending>,
                             boost::intrusive::constant_time_size<false>>;
  using Timers = boost::intrusive::set<PendingRequest, At<SetHook, &PendingRequest::among_timers>,
                                       boost::intrusive::key_of_value<ByTimer>,
                                       boost::intrusive::constant_time_size<false>>;

 public:
  // What a waiting request costs beside its bytes; counted with them, so that empty ones are
  // bounded.
  static constexpr std::uint64_t overhead_bytes = 704;

  InFlightTable();
  ~InFlightTable();
  InFlightTable(const InFlightTable&) = delete;
  InFlightTable& operator=(const InFlightTable&) = delete;

  // The caller fills in the rest, and has it waiting or bound before anything else happens.
  // `held_bytes`: of the message, with overhead_bytes. REQUIRES: the client has nothing outstanding
  // under this id.
  PendingRequest& add(ClientConnection client, ClientRequestId id, KeptMessage&& kept,
                      std::uint64_t held_bytes);

  // A request that a worker says it works on and that nobody here waits for: it takes a slot until
  // the worker ends it (section 6). `ask_at`: when it is to be asked whether it still works on it.
  // REQUIRES: find(attempt) is null.
  PendingRequest& adopt(WorkerInfo& worker, BrokerId attempt, Time ask_at, Time now);

  [[nodiscard]] PendingRequest* find(ClientConnection client, ClientRequestId id);
  [[nodiscard]] PendingRequest* find(BrokerId attempt);
  // find(attempt) comes soon, and an answer with it.
  void prefetch(BrokerId attempt) const;
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
    const Time ascending = ascending_.empty() ? time_never : ascending_.front().armed;
    return timers_.empty() ? ascending : std::min(ascending, timers_.begin()->armed);
  }

  [[nodiscard]] std::uint64_t held_bytes() const { return held_bytes_; }
  [[nodiscard]] std::size_t unanswered_count() const { return unanswered_; }
  [[nodiscard]] std::size_t at_workers() const { return by_attempt_.size(); }
  [[nodiscard]] std::size_t clients() const { return by_client_.size(); }
  [[nodiscard]] const All& all() const { return all_; }

 private:
  // A set of requests by their hash, whose buckets grow with it.
  template <class Set>
  class Grown {
   public:
    Grown();
    // False: there is one of this key.
    bool insert(PendingRequest& request);
    void erase(PendingRequest& request) { set_.erase(set_.iterator_to(request)); }
    [[nodiscard]] PendingRequest* find(const typename Set::key_type& key);
    // One that is likely to be of this key, or null; looks at none.
    [[nodiscard]] const PendingRequest* guess(const typename Set::key_type& key) const;
    [[nodiscard]] std::size_t size() const { return set_.size(); }

   private:
    using Buckets = std::unique_ptr<typename Set::bucket_type[]>;
    std::size_t count_;
    Buckets buckets_;
    Set set_;
  };

  PendingRequest& make();
  void disarm(PendingRequest& request);
  // The next of those that are armed; null: none is.
  [[nodiscard]] PendingRequest* first_armed();

  All all_;  // which own the requests, in order of arrival
  std::unordered_map<ClientConnection, OfClient> by_client_;
  Grown<Asked> asked_;  // and not answered
  Grown<Attempts> by_attempt_;
  // Most time-outs are the same, so that deadlines ascend as requests come: these stand in a list.
  // A deadline that is earlier than the last of the list stands in the tree.
  AscendingTimers ascending_;
  Timers timers_;
  std::uint64_t last_number_ = 0;
  std::uint64_t held_bytes_ = 0;
  std::size_t unanswered_ = 0;
};

}  // namespace muster::broker
