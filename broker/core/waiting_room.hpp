#pragma once

// The waiting room: requests that a ready worker could serve had it a free slot (docs/protocol.md,
// section 4, rule 2), and those held because nobody can serve them yet (rule 3). One queue for each
// model name as clients ask for it; each is bounded by queue.depth_max for what newly comes.
//
// Order in a queue: what was placed again first, then by priority, then by arrival. Requests are
// bound late: a slot that comes free takes the first, over all names that its worker serves, that
// fits it.
//
// Within a queue those that require the same labels stand in a line of their own, so that a worker
// passes over what it can't take by the line and not one by one.
//
// Complexity: O(log n) to come and go; next_for is O(names x lines), plus the requests passed over
// because they avoid the worker.

#include <boost/intrusive/set.hpp>
#include <compare>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/pending_request.hpp"
#include "broker/core/worker_info.hpp"

namespace muster::broker {

class WaitingRoom {
 public:
  void add(PendingRequest& request);
  // REQUIRES: it is here.
  void remove(PendingRequest& request);

  [[nodiscard]] std::size_t depth(std::string_view model) const;
  [[nodiscard]] std::size_t size() const { return size_; }

  // Who is next for a worker with a free slot; null: nobody. Stays here until removed.
  [[nodiscard]] PendingRequest* next_for(const WorkerInfo& worker, Time now);

  // All that wait under a name, in order.
  [[nodiscard]] std::vector<PendingRequest*> waiting_for(std::string_view model);

 private:
  // Smaller is sooner.
  struct Rank {
    bool behind = true;
    std::int64_t backwards = 0;  // the priority's complement: no overflow at the least number
    RequestNumber number;
    friend auto operator<=>(const Rank&, const Rank&) = default;
  };
  [[nodiscard]] static Rank rank(const PendingRequest& request);

  struct ByRank {
    using type = Rank;
    type operator()(const PendingRequest& request) const { return rank(request); }
  };
  using Queue = boost::intrusive::set<
      PendingRequest,
      boost::intrusive::member_hook<PendingRequest, decltype(PendingRequest::among_waiting),
                                    &PendingRequest::among_waiting>,
      boost::intrusive::key_of_value<ByRank>>;
  // Of one model name, by the labels that are required.
  struct Lines {
    std::map<StringMap, Queue> by_labels;
    std::size_t size = 0;
  };
  std::map<std::string, Lines, std::less<>> queues_;
  std::size_t size_ = 0;
};

}  // namespace muster::broker
