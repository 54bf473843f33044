#pragma once

// The client's core: what is outstanding at one broker, without a socket, thread or clock in it.
//
// It is a function of (state, event, now): step() takes one event and appends what is to be done,
// in order; next_deadline() says when it wants a Tick.
//
// The idea. A request is *unsent* until a connection is known to stand and the socket has taken it,
// then *sent*. The empty first frame of a connection (docs/protocol.md, section 1) is the one
// moment that divides the two: what had been sent went to a connection that is no more, and no
// answer to it will come; what was unsent is sent now.
//
// Sent again. Of what was sent on a connection that is no more, that becomes unsent which may be
// carried out twice and of whose answer nothing has come: a request with `retry`, and a query that
// only reads. All else ends with `connection_lost`. What is sent again has an id of its own on the
// wire, so that no late word for the former can be taken for it, and goes after a CANCEL for the
// former where that may have slipped onto the new connection. It is sent again twice at most, and
// its deadline stands. For that, a request is kept while it is sent and no part of its answer has
// come: body and header, retry_bytes_max together; what finds no room is not sent again.
//
// A broker that stops answers SHUTTING_DOWN. What might be sent again is then *parked*: when there
// is another connection within the expiry time and an interval, or this one is found dead, it is
// sent again; otherwise it ends as the broker said.
//
// Deadlines. A request's time is counted from its Ask. The broker is told what is left of it when
// the request is sent, and the core then waits one heartbeat interval longer, so that the broker's
// own WORKER_TIMEOUT, which knows the reason, normally comes first. The times until a part are
// the broker's matter, and counted anew by each.
//
// Liveness (section 7). While anything is outstanding the core heartbeats, and the broker answers
// each, and may send others unasked. A broker that has something of ours in hand, or has told that
// it stops, or whose socket takes nothing, and from which nothing has come for the expiry time is
// taken for dead. A time in which this process itself stood still does not count.
//
// What the broker may not say is dropped and counted: words for an id that is not outstanding
// (normal after a cancel), for one not sent yet, or of the wrong kind. A CHUNK or FINAL out of its
// turn, or a CHUNK that was not asked for, leaves an answer that can't be trusted: the request ends
// as from_broker WORKER_LOST with the reason `stream_broken`, as the broker itself does with its
// workers (section 4). So does one of which a CHUNK, FINAL or ERROR can't be read: no other is to
// come. A query whose end can't be read is `connection_lost`.
//
// The wrong side. A backend has a connection like a frontend's, and nothing to say on it but
// REREGISTER. A core that hears that ends everything as `unreachable`, and so whatever is still
// asked until there is a new connection: waiting would not help.
//
// Bounds: outstanding_max requests and queries; as many CANCELs that wait for room in the socket,
// the oldest let go beyond; retry_bytes_max of what is kept. All operations are
// O(log outstanding); ConnectionNew, a broker's death, Stop and the sending after a time without
// connection are linear.

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client/core/action.hpp"
#include "client/core/event.hpp"
#include "client/core/options.hpp"

namespace muster::client {

class ClientCore {
 public:
  ClientCore(CoreOptions options, Time now);

  // Takes one event. `now` never goes back. Actions are appended to `out`.
  void step(Event event, Time now, std::vector<Action>& out);

  // When the next Tick is wanted.
  [[nodiscard]] Time next_deadline() const;

  // Words of the broker that were dropped.
  struct Dropped {
    std::array<std::uint64_t, fault_reason_count> faults{};  // by FaultReason
    std::uint64_t unknown_id = 0;
    std::uint64_t unfitting = 0;   // for an id not sent yet, or of the other kind
    std::uint64_t duplicates = 0;  // ERRORs that say `duplicate`
  };
  [[nodiscard]] const Dropped& dropped() const { return dropped_; }

  [[nodiscard]] std::size_t outstanding() const { return outstanding_.size(); }

  // Of what is sent and kept for being sent again.
  [[nodiscard]] std::uint64_t kept_bytes() const { return kept_bytes_; }

  // Whether nothing is outstanding and no CANCEL waits for room in the socket.
  [[nodiscard]] bool idle() const { return outstanding_.empty() && cancels_.empty(); }

 private:
  enum class Stage : std::uint8_t {
    unsent,
    sent,
    parked,  // the broker stops, and has said so in place of an answer
  };
  struct Outstanding {
    bool query = false;
    bool repeatable = false;  // may be carried out twice
    Stage stage = Stage::unsent;
    std::uint64_t repeats = 0;  // how often it is sent again: a part of its id on the wire
    Duration time{};            // what it was given
    Time due{};                 // when that is over
    Time deadline{};            // when the core ends it: `due`, and later once a request is sent
    bool tell_time = false;     // whether the broker is told what is left of the time
    bool stream = false;
    std::uint64_t next_seq = 0;
    FromClient message{};      // while unsent, and where kept
    Payload body{};            // likewise
    std::uint64_t kept = 0;    // while sent, or parked: how many bytes these are; 0: not kept
    Conclusion broker_said{};  // parked only
  };
  using Table = std::map<ClientRequestId, Outstanding>;
  using Actions = std::vector<Action>;

