#pragma once

// Refreshes: the `refresh` queries that wait for workers to answer a PROBE (docs/protocol.md,
// section 9). Each is done when all have answered, or when its time is over.

#include <algorithm>
#include <set>
#include <vector>

#include "broker/core/ids.hpp"
#include "protocol/time.hpp"

namespace muster::broker {

class Refreshes {
 public:
  static constexpr std::size_t waiting_max = 64;

  struct Refresh {
    ClientConnection client;
    WireId id;
    std::set<SessionId> unanswered;
    Time until;
  };

  [[nodiscard]] bool empty() const { return waiting_.empty(); }
  [[nodiscard]] bool full() const { return waiting_.size() >= waiting_max; }
  void add(Refresh refresh) { waiting_.push_back(std::move(refresh)); }

  // That worker has answered, or is gone.
  void answered(SessionId session) {
    for (Refresh& refresh : waiting_)
      refresh.unanswered.erase(session);
  }

  void forget(ClientConnection client) {
    std::erase_if(waiting_, [&](const Refresh& r) { return r.client == client; });
  }

  [[nodiscard]] bool outstanding(ClientConnection client, WireId id) const {
    return std::ranges::any_of(waiting_,
                               [&](const Refresh& r) { return r.client == client && r.id == id; });
  }

  // Those that are done, which wait no more.
  [[nodiscard]] std::vector<Refresh> take_done(Time now) {
    std::vector<Refresh> done;
    std::erase_if(waiting_, [&](Refresh& refresh) {
      if (!refresh.unanswered.empty() && now < refresh.until) return false;
      done.push_back(std::move(refresh));
      return true;
    });
    return done;
  }

  [[nodiscard]] Time next_deadline() const {
    Time next = time_never;
    for (const Refresh& refresh : waiting_)
      next = std::min(next, refresh.until);
    return next;
  }

 private:
  std::vector<Refresh> waiting_;
};

}  // namespace muster::broker
