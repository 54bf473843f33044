#pragma once

// Waits for sockets, file descriptors and a deadline at once.

#include <poll.h>

#include <vector>

#include "protocol/time.hpp"
#include "protocol/transport/socket.hpp"

namespace muster::transport {

// Sockets and descriptors may come and go between two waits. All on one thread.
class Poller {
 public:
  // Each stays watched until removed; what is watched must outlive its watch.
  void watch(Socket& socket);
  void watch(int fd);  // for reading
  // What is not watched is ignored.
  void remove(Socket& socket);
  void remove(int fd);

  // Returns when something may be readable, a signal has come or `deadline` is reached, never
  // earlier than that by the rounding of milliseconds. What a socket has is found by reading it:
  // nothing says which it was. REQUIRES: something is watched.
  void wait(Time now, Time deadline);

  // The same at a third of the cost, for who can tell that no news can be overlooked. REQUIRES:
  // each watched socket was found empty by a receive() after whatever was sent on it last, or tried
  // to be.
  void wait_unread(Time now, Time deadline);

  // Whether the last wait found this descriptor readable; true before the first one.
  [[nodiscard]] bool readable(int fd) const;
  // The same of a socket, after wait_unread(): wait() itself takes the news in, so that the
  // descriptor tells nothing any more.
  [[nodiscard]] bool readable(const Socket& socket) const;

 private:
  // `sockets_` stand first in `polled_`, each by the descriptor that libzmq has for it.
  std::vector<Socket*> sockets_;
  std::vector<pollfd> polled_;
  bool waited_ = false;
};

// Lets another thread, or a signal handler, end a wait.
class Wakeup {
 public:
  Wakeup();
  ~Wakeup();
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  void notify();                                // from any thread
  [[nodiscard]] int fd() const { return fd_; }  // to be watched
  // How many notifications have come since the last call. Ends the readiness of fd().
  [[nodiscard]] int take();

 private:
  int fd_ = -1;
};

// SIGINT, SIGTERM and SIGHUP as something to poll. Made before any thread is, so that every thread
// has them blocked; they stay blocked after it, so that a late one can't change how a program ends.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // What has come since the last call.
  struct Taken {
    int stops = 0;        // SIGINT and SIGTERM
    bool reload = false;  // SIGHUP: read the configuration again
  };
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] Taken take();

 private:
  int fd_ = -1;
};

}  // namespace muster::transport
