#pragma once

// The Agent: what a worker agent decides, without a socket, thread, clock or log in it.
//
// It stands between one model server and its brokers: it keeps a session with each broker, takes
// requests up to the slots it granted, has each worked on as one job, and says what comes of it. It
// is a function of (state, event, now): step() takes one event and appends what is to be done, in
// order; next_deadline() says when it wants a Tick. The same events at the same times with the same
// seed give the same actions and messages, on every machine.
//
// What is to be said to a broker is taken by next_message() and message_sent(), after each step,
// until there is nothing or the socket is full. So there is one place where messages wait, whether
// the socket is full, no connection stands or the broker has not answered REGISTER yet; it is
// bounded in bytes (outbox.hpp), and what waits survives the loss of a connection.
//
// Contract
// - Each REQUEST gets exactly one FINAL or ERROR, and its CHUNKs before it count 0, 1, 2, ...
//   (docs/protocol.md, section 4); none if the broker dismissed the worker, or DEREGISTER went out
//   first, because then the broker answers by itself.
// - Never more jobs at once than slots, nor for one broker than it may hold of them.
// - A broker that is lost costs no work: what it asked for is worked on up to its own timeout, and
//   said when the broker is back (section 7).
// - After Exit nothing more comes.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "worker_agent/core/action.hpp"
#include "worker_agent/core/broker_session.hpp"
#include "worker_agent/core/event.hpp"
#include "worker_agent/core/foreign_load.hpp"
#include "worker_agent/core/options.hpp"
#include "worker_agent/core/outbox.hpp"
#include "worker_agent/core/request_table.hpp"
#include "worker_agent/core/worker_profile.hpp"

namespace muster::agent {

// A request without a timeout of its own, while its broker is away: as long as brokers give one by
// default.
inline constexpr Duration lonely_timeout = std::chrono::minutes{10};
// How long a stopping agent waits for its last messages to be taken.
inline constexpr Duration goodbye_wait = std::chrono::seconds{1};
// Malformed input of one broker is noted at most so often.
inline constexpr Duration fault_note_interval = std::chrono::seconds{1};

// What differs from one start to the next; given from outside, so that a simulator can.
struct Birth {
  Instance instance;
  std::uint64_t seed = 0;  // of the jitter
};

class Agent {
 public:
  // REQUIRES: a name, 1 to 16 brokers, and that the shell opens a socket to each at `now`.
  Agent(const AgentOptions& options, const Birth& birth, Time now);
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Takes one event. `now` never goes back. Actions are appended to `out`.
  void step(Event event, Time now, std::vector<Action>& out);

  // When the next Tick is wanted.
  [[nodiscard]] Time next_deadline() const;

  // What that broker is to be told next; null: nothing now. It stands until the next call.
  [[nodiscard]] const Outgoing* next_message(SessionId session);
  // The socket has taken it. REQUIRES: next_message() gave one, and no step since.
  void message_sent(SessionId session);

  [[nodiscard]] std::size_t session_count() const { return peers_.size(); }
  [[nodiscard]] const std::string& endpoint(SessionId session) const;
  [[nodiscard]] std::size_t jobs_in_hand() const { return requests_.count(); }

 private:
  struct Peer {
    SessionId id;
    BrokerSession session;
    Outbox outbox{};
    std::optional<Outgoing> urgent{};  // REGISTER, HEARTBEAT, STATUS: made when asked for, not kept
    std::optional<std::uint64_t> probed{};  // the nonce of the last PROBE, until STATUS repeats it
    std::uint64_t grant_told = 0;           // the number of the last grant that a HEARTBEAT told it
    std::uint64_t models_told = 0;          // the models_version() that it knows; 0: none
    std::size_t models_left_out = 0;        // how many it was last said not to be told
    std::optional<ErrorCode> dismissal_told{};
    // Stopping: until when it may not know yet that the worker drains, and so have sent a REQUEST.
    Time unaware_until{};
    std::uint64_t stop_grant =
        0;  // a HEARTBEAT with this `grant` or a later one shows that it does
    Time fault_note_at{};
    std::uint64_t faults_unsaid = 0;
  };

  enum class Phase : std::uint8_t {
    working,
    draining,  // finishes what is in hand, and what comes before brokers know
    leaving,   // waits until the last messages are taken
    gone,
  };

