#pragma once

// ClientSessions keeps liveness with clients (docs/protocol.md, section 7): every client that has
// something outstanding is sent a heartbeat each interval, so that it can tell a dead broker and
// the broker a connection that is gone; and one that has ever sent a heartbeat and then falls
// silent for twice the expiry time is given up: nobody else can use its answers, so a short cut of
// the network is not worth losing them.
//
// As with workers a silence counts only if it is the client's own (silence_clock.hpp).
//
// Complexity: O(log n) for each client and interval. Bounded by the clients that have something
// outstanding or have spoken within twice the expiry time.

#include <unordered_map>
#include <vector>

#include "broker/core/in_flight_table.hpp"
#include "broker/core/options.hpp"
#include "broker/core/silence_clock.hpp"
#include "broker/core/timer_queue.hpp"

namespace muster::broker {

class ClientSessions {
 public:
  ClientSessions(const ControllerOptions& options, Time now)
      : options_(options), clock_(options, now) {}

  // Something has come from it; a request; a heartbeat.
  void heard(ClientConnection client, Time now);
  void asks(ClientConnection client, Time now);
  void beats(ClientConnection client, Time now);

  // Its connection is gone.
  void forget(ClientConnection client);

  struct Due {
    std::vector<ClientConnection> heartbeat;  // to be sent one
    std::vector<ClientConnection> expired;    // silent for too long: what it waits for is given up
  };
  // `all_read`: everything that had arrived from clients has been given to heard().
  [[nodiscard]] Due tick(Time now, bool all_read, const InFlightTable& requests);

  [[nodiscard]] Time next_deadline() const { return timers_.next(); }

 private:
  struct Client {
    Time last_heard;
    Time look_at;
    bool beats = false;
  };
  Client& know(ClientConnection client, Time now);

  const ControllerOptions& options_;
  std::unordered_map<ClientConnection, Client> clients_;
  TimerQueue<ClientConnection> timers_;
  SilenceClock clock_;
};

}  // namespace muster::broker
