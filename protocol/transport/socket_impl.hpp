#pragma once

// What stands behind a Context and a Socket: for the sources of this folder alone.

#include <zmq.h>

#include "protocol/transport/socket.hpp"

namespace muster::transport {

struct Context::Impl {
  explicit Impl(int io_threads);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void* context = nullptr;
};

struct Socket::Impl {
  Impl(Context& owner, int type, const WireLimits& wire_limits);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void set(int option, int value);
  void set_wide(int option, std::int64_t value);

  // One frame, if one is there. REQUIRES: the rest of a message is there once its first frame is,
  // as libzmq promises.
  [[nodiscard]] bool receive_frame(zmq_msg_t* into);
  void receive_payload(Incoming& into);
  [[nodiscard]] bool is_foreign(const zmq_msg_t* header) const;

  // 0, or the errno with which libzmq refused.
  [[nodiscard]] int send_frame(Frame& frame, int flags);
  void send_rest(Payload& payload);

  void* socket = nullptr;
  WireLimits limits;
  bool router = false;
  bool inproc = false;  // has an endpoint without ZMTP, whose peers tell nothing of themselves
  zmq_msg_t peer_id;    // ROUTER: scratch for the routing id of the message being received
};

}  // namespace muster::transport
