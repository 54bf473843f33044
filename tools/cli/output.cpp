#include "tools/cli/output.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "tools/cli/text.hpp"

namespace muster::cli {

namespace {

// What a pipe that poll() calls writable takes without blocking is at least PIPE_BUF, which on
// Linux is a page.
constexpr std::size_t write_bytes_max = 4096;

}  // namespace

Output::Output(int fd) : fd_(fd), terminal_(::isatty(fd) == 1) {}

void Output::add(std::string_view text) {
  held_ += terminal_ ? without_escapes(text) : std::string{text};
  if (!held_.empty()) last_ = held_.back();
}

void Output::finish_line() {
  if (last_ != '\n') add("\n");
}

bool Output::write_some() {
  const std::size_t size = std::min(held(), write_bytes_max);
  const ssize_t count = ::write(fd_, held_.data() + written_, size);
  if (count < 0) {
    if (errno == EINTR || errno == EAGAIN) return true;
    if (errno != EPIPE) failure_ = std::generic_category().message(errno);
    return false;
  }
  written_ += static_cast<std::size_t>(count);
  if (written_ == held_.size()) {
    held_.clear();
    written_ = 0;
  }
  return true;
}

}  // namespace muster::cli
