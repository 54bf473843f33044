#pragma once

// How many requests the model server has that did not come through this agent: what its engine says
// that it has, waiting and running, less what the agent has there (docs/protocol.md, section 7,
// `queue_length`).
//
// The two are never of the same moment. An engine tells its count when it next steps, and an idle
// one may tell the last count for half a minute (SGLang); a difference of two moments would make a
// worker that has just finished look busy. So what is taken off is the most that the agent had
// within the last `lag_max`, and up to twice that: of somebody else's load it tells rather too
// little for a while than any that is not there.
//
// O(1). Pure: time is given to it.

#include <algorithm>
#include <cstdint>
#include <optional>

#include "protocol/time.hpp"

namespace muster::agent {

class ForeignLoad {
 public:
  static constexpr Duration lag_max = std::chrono::seconds{30};

  // So many requests of the agent's own are at the model server from now on.
  void own(std::uint64_t requests, Time now) {
    const Duration passed = now - since_;
    if (passed >= lag_max) {
      most_before_ = passed < 2 * lag_max ? most_ : own_;
      most_ = own_;
      since_ = now;
    }
    own_ = requests;
    most_ = std::max(most_, requests);
  }

  // What the engine has, waiting and running; nothing: it does not tell.
  void engine_told(std::optional<std::uint64_t> requests, Time now) {
    own(own_, now);
    const std::uint64_t all = requests.value_or(0);
    requests_ = all - std::min(all, std::max(most_, most_before_));
  }

  [[nodiscard]] std::uint64_t requests() const { return requests_; }

 private:
  std::uint64_t own_ = 0;
  std::uint64_t most_ = 0;  // since since_
  std::uint64_t most_before_ = 0;
  Time since_{};
  std::uint64_t requests_ = 0;
};

}  // namespace muster::agent
