#pragma once

// ChildProcess: a program that is started, watched and ended. It dies with this process, whatever
// ends that. What it writes to its standard output and error is kept in memory, so that it never
// waits for a reader.

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "protocol/result.hpp"
#include "protocol/time.hpp"

namespace muster::bench {

class ChildProcess {
 public:
  // `command`: the program's path, then its arguments. To be called by the main thread: a child
  // dies with the thread that has started it.
  explicit ChildProcess(const std::vector<std::string>& command);
  // Ends it at once, if it is not over.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::string output() const;
  [[nodiscard]] std::string last_words() const;  // the last line of it

  // How it ended ("with exit code 1", "by signal 6"); nothing while it runs.
  [[nodiscard]] std::optional<std::string> ended();

  // Asks it to end (SIGTERM), and ends it where it has not within `patience`. Says so, and where it
  // ended otherwise than in order, which is with exit code 0 or by that signal.
  [[nodiscard]] Outcome end(Duration patience);

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  std::optional<int> status_;
};

// The path of the running program.
[[nodiscard]] std::string this_program();

}  // namespace muster::bench
