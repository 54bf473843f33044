// The thread that owns the socket to the broker, and the door that other threads knock at.

#include "client/include/muster/client.hpp"

#include <algorithm>
#include <atomic>
#include <future>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "client/core/client_core.hpp"
#include "client/translate.hpp"
#include "protocol/check.hpp"
#include "protocol/transport/clock.hpp"
#include "protocol/transport/poller.hpp"
#include "protocol/transport/socket.hpp"

namespace muster::client {

namespace {

// How many messages are read before the clock is read again and deadlines are looked at.
constexpr int reads_per_turn_max = 1000;

// How long a closing client tries to hand its CANCELs to a full socket. What the socket has taken
// is sent within libzmq's linger (protocol/transport/socket.cpp).
constexpr Duration closing_max = std::chrono::milliseconds{400};

// A payload's bytes as one piece: those of its only frame in place, or copied into `joined`.
std::string_view bytes_of(const Payload& payload, std::string& joined) {
  if (payload.empty()) return {};
  if (payload.frame_count() == 1) return payload.frame(0).text();
  joined = payload.joined();
  return joined;
}

RequestError overloaded() {
  Conclusion conclusion{.kind = EndKind::overloaded,
                        .message = "requests are made faster than the client takes them on"};
  conclusion.meta.retryable = true;
  return to_error(std::move(conclusion));
}

RequestError no_args(const std::string& query) {
  return to_error({.kind = EndKind::invalid,
                   .message = "the args of the query " + query + " are no JSON object"});
}

}  // namespace

class Client::Impl {
 public:
  explicit Impl(const ClientOptions& options)
      : options_(options),
        limits_(limits_from_broker(options)),
        decoder_(limits_),
        core_(core_options(options), transport::monotonic_now()),
        thread_([this] { run(); }) {}

  // Callbacks may still come in while it runs, and none after it.
  void close() {
    CHECK(!on_own_thread(), "a Client is destroyed from within one of its callbacks");
    put(Stop{});
    thread_.join();
  }

  RequestHandle request(RequestSpec&& spec, Callbacks&& callbacks) {
    const std::uint64_t id = next_id_.fetch_add(1, std::memory_order_relaxed);
    NewRequest command{to_ask(RequestHandle{id}, std::move(spec)), std::move(callbacks)};
    return put(std::move(command)) ? RequestHandle{id} : RequestHandle{};
  }

  void cancel(RequestHandle handle) {
    put(Withdraw{ClientRequestId{static_cast<std::uint64_t>(handle)}});
  }

  bool query(QuerySpec&& spec, std::function<void(const QueryEnd&)>&& on_end) {
    const std::uint64_t id = next_id_.fetch_add(1, std::memory_order_relaxed);
    auto args = args_of_json(spec.args);
    NewQuery command{.sayable = args.has_value(), .on_end = std::move(on_end)};
    command.ask = {ClientRequestId{id}, std::move(spec.name), to_duration(spec.timeout),
                   std::move(args).value_or(Value{})};
    return put(std::move(command));
  }

  [[nodiscard]] bool on_own_thread() const {
    return std::this_thread::get_id() == thread_.get_id();
  }

 private:
  using OnQueryEnd = std::function<void(const QueryEnd&)>;
  struct NewRequest {
    Ask ask;
    Callbacks callbacks;
  };
  struct NewQuery {
    AskBroker ask{};
    bool sayable = true;
    OnQueryEnd on_end{};
  };
  using Command = std::variant<NewRequest, NewQuery, Withdraw, Stop>;

  // ---- from any thread ----

