#pragma once

// A program that asks: the real client core, around it what client/client.cpp does, and somebody
// who wants answers.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "client/core/client_core.hpp"
#include "protocol/codec.hpp"
#include "tests/sim/plan.hpp"
#include "tests/sim/process.hpp"

namespace muster::sim {

class ClientProcess final : public Process {
 public:
  ClientProcess(Stage& stage, HostId host, const std::string& name, Duration skew, const Plan& plan,
                RouterId frontend, Draw draw);

  void turn() override;

  // One request that must be answered, and when that was.
  void ask_plainly(const std::string& model, Duration timeout);
  [[nodiscard]] bool answered_plainly() const { return plain_ == 0; }
  void order(const std::string& query, Value args);
  // From now on nothing but what it is told.
  void calm() { asks_at_ = time_never; }

  // Whether nothing is outstanding, kept, or still to be said.
  [[nodiscard]] bool at_rest() const {
    return core_.idle() && core_.kept_bytes() == 0 && wanted_.empty() && asked_.empty();
  }

 private:
  [[nodiscard]] Time wake() const override;
  void ask();
  void ask(Request&& request, Duration timeout, bool plain);
  void read();
  void step(client::Event&& event);
  void perform(client::Send& action);
  void perform(client::Reopen&);
  void perform(client::PartArrived& action);
  void perform(client::SendsAgain& action);
  void perform(client::RequestEnded& action);
  void perform(client::QueryEnded& action);

  const Plan& plan_;
  const RouterId frontend_;
  Draw draw_;
  client::ClientCore core_;
  DealerId socket_;
  Decoder decoder_;
  std::vector<client::Event> not_sent_;
  struct Wanted {
    Nonce nonce = 0;
    bool plain = false;
  };
  std::map<ClientRequestId, Wanted> wanted_;
  std::set<ClientRequestId> asked_;  // queries
  std::uint64_t next_id_ = 1;
  std::size_t plain_ = 0;  // that must be answered and are not yet
  Time asks_at_;
  bool more_to_read_ = false;
};

}  // namespace muster::sim
