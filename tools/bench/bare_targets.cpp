#include "tools/bench/bare_targets.hpp"

#include <zmq.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "protocol/check.hpp"
#include "tools/bench/command_line.hpp"
#include "tools/bench/dealer.hpp"

namespace muster::bench {

namespace {

void* bound_socket(SocketContext& context, int type) {
  void* socket = zmq_socket(context.native(), type);
  CHECK(socket != nullptr, "libzmq gives no socket");
  const auto set = [socket](int option, int value) {
    CHECK(zmq_setsockopt(socket, option, &value, sizeof value) == 0,
          "libzmq refused a socket option");
  };
  set(ZMQ_PROBE_ROUTER, 1);
  set(ZMQ_LINGER, 0);
  // A ROUTER drops what is above its mark, and the windows of the clients bound all there is.
  set(ZMQ_SNDHWM, 0);
  set(ZMQ_RCVHWM, 0);
  set(ZMQ_BACKLOG, 1024);  // a crowd that dials in all at once
  CHECK(zmq_bind(socket, "tcp://127.0.0.1:*") == 0, "loopback has no free port");
  return socket;
}

std::string endpoint_of(void* socket) {
  std::array<char, 256> bound{};
  std::size_t size = bound.size();
  CHECK(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, bound.data(), &size) == 0,
        "libzmq can't say where it listens");
  return bound.data();
}

void announce(void* frontend, void* backend) {
  std::fprintf(stderr,
               R"({"message":"listening","frontend":"%s","backend":"%s"})"
               "\n",
               endpoint_of(frontend).c_str(), endpoint_of(backend).c_str());
}

// As many messages of one socket as zmq_proxy takes at once.
constexpr int burst = 1000;

bool take(void* socket, zmq::message_t& into) {
  while (zmq_msg_recv(into.handle(), socket, ZMQ_DONTWAIT) < 0) {
    if (errno == EAGAIN) return false;
    CHECK(errno == EINTR, "libzmq refused a receive");
  }
  return true;
}

void give(void* socket, zmq::message_t& frame, bool more) {
  while (zmq_msg_send(frame.handle(), socket, more ? ZMQ_SNDMORE : 0) < 0)
    CHECK(errno == EINTR, "libzmq refused a send");
}

// The frame, and what follows it in its message.
void pass_on(void* from, void* to, zmq::message_t& frame) {
  for (bool more = true; more;) {
    more = frame.more();
    give(to, frame, more);
    if (more) CHECK(take(from, frame), "libzmq gave a part of a message");
  }
}

class RouterLoop {
 public:
  RouterLoop(void* frontend, void* backend) : frontend_(frontend), backend_(backend) {}

  [[noreturn]] void run() {
    while (true) {
      std::array<zmq_pollitem_t, 2> items = {
          {{backend_, 0, ZMQ_POLLIN, 0}, {frontend_, 0, ZMQ_POLLIN, 0}}};
      CHECK(zmq_poll(items.data(), 2, -1) >= 0 || errno == EINTR, "libzmq refused to poll");
      if (items[0].revents != 0) answers();
      if (items[1].revents != 0) requests();
    }
  }

 private:
  void answers() {
    for (int i = 0; i < burst && take(backend_, id_); ++i) {
      CHECK(take(backend_, frame_), "libzmq gave a part of a message");
      if (!frame_.more() && !frame_.empty()) {  // a heartbeat of the crowd: has its echo
        give(backend_, id_, true);
        give(backend_, frame_, false);
        continue;
      }
      if (!frame_.more()) {
        workers_.emplace_back();
        workers_.back().copy(id_);
        continue;
      }
      pass_on(backend_, frontend_, frame_);
    }
  }

  void requests() {
    for (int i = 0; i < burst && !workers_.empty() && take(frontend_, id_); ++i) {
      next_ = next_ + 1 < workers_.size() ? next_ + 1 : 0;
      zmq::message_t to;
      to.copy(workers_[next_]);
      give(backend_, to, true);
      pass_on(frontend_, backend_, id_);
    }
  }

  void* frontend_;
  void* backend_;
  std::vector<zmq::message_t> workers_;  // their routing ids
  std::size_t next_ = 0;
  zmq::message_t id_;
  zmq::message_t frame_;
};

}  // namespace

int serve_proxy() {
  SocketContext context;
  void* frontend = bound_socket(context, ZMQ_ROUTER);
  void* backend = bound_socket(context, ZMQ_DEALER);
  announce(frontend, backend);
  zmq_proxy(frontend, backend, nullptr);
  zmq_close(frontend);
  zmq_close(backend);
  return exit_failed;
}

int serve_router() {
  SocketContext context;
  void* frontend = bound_socket(context, ZMQ_ROUTER);
  void* backend = bound_socket(context, ZMQ_ROUTER);
  announce(frontend, backend);
  RouterLoop{frontend, backend}.run();
}

}  // namespace muster::bench
