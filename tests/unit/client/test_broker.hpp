#pragma once

// The broker's end of a connection, played by the test's own thread: a real ROUTER on a port of its
// own. It does nothing by itself but answer heartbeats, and only while the test waits for
// something: a test that does not wait is a frozen broker.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "protocol/codec.hpp"
#include "protocol/transport/clock.hpp"
#include "protocol/transport/poller.hpp"
#include "protocol/transport/socket.hpp"

namespace muster::client {

using namespace std::chrono_literals;

class TestBroker {
 public:
  struct Heard {
    std::uint32_t peer = 0;
    FromClient message;
    std::string body;
  };

  TestBroker() { listen("tcp://127.0.0.1:0"); }

  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }

  // When it returns nobody listens any more: libzmq closes a socket in the background, and a client
  // could still be let in meanwhile; only the end of its context waits for that.
  void close() {
    router_->drop_unsent();
    router_.reset();
    context_.reset();
    heard_.clear();
  }
  // On the same endpoint as before, as a restarted broker would.
  void reopen() { listen(endpoint_); }

  // Plays the broker until `done`; false where that did not come to be in good time.
  [[nodiscard]] bool until(const std::function<bool()>& done, Duration patience = 20s) {
    const Time end = transport::monotonic_now() + patience;
    while (!done()) {
      const Time now = transport::monotonic_now();
      if (now >= end) return false;
      read();
      transport::Poller poller;
      if (router_) poller.watch(*router_);
      poller.watch(never_.fd());
      poller.wait(now, std::min(end, now + 2ms));
    }
    return true;
  }

  // The next message of this type; others before it are let go.
  template <class Message>
  std::pair<std::uint32_t, Message> next() {
    std::pair<std::uint32_t, Message> found{};
    const bool came = until([&] {
      read();
      while (!heard_.empty()) {
        Heard first = std::move(heard_.front());
        heard_.erase(heard_.begin());
        if (auto* message = std::get_if<Message>(&first.message)) {
          found = {first.peer, std::move(*message)};
          last_body = std::move(first.body);
          return true;
        }
      }
      return false;
    });
    EXPECT_TRUE(came) << "the client did not say what was waited for";
    return found;
  }

  // To a connection that is gone it is lost, as with any broker.
  template <class Message>
  void say(std::uint32_t peer, const Message& message, std::string_view bytes = {}) {
    static_cast<void>(
        router_->send(peer, encode(message), bytes.empty() ? Payload{} : Payload{bytes}));
  }
  void say_bytes(std::uint32_t peer, std::string_view header) {
    static_cast<void>(router_->send(peer, Frame{header}, {}));
  }

  std::string last_body;  // of what next() gave
  int heartbeats = 0;

 private:
  void listen(const std::string& endpoint) {
    context_ = std::make_unique<transport::Context>();
    ASSERT_TRUE(until([&] {  // another program may hold the port for a moment
      router_ = std::make_unique<transport::RouterSocket>(*context_, transport::RouterOptions{});
      auto bound = router_->bind(endpoint);
      if (bound) endpoint_ = *bound;
      if (!bound) router_.reset();
      return bound.ok();
    }));
  }

  void read() {
    transport::Incoming incoming;
    while (router_ && router_->receive(incoming)) {
      auto decoded = decoder_.from_client(incoming.header, incoming.payload);
      ASSERT_TRUE(decoded.ok()) << decoded.error().what;
      if (std::holds_alternative<ClientHeartbeat>(decoded->message)) {
        ++heartbeats;
        BrokerTerms terms;
        terms.broker = "test";
        terms.interval = 1s;
        terms.liveness = 3;
        say(incoming.peer, ClientTerms{terms});
        continue;
      }
      heard_.push_back({incoming.peer, std::move(decoded->message), incoming.payload.joined()});
    }
  }

  std::unique_ptr<transport::Context> context_;
  transport::Wakeup never_;
  Decoder decoder_{WireLimits{}};
  std::unique_ptr<transport::RouterSocket> router_;
  std::string endpoint_;
  std::vector<Heard> heard_;
};

}  // namespace muster::client