  // On the wire an id has in its two highest bits how often it is sent again.
  static constexpr int repeat_shift = 62;
  static constexpr std::uint64_t first_repeat = std::uint64_t{1} << repeat_shift;
  static constexpr std::uint64_t repeats_max = 2;

  void on(Ask&& event, Time now, Actions& out);
  void on(AskBroker&& event, Time now, Actions& out);
  void on(Withdraw&& event, Time now, Actions& out);
  void on(Stop&& event, Time now, Actions& out);
  void on(ConnectionNew&& event, Time now, Actions& out);
  void on(BrokerSaid&& event, Time now, Actions& out);
  void on(BrokerFault&& event, Time now, Actions& out);
  void on(NotSent&& event, Time now, Actions& out);
  void on(EndpointRefused&& event, Time now, Actions& out);
  void on(Tick&& event, Time now, Actions& out);

  void heard(Chunk&& message, Payload&& payload, Time now, Actions& out);
  void heard(Final&& message, Payload&& payload, Time now, Actions& out);
  void heard(Error&& message, Payload&& payload, Time now, Actions& out);
  void heard(ClientTerms&& message, Payload&& payload, Time now, Actions& out);
  void heard(Answer&& message, Payload&& payload, Time now, Actions& out);

  void admit(ClientRequestId id, Outstanding&& entry, Time now, Actions& out);
  [[nodiscard]] std::optional<Conclusion> refusal(const Outstanding& entry) const;
  [[nodiscard]] static WireId wire_id(ClientRequestId id, const Outstanding& entry);
  [[nodiscard]] Table::iterator find(WireId id);
  [[nodiscard]] Table::iterator find_sent(WireId id);
  [[nodiscard]] Table::iterator find_sent(WireId id, bool query);
  void set_deadline(ClientRequestId id, Outstanding& entry, Time deadline);
  void send_unsent(Time now, Actions& out);
  void send(ClientRequestId id, Outstanding& entry, Time now, Actions& out);
  [[nodiscard]] static std::size_t header_bytes_bound(const FromClient& message);
  [[nodiscard]] bool keep(Outstanding& entry);
  void count_out(Outstanding& entry);
  void let_go(Outstanding& entry);
  void cancel_at_broker(ClientRequestId id, const Outstanding& entry, Actions& out);
  [[nodiscard]] std::optional<std::string> over_limits(const Outstanding& entry) const;
  [[nodiscard]] Conclusion lateness(const Outstanding& entry) const;
  void end_unreadable(Table::iterator entry, const Fault& fault, Actions& out);
  void turn_away(Actions& out);
  [[nodiscard]] Conclusion wrong_side() const;
  [[nodiscard]] static std::string out_of_turn(const Outstanding& entry, std::uint64_t seq);
  void break_stream(Table::iterator entry, std::string why, Actions& out);
  void end_request(Table::iterator entry, Conclusion conclusion, PartMeta meta, Payload bytes,
                   Actions& out);
  void end_query(Table::iterator entry, Conclusion conclusion, Value result, Actions& out);
  void end(Table::iterator entry, const Conclusion& conclusion, Actions& out);
  void forget(Table::iterator entry);
  void enter(Stage stage, ClientRequestId id, Outstanding& entry);
  void leave(ClientRequestId id, const Outstanding& entry);
  void lose_connection(const std::string& why, bool cancel, Time now, Actions& out);
  void take_back(ClientRequestId id, Outstanding& entry);
  void park(Table::iterator entry, Conclusion&& said, Time now, Actions& out);
  void end_late(Time now, Actions& out);
  void heartbeat(Time now, Actions& out);
  void pause_sending(Time now);

  // Whether it is the broker's turn to do something.
  [[nodiscard]] bool waiting() const {
    return sent_count_ + parked_count_ > 0 || retry_at_ != time_never;
  }
  [[nodiscard]] Duration beat() const;

  CoreOptions options_;
  WireLimits limits_;  // the broker's, once told; else the options'
  bool limits_told_ = false;
  std::optional<Duration> broker_interval_;

  Table outstanding_;
  std::set<std::pair<Time, ClientRequestId>> deadlines_;  // of all outstanding
  std::set<ClientRequestId> unsent_;                      // in the order of asking
  std::deque<WireId> cancels_;                            // CANCELs that found no room
  std::size_t sent_count_ = 0;
  std::size_t parked_count_ = 0;
  std::uint64_t kept_bytes_ = 0;

  bool connected_ = false;
  bool ever_connected_ = false;
  bool at_backend_ = false;  // this connection leads to a broker's backend
  bool stopped_ = false;
  std::optional<std::string> endpoint_refused_;

  Time silent_since_;  // the last sign of life, or when waiting began
  Time heartbeat_at_;
  Time retry_at_ = time_never;  // the socket had no room: when to try it again
  Duration retry_pause_{};
  Time last_tick_;

  Dropped dropped_;
};

}  // namespace muster::client
