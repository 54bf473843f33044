#pragma once

// PendingRequest: one REQUEST from its receipt until its client has its answer *and* no worker's
// slot is taken for it any more. These are two ends: a client that cancels has its answer at once,
// while the worker keeps the slot until it acknowledges (docs/protocol.md, section 8).

#include <algorithm>
#include <boost/intrusive/list_hook.hpp>
#include <boost/intrusive/set_hook.hpp>
#include <boost/intrusive/unordered_set_hook.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "broker/core/event.hpp"
#include "broker/core/ids.hpp"
#include "broker/core/kept_message.hpp"

namespace muster::broker {

struct WorkerInfo;

enum class Phase : std::uint8_t {
  waiting,    // in the waiting room, or on its way there
  sent,       // at a worker; no part of the answer has come
  streaming,  // at a worker; a CHUNK has come
  answered,   // its client has its answer; the worker's slot is still taken
};

// What has gone wrong with a request so far.
struct Setbacks {
  // A worker that is not to be given it again before `until`.
  struct Avoided {
    SessionId session;
    Time until;
  };
  // That many at once: it goes to nobody until the first of them may be tried again.
  static constexpr std::size_t avoided_max = 16;

  std::vector<Avoided> avoided;
  std::uint64_t refusals = 0;      // by workers
  std::string refusal;             // who said the last one, and why: for the sentence of a time-out
  std::vector<SessionId> lost_at;  // the workers it was lost with: the last to be given it again
  std::string lost_why;            // how it was lost there, in a sentence
};

struct PendingRequest {
  PendingRequest() = default;
  PendingRequest(const PendingRequest&) = delete;
  PendingRequest& operator=(const PendingRequest&) = delete;

  RequestNumber number;
  ClientRequestId id;
  ClientConnection client;
  Phase phase = Phase::waiting;
  bool stream = false;
  bool retry = true;      // may be given to another worker where it is lost before its first part
  bool in_room = false;   // kept by the waiting room
  bool in_front = false;  // placed again: before all that came in the usual way

  // Kept until the first part of an answer: until then another worker may have to be given it.
  KeptMessage kept;
  std::uint64_t held_bytes = 0;

  Time received{};
  Time until = time_never;        // the whole time-out
  Time first_until = time_never;  // until the first part
  Duration idle_timeout{};        // between parts; 0: none
  Time held_until = time_never;   // waiting, and nobody can serve it: NO_WORKER at this time
  Time armed = time_never;        // the in-flight table's timer for it

  // At a worker.
  WorkerInfo* worker = nullptr;
  BrokerId attempt;
  std::uint64_t binding = 0;  // the worker's count of bindings with this one
  Time bound{};
  Time idle_until = time_never;
  std::uint64_t chunks = 0;
  Time ask_at = time_never;  // answered: its worker is asked by then whether it is still at work

  // Its places in what it can be found by. They are part of it, so that no table allocates for it.
  boost::intrusive::list_member_hook<> among_all;
  boost::intrusive::list_member_hook<> among_siblings;  // of its client
  boost::intrusive::unordered_set_member_hook<> among_clients;
  boost::intrusive::unordered_set_member_hook<> among_attempts;
  boost::intrusive::list_member_hook<> among_ascending;  // timers
  boost::intrusive::list_member_hook<> among_held;       // at its worker
  boost::intrusive::set_member_hook<> among_timers;
  boost::intrusive::set_member_hook<> among_waiting;  // in the waiting room

  // What it asks for. Behind all that is looked at when an answer has come: a broker with thousands
  // of requests outstanding waits for memory more than for anything else.
  std::string model;
  std::string request_id;
  std::string conversation;  // `session` of the request; empty: none
  StringMap require;
  std::int64_t priority = 0;

  [[nodiscard]] const Setbacks& setbacks() const {
    static const Setbacks none;
    return own_setbacks_ != nullptr ? *own_setbacks_ : none;
  }
  [[nodiscard]] Setbacks& add_setback() {
    if (own_setbacks_ == nullptr) own_setbacks_ = std::make_unique<Setbacks>();
    return *own_setbacks_;
  }

  [[nodiscard]] std::size_t retries() const { return setbacks().lost_at.size(); }
  [[nodiscard]] bool was_lost_at(SessionId session) const {
    const auto& lost_at = setbacks().lost_at;
    return std::find(lost_at.begin(), lost_at.end(), session) != lost_at.end();
  }

  // Whether its time is over, so that no worker may begin it any more.
  [[nodiscard]] bool is_late(Time now) const { return now >= std::min(until, first_until); }

  [[nodiscard]] bool at_worker() const { return worker != nullptr; }

  [[nodiscard]] bool avoids(SessionId session, Time now) const {
    const auto& avoided = setbacks().avoided;
    const auto lasting = [now](const Setbacks::Avoided& a) { return now < a.until; };
    if (avoided.size() >= Setbacks::avoided_max &&
        std::all_of(avoided.begin(), avoided.end(), lasting)) {
      return true;
    }
    return std::any_of(avoided.begin(), avoided.end(), [&](const Setbacks::Avoided& a) {
      return a.session == session && lasting(a);
    });
  }

  void forget_avoided(Time now) {
    if (own_setbacks_ == nullptr) return;
    std::erase_if(own_setbacks_->avoided,
                  [now](const Setbacks::Avoided& a) { return a.until <= now; });
  }

  void avoid(SessionId session, Time end, Time now) {
    forget_avoided(now);
    auto& avoided = add_setback().avoided;
    std::erase_if(avoided, [session](const Setbacks::Avoided& a) { return a.session == session; });
    avoided.push_back({session, end});
  }

  // When something is to be decided about it if nothing happens before.
  [[nodiscard]] Time deadline() const {
    switch (phase) {
      case Phase::waiting: {
        Time at = std::min({until, first_until, held_until});
        for (const Setbacks::Avoided& a : setbacks().avoided)
          at = std::min(at, a.until);
        return at;
      }
      case Phase::sent:
        return std::min(until, first_until);
      case Phase::streaming:
        return std::min(until, idle_until);
      case Phase::answered:
        return ask_at;
    }
    return time_never;
  }

 private:
  std::unique_ptr<Setbacks> own_setbacks_;  // null, as nearly always: none
};

}  // namespace muster::broker
