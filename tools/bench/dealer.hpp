#pragma once

// A DEALER of libzmq's, used raw. The house's own sockets (protocol/transport) look at every frame
// for their owners; the load generator knows what comes, and must cost less than what it measures.

#include <string>
#include <zmq.hpp>

#include "protocol/result.hpp"
#include "tools/bench/link.hpp"

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

// Without high-water marks: the windows of the clients bound what is on its way. Moves no frame for
// a connection that does not stand (docs/protocol.md, section 1).
class Dealer : public Link {
 public:
  // `enveloped`: in front of each message that comes stands a frame that says who has asked, and
  // that is given back in front of the answer.
  Dealer(SocketContext& context, bool enveloped);
  ~Dealer() override;

  [[nodiscard]] Outcome connect(const std::string& endpoint) override;
  [[nodiscard]] int fd() const override;
  [[nodiscard]] bool receive(Received& into) override;
  [[nodiscard]] bool send(zmq::message_t& header, const zmq::message_t* body) override;
  [[nodiscard]] bool answer(std::string_view to, zmq::message_t& header,
                            const zmq::message_t* body) override;

 private:
  void set(int option, int value);
  [[nodiscard]] bool receive_frame(zmq::message_t& into);
  [[nodiscard]] bool send_frame(zmq::message_t& frame, bool more);

  const bool enveloped_;
  void* socket_;
  zmq::message_t envelope_;
  zmq::message_t header_;
  zmq::message_t scratch_;
};

}  // namespace muster::bench
