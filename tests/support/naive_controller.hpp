#pragma once

// NaiveController: the rules of docs/protocol.md, sections 4 to 9, stated a second time and in the
// simplest way, to hold the Controller to them. It has a map of workers and a list of requests,
// goes through all of them whenever it wants to know something, and knows nothing of the Controller
// but what goes in and what comes out.
//
// The Controller is free in some things (who of several equal workers gets a request, what is done
// first); so this is a specification, and no second Controller. At each step it
//
//   1. takes the event: notes what is now so, and what the Controller owes for it;
//   2. takes the Actions one by one. Each settles something owed, or must be allowed by a rule as
//      things stand at that moment (a request is given to a worker: may that one be given it, and
//      is no other request before it?); then its consequence is noted;
//   3. looks at what is left: is anything still owed, does a request wait though a fit slot is
//      free, has a time run out without anything being done?
//
// Answers to QUERY `workers`, `models`, `stats` and `refresh` are compared with what is known here.
//
// Stated exactly: every request's answer (that there is one, its kind, code, reason, retryable,
// retry_after, worker); what is passed on, byte by byte; admission and its bounds; who may be given
// a request (state, labels, aliases, slots, avoided, well before ailing, the one that lost it last,
// sessions, shortest_queue, power_of_two); turns in the queue; time-outs; NO_WORKER and what is
// held; retries and REFUSED; streams; CANCEL, and when its worker is asked; REGISTER, resume,
// replace, STATUS, orphans, DISMISS, REREGISTER; grants and heartbeats to workers; doubt; putting
// aside and stalls; refreshes; the counts of `stats`.
//
// Stated loosely:
//   - which of several grounds for turning a request away is told: any;
//   - when a silent worker is found suspect or dead: not before its time, and at latest an eighth
//     of an interval after it, or after it is spared no more;
//   - heartbeats to clients, and when a silent one is given up: not before the time, and at
//     latest an interval after it;
//   - turns among requests that one event has placed again, at a worker that is tried after its
//     time aside, and past a request whose time to be looked at has come;
//   - a worker whose time aside is over is given what waits at latest with its next word, one
//     that a request had to avoid at the next Tick; and in the very step in which a better worker
//     says that it can take a request, a worse one may be given it;
//   - the share of workers put aside, once it was configured anew;
//   - sentences, notes from which nothing follows, `why` (of which `eligible` is exact).
//
// Not stated: turns of round_robin, draws of lottery; how many names, sessions and connections are
// remembered at most.
//
// REQUIRES of whoever makes the events: each REQUEST's header and payload differ from every other's
// behind the id, and it has a `request_id` of its own.

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "broker/core/options.hpp"
#include "tests/support/naive_state.hpp"

namespace muster::test {

class NaiveController {
 public:
  NaiveController(const broker::ControllerOptions& options, Instance broker, BrokerId first_id,
                  Time started);

  // Before Controller::step: this is about to happen.
  void happens(const broker::Event& event, Time now);
  // After it: this is what the Controller did, and says of itself.
  void did(const std::vector<broker::Action>& actions, bool idle, Time next_deadline);

  // What did not hold, in sentences; empty: all is well.
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  // The last events and what was done upon each, a line each.
  [[nodiscard]] std::string story() const;

  // For who makes up events: what could be said next.
  [[nodiscard]] const std::map<std::string, naive::Worker>& workers() const { return workers_; }
  [[nodiscard]] const std::list<naive::Request>& requests() const { return requests_; }
  [[nodiscard]] std::uint64_t last_attempt() const { return last_attempt_; }
  [[nodiscard]] std::uint64_t answers() const { return answers_; }

 private:
  using Action = broker::Action;
  using Worker = naive::Worker;
  using Request = naive::Request;
  using Then = std::function<void(const Action&)>;
  struct Read {  // a Tick, and what had been read by then
    Time tick;
    Time backend;
    Time frontend;
  };

  // ---- the frame: naive_controller.cpp
  void expect(bool holds, const std::string& sentence);
  void owe(std::string text, Then then = {});
  void owe_any(std::vector<std::string> texts, Then then = {});
  [[nodiscard]] bool owes(const std::string& text) const;
  [[nodiscard]] bool settles(const Action& action);
  void claim(const Action& action);
  void claim_note(const broker::WorkerNote& note);
  void look_at_what_is_left(bool idle, Time next_deadline);
  void count_error(ErrorCode code, const std::string& reason);

  // ---- finding: naive_placing.cpp
  [[nodiscard]] Worker* worker_of(naive::Session session);
  [[nodiscard]] Worker* worker_on(WorkerConnection connection);
  [[nodiscard]] Request* outstanding(ClientConnection client, std::uint64_t id);
  [[nodiscard]] Request* attempt(std::uint64_t id);
  [[nodiscard]] std::uint64_t in_flight(const Worker& worker) const;
  [[nodiscard]] std::uint64_t free_slots(const Worker& worker) const;
  [[nodiscard]] std::uint64_t waiting(const std::string& model) const;
  [[nodiscard]] static std::set<std::string> names_of(const Worker& worker);
  [[nodiscard]] static bool serves(const Worker& worker, const std::string& model);
  [[nodiscard]] static bool fits(const Worker& worker, const Request& request);

