#pragma once

// Waiting in tests that have real sockets: for a condition, with a deadline, never for a time.

#include <chrono>

#include "protocol/transport/clock.hpp"
#include "protocol/transport/poller.hpp"
#include "protocol/transport/socket.hpp"

namespace muster::test {

inline constexpr Duration patience = std::chrono::seconds{10};

// Receives the next message of `socket`; false if none comes in time. A ROUTER takes in new
// connections only while its owner is at work on it: the one that `socket` waits for is `serving`.
[[nodiscard]] inline bool receive_soon(transport::Socket& socket, transport::Incoming& into,
                                       transport::Socket* serving = nullptr) {
  transport::Poller poller;
  poller.watch(socket);
  if (serving != nullptr) poller.watch(*serving);
  const Time deadline = transport::monotonic_now() + patience;
  while (!socket.receive(into)) {
    const Time now = transport::monotonic_now();
    if (now >= deadline) return false;
    poller.wait(now, deadline);
  }
  return true;
}

// Whether `condition` becomes true in time.
template <class Condition>
[[nodiscard]] bool soon(Condition condition) {
  transport::Wakeup never;
  transport::Poller pause;
  pause.watch(never.fd());
  const Time deadline = transport::monotonic_now() + patience;
  while (!condition()) {
    const Time now = transport::monotonic_now();
    if (now >= deadline) return false;
    pause.wait(now, now + std::chrono::milliseconds{1});
  }
  return true;
}

}  // namespace muster::test
