#pragma once

// A peer that speaks ZMTP by itself over a plain TCP socket: it can say what libzmq's own sockets
// would not, and be cut off in ways that they would not.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace muster::test {

class RawPeer {
 public:
  using Properties = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  // `endpoint`: tcp://127.0.0.1:port.
  explicit RawPeer(const std::string& endpoint) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
    EXPECT_EQ(0, ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address));
  }
  ~RawPeer() { close(); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

  void say(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // cut off: what the test sees of it is its own business
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  // ZMTP 3.0 with the NULL mechanism.
  void greet(Properties properties) {
    std::string greeting = "\xff" + std::string(8, '\0') + "\x7f\x03" + std::string(1, '\0');
    greeting += "NULL" + std::string(16 + 1 + 31, '\0');
    say(greeting);
    std::string ready = "\x05READY";
    for (const auto& [name, value] : properties) {
      ready += static_cast<char>(name.size());
      ready += name;
      ready += std::string(3, '\0') + static_cast<char>(value.size());
      ready += value;
    }
    say(std::string{"\x04"} + static_cast<char>(ready.size()) + ready);
    // Nothing may be said before the other side's greeting and READY are here.
    const std::string head = take(64 + 2);
    if (head.size() == 66) (void)take(static_cast<unsigned char>(head[65]));
  }

  // ZMTP 2.0, whose peers tell their routing id in a frame of its own.
  void greet_version_2(std::string_view routing_id) {
    say("\xff" + std::string(8, '\0') + "\x7f\x01\x05");
    frame(routing_id);
  }

  // At most 255 bytes.
  void frame(std::string_view bytes, bool more = false) {
    say(std::string(1, more ? '\1' : '\0') + static_cast<char>(bytes.size()) + std::string{bytes});
  }

  // The next `count` bytes; fewer if they don't come.
  std::string take(std::size_t count) {
    std::string bytes(count, '\0');
    std::size_t got = 0;
    while (got < count && readable()) {
      const auto more = ::recv(fd_, bytes.data() + got, count - got, 0);
      if (more <= 0) break;
      got += static_cast<std::size_t>(more);
    }
    bytes.resize(got);
    return bytes;
  }

  // Whether the other side closes the connection within five seconds.
  [[nodiscard]] bool cut_off() {
    while (readable())
      if (take(1).empty()) return true;
    return false;
  }

 private:
  [[nodiscard]] bool readable() const {
    pollfd item{fd_, POLLIN, 0};
    return ::poll(&item, 1, 5000) > 0;
  }

  int fd_;
};

}  // namespace muster::test
