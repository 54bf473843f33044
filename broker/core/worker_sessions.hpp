#pragma once

// WorkerSessions keeps the rules of docs/protocol.md, sections 6 and 7, from the broker's side: who
// may have which name, on which connection, and when a session resumes, breaks and ends. A session
// is bound to one connection, and that is checked on every message.
//
// After whatever changes what workers can take, the requests that wait are looked at: first those
// that a free slot can serve now, then those that nobody can serve any more.

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "broker/core/refreshes.hpp"
#include "broker/core/worker_health.hpp"
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
                 WorkerTimeoutHandler& timeout_handler, Refreshes& refreshes, Counters& counters,
                 Time now);

  void said(WorkerSaid&& event, Step& step);
  void fault(const WorkerFault& event, Step& step);
  void unreachable(const WorkerUnreachable& event, Step& step);
  void tick(bool backend_empty, Step& step);

  // Asks the worker what it is working on, unless it has been asked within this interval.
  void probe(WorkerInfo& worker, Step& step);

  // What operators ask for (section 9): the worker is asked to set its own state; or it is sent
  // away for good, and what it holds goes to others.
  void drain(WorkerInfo& worker, bool on, const std::string& why, Step& step);
  void remove(WorkerInfo& worker, Step& step);

  [[nodiscard]] Time next_deadline() const;
  [[nodiscard]] BrokerTerms terms() const;

 private:
  struct Contender {
    WorkerConnection connection;
    WorkerDescription info;
    std::string address;
    Time until;    // then the holder has not answered, and the name is free
    Time look_at;  // when that is to be judged
  };
  // What a session has left that has ended: requests to be placed again, names that it served, and
  // who wants its name.
  struct Ended {
    std::vector<WorkerTimeoutHandler::Waiting> waiting;
    std::vector<std::string> names;
    std::optional<Contender> successor;
  };
  void tell_doubt(const WorkerStatusChecker::Due& due, Step& step);
  // `address`: where it comes from; empty: not known.
  void on_register(WorkerConnection connection, WorkerDescription&& info,
                   const std::string& address, Step& step);
  WorkerInfo& begin(WorkerConnection connection, WorkerDescription&& info,
                    const std::string& address, Step& step);
  void resume(WorkerInfo& worker, WorkerConnection connection, WorkerDescription&& info,
              const std::string& address, Step& step);
  void on_heartbeat(WorkerInfo& worker, WorkerHeartbeat&& heartbeat, Step& step);
  void on_answer(WorkerInfo& worker, WorkerSaid&& event, Step& step);
  void server_gone(WorkerInfo& worker, PendingRequest& request, const Error& error, Step& step);
  void on_status(WorkerInfo& worker, Status&& status, Step& step);
  // `bindings`: what was bound later is not told of by `active`.
  void reconcile(WorkerInfo& worker, const std::vector<BrokerId>& active, std::uint64_t bindings,
                 Step& step);

  // A newer instance that wants the name of a session that may be dead (section 6, Replace).
  void contend(WorkerInfo& holder, WorkerConnection connection, WorkerDescription&& info,
               const std::string& address, Step& step);
  void forget_contender(WorkerConnection connection, std::string_view but_for);
  void turn_away(WorkerConnection connection, const std::string& address, const WorkerInfo& holder,
                 Step& step);
  void holder_lives(const WorkerInfo& holder, Step& step);
  [[nodiscard]] Ended replace(WorkerInfo& holder, const std::string& why, Step& step);
  void run_contenders(bool backend_empty, std::vector<Ended>& ended, Step& step);
  void undelivered(BrokerId attempt, Step& step);

  void take_over(WorkerInfo& worker, WorkerDescription&& info, std::uint64_t bindings, Step& step);
  void take_in(WorkerInfo& worker, WorkerDescription&& info, Step& step);
  // Whether it serves other names than before.
  bool set_models(WorkerInfo& worker, std::vector<ModelDescription>&& models, Step& step);
  void set_state(WorkerInfo& worker, WorkerState state, std::string why, Step& step);
  void changed(WorkerInfo& worker, Step& step);
  void take_back(const std::vector<std::string>& names, Step& step);
  void end(WorkerInfo& worker, std::string_view what, std::string_view reason,
           const std::string& sentence, Step& step);
  // end() in two steps, so that of several that end at once none is given what another had:
  // bury() them all, then settle() what they have left.
  [[nodiscard]] Ended bury(WorkerInfo& worker, std::string_view what, std::string_view reason,
                           const std::string& sentence, Step& step);
  void settle(std::vector<Ended>&& all, Step& step);
  [[nodiscard]] static std::vector<Ended> as_one(Ended&& ended);
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
  Refreshes& refreshes_;
  WorkerStatusChecker checker_;
  WorkerHealth health_;
  std::map<SessionId, Contender> contenders_;  // by the holder of the name
  std::uint64_t last_nonce_ = 0;
  std::vector<SessionId> broken_;  // what they hold is lost once the backend is read empty
  std::unordered_map<WorkerConnection, Answered> answered_;
  std::deque<WorkerConnection> answered_order_;
};

}  // namespace muster::broker
