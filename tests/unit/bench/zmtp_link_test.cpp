#include "tools/bench/zmtp_link.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "protocol/transport/socket.hpp"
#include "tests/unit/transport/waiting.hpp"

namespace muster::bench {
namespace {

using namespace std::literals;
using test::soon;
using transport::Incoming;

std::string text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The next message, looked for as a driver does: a turn at a time.
bool receive_soon(ZmtpLink& link, Received& into) {
  return soon([&] {
    link.flush();
    return link.receive(into);
  });
}

// A ROUTER of the house's, which says an empty frame to whom it meets, and a link that has heard
// it.
struct Met {
  transport::Context context;
  transport::RouterSocket router{context, {}};
  ZmtpLink link;
  Received got;
  Incoming come;

  explicit Met(bool enveloped = false) : link(enveloped) {
    const auto endpoint = router.bind("tcp://127.0.0.1:*");
    EXPECT_TRUE(endpoint.ok());
    EXPECT_TRUE(link.connect(endpoint.value()).ok());
    EXPECT_TRUE(soon([&] {
      link.flush();
      (void)router.receive(come);  // it takes in connections only while it is at work
      return link.receive(got);
    }));
    EXPECT_TRUE(got.is_hello());
  }
  // What the router hears next.
  void hear() {
    link.flush();
    ASSERT_TRUE(soon([&] {
      link.flush();
      return router.receive(come);
    }));
  }
};

// Sizes at which a frame's head changes, and what comes in many reads.
constexpr std::array<std::size_t, 6> sizes = {0, 1, 255, 256, 70'000, 5'000'000};

TEST(ZmtpLink, CarriesMessagesOfAnySizeToASocketOfLibzmqs) {
  Met at;
  for (const std::size_t size : sizes) {
    zmq::message_t header(std::string(50, 'h'));
    zmq::message_t body(std::string(size, 'b'));
    ASSERT_TRUE(at.link.send(header, &body));
    at.hear();
    EXPECT_EQ(at.come.header.text(), std::string(50, 'h'));
    EXPECT_EQ(at.come.payload.joined(), std::string(size, 'b'));
  }
  zmq::message_t alone("alone"s);
  ASSERT_TRUE(at.link.send(alone, nullptr));
  at.hear();
  EXPECT_EQ(at.come.header.text(), "alone");
  EXPECT_TRUE(at.come.payload.empty());
}

TEST(ZmtpLink, TakesMessagesOfAnySizeFromASocketOfLibzmqs) {
  Met at;
  zmq::message_t hello("hello"s);
  ASSERT_TRUE(at.link.send(hello, nullptr));
  at.hear();
  // Many together, so that one read ends within a message.
  for (int round = 0; round < 20; ++round) {
    for (const std::size_t size : sizes) {
      Payload payload;
      payload.add(Frame{std::string(size, 'x')});
      payload.add(Frame{std::string(size / 2, 'y')});
      ASSERT_EQ(at.router.send(at.come.peer, Frame{"head"}, std::move(payload)),
                transport::Sent::done);
      if (size > 1'000'000 || round % 10 != 0) continue;
      ASSERT_EQ(at.router.send(at.come.peer, Frame{"alone"}, {}), transport::Sent::done);
    }
    for (const std::size_t size : sizes) {
      ASSERT_TRUE(receive_soon(at.link, at.got));
      EXPECT_EQ(text(at.got.header), "head");
      EXPECT_EQ(at.got.frames, 2u);
      EXPECT_EQ(at.got.bytes, size + size / 2);
      EXPECT_EQ(text(at.got.body), std::string(size / 2, 'y'));
      if (size > 1'000'000 || round % 10 != 0) continue;
      ASSERT_TRUE(receive_soon(at.link, at.got));
      EXPECT_EQ(text(at.got.header), "alone");
      EXPECT_EQ(at.got.frames, 0u);
    }
  }
  EXPECT_FALSE(at.link.receive(at.got));
}

TEST(ZmtpLink, GivesAnEnvelopeBack) {
  Met at{true};
  zmq::message_t hello("hello"s);
  ASSERT_TRUE(at.link.send(hello, nullptr));
  at.hear();
  Payload payload;
  payload.add(Frame{"request"});
  payload.add(Frame{"body"});
  ASSERT_EQ(at.router.send(at.come.peer, Frame{"who"}, std::move(payload)), transport::Sent::done);
  ASSERT_TRUE(receive_soon(at.link, at.got));
  EXPECT_EQ(at.got.from, "who");
  EXPECT_EQ(text(at.got.header), "request");
  EXPECT_EQ(text(at.got.body), "body");
  EXPECT_EQ(at.got.frames, 1u);

  zmq::message_t header("answer"s);
  ASSERT_TRUE(at.link.answer("who", header, nullptr));
  at.hear();
  EXPECT_EQ(at.come.header.text(), "who");
  EXPECT_EQ(at.come.payload.joined(), "answer");
}

// The other side, byte by byte.
class Listener {
 public:
  Listener() : listening_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(listening_, any, size), 0);
    EXPECT_EQ(::listen(listening_, 1), 0);
    EXPECT_EQ(::getsockname(listening_, any, &size), 0);
    endpoint = "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~Listener() {
    ::close(listening_);
    hang_up();
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void accept() {
    connection_ = ::accept(listening_, nullptr, nullptr);
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(connection_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  void hang_up() {
    if (connection_ >= 0) ::close(std::exchange(connection_, -1));
  }
  void say(std::string_view bytes) const {
    EXPECT_EQ(::send(connection_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  [[nodiscard]] std::string hear(std::size_t count) const {
    std::string bytes(count, '\0');
    bytes.resize(static_cast<std::size_t>(
        std::max<ssize_t>(::recv(connection_, bytes.data(), count, MSG_WAITALL), 0)));
    return bytes;
  }

  std::string endpoint;

 private:
  int listening_;
  int connection_ = -1;
};

const std::string greeting = "\xff" + std::string(8, '\0') + "\x7f\3" + std::string(1, '\0') +
                             "NULL" + std::string(48, '\0');
const std::string ready = "\4\6\5READY"s;
constexpr std::size_t said_first = 64 + 2 + 41;  // greeting and READY

TEST(ZmtpLink, AMessageMayComeByteByByteAndAPingIsAnswered) {
  Listener listener;
  ZmtpLink link{false};
  ASSERT_TRUE(link.connect(listener.endpoint).ok());
  listener.accept();
  link.flush();
  const std::string first = listener.hear(said_first);
  EXPECT_EQ(first.substr(0, 64), greeting);
  EXPECT_EQ(first.substr(64, 8), "\4\x29\5READY"s);
  EXPECT_NE(first.find("Socket-Type\0\0\0\6DEALER"s), std::string::npos);

  Received got;
  const std::string all = greeting + ready + "\4\x0b\4PING\1\0ping"s + "\1\4head"s + "\0\3end"s;
  for (const char byte : all) {
    EXPECT_FALSE(link.receive(got));
    link.flush();
    listener.say({&byte, 1});
  }
  ASSERT_TRUE(receive_soon(link, got));
  EXPECT_EQ(text(got.header), "head");
  EXPECT_EQ(text(got.body), "end");
  EXPECT_EQ(listener.hear(11), "\4\x09\4PONGping"s);
}

TEST(ZmtpLink, SaysWhyItsConnectionIsGone) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"HTTP/1.1 400 Bad Request\r\n" + std::string(64, ' '), "does not speak ZMTP 3"},
      {greeting.substr(0, 12) + "PLAIN" + std::string(47, '\0'), "does not speak ZMTP 3"},
      {greeting + "\4\x0a\5ERROR\3why"s, "the target refuses it: why"},
      {greeting + ready + "\2\0\1\0\0\0\0\0\0"s, "a frame of 281474976710656 bytes"},
      {greeting + ready + "\2\xff\xff\xff\xff\xff\xff\xff\xff"s, "a frame of 18446744073709551615"},
      {greeting + ready, "the target has closed it"},
  };
  for (const auto& [says, why] : cases) {
    Listener listener;
    ZmtpLink link{false};
    ASSERT_TRUE(link.connect(listener.endpoint).ok());
    EXPECT_EQ(link.last_words(), "");
    listener.accept();
    listener.say(says);
    listener.hang_up();
    Received got;
    EXPECT_TRUE(soon([&] {
      link.flush();
      EXPECT_FALSE(link.receive(got));
      return !link.last_words().empty();
    }));
    EXPECT_NE(link.last_words().find(why), std::string::npos) << link.last_words();
    zmq::message_t header("x"s);
    EXPECT_FALSE(link.send(header, nullptr));
  }
  ZmtpLink link{false};
  EXPECT_FALSE(link.connect("ipc:///nowhere").ok());
}

// With what was said last, in one piece of news.
TEST(ZmtpLink, AnEndBehindTheLastWordIsNews) {
  Listener listener;
  ZmtpLink link{false};
  ASSERT_TRUE(link.connect(listener.endpoint).ok());
  listener.accept();
  listener.say(greeting + ready + "\0\4last"s);
  listener.hang_up();
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{.events = link.news(), .data = {}};
  ASSERT_EQ(::epoll_ctl(epoll, EPOLL_CTL_ADD, link.fd(), &event), 0);
  std::uint32_t told = 0;
  while ((told & EPOLLRDHUP) == 0) {
    ASSERT_EQ(::epoll_wait(epoll, &event, 1, 10'000), 1);
    told |= event.events;
  }
  ::close(epoll);
  Received got;
  ASSERT_TRUE(link.receive(got));
  EXPECT_EQ(text(got.header), "last");
  EXPECT_FALSE(link.receive(got));
  link.flush();
  EXPECT_FALSE(link.receive(got)) << "upon which a driver looks again";
  EXPECT_NE(link.last_words().find("the target has closed it"), std::string::npos);
}

// What was read short is not read again in the same turn; what comes later is news by then.
TEST(ZmtpLink, WhatComesBetweenTwoTurnsIsNotMissed) {
  Met at;
  zmq::message_t hello("hello"s);
  ASSERT_TRUE(at.link.send(hello, nullptr));
  at.hear();
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{.events = at.link.news(), .data = {}};
  ASSERT_EQ(::epoll_ctl(epoll, EPOLL_CTL_ADD, at.link.fd(), &event), 0);
  const auto waits = [&](int ms) { return ::epoll_wait(epoll, &event, 1, ms) == 1; };
  const auto say = [&](const char* what) {
    ASSERT_EQ(at.router.send(at.come.peer, Frame{what}, {}), transport::Sent::done);
  };
  (void)waits(0);
  for (int i = 0; i < 200; ++i) {
    // A turn that ends with one message left, of which the descriptor tells no more ...
    say("first");
    say("second");
    ASSERT_TRUE(receive_soon(at.link, at.got));
    at.link.flush();
    // ... and news that is taken from it before the next.
    say("third");
    (void)waits(10);
    for (const char* next : {"second", "third"}) {
      while (!at.link.receive(at.got)) {
        at.link.flush();
        ASSERT_TRUE(waits(10'000)) << next << " was slept over";
      }
      EXPECT_EQ(text(at.got.header), next);
    }
    at.link.flush();
  }
  ::close(epoll);
}

}  // namespace
}  // namespace muster::bench
