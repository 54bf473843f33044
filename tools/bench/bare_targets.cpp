#include "tools/bench/proxy.hpp"

#include <zmq.h>

#include <array>
#include <cstdio>
#include <string>

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

}  // namespace

int serve_proxy() {
  SocketContext context;
  void* frontend = bound_socket(context, ZMQ_ROUTER);
  void* backend = bound_socket(context, ZMQ_DEALER);
  std::fprintf(stderr,
               R"({"message":"listening","frontend":"%s","backend":"%s"})"
               "\n",
               endpoint_of(frontend).c_str(), endpoint_of(backend).c_str());
  zmq_proxy(frontend, backend, nullptr);
  zmq_close(frontend);
  zmq_close(backend);
  return exit_failed;
}

}  // namespace muster::bench
