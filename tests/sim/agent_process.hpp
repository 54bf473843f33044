#pragma once

// A worker agent and its model server: the real Agent, and around it what
// worker_agent/shell/agent_shell.cpp does. Held to its own promise on the way: one end for each
// REQUEST, its parts counted, never more jobs than slots.

#include <map>
#include <optional>
#include <vector>

#include "protocol/codec.hpp"
#include "tests/sim/model_server.hpp"
#include "tests/sim/process.hpp"
#include "worker_agent/core/agent.hpp"

namespace muster::sim {

class AgentProcess final : public Process {
 public:
  AgentProcess(Stage& stage, HostId host, const std::string& name, Duration skew, const Plan& plan,
               const agent::AgentOptions& options, std::vector<RouterId> backends,
               const agent::Birth& birth, Draw draw);

  void turn() override;
  [[nodiscard]] bool finished() const override { return exit_.has_value(); }
  void stop() { step(agent::StopAsked{}); }
  void reconfigure(const agent::AgentOptions& options);
  [[nodiscard]] ModelServer& server() { return server_; }

  // What it has not finished yet, in words; empty: nothing.
  [[nodiscard]] std::string unfinished() const;
  [[nodiscard]] std::uint64_t slots() const { return *options_.slots; }

 private:
  struct Request {  // that a broker has given it
    std::uint64_t parts = 0;
    bool ended = false;
  };

  [[nodiscard]] Time wake() const override;
  void read(agent::SessionId session);
  void step(agent::Event&& event);
  void send_all();
  void perform(agent::StartJob& action);
  void perform(agent::StopJob& action);
  void perform(const agent::ReopenSocket& action);
  void perform(const agent::Exit& action) { exit_ = action.code; }
  void perform(const agent::SessionNote& note);
  void perform(const agent::AgentNote& note);
  void perform(const agent::RequestNote&) {}
  void perform(const agent::FaultNote& note);
  void hear(agent::SessionId session, const ToWorker& message);
  void judge(agent::SessionId session, const FromWorker& message);

  const Plan& plan_;
  agent::AgentOptions options_;
  agent::Agent agent_;
  ModelServer server_;
  const std::vector<RouterId> backends_;
  std::vector<DealerId> sockets_;
  Decoder decoder_;
  std::vector<std::map<std::uint64_t, Request>> given_;  // by session
  std::vector<agent::Action> actions_;
  std::vector<agent::Event> server_events_;
  bool more_to_read_ = false;
  bool socket_full_ = false;
  std::optional<agent::ExitCode> exit_;
};

}  // namespace muster::sim
