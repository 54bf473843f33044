#include "tools/bench/dealer.hpp"

#include <zmq.h>

#include <cerrno>

#include "protocol/check.hpp"

namespace muster::bench {

SocketContext::SocketContext() : context_(zmq_ctx_new()) {
  constexpr int sockets_max = 100'000;  // descriptors end sooner
  CHECK(context_ != nullptr, "libzmq gives no context");
  CHECK(zmq_ctx_set(context_, ZMQ_MAX_SOCKETS, sockets_max) == 0, "libzmq refused so many sockets");
}

SocketContext::~SocketContext() {
  while (zmq_ctx_term(context_) != 0 && errno == EINTR) {
  }
}

Dealer::Dealer(SocketContext& context) : socket_(zmq_socket(context.native(), ZMQ_DEALER)) {
  CHECK(socket_ != nullptr, "libzmq gives no socket: too many descriptors are open");
  set(ZMQ_IMMEDIATE, 1);
  set(ZMQ_LINGER, 0);
  set(ZMQ_SNDHWM, 0);
  set(ZMQ_RCVHWM, 0);
}

Dealer::~Dealer() {
  zmq_close(socket_);
}

void Dealer::set(int option, int value) {
  CHECK(zmq_setsockopt(socket_, option, &value, sizeof value) == 0,
        "libzmq refused a socket option");
}

Outcome Dealer::connect(const std::string& endpoint) {
  if (zmq_connect(socket_, endpoint.c_str()) == 0) return Done{};
  return failure("cannot connect to " + endpoint + ": " + zmq_strerror(errno));
}

int Dealer::fd() const {
  int fd = -1;
  std::size_t size = sizeof fd;
  CHECK(zmq_getsockopt(socket_, ZMQ_FD, &fd, &size) == 0, "libzmq gives no descriptor");
  return fd;
}

bool Dealer::receive(zmq::message_t& into) {
  while (zmq_msg_recv(into.handle(), socket_, ZMQ_DONTWAIT) < 0) {
    if (errno == EAGAIN) return false;
    CHECK(errno == EINTR, "libzmq refused a receive");
  }
  return true;
}

Rest Dealer::receive_rest(const zmq::message_t& header) {
  Rest rest;
  for (bool more = header.more(); more; more = scratch_.more()) {
    CHECK(receive(scratch_), "libzmq gave a part of a message");
    ++rest.frames;
    rest.bytes += scratch_.size();
  }
  return rest;
}

bool Dealer::send(zmq::message_t& frame, bool more) {
  while (zmq_msg_send(frame.handle(), socket_, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) < 0) {
    if (errno == EAGAIN) return false;
    CHECK(errno == EINTR, "libzmq refused a send");
  }
  return true;
}

}  // namespace muster::bench
