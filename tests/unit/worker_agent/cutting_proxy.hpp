#pragma once

// Stands between an agent and a broker on loopback, passes on what both say, and cuts the
// connection when a test wants it: both ends are closed at once, and the agent may dial again.

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <list>
#include <string>
#include <thread>
#include <vector>

namespace muster::agent::test {

class CuttingProxy {
 public:
  // `broker`: "tcp://127.0.0.1:PORT".
  explicit CuttingProxy(const std::string& broker)
      : broker_port_(std::stoi(broker.substr(broker.rfind(':') + 1))) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at = loopback(0);
    EXPECT_EQ(::bind(listener_, pointer(at), sizeof at), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    socklen_t size = sizeof at;
    EXPECT_EQ(::getsockname(listener_, pointer(at), &size), 0);
    endpoint_ = "tcp://127.0.0.1:" + std::to_string(ntohs(at.sin_port));
    thread_ = std::thread([this] {
      while (!ends_)
        turn();
    });
  }
  ~CuttingProxy() {
    ends_ = true;
    thread_.join();
    for (Pair& pair : pairs_)
      pair.close();
    ::close(listener_);
  }
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;

  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }
  void cut() { cut_ = true; }

 private:
  struct Pair {
    int agent = -1;
    int broker = -1;
    void close() {
      ::close(agent);
      ::close(broker);
    }
  };

  static sockaddr_in loopback(int port) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(static_cast<std::uint16_t>(port));
    return at;
  }
  static sockaddr* pointer(sockaddr_in& at) { return reinterpret_cast<sockaddr*>(&at); }

  void turn() {
    std::vector<pollfd> fds{{listener_, POLLIN, 0}};
    for (const Pair& pair : pairs_) {
      fds.push_back({pair.agent, POLLIN, 0});
      fds.push_back({pair.broker, POLLIN, 0});
    }
    ::poll(fds.data(), fds.size(), 2);
    if (cut_.exchange(false)) {
      for (Pair& pair : pairs_)
        pair.close();
      return pairs_.clear();
    }
    std::size_t i = 1;
    for (auto at = pairs_.begin(); at != pairs_.end(); i += 2) {
      const auto pair = at++;
      const bool lives = (fds[i].revents == 0 || pass(pair->agent, pair->broker)) &&
                         (fds[i + 1].revents == 0 || pass(pair->broker, pair->agent));
      if (lives) continue;
      pair->close();
      pairs_.erase(pair);
    }
    if (fds[0].revents != 0) accept();
  }

  void accept() {
    Pair pair{::accept(listener_, nullptr, nullptr),
              ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in at = loopback(broker_port_);
    if (::connect(pair.broker, pointer(at), sizeof at) != 0) return pair.close();
    pairs_.push_back(pair);
  }

  static bool pass(int from, int to) {
    std::array<char, 65536> bytes{};
    const ssize_t got = ::recv(from, bytes.data(), bytes.size(), 0);
    if (got <= 0) return false;
    for (ssize_t sent = 0; sent < got;) {
      const ssize_t more =
          ::send(to, bytes.data() + sent, static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
      if (more <= 0) return false;
      sent += more;
    }
    return true;
  }

  int broker_port_;
  int listener_ = -1;
  std::string endpoint_;
  std::list<Pair> pairs_;
  std::atomic<bool> cut_ = false;
  std::atomic<bool> ends_ = false;
  std::thread thread_;
};

}  // namespace muster::agent::test
