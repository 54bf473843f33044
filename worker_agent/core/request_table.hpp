#pragma once

// The requests in hand: each is one job at the model server, asked for by one broker under one
// broker id. Found by either; walked in the order of ids, alike on every machine.
//
// Bounded by the worker's slots: whoever adds asks first (docs/protocol.md, section 8). Finding,
// adding and removing are O(log n), walking one session is linear in its requests.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/time.hpp"
#include "worker_agent/core/event.hpp"

namespace muster::agent {

struct RequestInHand {
  SessionId session;
  BrokerId id;
  JobId job;
  std::string model;
  std::string request_id;
  bool stream = false;
  Time received;
  Time give_up_at;  // its own timeout: as long as it is worked on without its broker

  // What has come of it.
  std::uint64_t chunks = 0;
  std::optional<std::uint64_t> status{};
  std::string type{};
};

class RequestTable {
 public:
  // REQUIRES: neither its job nor its id at that session is in the table.
  void add(RequestInHand request);

  // Null where there is none.
  [[nodiscard]] RequestInHand* find(JobId job);
  [[nodiscard]] RequestInHand* find(SessionId session, BrokerId id);

  // REQUIRES: it is in the table.
  RequestInHand remove(JobId job);

  [[nodiscard]] std::size_t count() const { return by_job_.size(); }
  [[nodiscard]] std::size_t count(SessionId session) const;

  [[nodiscard]] std::vector<JobId> jobs() const;
  [[nodiscard]] std::vector<JobId> jobs(SessionId session) const;
  [[nodiscard]] std::vector<BrokerId> ids(SessionId session) const;

  // When the first of a session's requests is to be given up; time_never where it has none.
  [[nodiscard]] Time earliest_give_up(SessionId session) const;

 private:
  using Key = std::pair<SessionId, BrokerId>;
  // The requests of one session stand together.
  [[nodiscard]] auto session_range(SessionId session) const {
    return std::pair{by_id_.lower_bound(Key{session, BrokerId{0}}),
                     by_id_.upper_bound(Key{session, BrokerId{UINT64_MAX}})};
  }

  std::map<JobId, RequestInHand> by_job_;
  std::map<Key, JobId> by_id_;
  std::map<SessionId, std::size_t> counts_;
};

}  // namespace muster::agent
