// `tcp_echo`: what heartbeats cost below any library: the share of a core that a process takes
// which sends back what it hears, where 5,000 connections over TCP on loopback say 60 bytes a
// second each.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <vector>

#include "protocol/check.hpp"

namespace {

using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC
using Duration = Clock::duration;         // nanoseconds

constexpr std::size_t connections = 5000;
constexpr Duration interval = std::chrono::seconds{1};
constexpr int intervals = 10;             // that are measured; one before them is not
constexpr std::size_t answer_late = 100;  // how many others speak before one looks for its answer

void send_at_once(int socket) {
  const int yes = 1;
  CHECK(::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0, "no TCP here");
}

[[noreturn]] void echo(int listening) {
  const int epoll = ::epoll_create1(0);
  const auto watch = [epoll](int socket) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = socket}};
    CHECK(::epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event) == 0, "a socket can't be watched");
  };
  watch(listening);
  std::array<epoll_event, 256> events;
  std::array<char, 8192> bytes;
  while (true) {
    const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const int socket = events[static_cast<std::size_t>(i)].data.fd;
      if (socket == listening) {
        const int one = ::accept(listening, nullptr, nullptr);
        CHECK(one >= 0, "a connection was not accepted");
        send_at_once(one);
        watch(one);
        continue;
      }
      const auto got = ::recv(socket, bytes.data(), bytes.size(), 0);
      if (got <= 0) ::_exit(0);  // the other process has ended
      (void)::send(socket, bytes.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
    }
  }
}

// `from` on, spread over the interval.
void speak(const std::vector<int>& sockets, Clock::time_point from) {
  std::array<char, 60> bytes{};
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    const Duration at = (from + interval * i / sockets.size()).time_since_epoch();
    const timespec until{.tv_sec = at / std::chrono::seconds{1},
                         .tv_nsec = at % std::chrono::seconds{1} / Duration{1}};
    ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    (void)::send(sockets[i], bytes.data(), bytes.size(), MSG_NOSIGNAL);
    const int before = sockets[(i + sockets.size() - answer_late) % sockets.size()];
    (void)::recv(before, bytes.data(), bytes.size(), MSG_DONTWAIT);
  }
}

double cpu_seconds(pid_t process) {
  clockid_t clock{};
  timespec had{};
  CHECK(::clock_getcpuclockid(process, &clock) == 0 && ::clock_gettime(clock, &had) == 0,
        "a process's CPU time can't be read");
  return static_cast<double>(had.tv_sec) + static_cast<double>(had.tv_nsec) / 1e9;
}

}  // namespace

int main() {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  const int listening = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  CHECK(::bind(listening, any, size) == 0 && ::listen(listening, 1024) == 0 &&
            ::getsockname(listening, any, &size) == 0,
        "loopback has no free port");
  const pid_t server = ::fork();
  CHECK(server >= 0, "the system makes no more processes");
  if (server == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    echo(listening);
  }
  std::vector<int> sockets;
  while (sockets.size() < connections) {
    sockets.push_back(::socket(AF_INET, SOCK_STREAM, 0));
    CHECK(sockets.back() >= 0 && ::connect(sockets.back(), any, size) == 0,
          "5,000 connections can't be had: look at ulimit -n");
    send_at_once(sockets.back());
  }
  auto from = Clock::now();
  speak(sockets, from);
  const double before = cpu_seconds(server);
  for (int i = 0; i < intervals; ++i)
    speak(sockets, from += interval);
  const double share = (cpu_seconds(server) - before) / intervals;
  std::printf("%.1f %% of a core\n", share * 100);
  ::kill(server, SIGKILL);
  ::waitpid(server, nullptr, 0);
}
