#pragma once

// Standard output that never waits: what can't be written now is kept, and the caller polls. So
// Ctrl-C and the end of the reader are noticed however slowly somebody reads.

#include <cstddef>
#include <string>
#include <string_view>

namespace muster::cli {

class Output {
 public:
  explicit Output(int fd);

  // Kept until write_some(). For a terminal, escape sequences are taken out (text.hpp); a file or
  // pipe gets every byte.
  void add(std::string_view text);

  // Begins a new line unless nothing was said, or the last line is complete.
  void finish_line();

  // Writes what can be written without waiting, given that poll() says the descriptor is writable.
  // False where it can't be written to any more.
  [[nodiscard]] bool write_some();

  // Why it can't, in the system's words; empty where only the reader is gone.
  [[nodiscard]] const std::string& failure() const { return failure_; }

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] std::size_t held() const { return held_.size() - written_; }

 private:
  int fd_;
  bool terminal_;
  std::string held_;
  std::size_t written_ = 0;  // of held_
  char last_ = '\n';
  std::string failure_;
};

}  // namespace muster::cli
