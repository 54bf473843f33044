#pragma once

// A broker made by hand, for real sockets: it binds a ROUTER on loopback, decodes what workers say,
// and says what a test tells it to. And the agent that it has to do with, on a thread of its own.

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "protocol/codec.hpp"
#include "protocol/transport/clock.hpp"
#include "protocol/transport/poller.hpp"
#include "protocol/transport/socket.hpp"
#include "tests/unit/transport/waiting.hpp"
#include "worker_agent/shell/agent_shell.hpp"

namespace muster::agent::test {

using namespace std::chrono_literals;

inline constexpr Duration patience = 20s;

struct Heard {
  std::uint32_t from = 0;
  FromWorker message;
  std::string payload;
};

class TestBroker {
 public:
  explicit TestBroker(transport::Context& context, const std::string& at = "tcp://127.0.0.1:*")
      : router_(context, {}), decoder_(WireLimits{}) {
    // The port of a former one is free only when libzmq has closed it in its own time.
    EXPECT_TRUE(muster::test::soon([&] {
      auto bound = router_.bind(at);
      if (bound) endpoint_ = *bound;
      return bound.ok();
    }));
    poller_.watch(router_);
  }

  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }
  std::vector<Heard> heard;

  // Reads until `condition` holds; false if it does not in time.
  [[nodiscard]] bool until(const std::function<bool()>& condition) {
    const Time deadline = transport::monotonic_now() + patience;
    while (!condition()) {
      const Time now = transport::monotonic_now();
      if (now >= deadline) return false;
      read();
      if (!condition()) poller_.wait(now, now + 5ms);
    }
    return true;
  }

  void say(std::uint32_t to, const ToWorker& message, Payload payload = {}) {
    EXPECT_EQ(router_.send(to, encode(message), std::move(payload)), transport::Sent::done);
  }
  void say_bytes(std::uint32_t to, std::string_view header) {
    EXPECT_EQ(router_.send(to, Frame{header}, {}), transport::Sent::done);
  }

  template <class M>
  [[nodiscard]] std::vector<const M*> all() const {
    std::vector<const M*> found;
    for (const auto& one : heard)
      if (const auto* message = std::get_if<M>(&one.message)) found.push_back(message);
    return found;
  }

  // Waits for the next REGISTER, answers it, and returns who it was.
  std::uint32_t accept(Duration interval = 50ms, std::uint64_t liveness = 1000) {
    std::optional<std::uint32_t> who;
    EXPECT_TRUE(until([&] {
      for (; looked_at_ < heard.size() && !who; ++looked_at_)
        if (std::holds_alternative<Register>(heard[looked_at_].message))
          who = heard[looked_at_].from;
      return who.has_value();
    })) << "no REGISTER has come";
    BrokerTerms terms;
    terms.broker = "by hand";
    terms.instance = Instance{1};
    terms.interval = interval;
    terms.liveness = liveness;
    if (who) say(*who, Registered{terms});
    return who.value_or(0);
  }

  // Waits until the worker has told that it is in that state.
  [[nodiscard]] bool until_state(WorkerState state) {
    return until([&] {
      const auto beats = all<WorkerHeartbeat>();
      return !beats.empty() && beats.back()->state == state;
    });
  }

  // Waits until a FINAL or ERROR for that id has come.
  [[nodiscard]] bool until_end(std::uint64_t id) {
    return until([&] {
      for (; ends_looked_at_ < heard.size(); ++ends_looked_at_) {
        const FromWorker& message = heard[ends_looked_at_].message;
        if (const auto* f = std::get_if<Final>(&message)) ended_.push_back(f->id.value);
        if (const auto* e = std::get_if<Error>(&message)) ended_.push_back(e->id.value);
      }
      return std::find(ended_.begin(), ended_.end(), id) != ended_.end();
    });
  }

 private:
  void read() {
    transport::Incoming incoming;
    while (router_.receive(incoming)) {
      auto decoded = decoder_.from_worker(incoming.header, incoming.payload);
      ASSERT_TRUE(decoded) << decoded.error().what;
      heard.push_back({incoming.peer, std::move(decoded->message), incoming.payload.joined()});
    }
  }

  transport::RouterSocket router_;
  transport::Poller poller_;
  Decoder decoder_;
  std::string endpoint_;
  std::size_t looked_at_ = 0;
  std::size_t ends_looked_at_ = 0;
  std::vector<std::uint64_t> ended_;
};

class RunningAgent {
 public:
  RunningAgent(transport::Context& context, const AgentOptions& options,
               std::unique_ptr<ModelServer> server)
      : shell_(context, options, std::move(server)) {
    const auto opened = shell_.open();
    EXPECT_TRUE(opened) << opened.error();
    thread_ = std::thread([this] {
      code_ = shell_.run();
      ended_ = true;
    });
  }
  ~RunningAgent() {
    if (!thread_.joinable()) return;
    for (int i = 0; i < 3; ++i)
      shell_.stop();
    thread_.join();
  }

  void stop() { shell_.stop(); }
  [[nodiscard]] bool ended() const { return ended_; }
  // REQUIRES: it ends.
  [[nodiscard]] ExitCode wait() {
    thread_.join();
    return code_;
  }

 private:
  AgentShell shell_;
  std::atomic<bool> ended_ = false;
  ExitCode code_{};
  std::thread thread_;
};

}  // namespace muster::agent::test
