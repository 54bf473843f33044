#include "protocol/transport/poller.hpp"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <limits>

#include "protocol/check.hpp"
#include "protocol/transport/socket_impl.hpp"

namespace muster::transport {
namespace {

// zmq_poll's timeout: -1 without a deadline. Rounded up, else a loop would spin through the last
// fraction of a millisecond; bounded by what poll() takes, where waking early does no harm.
long timeout_ms(Time now, Time deadline) {
  if (deadline == time_never) return -1;
  const auto ms = static_cast<std::int64_t>(to_wire_ms(deadline - now));
  return static_cast<long>(std::min<std::int64_t>(ms, std::numeric_limits<int>::max()));
}

}  // namespace

// ---- Poller ------------------------------------------------------------------------------------

void Poller::watch(Socket& socket) {
  sockets_.push_back(&socket);
}

void Poller::watch(int fd) {
  CHECK(fd >= 0, "a descriptor to be watched is not open");
  fds_.push_back(fd);
}

void Poller::remove(Socket& socket) {
  std::erase(sockets_, &socket);
}

void Poller::remove(int fd) {
  std::erase(fds_, fd);
}

void Poller::wait(Time now, Time deadline) {
  std::vector<zmq_pollitem_t> items;
  items.reserve(sockets_.size() + fds_.size());
  for (Socket* socket : sockets_)
    items.push_back({socket->impl().socket, -1, ZMQ_POLLIN, 0});
  for (const int fd : fds_)
    items.push_back({nullptr, fd, ZMQ_POLLIN, 0});
  CHECK(!items.empty(), "a wait that nothing could end");
  const int ready =
      zmq_poll(items.data(), static_cast<int>(items.size()), timeout_ms(now, deadline));
  CHECK(ready >= 0 || errno == EINTR, "libzmq refused to poll");
}

// ---- Wakeup ------------------------------------------------------------------------------------

Wakeup::Wakeup() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  CHECK(fd_ >= 0, "no descriptor left for an eventfd");
}

Wakeup::~Wakeup() {
  ::close(fd_);
}

void Wakeup::notify() {
  const std::uint64_t one = 1;
  // The counter can't come near its end; an interrupted write has not been made.
  while (::write(fd_, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

int Wakeup::take() {
  std::uint64_t count = 0;
  while (::read(fd_, &count, sizeof count) < 0) {
    if (errno != EINTR) return 0;
  }
  return static_cast<int>(std::min<std::uint64_t>(count, std::numeric_limits<int>::max()));
}

// ---- Signals -----------------------------------------------------------------------------------

Signals::Signals() {
  sigset_t watched;
  sigemptyset(&watched);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP})
    sigaddset(&watched, signal);
  CHECK(pthread_sigmask(SIG_BLOCK, &watched, nullptr) == 0, "signals can't be blocked");
  fd_ = ::signalfd(-1, &watched, SFD_NONBLOCK | SFD_CLOEXEC);
  CHECK(fd_ >= 0, "no descriptor left for a signalfd");
}

Signals::~Signals() {
  ::close(fd_);
}

Signals::Taken Signals::take() {
  Taken taken;
  signalfd_siginfo info{};
  while (true) {
    const auto got = ::read(fd_, &info, sizeof info);
    if (got != sizeof info) {
      if (got < 0 && errno == EINTR) continue;
      return taken;
    }
    if (info.ssi_signo == SIGHUP) {
      taken.reload = true;
    } else {
      ++taken.stops;
    }
  }
}

}  // namespace muster::transport
