#include "tools/cli/control.hpp"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "tools/cli/text.hpp"
#include "tools/cli/views.hpp"

namespace muster::cli {

namespace {

using Clock = std::chrono::steady_clock;

constexpr client::Milliseconds look_interval{250};

// A broker that has restarted may not know a worker again before its next heartbeats.
constexpr client::Milliseconds unknown_max{5000};

std::string requests(std::uint64_t count) {
  return human_count(count) + (count == 1 ? " request" : " requests");
}

// Looks at a worker until it has nothing in hand any more.
class Draining {
 public:
  Draining(const DrainOptions& options, client::Client& client, const Interrupt& interrupt)
      : options_(options),
        client_(client),
        interrupt_(interrupt),
        timeout_(options.broker.timeout.value_or(drain_timeout)) {}

  [[nodiscard]] ExitCode wait() {
    while (true) {
      const auto left = std::chrono::ceil<client::Milliseconds>(end_ - Clock::now());
      if (left.count() <= 0) return too_late();
      const client::QueryEnd answer =
          ask_broker(client_, options_.broker.endpoint,
                     {.name = "workers", .timeout = std::min(left, query_timeout)}, interrupt_);
      if (answer.error) return failed(answer.error);
      if (const auto verdict = judge(find_worker(answer.json, options_.worker))) return *verdict;
      pollfd interrupted{interrupt_.fd(), POLLIN, 0};
      const auto pause = std::min(left, look_interval);
      if (::poll(&interrupted, 1, static_cast<int>(pause.count())) > 0) return ExitCode::cancelled;
    }
  }

 private:
  // Nothing where there is more to wait for.
  std::optional<ExitCode> judge(const std::optional<WorkerNow>& worker) {
    if (!worker) {
      if (!unknown_since_) unknown_since_ = Clock::now();
      tell("the broker does not know " + options_.worker + " now");
      if (Clock::now() - *unknown_since_ < unknown_max) return std::nullopt;
      return print(printable(options_.worker) + " is gone\n");
    }
    unknown_since_.reset();
    if (worker->gone) return print(printable(options_.worker) + " is gone\n");
    if (worker->state == "draining") {
      draining_ = true;
      if (worker->in_flight == 0) return print(printable(options_.worker) + " has drained\n");
    } else if (draining_ && worker->state == "ready") {
      complain(options_.worker + " takes requests again: it was told not to drain after all");
      return ExitCode::failed;
    }
    tell(options_.worker + " is " + worker->state + " and has " + requests(worker->in_flight) +
         " in hand");
    return std::nullopt;
  }

  // Progress: only what is new.
  void tell(const std::string& sentence) {
    if (std::exchange(told_, sentence) != sentence) complain(sentence);
  }

  [[nodiscard]] ExitCode too_late() const {
    complain(options_.worker + " has not drained within " + human_duration(timeout_.count()) +
             ", and goes on draining; `muster workers` shows it");
    return ExitCode::timed_out;
  }

  const DrainOptions& options_;
  client::Client& client_;
  const Interrupt& interrupt_;
  const client::Milliseconds timeout_;
  const Clock::time_point end_ = Clock::now() + timeout_;
  std::optional<Clock::time_point> unknown_since_;
  bool draining_ = false;
  std::string told_;
};

// Gives the order; `done` is what is said of the worker then.
ExitCode order(const BrokerChoice& broker, client::QuerySpec query, const std::string& done) {
  const Interrupt interrupt;
  client::Client client({.broker = broker.endpoint});
  query.timeout = broker.timeout.value_or(query_timeout);
  const client::QueryEnd end = ask_broker(client, broker.endpoint, query, interrupt);
  if (end.error) return failed(end.error);
  return print(printable(done) + "\n");
}

}  // namespace

ExitCode run(const DrainOptions& options) {
  client::QuerySpec query{.name = "drain",
                          .args = drain_args(options.worker, true, options.reason)};
  if (!options.wait) {
    return order(options.broker, std::move(query),
                 options.worker + " is told to drain; `muster workers` shows how far it is");
  }
  const Interrupt interrupt;
  client::Client client({.broker = options.broker.endpoint});
  Draining draining(options, client, interrupt);
  query.timeout = std::min(options.broker.timeout.value_or(query_timeout), query_timeout);
  const client::QueryEnd end = ask_broker(client, options.broker.endpoint, query, interrupt);
  if (end.error) return failed(end.error);
  return draining.wait();
}

ExitCode run(const UndrainOptions& options) {
  return order(options.broker, {.name = "drain", .args = drain_args(options.worker, false, "")},
               options.worker + " is told to take requests again");
}

ExitCode run(const RemoveOptions& options) {
  return order(
      options.broker, {.name = "remove", .args = worker_args(options.worker)},
      options.worker +
          " is removed; what it had not begun to answer goes to others, the rest has ended");
}

}  // namespace muster::cli
