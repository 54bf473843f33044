#include "tools/cli/interrupt.hpp"

#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "tools/cli/exit_code.hpp"

namespace muster::cli {

namespace {

const Bell* interrupted = nullptr;  // what the handler rings
volatile sig_atomic_t interruptions = 0;

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

Interrupt::Interrupt() {
  interrupted = &bell_;
  handle(SIGINT, on_signal);
  handle(SIGTERM, on_signal);
  handle(SIGPIPE, SIG_IGN);
}

Interrupt::~Interrupt() {
  handle(SIGINT, SIG_DFL);
  handle(SIGTERM, SIG_DFL);
  handle(SIGPIPE, SIG_DFL);
  interruptions = 0;
}

}  // namespace muster::cli
