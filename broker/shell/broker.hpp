#pragma once

// Broker: a Controller with sockets around it. Frames become events, actions become frames.
//
// One thread runs it. Each turn reads the clock once, reads the sockets empty up to a bound (the
// backend first: it frees slots and proves life), lets the Controller step, performs its actions in
// order, and sleeps until something comes or the Controller wants a Tick. Sends never wait: a
// worker is sent no more than its slots allow, and what a client does not take is kept in its
// outbox.
//
//   transport::Context context;
//   Broker broker(context, options, std::move(controller));
//   if (auto opened = broker.open(); !opened) ...  // says which endpoint, and why not
//   broker.run(&signals);

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "broker/core/controller.hpp"
#include "broker/shell/client_outbox.hpp"
#include "broker/shell/note_log.hpp"
#include "broker/shell/options.hpp"
#include "protocol/codec.hpp"
#include "protocol/result.hpp"
#include "protocol/transport/poller.hpp"
#include "protocol/transport/socket.hpp"

namespace muster::broker {

class Broker {
 public:
  // `controller` was made with `options.controller`. `context` outlives the broker.
  Broker(transport::Context& context, const BrokerOptions& options,
         std::unique_ptr<Controller> controller);
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  // Listens on all endpoints, or says in a sentence which one can't be had. To be called once.
  [[nodiscard]] Outcome open();

  // Where it listens, port numbers as the system gave them. REQUIRES: open() went well.
  [[nodiscard]] const std::vector<std::string>& frontend_endpoints() const { return frontend_at_; }
  [[nodiscard]] const std::vector<std::string>& backend_endpoints() const { return backend_at_; }

  enum class Ended : std::uint8_t {
    in_order,  // everybody who was owed an answer has been sent one
    at_once,   // a third stop, or clients that did not take theirs in time: the rest is dropped
  };
  // Reads the configuration again: what the Controller is to go on with, if anything has changed.
  using Reload = std::function<std::optional<ControllerOptions>()>;
  // Runs until stop() is called or, where signals are given, one of them comes. SIGHUP: `reload`.
  Ended run(transport::Signals* signals = nullptr, const Reload& reload = {});

  // From any thread. The first call lets what is outstanding finish, for `stop_timeout` at most;
  // the second ends it with SHUTTING_DOWN; the third ends at once.
  void stop() { stop_.notify(); }

 private:
  [[nodiscard]] Outcome bind_all(transport::RouterSocket& socket, const char* key,
                                 const std::vector<std::string>& endpoints,
                                 std::vector<std::string>& bound);
  void turn();
  // What one turn reads of a socket; whether that was all. `handle` takes each message, and returns
  // what that has cost beside its header's bytes, in bytes; `look_ahead` may look at it a few
  // messages before.
  template <class LookAhead, class Handle>
  [[nodiscard]] bool read(transport::RouterSocket& socket, LookAhead look_ahead, Handle handle);
  [[nodiscard]] bool read_backend();
  [[nodiscard]] bool read_frontend();
  // Reads a socket, by `read_it`, if there may be something; whether it was found empty.
  template <class ReadIt>
  [[nodiscard]] bool look(const transport::RouterSocket& socket, bool& unread, ReadIt read_it);
  void flush_outbox();
  void wait();
  [[nodiscard]] Time wake_at() const;
  void stop_asked();
  [[nodiscard]] bool stopping() const { return stops_asked_ > 0; }
  [[nodiscard]] Time stopped_at() const;

  // Lets the Controller take the event; what it wants done waits for the rest of the batch.
  void step(Event&& event);
  // Does what is wanted, and what the Controller wants upon what failed thereby.
  void perform_all();
  void perform(SendToClient& action);
  void perform(RelayToClient& action);
  void perform(SendToWorker& action);
  void perform(RelayToWorker& action);
  void perform(WorkerNote& note) { notes_.write(note, now_); }
  void perform(FailureNote& note) { notes_.write(note, now_); }
  void perform(RequestNote& note) { notes_.write(note); }
  void perform(FaultNote& note) { notes_.write(note, now_); }
  [[nodiscard]] transport::Sent to_frontend(ClientConnection to, Frame& header, Payload& payload);
  void send(ClientConnection to, Frame&& header, Payload&& payload);
  // `attempt`: the message is its REQUEST.
  void send(WorkerConnection to, Frame&& header, Payload&& payload,
            std::optional<BrokerId> attempt);
  void lose(ClientConnection client, bool cut_off);

  const BrokerOptions options_;
  transport::RouterSocket frontend_;
  transport::RouterSocket backend_;
  std::vector<std::string> frontend_at_;
  std::vector<std::string> backend_at_;
  std::unique_ptr<Controller> controller_;
  Decoder client_decoder_;
  Decoder worker_decoder_;
  ClientOutbox outbox_;
  NoteLog notes_;
  transport::Wakeup stop_;
  transport::Poller poller_;

  Time now_;  // of this turn
  // Whether a socket may have something that its descriptor does not tell.
  bool frontend_unread_ = true;
  bool backend_unread_ = true;
  int turns_unpolled_ = 0;                        // since descriptors were looked at
  Time busy_until_;                               // looks for news instead of waiting for them
  Time outbox_retry_at_;                          // when clients that were full are tried again
  std::array<transport::Incoming, 16> incoming_;  // taken from a socket together
  // A ClientSaid and a WorkerSaid, for one message after the other: making an event anew costs as
  // much as reading one.
  Event client_said_{std::in_place_type<ClientSaid>};
  Event worker_said_{std::in_place_type<WorkerSaid>};
  std::vector<Action> actions_;
  static constexpr std::size_t actions_a_batch_min = 32;
  std::size_t actions_a_batch_ = actions_a_batch_min;  // of this turn
  std::vector<Event> failures_;  // of sends: what the Controller is to be told after this step
  // Who was found gone in this turn: told to the Controller once, and sent nothing more.
  std::unordered_set<ClientConnection> clients_gone_;
  std::unordered_set<WorkerConnection> workers_gone_;

  int stops_asked_ = 0;
  Time stop_by_;    // when it ends whatever is still to be sent
  Time last_sent_;  // to a client
};

}  // namespace muster::broker
