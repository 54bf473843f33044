#pragma once

// AskChecker: holds the whole cluster to its promise, from where the programs stand that ask: every
// request ends once, in time, and what is answered is the whole answer, in order, of one worker.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "client/core/action.hpp"
#include "tests/sim/content.hpp"
#include "tests/sim/network.hpp"

namespace muster::sim {

class AskChecker {
 public:
  // `due`: by when its client must have ended it.
  [[nodiscard]] Nonce asked(HostId client, bool stream, Time due);
  // The number of one more sending.
  [[nodiscard]] std::uint64_t sent() { return ++sendings_; }
  void part(Nonce nonce, std::uint64_t seq, std::string_view bytes);
  void ended(Nonce nonce, const client::RequestEnded& end, Time now);
  // The process stood still for so long, or its clock jumped by it.
  void excuse(HostId client, Duration late);
  // The process is gone: nobody is left to be answered.
  void forget(HostId client);

  [[nodiscard]] std::size_t outstanding() const { return outstanding_.size(); }
  [[nodiscard]] std::size_t answered() const { return answered_; }
  [[nodiscard]] std::size_t ended_otherwise() const { return ended_ - answered_; }
  [[nodiscard]] std::string story() const;

 private:
  struct Asked {
    HostId client = 0;
    bool stream = false;
    Time due{};
    std::uint64_t parts = 0;
    std::string worker{};  // who made the first part
  };

  std::map<Nonce, Asked> outstanding_;
  Nonce last_ = 0;
  std::uint64_t sendings_ = 0;
  std::size_t ended_ = 0;
  std::size_t answered_ = 0;
};

}  // namespace muster::sim
