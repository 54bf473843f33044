#include "tools/cli/interrupt.hpp"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "tools/cli/exit_code.hpp"
#include "tools/cli/mailbox.hpp"

namespace muster::cli {

namespace {

const Bell* interrupted = nullptr;        // what the handler rings
volatile sig_atomic_t interruptions = 0;  // written by the handler alone

// Everything in it is safe in a signal handler.
void on_signal(int) {
  if (interruptions > 0) ::_exit(static_cast<int>(ExitCode::cancelled));
  interruptions = 1;
  const int saved = errno;
  interrupted->ring();
  errno = saved;
}

void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

Bell::Bell() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

Bell::~Bell() {
  ::close(fd_);
}

void Bell::ring() const {
  const std::uint64_t one = 1;
  while (::write(fd_, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void Bell::quiet() const {
  std::uint64_t count = 0;
  while (::read(fd_, &count, sizeof count) < 0 && errno == EINTR) {
  }
}

Interrupt::Interrupt() {
  interrupted = new Bell;
  handle(SIGINT, on_signal);
  handle(SIGTERM, on_signal);
  handle(SIGPIPE, SIG_IGN);
}

Interrupt::~Interrupt() {
  handle(SIGINT, SIG_DFL);
  handle(SIGTERM, SIG_DFL);
  handle(SIGPIPE, SIG_DFL);
  delete std::exchange(interrupted, nullptr);
  interruptions = 0;
}

int Interrupt::fd() const {
  return interrupted->fd();
}

}  // namespace muster::cli
