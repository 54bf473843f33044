#pragma once

// A DEALER of libzmq's, used raw. The house's own sockets (protocol/transport) look at every frame
// for their owners; the load generator knows what comes, and must cost less than what it measures.

#include <string>
#include <zmq.hpp>

#include "protocol/result.hpp"

namespace muster::bench {

// One I/O thread of libzmq, and the sockets that it serves. Outlives them.
class SocketContext {
 public:
  SocketContext();
  ~SocketContext();
  SocketContext(const SocketContext&) = delete;
  SocketContext& operator=(const SocketContext&) = delete;
  [[nodiscard]] void* native() const { return context_; }

 private:
  void* context_;
};

// What is in a message behind its header: read, counted and thrown away.
struct Rest {
  std::size_t frames = 0;
  std::size_t bytes = 0;
};

// Without high-water marks: the windows of the clients bound what is on its way. Moves no frame for
// a connection that does not stand (docs/protocol.md, section 1).
class Dealer {
 public:
  explicit Dealer(SocketContext& context);
  ~Dealer();
  Dealer(const Dealer&) = delete;
  Dealer& operator=(const Dealer&) = delete;

  [[nodiscard]] Outcome connect(const std::string& endpoint);

  // For a poll: readable when something may have come since receive() last gave nothing. A send may
  // take the news away, so whoever sends receives until nothing comes before it polls again.
  [[nodiscard]] int fd() const;

  // The next frame, if one is there. The frames of a message come together.
  [[nodiscard]] bool receive(zmq::message_t& into);

  // What follows `header`, a frame that was received before.
  [[nodiscard]] Rest receive_rest(const zmq::message_t& header);

  // False, and nothing sent: there is no connection.
  [[nodiscard]] bool send(zmq::message_t& frame, bool more);

 private:
  void set(int option, int value);
  void* socket_;
  zmq::message_t scratch_;
};

}  // namespace muster::bench
