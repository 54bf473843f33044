#pragma once

// One broker as a worker sees it (docs/protocol.md, sections 6 and 7): whether a connection stands,
// whether the worker is registered on it, when a heartbeat is due, when the broker is taken for
// dead.
//
// The idea: it dials, and waits for the empty first frame (connecting). That frame, and nothing
// else, says that a connection is new; REGISTER answers it (registering), at most one unanswered;
// REGISTERED brings the terms (registered). libzmq re-makes a broken connection without a word, so
// the empty frame may come at any time, and then all begins again on the same socket. A broker that
// is silent for twice interval x liveness (once, before its first answer) is dead: its socket is
// closed and a new one dials, renewed after 1 s, 2 s, ... while nothing comes, so that no half-dead
// connection is waited for.
//
// It sends nothing itself: it says what is due. Time is given to it; its chance is seeded.

#include <cstdint>
#include <string>

#include "protocol/message.hpp"
#include "protocol/prng.hpp"
#include "protocol/time.hpp"

namespace muster::agent {

class BrokerSession {
 public:
  enum class State : std::uint8_t {
    connecting,   // a socket dials; nothing has come on it yet
    registering,  // REGISTER is due, or unanswered
    registered,
    dismissed,  // says nothing until it tries again; never again after REPLACED
    left,       // DEREGISTER has gone out: says nothing more
  };

  // REQUIRES: the shell opens the socket at `now`.
  BrokerSession(std::string endpoint, std::uint64_t seed, Time now);

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool replaced() const { return replaced_; }
  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }
  [[nodiscard]] const BrokerTerms& terms() const { return terms_; }
  [[nodiscard]] Duration expiry() const;
  // How long it may be silent.
  [[nodiscard]] Duration patience() const;

  // Whether an outage has been told of; it is told once, and once more that it is over.
  [[nodiscard]] bool outage_told() const { return outage_told_; }
  void tell_outage() { outage_told_ = true; }

  // ---- what comes from the broker. Any message is a sign of life.

  void heard(Time now) { last_heard_ = now; }
  void connected(Time now);

  // The connection is broken; the same socket makes it anew. False: there was no session on it.
  [[nodiscard]] bool disconnected(Time now);
  // It broke a moment ago, and the same socket may have it back before another is wanted.
  [[nodiscard]] bool coming_back() const { return state_ == State::connecting && coming_back_; }

  // Whether a REGISTER waited for this answer; where none did, nothing changes.
  [[nodiscard]] bool registered(const BrokerTerms& terms, Time now);

  // Whether it has to register again: not while a REGISTER is unanswered.
  [[nodiscard]] bool reregister(Time now);

  // REPLACED is for good; after any other code it tries again, later each time.
  void dismissed(ErrorCode code, Time now);

  // ---- time

  enum class Verdict : std::uint8_t {
    fine,
    silent,  // was heard of, and is taken for dead now: a new socket is wanted
    renew,   // nothing has come on the new socket: another is wanted
  };

  // `may_expire`: all that had arrived has been given to heard(). A tick that comes an interval too
  // late shows that this process stood still itself: then the broker gets one more interval.
  [[nodiscard]] Verdict tick(Time now, bool may_expire);
  [[nodiscard]] Time next_deadline() const;

  // ---- what is due

  [[nodiscard]] bool register_due() const { return register_due_; }
  [[nodiscard]] bool heartbeat_due() const { return heartbeat_due_; }
  // A heartbeat at once, for what must not wait for the next one.
  void hurry(Time now);
  void register_sent() { register_due_ = false; }
  void heartbeat_sent() { heartbeat_due_ = false; }
  void leave();

 private:
  void begin_registering(Time now);
  void dial_again(Time now);
  [[nodiscard]] Duration next_backoff();

  std::string endpoint_;
  Prng prng_;
  State state_ = State::connecting;
  BrokerTerms terms_;  // until told otherwise: those of section 7
  bool replaced_ = false;
  bool register_due_ = false;
  bool heartbeat_due_ = false;
  bool outage_told_ = false;
  bool coming_back_ = false;  // connecting: on the socket that had the last session
  Time last_heard_;
  Time heartbeat_at_ = time_never;  // registered
  Time retry_at_;                   // connecting: the next socket; dismissed: the next REGISTER
  std::uint64_t backoffs_ = 0;      // in a row without a REGISTERED between them
};

}  // namespace muster::agent
