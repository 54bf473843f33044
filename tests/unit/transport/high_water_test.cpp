// What a ROUTER holds for a peer that reads nothing: bounded, and nothing of it lost.

#include <gtest/gtest.h>

#include <zmq.hpp>

#include "protocol/transport/socket.hpp"
#include "tests/unit/transport/waiting.hpp"

namespace muster::transport {
namespace {

using test::receive_soon;
using test::soon;

// A router and a peer that reads when it is told to.
class SlowPeer {
 public:
  explicit SlowPeer(const RouterOptions& options) : router_(context_, options) {
    const auto endpoint = router_.bind("tcp://127.0.0.1:*");
    EXPECT_TRUE(endpoint.ok());
    slow_.set(zmq::sockopt::rcvhwm, 1);
    slow_.set(zmq::sockopt::linger, 0);
    slow_.connect(endpoint.value());
    slow_.send(zmq::str_buffer("hello"), zmq::send_flags::none);
    Incoming hello;
    EXPECT_TRUE(receive_soon(router_, hello));
    peer_ = hello.peer;
    zmq::message_t first;
    EXPECT_TRUE(slow_.recv(first));
    EXPECT_TRUE(first.empty());
  }

  // Sends numbered messages until one does not go, `most` at most; what that was is kept.
  int fill(const std::string& body, int most) {
    for (int i = 0; i < most; ++i) {
      header_ = Frame{std::to_string(sent_)};
      payload_ = Payload{body};
      if (!again()) return i;
    }
    return most;
  }

  bool again() {
    if (router_.send(peer_, std::move(header_), std::move(payload_)) != Sent::done) return false;
    ++sent_;
    return true;
  }

  void expect_next(const std::string& body) {
    zmq::message_t got;
    ASSERT_TRUE(slow_.recv(got));
    EXPECT_EQ(std::to_string(read_++), got.to_string());
    ASSERT_TRUE(slow_.recv(got));
    EXPECT_EQ(body, got.to_string());
  }

  [[nodiscard]] const Frame& header() const { return header_; }
  [[nodiscard]] const Payload& payload() const { return payload_; }
  [[nodiscard]] RouterSocket& router() { return router_; }
  [[nodiscard]] std::uint32_t peer() const { return peer_; }
  void leave() { slow_.close(); }

 private:
  Context context_;
  RouterSocket router_;
  zmq::context_t slow_context_;
  zmq::socket_t slow_{slow_context_, zmq::socket_type::dealer};
  std::uint32_t peer_ = 0;
  Frame header_;
  Payload payload_;
  int sent_ = 0;
  int read_ = 0;
};

// Large, so that the system's own buffers are full soon.
const std::string megabyte(1'000'000, 'b');

TEST(HighWater, AFullPeerTakesNothingAndLosesNothing) {
  RouterOptions options;
  options.send_high_water = 4;
  SlowPeer peer(options);
  const int sent = peer.fill(megabyte, 100);
  ASSERT_LT(sent, 100);
  EXPECT_EQ(std::to_string(sent), peer.header().text());
  EXPECT_EQ(megabyte.size(), peer.payload().bytes());
  for (int i = 0; i < sent; ++i)
    peer.expect_next(megabyte);
  ASSERT_TRUE(soon([&] { return peer.again(); }));
  peer.expect_next(megabyte);
}

TEST(HighWater, LargeMessagesAreBoundedByTheirBytes) {
  RouterOptions options;
  options.send_high_water = 1000;
  options.large_bytes_high_water = 2'000'000;
  SlowPeer peer(options);
  // Beyond the mark: one message, and what the system's buffers have taken.
  const int sent = peer.fill(megabyte, 100);
  ASSERT_LT(sent, 30);
  EXPECT_EQ(megabyte.size(), peer.payload().bytes());
  for (int i = 0; i < sent; ++i)
    peer.expect_next(megabyte);
  ASSERT_TRUE(soon([&] { return peer.again(); }));
  peer.expect_next(megabyte);
}

TEST(HighWater, SmallMessagesAreNotHeldUpByLargeOnes) {
  RouterOptions options;
  options.send_high_water = 1000;
  options.large_bytes_high_water = 2'000'000;
  SlowPeer peer(options);
  ASSERT_LT(peer.fill(megabyte, 100), 30);
  EXPECT_EQ(peer.fill("small", 10), 10);
}

TEST(HighWater, WhatWasHeldForAPeerThatLeavesIsLetGo) {
  RouterOptions options;
  options.large_bytes_high_water = 2'000'000;
  SlowPeer peer(options);
  ASSERT_LT(peer.fill(megabyte, 100), 30);
  peer.leave();
  EXPECT_TRUE(soon([&] {
    Incoming none;
    EXPECT_FALSE(peer.router().receive(none));  // as every loop does: libzmq lets go then
    return peer.router().send(peer.peer(), Frame{"x"}, Payload{megabyte}) == Sent::unreachable;
  }));
}

}  // namespace
}  // namespace muster::transport