  // ---- where a request goes (section 4): naive_placing.cpp
  [[nodiscard]] bool may_take(const Worker& worker) const;
  [[nodiscard]] bool avoids(const Request& request, const Worker& worker) const;
  [[nodiscard]] bool could_be_given(const Request& request, const Worker& worker) const;
  [[nodiscard]] bool servable(const Request& request) const;
  [[nodiscard]] static int order_of(const Worker& worker, const Request& request);
  [[nodiscard]] static bool before(const Request& a, const Request& b);
  void claim_given(const broker::RelayToWorker& relay);
  void check_choice(const Request& request, const Worker& worker);
  void check_policy(const Request& request, Worker& worker);
  void check_turn(const Request& request, const Worker& worker);
  void bind(Request& request, Worker& worker, std::uint64_t attempt);
  void free(Request& request);
  void check_waiting();

  // ---- a request's life and ends: naive_requests.cpp
  void on(const broker::ClientSaid& event);
  void on(const broker::ClientFault& event);
  void on(const broker::ClientUnreachable& event);
  void on(const broker::Stop& event);
  void on(const broker::Reconfigured& event);
  void asks(const broker::ClientSaid& event, const muster::Request& request);
  [[nodiscard]] std::vector<std::string> grounds_against(const broker::ClientSaid& event,
                                                         const muster::Request& request);
  [[nodiscard]] std::uint64_t held_bytes() const;
  [[nodiscard]] bool may_retry(const Request& request) const;
  [[nodiscard]] Time hold_until() const;
  void put_back(Request& request);
  void avoid(Request& request, naive::Session session);
  void claim_error(const broker::SendToClient& send, const Error& error);
  [[nodiscard]] bool ends_rightly(const Request& request, const Error& error);
  [[nodiscard]] bool is_no_worker(const Request& request, const Error& error);
  [[nodiscard]] bool is_timeout(const Request& request, const Error& error) const;
  void owe_end(Request& request, ErrorCode code, std::string_view reason, bool retryable,
               bool slot_free);
  void answered(Request& request, const std::string& end);
  void cancel_at_worker(Request& request);
  void end(Request& request, const std::string& how, bool slot_free);
  void erase(Request& request);

  // ---- what workers say of requests: naive_answers.cpp
  void says(Worker& worker, const broker::WorkerSaid& event, const Chunk& chunk);
  void says(Worker& worker, const broker::WorkerSaid& event, const Final& final);
  void says(Worker& worker, const broker::WorkerSaid& event, const Error& error);
  void says_server_gone(Worker& worker, Request& request, const Error& error);
  void refuses(Worker& worker, Request& request, const Error& error);
  void break_stream(Worker& worker, Request& request, bool slot_free);
  void on(const broker::WorkerFault& event);
  void pass_on(Request& request, const broker::WorkerSaid& event, Then then);
  [[nodiscard]] Request* held_by(const Worker& worker, std::uint64_t id);
  void gets_done(Worker& worker);
  void fails(Worker& worker);
  [[nodiscard]] bool share_holds(const std::string& model, std::uint64_t more) const;
  void claim_taken_back(Worker& worker);
  void check_share();
  [[nodiscard]] static bool too_much(const std::vector<ModelDescription>& models);
  [[nodiscard]] static bool too_much(const WorkerDescription& info);

  // ---- sessions (section 6): naive_sessions.cpp
  void on(const broker::WorkerSaid& event);
  void on(const broker::WorkerUnreachable& event);
  void says(Worker& worker, const broker::WorkerSaid& event, const WorkerHeartbeat& heartbeat);
  void says(Worker& worker, const broker::WorkerSaid& event, const Deregister& farewell);
  void says(Worker& worker, const broker::WorkerSaid& event, const Status& status);
  void tells_progress(Worker& worker, std::optional<std::uint64_t> progress);
  void registers(WorkerConnection connection, const WorkerDescription& info);
  void wants_name(Worker& holder, WorkerConnection connection, const WorkerDescription& info);
  void registers_anew(WorkerConnection connection, const WorkerDescription& info);
  void begin(WorkerConnection connection, const WorkerDescription& info, Then after = {});
  void add_worker(WorkerConnection connection, const WorkerDescription& info);
  void resume(Worker& worker, WorkerConnection connection, const WorkerDescription& info);
  void describe(Worker& worker, const WorkerDescription& info);
  void serves_now(Worker& worker, const std::vector<ModelDescription>& models);
  void reconcile(Worker& worker, const std::vector<BrokerId>& active, std::uint64_t bindings);
  void must_end(const Worker& worker, const std::string& what, std::string_view reason,
                Then after = {});
  void end_session(naive::Session session, const std::string& what, std::string_view reason,
                   Then after = {});
  void lose(Request& request, std::string_view reason);
  void place_again(Request& request);
  void dismiss(WorkerConnection connection, ErrorCode code);
  void holder_lives(const Worker& worker);
  void forget_contender(WorkerConnection connection, const std::string& but_for);
  [[nodiscard]] naive::Told& told(WorkerConnection connection);
  void owe_reregister(WorkerConnection connection);
  [[nodiscard]] std::string registered_text(WorkerConnection to) const;

