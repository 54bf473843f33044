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

// poll()'s timeout: -1 without a deadline. Rounded up, else a loop would spin through the last
// fraction of a millisecond; bounded by what poll() takes, where waking early does no harm.
int timeout_ms(Time now, Time deadline) {
  if (deadline == time_never) return -1;
  const auto ms = static_cast<std::int64_t>(to_wire_ms(deadline - now));
  return static_cast<int>(std::min<std::int64_t>(ms, std::numeric_limits<int>::max()));
}

// Asking takes in what libzmq's threads have told the socket, which its descriptor then says no
// more.
bool has_news(void* socket) {
  int events = 0;
  std::size_t size = sizeof events;
  while (zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) != 0)
    CHECK(errno == EINTR, "libzmq can't say what is there");
  return (events & ZMQ_POLLIN) != 0;
}

int descriptor_of(void* socket) {
  int fd = -1;
  std::size_t size = sizeof fd;
  CHECK(zmq_getsockopt(socket, ZMQ_FD, &fd, &size) == 0, "libzmq gives no descriptor");
  return fd;
}

}  // namespace

// ---- Poller ------------------------------------------------------------------------------------

void Poller::watch(Socket& socket) {
  const pollfd own{.fd = descriptor_of(socket.impl().socket), .events = POLLIN, .revents = 0};
  polled_.insert(polled_.begin() + static_cast<std::ptrdiff_t>(sockets_.size()), own);
  sockets_.push_back(&socket);
}

void Poller::watch(int fd) {
  CHECK(fd >= 0, "a descriptor to be watched is not open");
  polled_.push_back({.fd = fd, .events = POLLIN, .revents = 0});
}

void Poller::remove(Socket& socket) {
  const auto found = std::ranges::find(sockets_, &socket);
  if (found == sockets_.end()) return;
  polled_.erase(polled_.begin() + (found - sockets_.begin()));
  sockets_.erase(found);
}

void Poller::remove(int fd) {
  const auto fds = polled_.begin() + static_cast<std::ptrdiff_t>(sockets_.size());
  polled_.erase(std::remove_if(fds, polled_.end(), [fd](const pollfd& p) { return p.fd == fd; }),
                polled_.end());
}

void Poller::wait(Time now, Time deadline) {
  // A send may have taken in the news of what came meanwhile.
  const bool news =
      std::ranges::any_of(sockets_, [](Socket* socket) { return has_news(socket->impl().socket); });
  wait_unread(now, news ? now : deadline);
}

void Poller::wait_unread(Time now, Time deadline) {
  CHECK(!polled_.empty(), "a wait that nothing could end");
  const int ready = ::poll(polled_.data(), polled_.size(), timeout_ms(now, deadline));
  waited_ = ready >= 0;
  CHECK(ready >= 0 || errno == EINTR, "the system refused to poll");
}

bool Poller::readable(int fd) const {
  const auto found = std::ranges::find(polled_, fd, &pollfd::fd);
  return !waited_ || (found != polled_.end() && found->revents != 0);
}

bool Poller::readable(const Socket& socket) const {
  const auto found = std::ranges::find(sockets_, &socket);
  const auto at = static_cast<std::size_t>(found - sockets_.begin());
  return !waited_ || (found != sockets_.end() && polled_[at].revents != 0);
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
