#include "tools/bench/dealer.hpp"

#include <zmq.h>

#include <cerrno>
#include <utility>

#include "protocol/check.hpp"
#include "tools/bench/stencil.hpp"

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

Dealer::Dealer(SocketContext& context, bool enveloped)
    : enveloped_(enveloped), socket_(zmq_socket(context.native(), ZMQ_DEALER)) {
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

bool Dealer::receive(Received& into) {
  if (!receive_frame(header_)) return false;
  into = {};
  if (enveloped_ && header_.more()) {
    std::swap(envelope_, header_);
    CHECK(receive_frame(header_), "libzmq gave a part of a message");
    into.from = {envelope_.data<char>(), envelope_.size()};
  }
  into.header = bytes_of(header_);
  for (bool more = header_.more(); more; more = scratch_.more()) {
    CHECK(receive_frame(scratch_), "libzmq gave a part of a message");
    ++into.frames;
    into.bytes += scratch_.size();
    into.body = bytes_of(scratch_);
  }
  return true;
}

bool Dealer::send(zmq::message_t& header, const zmq::message_t* body) {
  if (body == nullptr) return send_frame(header, false);
  zmq::message_t shared;
  shared.copy(*const_cast<zmq::message_t*>(body));
  return send_frame(header, true) && send_frame(shared, false);
}

bool Dealer::answer(std::string_view to, zmq::message_t& header, const zmq::message_t* body) {
  if (enveloped_) {
    zmq::message_t envelope(to.data(), to.size());
    if (!send_frame(envelope, true)) return false;
  }
  return send(header, body);
}

bool Dealer::receive_frame(zmq::message_t& into) {
  while (zmq_msg_recv(into.handle(), socket_, ZMQ_DONTWAIT) < 0) {
    if (errno == EAGAIN) return false;
    CHECK(errno == EINTR, "libzmq refused a receive");
  }
  return true;
}

bool Dealer::send_frame(zmq::message_t& frame, bool more) {
  while (zmq_msg_send(frame.handle(), socket_, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) < 0) {
    if (errno == EAGAIN) return false;
    CHECK(errno == EINTR, "libzmq refused a send");
  }
  return true;
}

}  // namespace muster::bench
