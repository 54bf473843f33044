#pragma once

// A broker in a thread of its own, on ports that the system picks, and peers that talk to it over
// real sockets, in messages or in whatever bytes a test likes.

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "broker/controller_factory.hpp"
#include "broker/shell/broker.hpp"
#include "protocol/codec.hpp"
#include "tests/unit/transport/waiting.hpp"

namespace muster::broker {

// Nobody is given up for having been silent, or for having taken nothing: on a machine that is busy
// enough, a peer that is played here is both for seconds. A test of that sets its own times.
inline BrokerOptions on_free_ports() {
  BrokerOptions options;
  options.controller.heartbeat_liveness = 100;
  options.outbox.stall = std::chrono::hours{1};
  options.frontend = {"tcp://127.0.0.1:*"};
  options.backend = {"tcp://127.0.0.1:*"};
  options.controller.restart_grace = {};  // who is not there is not waited for
  return options;
}

class RunningBroker {
 public:
  explicit RunningBroker(const BrokerOptions& options = on_free_ports())
      : broker_(context, options, made(options)) {
    auto opened = broker_.open();
    EXPECT_TRUE(opened.ok()) << opened.error();
    thread_ = std::thread([this] { ended_ = broker_.run(); });
  }
  ~RunningBroker() {
    if (!thread_.joinable()) return;
    broker_.stop();
    broker_.stop();
    thread_.join();
  }

  [[nodiscard]] const std::string& frontend(std::size_t i = 0) const {
    return broker_.frontend_endpoints().at(i);
  }
  [[nodiscard]] const std::string& backend(std::size_t i = 0) const {
    return broker_.backend_endpoints().at(i);
  }

  void stop() { broker_.stop(); }
  [[nodiscard]] Broker::Ended wait_for_end() {
    thread_.join();
    return ended_;
  }

  transport::Context context;  // also of the peers: inproc endpoints need that

 private:
  static std::unique_ptr<Controller> made(const BrokerOptions& options) {
    auto controller = ControllerFactory(options.controller).make();
    EXPECT_TRUE(controller.ok());
    return std::move(*controller);
  }

  Broker broker_;
  Broker::Ended ended_{};
  std::thread thread_;
};

// What a peer has heard: a message and its payload, in one piece.
template <class Message>
struct Heard {
  Message message;
  std::string body;
};

template <class Side>
class Peer {
 public:
  Peer(transport::Context& context, const std::string& endpoint) : socket_(context, {}) {
    EXPECT_TRUE(socket_.connect(endpoint).ok());
    EXPECT_TRUE(test::receive_soon(socket_, incoming_)) << "no empty first frame";
    EXPECT_TRUE(incoming_.header.empty());
  }

  // The next message but heartbeats, which is to be of this type.
  template <class Message>
  Heard<Message> hear() {
    while (test::receive_soon(socket_, incoming_)) {
      auto decoded = Side::decode(decoder_, incoming_);
      if (!decoded) {
        ADD_FAILURE() << "the broker's message can't be read: " << decoded.error().what;
        return {};
      }
      if (std::holds_alternative<typename Side::Heartbeat>(decoded->message)) continue;
      if (auto* message = std::get_if<Message>(&decoded->message))
        return {std::move(*message), incoming_.payload.joined()};
      ADD_FAILURE() << "another message came, the " << decoded->message.index() << "th of its kind";
      return {};
    }
    ADD_FAILURE() << "nothing came";
    return {};
  }

  // Whether the first thing to come is a new connection's empty frame.
  [[nodiscard]] bool hear_new_connection() {
    return test::receive_soon(socket_, incoming_) && incoming_.header.empty();
  }

  template <class Message>
  void say(const Message& message, Payload payload = {}) {
    say_bytes(encode(message), std::move(payload));
  }
  void say_bytes(Frame header, Payload payload = {}) {
    EXPECT_TRUE(test::soon([&] {
      return socket_.send(std::move(header), std::move(payload)) == transport::Sent::done;
    }));
  }

 private:
  transport::DealerSocket socket_;
  transport::Incoming incoming_;
  Decoder decoder_{WireLimits{}};
};

struct ClientSide {
  using Heartbeat = ClientTerms;
  static auto decode(Decoder& decoder, const transport::Incoming& in) {
    return decoder.to_client(in.header, in.payload);
  }
};
struct WorkerSide {
  using Heartbeat = BrokerHeartbeat;
  static auto decode(Decoder& decoder, const transport::Incoming& in) {
    return decoder.to_worker(in.header, in.payload);
  }
};

class TestClient : public Peer<ClientSide> {
 public:
  explicit TestClient(RunningBroker& broker) : Peer(broker.context, broker.frontend()) {}
  using Peer::Peer;

  void ask(std::uint64_t id, Payload body = {}, bool stream = true) {
    RequestOptions options;
    options.stream = stream;
    say(Request{{id}, "m", options}, std::move(body));
  }

  // A number in what the broker says of itself, to which `path` leads; what was never counted is 0.
  std::uint64_t stat(std::initializer_list<std::string_view> path) {
    say(Query{{++queries_}, "stats", {}});
    const auto answer = hear<Answer>();
    const Value* value = &answer.message.result;
    for (const auto key : path)
      if (value != nullptr) value = value->find(key);
    return value != nullptr ? value->uint_or(0) : 0;
  }

 private:
  std::uint64_t queries_ = 1'000'000;
};

class TestWorker : public Peer<WorkerSide> {
 public:
  explicit TestWorker(RunningBroker& broker, std::uint64_t slots = 1000, std::string name = "w")
      : Peer(broker.context, broker.backend()) {
    join(slots, std::move(name));
  }
  TestWorker(transport::Context& context, const std::string& endpoint) : Peer(context, endpoint) {
    join(1000, "w");
  }

  Registered terms;

 private:
  void join(std::uint64_t slots, std::string name) {
    Register message;
    message.info.worker = std::move(name);
    message.info.instance = {transport::new_instance()};
    message.info.models = {{.name = "m"}};
    message.info.slots = slots;
    message.info.state = WorkerState::ready;
    say(message);
    terms = hear<Registered>().message;
  }
};

}  // namespace muster::broker
