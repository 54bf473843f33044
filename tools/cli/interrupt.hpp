#pragma once

// Ctrl-C and SIGTERM as something to poll. The first is for the program to end in good order: what
// it has asked for is cancelled. The second ends the program at once. While one stands, a broken
// pipe is a failed write and no signal. At most one at a time.

#include "tools/cli/mailbox.hpp"

namespace muster::cli {

class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  [[nodiscard]] int fd() const { return bell_.fd(); }  // readable from the first one on

 private:
  Bell bell_;
};

}  // namespace muster::cli