  // Whether it is taken: not after a Stop.
  bool put(Command&& command) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return false;
      closed_ = std::holds_alternative<Stop>(command);
      auto* request = std::get_if<NewRequest>(&command);
      if (request != nullptr && inbox_.size() >= options_.outstanding_max) {
        // The inbox holds no more bodies than the core would: of what is beyond only the callback
        // is kept, to be told so.
        request->ask = {};
      }
      inbox_.push_back(std::move(command));
    }
    wakeup_.notify();
    return true;
  }

  // ---- on the client's thread ----

  void run() {
    poller_.watch(wakeup_.fd());
    open();
    while (true) {
      const Time now = transport::monotonic_now();
      take_commands(now);
      const bool more = read_socket(now);
      step(Tick{}, now);
      if (now >= closing_until_ || (closing_until_ != time_never && core_.idle())) return;
      // The clock is read again: callbacks have run, and may have taken any time.
      const Time deadline = std::min(core_.next_deadline(), closing_until_);
      poller_.wait(transport::monotonic_now(), more ? now : deadline);
    }
  }

  void open() {
    if (socket_) {
      socket_->drop_unsent();
      poller_.remove(*socket_);
    }
    socket_ = std::make_unique<transport::DealerSocket>(context_, limits_);
    poller_.watch(*socket_);
    Outcome outcome = socket_->connect(options_.broker);
    if (!outcome) step(EndpointRefused{std::move(outcome.error())}, transport::monotonic_now());
  }

  void take_commands(Time now) {
    static_cast<void>(wakeup_.take());
    std::vector<Command> commands;
    {
      const std::lock_guard lock(mutex_);
      commands.swap(inbox_);
    }
    for (Command& command : commands) {
      std::visit([&](auto& c) { take(std::move(c), now); }, command);
    }
  }

  void take(NewRequest&& command, Time now) {
    const ClientRequestId id{command.ask.request.id.value};
    if (id.value == 0) {
      if (command.callbacks.on_end) command.callbacks.on_end({.error = overloaded()});
      return;
    }
    requests_.emplace(id, std::move(command.callbacks));
    step(std::move(command.ask), now);
  }

  void take(NewQuery&& command, Time now) {
    if (!command.sayable) {
      if (command.on_end) command.on_end({.error = no_args(command.ask.name)});
      return;
    }
    queries_.emplace(command.ask.id, std::move(command.on_end));
    step(std::move(command.ask), now);
  }

  void take(const Withdraw& command, Time now) { step(command, now); }

  void take(const Stop& command, Time now) {
    closing_until_ = now + closing_max;
    step(command, now);
  }

  // Whether the socket may hold more.
  bool read_socket(Time now) {
    for (int reads = 0; reads < reads_per_turn_max; ++reads) {
      if (!socket_->receive(incoming_)) return false;
      if (incoming_.header.empty() && incoming_.payload.empty()) {
        step(ConnectionNew{}, now);
        continue;
      }
      auto decoded = decoder_.to_client(incoming_.header, incoming_.payload);
      if (decoded) {
        step(BrokerSaid{std::move(decoded->message), std::move(incoming_.payload)}, now);
      } else {
        step(BrokerFault{std::move(decoded.error())}, now);
      }
    }
    return true;
  }

  void step(Event&& event, Time now) {
    std::vector<Action> actions;
    core_.step(std::move(event), now, actions);
    for (Action& action : actions)
      std::visit([&](auto& a) { carry_out(std::move(a)); }, action);
    for (NotSent& back : std::exchange(not_sent_, {}))
      step(std::move(back), now);
  }

  void carry_out(Send&& action) {
    Frame header = encode(action.message);
    if (socket_->send(std::move(header), std::move(action.payload)) == transport::Sent::full) {
      not_sent_.push_back({std::move(action.message), std::move(action.payload)});
    }
  }

  void carry_out(Reopen&&) { open(); }

  void carry_out(PartArrived&& action) {
    const auto request = requests_.find(action.id);
    CHECK(request != requests_.end(), "a part came for a request that nobody made");
    const auto& on_part = request->second.on_part;
    if (!on_part) return;
    std::string joined;
    on_part({.bytes = bytes_of(action.bytes, joined),
             .seq = action.seq,
             .status = action.meta.status,
             .type = action.meta.type,
             .worker = action.meta.worker});
  }

  void carry_out(SendsAgain&& action) {
    const auto request = requests_.find(action.id);
    CHECK(request != requests_.end(), "a request is sent again that nobody made");
    if (request->second.on_retry) request->second.on_retry(action.why);
  }

  void carry_out(RequestEnded&& action) {
    const auto ended = requests_.extract(action.id);
    CHECK(!ended.empty(), "a request ended that nobody made");
    const auto& on_end = ended.mapped().on_end;
    if (!on_end) return;
    std::string joined;
    const std::string_view bytes = bytes_of(action.bytes, joined);
    if (action.conclusion.kind == EndKind::answered) {
      on_end({.bytes = bytes,
              .parts = action.parts,
              .status = action.meta.status,
              .type = action.meta.type,
              .worker = action.meta.worker});
    } else {
      on_end({.error = to_error(std::move(action.conclusion), std::string{bytes}),
              .parts = action.parts});
    }
  }

  void carry_out(QueryEnded&& action) {
    const auto ended = queries_.extract(action.id);
    CHECK(!ended.empty(), "a query ended that nobody made");
    if (!ended.mapped()) return;
    const bool answered = action.conclusion.kind == EndKind::answered;
    ended.mapped()({.error = to_error(std::move(action.conclusion)),
                    .json = answered ? to_json(action.result) : std::string{}});
  }

  const ClientOptions options_;
  const WireLimits limits_;
  std::atomic<std::uint64_t> next_id_{1};
  transport::Wakeup wakeup_;

  std::mutex mutex_;
  std::vector<Command> inbox_;  // guarded by mutex_
  bool closed_ = false;         // likewise

  // Of the client's thread alone from here on.
  transport::Context context_;
  std::unique_ptr<transport::DealerSocket> socket_;
  transport::Poller poller_;
  transport::Incoming incoming_;
  Decoder decoder_;
  ClientCore core_;
  std::vector<NotSent> not_sent_;  // of the step that is being carried out
  std::unordered_map<ClientRequestId, Callbacks> requests_;
  std::unordered_map<ClientRequestId, OnQueryEnd> queries_;
  Time closing_until_ = time_never;

  std::thread thread_;  // last: it starts when all the rest is there
};

Client::Client(const ClientOptions& options) : impl_(std::make_unique<Impl>(options)) {}

Client::~Client() {
  impl_->close();
}

RequestHandle Client::request(RequestSpec spec, Callbacks callbacks) {
  return impl_->request(std::move(spec), std::move(callbacks));
}

void Client::cancel(RequestHandle handle) {
  impl_->cancel(handle);
}

void Client::query(QuerySpec spec, std::function<void(const QueryEnd&)> on_end) {
  impl_->query(std::move(spec), std::move(on_end));
}

void Client::query(std::string name, Milliseconds timeout,
                   std::function<void(const QueryEnd&)> on_end) {
  query({.name = std::move(name), .timeout = timeout}, std::move(on_end));
}

QueryEnd Client::query(std::string name, Milliseconds timeout) {
  return query({.name = std::move(name), .timeout = timeout});
}

QueryEnd Client::query(QuerySpec spec) {
  if (impl_->on_own_thread()) {
    return {.error = to_error({.kind = EndKind::invalid,
                               .message = "a callback can't wait for the answer to a query"})};
  }
  std::promise<QueryEnd> promise;
  const bool taken =
      impl_->query(std::move(spec), [&](const QueryEnd& end) { promise.set_value(end); });
  if (!taken) {
    return {.error = to_error({.kind = EndKind::cancelled, .message = "the client is closing"})};
  }
  return promise.get_future().get();
}

}  // namespace muster::client
