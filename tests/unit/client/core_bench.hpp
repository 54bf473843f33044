#pragma once

// A client's core on a bench: time moves only where a test moves it, and what the core wants done
// is kept for the test to look at. The socket of the bench takes everything until it is told not
// to.

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "client/core/client_core.hpp"

namespace muster::client {

using namespace std::chrono_literals;

class Bench {
 public:
  explicit Bench(CoreOptions options = default_options()) : core(std::move(options), now) {}

  static CoreOptions default_options() {
    CoreOptions options;
    options.broker = "tcp://there:5555";
    options.heartbeat_liveness = 3;
    return options;
  }

  // Lets time pass as a shell would: with a Tick at each deadline on the way, and one at the end.
  void pass(Duration d) {
    const Time end = now + d;
    while (core.next_deadline() < end) {
      now = std::max(now, core.next_deadline());
      step(Tick{});
    }
    now = end;
    step(Tick{});
  }

  void step(Event event) {
    std::vector<Action> actions;
    core.step(std::move(event), now, actions);
    std::vector<Event> refused;
    for (Action& action : actions) {
      if (auto* send = std::get_if<Send>(&action)) {
        if (room == 0 || (refuse_cancels && std::holds_alternative<Cancel>(send->message))) {
          refused.emplace_back(NotSent{std::move(send->message), std::move(send->payload)});
        } else {
          --room;
          sent.push_back(std::move(*send));
        }
      } else if (auto* part = std::get_if<PartArrived>(&action)) {
        parts.push_back(std::move(*part));
      } else if (auto* end = std::get_if<RequestEnded>(&action)) {
        ends.push_back(std::move(*end));
      } else if (auto* answer = std::get_if<QueryEnded>(&action)) {
        answers.push_back(std::move(*answer));
      } else if (auto* again = std::get_if<SendsAgain>(&action)) {
        sent_again.push_back(std::move(*again));
      } else {
        ++reopened;
      }
    }
    for (Event& event_back : refused)
      step(std::move(event_back));
  }

  // ---- what the program wants ----
  void ask(std::uint64_t id, std::optional<Duration> timeout = {}, bool stream = true) {
    Ask event{Request{WireId{id}, "llama", {}}, Payload{"body"}};
    event.request.options.timeout = timeout;
    event.request.options.stream = stream;
    step(std::move(event));
  }
  // With retry: false.
  void ask_once(std::uint64_t id, std::optional<Duration> timeout = {}) {
    Ask event{Request{WireId{id}, "llama", {}}, Payload{"body"}};
    event.request.options.timeout = timeout;
    event.request.options.retry = false;
    step(std::move(event));
  }
  void ask_broker(std::uint64_t id, Duration timeout = 5s, const char* query = "models") {
    step(AskBroker{{id}, query, timeout});
  }
  void cancel(std::uint64_t id) { step(Withdraw{{id}}); }
  void connect() { step(ConnectionNew{}); }

  // ---- what the broker says ----
  void says(ToClient message, std::string_view bytes = {}) {
    step(BrokerSaid{std::move(message), bytes.empty() ? Payload{} : Payload{bytes}});
  }
  void chunk(std::uint64_t id, std::uint64_t seq, std::string_view bytes = "part") {
    says(Chunk{WireId{id}, seq, {}}, bytes);
  }
  void final(std::uint64_t id, std::uint64_t seq = 0, std::string_view bytes = "rest") {
    says(Final{WireId{id}, seq, {}}, bytes);
  }
  void stops(std::uint64_t id) {
    Error error{WireId{id}, ErrorCode::shutting_down, "the broker is stopping", {}};
    error.meta.retryable = true;
    says(std::move(error));
  }
  // The id on the wire of what is sent again for the nth time.
  static std::uint64_t again(std::uint64_t id, std::uint64_t nth = 1) { return id | nth << 62; }
  // What can't be decoded; of which type and for which id, where that can be read.
  void fault(FaultReason reason, std::optional<std::uint64_t> type = {},
             std::optional<std::uint64_t> id = {}) {
    Fault fault{reason, "It is odd; it must not be.", {}, type};
    if (id) fault.id = WireId{*id};
    step(BrokerFault{std::move(fault)});
  }
  void terms(BrokerTerms t = told()) { says(ClientTerms{std::move(t)}); }
  static BrokerTerms told() {
    BrokerTerms t;
    t.interval = 1s;
    t.liveness = 3;
    return t;
  }

  // ---- what was sent ----
  template <class Message>
  [[nodiscard]] std::vector<Message> sent_as() const {
    std::vector<Message> all;
    for (const Send& send : sent) {
      if (const auto* message = std::get_if<Message>(&send.message)) all.push_back(*message);
    }
    return all;
  }
  [[nodiscard]] std::vector<std::uint64_t> requests() const { return ids<Request>(); }
  [[nodiscard]] std::vector<std::uint64_t> cancels() const { return ids<Cancel>(); }
  template <class Message>
  [[nodiscard]] std::vector<std::uint64_t> ids() const {
    std::vector<std::uint64_t> all;
    for (const Message& message : sent_as<Message>())
      all.push_back(message.id.value);
    return all;
  }

  Time now = Time{1h};
  ClientCore core;
  std::size_t room = static_cast<std::size_t>(-1);  // how much more the socket takes
  bool refuse_cancels = false;                      // however much room there is
  std::vector<Send> sent;
  std::vector<PartArrived> parts;
  std::vector<SendsAgain> sent_again;
  std::vector<RequestEnded> ends;
  std::vector<QueryEnded> answers;
  int reopened = 0;
};

}  // namespace muster::client
