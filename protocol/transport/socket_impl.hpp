#pragma once

// What stands behind a Context and a Socket: for the sources of this folder alone.

#include <zmq.h>

#include <array>

#include "protocol/transport/socket.hpp"
#include "protocol/transport/unsent.hpp"

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
  // What follows the first payload frame of a message that has more.
  void receive_rest(Incoming& into);
  // The next frame of a message that has one; whether there are more.
  [[nodiscard]] bool take_rest(Frame& into);
  void learn_of_breaks();  // DEALER, in front of each message
  // Of a routing id that libzmq has made. Asked once a connection while that is remembered: libzmq
  // looks it up by name in a map of strings.
  [[nodiscard]] bool is_foreign(std::uint32_t peer, const zmq_msg_t* header);

  // 0, or the errno with which libzmq refused.
  [[nodiscard]] int send_frame(Frame& frame, int flags);
  void send_rest(Payload& payload);

  void* socket = nullptr;
  WireLimits limits;
  bool router = false;
  Unsent unsent;        // ROUTER, of large messages
  bool inproc = false;  // has an endpoint without ZMTP, whose peers tell nothing of themselves
  std::array<std::uint64_t, 1024> known_peers{};  // ROUTER: not foreign; each plus one; by number
  zmq_msg_t peer_id;  // ROUTER: scratch for the routing id of the message being received
};

}  // namespace muster::transport
