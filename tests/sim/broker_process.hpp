#pragma once

// A broker: the real Controller, and around it what broker/shell/broker.cpp does.

#include <deque>
#include <map>
#include <set>
#include <vector>

#include "broker/core/controller.hpp"
#include "protocol/codec.hpp"
#include "tests/sim/broker_checker.hpp"
#include "tests/sim/plan.hpp"
#include "tests/sim/process.hpp"

namespace muster::sim {

class BrokerProcess final : public Process {
 public:
  struct Doors {
    RouterId frontend{};
    RouterId backend{};
  };
  BrokerProcess(Stage& stage, HostId host, const std::string& name, Duration skew, const Plan& plan,
                Doors doors, const broker::Birth& birth);

  void turn() override;
  [[nodiscard]] bool finished() const override;
  // The first lets what is outstanding finish within so long; a second ends it.
  void stop(Duration within);
  void reconfigure(const broker::ControllerOptions& options);

  [[nodiscard]] const BrokerChecker& checker() const { return checker_; }
  // What it answers to a query of an operator's.
  [[nodiscard]] Value ask(const std::string& query);
  // Holds what it tells of its tables to the checker's.
  void compare();
  [[nodiscard]] bool has_kept() const { return !outbox_.empty(); }

 private:
  struct Kept {  // for a client that takes too little
    std::deque<std::pair<Frame, Payload>> messages;
    Time taken_at{};
  };

  [[nodiscard]] Time wake() const override;
  // Whether the socket was found empty, as in the shell: only where it had a reason to look.
  [[nodiscard]] bool look(bool& unread, bool due, bool (BrokerProcess::*read)());
  [[nodiscard]] bool read_backend();
  [[nodiscard]] bool read_frontend();
  void flush_outbox();
  void step(broker::Event&& event);
  void perform_all();
  void perform(broker::SendToClient& action);
  void perform(broker::RelayToClient& action);
  void perform(broker::SendToWorker& action);
  void perform(broker::RelayToWorker& action);
  void perform(broker::WorkerNote& note);
  void perform(broker::FailureNote&) {}
  void perform(broker::RequestNote&) {}
  void perform(broker::FaultNote&) {}
  void send(ClientConnection to, Frame&& header, Payload&& payload);
  void send(WorkerConnection to, Frame&& header, Payload&& payload,
            std::optional<BrokerId> attempt);
  void lose(ClientConnection client, bool cut_off);

  const Plan& plan_;
  const Doors doors_;
  broker::ControllerOptions options_;
  broker::Controller controller_;
  BrokerChecker checker_;
  Decoder client_decoder_;
  Decoder worker_decoder_;
  Decoder reader_;  // of what it says, for the trace

  // For one message after the other, as in the shell.
  broker::Event client_said_{std::in_place_type<broker::ClientSaid>};
  broker::Event worker_said_{std::in_place_type<broker::WorkerSaid>};
  std::vector<broker::Action> actions_;
  std::vector<broker::Event> failures_;
  std::set<ClientConnection> clients_gone_;
  std::set<WorkerConnection> workers_gone_;
  std::map<ClientConnection, Kept> outbox_;
  bool frontend_unread_ = true;
  bool backend_unread_ = true;
  std::size_t messages_read_ = 0;
  Time outbox_retry_at_{};
  int stops_ = 0;
  Time stop_by_ = time_never;
};

}  // namespace muster::sim
