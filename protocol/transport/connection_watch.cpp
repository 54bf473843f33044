#include "protocol/transport/connection_watch.hpp"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include "protocol/check.hpp"

namespace muster::transport {
namespace {

std::atomic<std::uint64_t> watches{0};

// An event is a message of two frames: its number and a value, then the endpoint.
bool receive_event(void* events, std::uint16_t& event) {
  zmq_msg_t frame;
  CHECK(zmq_msg_init(&frame) == 0, "libzmq can't make an empty message");
  int got = -1;
  do
    got = zmq_msg_recv(&frame, events, ZMQ_DONTWAIT);
  while (got < 0 && errno == EINTR);
  if (got >= static_cast<int>(sizeof event))
    std::memcpy(&event, zmq_msg_data(&frame), sizeof event);
  while (got >= 0 && zmq_msg_more(&frame) != 0)
    CHECK(zmq_msg_recv(&frame, events, ZMQ_DONTWAIT) >= 0, "libzmq gave a part of an event");
  zmq_msg_close(&frame);
  return got >= 0;
}

}  // namespace

ConnectionWatch::ConnectionWatch(void* context, void* socket)
    : watched_(socket), events_(zmq_socket(context, ZMQ_PAIR)) {
  CHECK(events_ != nullptr, "libzmq gives no socket: too many in this process");
  const std::string at = "inproc://connection-watch-" + std::to_string(++watches);
  // libzmq would stop its I/O thread until a full queue is read.
  const int unbounded = 0;
  CHECK(zmq_setsockopt(events_, ZMQ_RCVHWM, &unbounded, sizeof unbounded) == 0,
        "libzmq refused a socket option");
  CHECK(zmq_socket_monitor(watched_, at.c_str(), ZMQ_EVENT_DISCONNECTED) == 0,
        "libzmq refused to tell of a connection");
  CHECK(zmq_connect(events_, at.c_str()) == 0, "libzmq refused to tell of a connection");
}

// In this order: libzmq's I/O thread would wait for ever for somebody to tell an event to.
ConnectionWatch::~ConnectionWatch() {
  zmq_socket_monitor(watched_, nullptr, 0);
  zmq_close(events_);
}

bool ConnectionWatch::broke() {
  bool broken = false;
  std::uint16_t event = 0;
  while (receive_event(events_, event))
    broken = broken || event == ZMQ_EVENT_DISCONNECTED;
  return broken;
}

}  // namespace muster::transport
