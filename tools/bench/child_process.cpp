#include "tools/bench/child_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <thread>

#include "protocol/check.hpp"
#include "protocol/transport/clock.hpp"

namespace muster::bench {

namespace {

constexpr Duration look_again = std::chrono::milliseconds{2};
constexpr int exit_not_started = 127;  // as a shell says it

// In the child: from here on only what is safe between fork and exec.
[[noreturn]] void become(char* const* arguments, int output, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(exit_not_started);  // it was over before it could be watched
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  ::execv(arguments[0], arguments);
  const char* why = ::strerrordesc_np(errno);
  (void)!::write(STDERR_FILENO, why, std::strlen(why));
  ::_exit(exit_not_started);
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& command)
    : output_(::memfd_create("output", MFD_CLOEXEC)) {
  CHECK(output_ >= 0, "no descriptor left for a program's output");
  std::vector<std::string> words = command;
  std::vector<char*> arguments;
  for (std::string& word : words)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t parent = ::getpid();
  std::fflush(nullptr);  // what waits to be written is written once
  pid_ = ::fork();
  CHECK(pid_ >= 0, "the system makes no more processes");
  if (pid_ == 0) become(arguments.data(), output_, parent);
}

ChildProcess::~ChildProcess() {
  if (!ended()) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(output_);
}

std::string ChildProcess::output() const {
  std::string all;
  std::array<char, 4096> piece{};
  while (true) {
    const auto got = ::pread(output_, piece.data(), piece.size(), static_cast<off_t>(all.size()));
    if (got <= 0) return all;
    all.append(piece.data(), static_cast<std::size_t>(got));
  }
}

std::string ChildProcess::last_words() const {
  std::string all = output();
  all.erase(all.find_last_not_of('\n') + 1);
  return all.substr(all.rfind('\n') + 1);
}

std::optional<std::string> ChildProcess::ended() {
  int status = 0;
  if (!status_ && ::waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
  if (!status_) return std::nullopt;
  if (WIFSIGNALED(*status_)) return "by signal " + std::to_string(WTERMSIG(*status_));
  return "with exit code " + std::to_string(WEXITSTATUS(*status_));
}

Outcome ChildProcess::end(Duration patience) {
  if (const auto how = ended()) return failure("it ended by itself, " + *how);
  ::kill(pid_, SIGTERM);
  for (const Time by = transport::monotonic_now() + patience; !ended();) {
    if (transport::monotonic_now() >= by) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, &status_.emplace(), 0);
      return failure("it did not end when it was told to");
    }
    std::this_thread::sleep_for(look_again);
  }
  const bool in_order = WIFSIGNALED(*status_) ? WTERMSIG(*status_) == SIGTERM : *status_ == 0;
  if (!in_order) return failure("it ended " + *ended());
  return Done{};
}

std::string this_program() {
  std::array<char, 4096> path{};
  const auto size = ::readlink("/proc/self/exe", path.data(), path.size());
  CHECK(size > 0, "the path of this program can't be read");
  return {path.data(), static_cast<std::size_t>(size)};
}

}  // namespace muster::bench
