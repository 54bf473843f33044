#pragma once

// ClientOutbox: what clients that read too slowly have not taken yet.
//
// A send never waits, and libzmq takes only so many messages for one client. What it does not take
// is kept here, in order, until there is room: everything for that client goes through here until
// the last of it is sent. The keeping is bounded, in bytes for each client and for all together,
// and in the time for which a client takes nothing; beyond a bound the client is cut off: all that
// was kept for it is dropped, and the caller tells the Controller, which gives its requests up.
//
// keep() is O(log clients); flush() is O(clients that wait + messages that go).

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "broker/shell/options.hpp"
#include "protocol/ids.hpp"
#include "protocol/payload.hpp"
#include "protocol/time.hpp"
#include "protocol/transport/socket.hpp"

namespace muster::broker {

class ClientOutbox {
 public:
  // What each message costs beside its bytes.
  static constexpr std::uint64_t message_overhead = 256;

  explicit ClientOutbox(const OutboxBounds& bounds = {}) : bounds_(bounds) {}

  // Whether something waits for this client, so that all else for it has to wait behind.
  [[nodiscard]] bool holds(ClientConnection client) const { return queues_.contains(client); }
  [[nodiscard]] bool empty() const { return queues_.empty(); }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

  // Keeps a message. False: a bound is passed, and the client is cut off.
  [[nodiscard]] bool keep(ClientConnection client, const Frame& header, const Payload& payload,
                          Time now);

  struct Lost {
    ClientConnection client;
    bool cut_off = false;  // it stalled; else its connection is gone
    friend bool operator==(const Lost&, const Lost&) = default;
  };
  using Send = std::function<transport::Sent(ClientConnection, Frame&, Payload&)>;

  // Sends what goes now. What is kept for those returned has been dropped.
  [[nodiscard]] std::vector<Lost> flush(Time now, const Send& send);

 private:
  struct Message {
    Frame header;
    Payload payload;
    std::uint64_t cost;
  };
  struct Queue {
    std::deque<Message> messages;
    std::uint64_t bytes = 0;
    Time taken_at;  // when the client last took one; at first, when it first did not
  };

  void drop(std::map<ClientConnection, Queue>::iterator queue);

  const OutboxBounds bounds_;
  std::map<ClientConnection, Queue> queues_;  // none of them empty
  std::uint64_t bytes_ = 0;                   // the sum of theirs
};

}  // namespace muster::broker