  // ---- liveness (section 7): naive_liveness.cpp
  void on(const broker::Tick& event);
  void on(const broker::ForeignPeer& event);
  bool heard(Worker& worker);
  void look_for_doubt();
  void owe_probe(Worker& worker);
  void probed(Worker& worker, const Action& action);
  [[nodiscard]] std::string heartbeat_text(const Worker& worker) const;
  [[nodiscard]] Time spared_until(const Worker& worker) const;
  [[nodiscard]] bool may_be_suspect(const Worker& worker) const;
  [[nodiscard]] bool may_expire(const Worker& worker) const;
  [[nodiscard]] bool may_be_replaced(const Worker& worker) const;
  [[nodiscard]] bool may_move(const Request& request);
  [[nodiscard]] bool client_is_silent(ClientConnection client) const;
  void claim_greeting(const broker::SendToClient& send, const ClientTerms& terms);
  void claim_probe(const broker::SendToWorker& send);
  void claim_lost(const broker::FailureNote& note);
  void check_tick();
  [[nodiscard]] Read read_before(Duration ago) const;
  void check_worker_judged(const Worker& worker);
  void check_clients();

  // ---- what is told (section 9): naive_queries.cpp
  void asks(const broker::ClientSaid& event, const Query& query);
  void orders(const broker::ClientSaid& event, const Query& query);
  void refreshes(ClientConnection client, std::uint64_t id);
  void claim_answer(const broker::SendToClient& send, const Answer& answer);
  void check_refreshes();
  void compare(const std::string& query, const Value& result);
  void compare_workers(const Value& result);
  void compare_worker(const Worker& worker, const Value& row);
  void compare_models(const Value& result);
  void compare_stats(const Value& result);
  void compare_why(const Value& result);
  void same(const std::string& what, const Value* found, const Value& expected);

  broker::ControllerOptions options_;
  const Instance broker_;
  const Time started_;
  Time now_;

  std::map<std::string, Worker> workers_;
  std::list<Request> requests_;
  std::list<naive::Contender> contenders_;
  std::list<naive::Refresh> refreshes_;
  std::map<ClientConnection, naive::Client> clients_;
  std::map<WorkerConnection, naive::Told> told_;
  std::list<naive::Gone> gone_;
  std::map<std::string, Instance> removed_;
  std::set<std::string> ever_named_;
  std::map<std::string, naive::Session> conversations_;  // of a model: who had it last
  std::map<std::string, std::uint64_t> counts_;          // of `stats`, by field

  naive::Session last_session_ = 0;
  std::uint64_t last_number_ = 0;
  std::uint64_t last_binding_ = 0;
  std::uint64_t last_attempt_;
  std::uint64_t last_nonce_ = 0;
  std::uint64_t answers_ = 0;

  // Time and silence.
  Time last_tick_;
  Time judge_from_;         // nobody is judged before: the broker itself had paused
  Time read_backend_;       // all that had arrived by then was read
  Time read_frontend_;      // likewise
  std::deque<Read> reads_;  // the Ticks of the last two intervals, and what had been read at each
  Time last_sign_;          // of life, of any worker
  Time spare_until_{};
  bool doubts_ = false;
  bool doubt_told_ = false;
  bool share_is_as_it_was_ = true;

  bool stopping_ = false;
  Time stop_at_ = time_never;

  // Of this step.
  bool ticks_ = false;
  bool all_read_ = false;
  bool stops_ = false;
  bool looks_at_refreshes_ = false;
  std::uint64_t bindings_before_ = 0;
  std::uint64_t successors_ = 0;  // sessions of contenders that have still to begin
  bool succeeded_ = false;        // ... and one that has begun
  bool placed_ = false;           // a request was given to a worker, or got NO_WORKER
  naive::Session speaker_ = 0;
  std::list<naive::Owed> owed_;
  std::set<ClientConnection> given_up_;

  std::vector<std::string> violations_;
  std::deque<std::string> story_;
};

// In a line, for people and for comparing what was owed with what was done.
namespace naive {
[[nodiscard]] std::string text_of(const broker::Event& event);
[[nodiscard]] std::string text_of(const broker::Action& action);
[[nodiscard]] std::string error_text(ClientConnection to, std::uint64_t id, ErrorCode code,
                                     const ErrorMeta& meta);
[[nodiscard]] std::string relay_text(ClientConnection to, std::uint64_t id, std::string_view header,
                                     const Payload& payload);
[[nodiscard]] std::string to_worker(WorkerConnection to, const std::string& what);
[[nodiscard]] std::string note_text(std::string_view what, const std::string& worker);
// Who it is, where, and until when.
[[nodiscard]] std::string text_of(const Request& request, Time started);
// A header behind the id that stands in it.
[[nodiscard]] std::string behind_id(const broker::Header& header);
}  // namespace naive

}  // namespace muster::test
