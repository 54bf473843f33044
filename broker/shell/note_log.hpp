#pragma once

// What a Controller notes, as lines of the log. What peers can cause at will is bounded in rate;
// how much was left out is told in its place.

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "broker/core/action.hpp"
#include "broker/shell/rate_limit.hpp"
#include "protocol/time.hpp"

namespace muster::broker {

class NoteLog {
 public:
  void write(const WorkerNote& note, Time now);
  void write(const FailureNote& note, Time now);
  void write(const RequestNote& note);
  void write(const FaultNote& note, Time now);

  // A peer that sets a routing id of its own has said something (protocol/transport/socket.hpp).
  void foreign_peer(bool from_worker, Time now);

  // The broker has given a client up (client_outbox.hpp).
  void client_cut_off(ClientConnection client, Time now);

  // To be called now and then: tells what was left out once there is room for it.
  void tick(Time now);

 private:
  // One bound for each kind of failure at each worker, and one for each kind of bad input of each
  // side: a flood of one does not hide another.
  struct FailureKind {
    ErrorCode code{};
    std::string reason;
    std::string worker;
    friend auto operator<=>(const FailureKind&, const FailureKind&) = default;
  };
  using FaultKind = std::pair<bool, FaultReason>;  // of a worker?
  [[nodiscard]] static std::string_view what_failed(ErrorCode code);
  [[nodiscard]] static std::string_view what_came(const FaultKind& kind);
  [[nodiscard]] RateLimit& limit_of(const FailureNote& note);
  void tell_left_out(Time now);

  std::map<FailureKind, RateLimit> failures_;
  std::map<FaultKind, RateLimit> faults_;
  RateLimit foreign_peers_{10, std::chrono::seconds{1}};
  RateLimit clients_cut_off_{10, std::chrono::seconds{1}};
  Time look_again_at_{};  // for what was left out
  // A large cluster may come, or go, all at once.
  RateLimit workers_{1000, std::chrono::milliseconds{10}};
};

}  // namespace muster::broker
