#pragma once

// AgentShell: an Agent with sockets, a model server and a clock around it.
//
// One thread runs it. Each turn reads the clock once, reads the brokers' sockets empty up to a
// bound, lets the model server do what it can, and gives all that came of it to the Agent; it
// performs the Agent's actions in order, sends what the sockets take, and sleeps until something
// comes or somebody has a deadline. Sends never wait: what a socket does not take stays in the
// Agent, which bounds it (worker_agent/core/outbox.hpp), and is tried again.
//
//   transport::Context context;
//   AgentShell shell(context, options, std::move(server));
//   if (auto opened = shell.open(); !opened) ...  // says which endpoint can't be understood
//   const ExitCode code = shell.run(&signals);

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "protocol/codec.hpp"
#include "protocol/result.hpp"
#include "protocol/transport/poller.hpp"
#include "protocol/transport/socket.hpp"
#include "worker_agent/core/agent.hpp"
#include "worker_agent/model_server/model_server.hpp"

namespace muster::agent {

class AgentShell {
 public:
  // REQUIRES: a name. A broker that `options` name twice is dialled once. `context` outlives the
  // shell.
  AgentShell(transport::Context& context, const AgentOptions& options,
             std::unique_ptr<ModelServer> server);
  ~AgentShell();
  AgentShell(const AgentShell&) = delete;
  AgentShell& operator=(const AgentShell&) = delete;

  // Begins to dial every broker. Whether one can be reached is not waited for. To be called once.
  [[nodiscard]] Outcome open();

  // Reads the configuration again: what the Agent is to go on with, if anything has changed.
  using Reload = std::function<std::optional<AgentOptions>()>;
  // Runs until the Agent exits: after stop() or a signal, or dismissed for good. SIGHUP: `reload`.
  // REQUIRES: open() went well.
  ExitCode run(transport::Signals* signals = nullptr, const Reload& reload = {});

  // From any thread. The first call drains, the second stops at once.
  void stop() { stop_.notify(); }

 private:
  void turn();
  [[nodiscard]] bool read(SessionId session);
  void take_message(SessionId session);
  void run_server();
  void step(Event&& event);
  void send_all();
  [[nodiscard]] bool send(SessionId session);
  [[nodiscard]] Time wake_at() const;
  [[nodiscard]] Outcome dial(SessionId session);
  void say_farewell(transport::Signals* signals);

  void perform(StartJob& action);
  void perform(const StopJob& action) { server_->stop(action.job); }
  void perform(const ReopenSocket& action);
  void perform(const Exit& action) { exit_ = action.code; }
  void perform(const SessionNote& note);
  void perform(const AgentNote& note);
  void perform(const RequestNote& note);
  void perform(const FaultNote& note);

  transport::Context& context_;
  std::unique_ptr<ModelServer> server_;
  transport::Poller poller_;
  transport::Wakeup stop_;
  std::vector<std::unique_ptr<transport::DealerSocket>> sockets_;  // by session
  Decoder decoder_;

  Time now_;  // of this turn
  Agent agent_;
  bool more_to_read_ = false;  // a bound was hit: the next turn follows without a sleep
  bool socket_full_ = false;   // something could not be sent
  Time last_sent_;
  std::optional<ExitCode> exit_;

  transport::Incoming incoming_;
  std::vector<Action> actions_;
  std::vector<ServerEvent> server_events_;
};

}  // namespace muster::agent