  // agent.cpp: sessions, the model server, time
  void on(const Connected& event, Time now, std::vector<Action>& out);
  void on(const Disconnected& event, Time now, std::vector<Action>& out);
  void on(BrokerSaid&& event, Time now, std::vector<Action>& out);
  void on(const BrokerFault& event, Time now, std::vector<Action>& out);
  void on(const ServerChanged& event, Time now, std::vector<Action>& out);
  void on(const EngineTold& event, Time now, std::vector<Action>& out);
  void on(const Tick& event, Time now, std::vector<Action>& out);
  void on(const Reconfigured& event, Time now, std::vector<Action>& out);
  void on_registered(Peer& peer, const BrokerTerms& terms, Time now, std::vector<Action>& out);
  void on_dismiss(Peer& peer, const Dismiss& dismiss, Time now, std::vector<Action>& out);
  void tick_session(Peer& peer, bool may_expire, Time now, std::vector<Action>& out);
  void note_fault(Peer& peer, Fault fault, Time now, std::vector<Action>& out);
  void note_why(const ServerChanged& event, WorkerState before, std::vector<Action>& out) const;
  void note_no_models(std::vector<Action>& out);
  void note_models_left_out(Peer& peer, std::vector<Action>& out);
  void note_slots(std::vector<Action>& out) const;
  void on_heartbeat(Peer& peer, const BrokerHeartbeat& heartbeat, Time now);
  void note_standings();
  void tell_all(Time now);

  // agent_leaving.cpp: drained, and the way out
  void on_drain(const Peer& peer, bool on, Time now, std::vector<Action>& out);
  void on(const StopAsked& event, Time now, std::vector<Action>& out);
  void stop_at_once(std::string_view why, Time now, std::vector<Action>& out);
  void leave(ExitCode code, Time until);
  void await_awareness(Peer& peer, Time now) const;
  // When the last broker that may not know of the drain need not be waited for any more; never in
  // the future where all know.
  [[nodiscard]] Time unaware_until() const;
  void settle(Time now, std::vector<Action>& out);
  void note_unsaid(std::vector<Action>& out);
  [[nodiscard]] bool all_said() const;
  [[nodiscard]] bool all_replaced() const;

  // agent_messages.cpp: what is said of the worker itself
  [[nodiscard]] std::uint64_t queue_length(SessionId session) const;
  void note_models_told(Peer& peer, const WorkerDescription& info) const;

  // agent_requests.cpp: requests and jobs
  void on_request(Peer& peer, Request&& request, Payload&& body, Time now,
                  std::vector<Action>& out);
  void on_cancel(Peer& peer, BrokerId id, Time now, std::vector<Action>& out);
  void on(PartMade&& event, Time now, std::vector<Action>& out);
  void on(JobEnded&& event, Time now, std::vector<Action>& out);
  void on(JobBroke&& event, Time now, std::vector<Action>& out);
  void give_up_late(Peer& peer, Time now, std::vector<Action>& out);
  void stop_jobs(const std::vector<JobId>& jobs, std::vector<Action>& out);
  // Ends a request in hand whose job still runs.
  void cut(Peer& peer, JobId job, ErrorCode code, std::string sentence, std::string_view reason,
           Time now, std::vector<Action>& out);
  void say_error(Peer& peer, BrokerId id, ErrorCode code, std::string sentence, ErrorMeta meta = {},
                 Payload body = {});
  void say_malformed(Peer& peer, BrokerId id, std::string sentence);
  // Empty where it waits for the broker now; else why it can't be said.
  [[nodiscard]] static std::string say_part(Peer& peer, Outgoing&& part);
  [[nodiscard]] std::vector<BrokerId> active(const Peer& peer) const;

  [[nodiscard]] Peer& peer_of(SessionId session) { return peers_.at(session.value); }

  Duration drain_timeout_;
  WorkerProfile profile_;
  std::vector<Peer> peers_;
  RequestTable requests_;
  ForeignLoad foreign_;
  std::uint64_t next_job_ = 1;

  std::string server_why_;  // what was said last of why it is as it is
  bool no_models_told_ = false;

  Phase phase_ = Phase::working;
  ExitCode exit_code_ = ExitCode::drained;
  Time drain_until_ = time_never;
  Time leave_until_ = time_never;
  Time last_step_;
};

}  // namespace muster::agent
