#pragma once

// WorkerSessions keeps the rules of docs/protocol.md, sections 6 and 7, from the broker's side: who
// may have which name, on which connection, and when a session resumes, breaks and ends. A session
// is bound to one connection, and that is checked on every message.
//
// After whatever changes what workers can take, the requests that wait are looked at: first those
// that a free slot can serve now, then those that nobody can serve any more.

#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "broker/core/worker_status_checker.hpp"
#include "broker/core/worker_timeout_handler.hpp"

namespace muster::broker {

class WorkerSessions {
 public:
  // Malformed messages of one session within one expiry time, beyond which it is dismissed.
  static constexpr std::uint64_t malformed_max = 10;
  // REGISTERs of one connection within one interval, beyond which they are dropped unanswered.
  static constexpr std::uint32_t registers_max = 8;
  // Connections that are remembered as answered; beyond, the oldest is forgotten.
  static constexpr std::size_t answered_max = 4096;

  WorkerSessions(const ControllerOptions& options, Instance broker, WorkerRegistry& workers,
                 InFlightTable& requests, const WaitingRoom& waiting, Dispatcher& dispatcher,
                 WorkerTimeoutHandler& timeout_handler, Counters& counters, Time now);

  void said(WorkerSaid&& event, Step& step);
  void fault(const WorkerFault& event, Step& step);
  void unreachable(const WorkerUnreachable& event, Step& step);
  void tick(bool backend_empty, Step& step);

  [[nodiscard]] Time next_deadline() const { return checker_.next_deadline(); }
  [[nodiscard]] BrokerTerms terms() const;

 private:
  void on_register(WorkerConnection connection, WorkerDescription&& info, Step& step);
  void begin(WorkerConnection connection, WorkerDescription&& info, Step& step);
  void resume(WorkerInfo& worker, WorkerConnection connection, WorkerDescription&& info,
              Step& step);
  void on_heartbeat(WorkerInfo& worker, WorkerHeartbeat&& heartbeat, Step& step);
  void on_answer(WorkerInfo& worker, WorkerSaid&& event, Step& step);
  void reconcile(WorkerInfo& worker, const std::vector<BrokerId>& active, Step& step);
  void apply(WorkerInfo& worker, WorkerDescription&& info, Step& step);
  // Whether it serves other names than before.
  bool set_models(WorkerInfo& worker, std::vector<ModelDescription>&& models, Step& step);
  void set_state(WorkerInfo& worker, WorkerState state, std::string why, Step& step);
  void changed(WorkerInfo& worker, Step& step);
  void end(WorkerInfo& worker, std::string_view what, std::string_view reason,
           const std::string& sentence, Step& step);
  void dismiss(WorkerConnection connection, ErrorCode code, const std::string& sentence,
               Step& step);
  void send_heartbeat(const WorkerInfo& worker, Step& step);
  void end_by_fault(const WorkerInfo& worker, const Fault& fault, Step& step);

  // What a connection was answered of late, so that no peer can make the broker say more than it
  // reads.
  struct Answered {
    Time since;                   // when the present interval began
    std::uint32_t registers = 0;  // in it
    Time reregister_from{};       // when it may be told to register again
  };
  [[nodiscard]] Answered& answered(WorkerConnection connection, Time now);
  [[nodiscard]] bool may_register(WorkerConnection connection, Time now);
  [[nodiscard]] bool may_be_told_to_register(WorkerConnection connection, Time now);

  const ControllerOptions& options_;
  Instance broker_;
  WorkerRegistry& workers_;
  InFlightTable& requests_;
  const WaitingRoom& waiting_;
  Dispatcher& dispatcher_;
  WorkerTimeoutHandler& timeout_handler_;
  Counters& counters_;
  WorkerStatusChecker checker_;
  std::vector<SessionId> broken_;  // what they hold is lost once the backend is read empty
  std::unordered_map<WorkerConnection, Answered> answered_;
  std::deque<WorkerConnection> answered_order_;
};

}  // namespace muster::broker
