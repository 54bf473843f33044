// `chaos_client`: puts a load on a broker that goes on whatever happens to broker and workers, and
// holds every answer against what was asked.

#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "muster/client.hpp"
#include "protocol/prng.hpp"
#include "tests/integration/chaos/plan.hpp"
#include "tests/integration/chaos/tally.hpp"

namespace muster::chaos {
namespace {

// Told to stop by a signal, which nothing but this waits for.
class Stopping {
 public:
  Stopping() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);  // in the client's threads as well
  }
  // Until then, or until a signal comes: then true.
  [[nodiscard]] bool wait_until(Clock::time_point then) const {
    const auto left = std::max(then - Clock::now(), Clock::duration::zero());
    const timespec time{.tv_sec = left / std::chrono::seconds{1},
                        .tv_nsec = (left % std::chrono::seconds{1}).count()};
    return sigtimedwait(&signals_, nullptr, &time) > 0;
  }

 private:
  sigset_t signals_{};
};

struct Options {
  client::ClientOptions client;
  Mix mix;
  std::string journal;
  std::string name = "c";    // its nonces begin with this
  double rate = 100;         // requests a second, sent at their times whatever became of others
  std::uint64_t window = 0;  // above 0: so many are open at any time instead
  double seconds = 10;
  std::uint64_t count = std::numeric_limits<std::uint64_t>::max();  // of requests, at most
  std::uint64_t seed = 1;
};

// One load: asks, cancels, and says each second how it goes.
class Load {
 public:
  Load(const Options& options, const Stopping& stopping, Tally& tally)
      : options_(options), stopping_(stopping), tally_(tally), client_(options.client) {}

  // Until told to stop, or the time is over, or there were enough.
  void run() {
    const Clock::time_point last = next_line_ + nanoseconds(options_.seconds);
    Clock::time_point due = next_line_;
    for (std::uint64_t number = 0; due < last && number < options_.count; ++number) {
      if (options_.window > 0 ? !wait_for_room() : stopping_.wait_until(due)) return;
      cancel_what_is_due();
      ask(number);
      say_how_it_goes();
      due = options_.window > 0 ? Clock::now() : due + nanoseconds(1 / options_.rate);
    }
  }

  void wait_for_the_ends() {
    const auto last = Clock::now() + options_.mix.longest + options_.mix.patience + grace;
    while (!tally_.wait_for_open(0, std::chrono::milliseconds{100}) && Clock::now() < last) {
      cancel_what_is_due();
      say_how_it_goes();
    }
  }

 private:
  // No request may outlive its deadline by more than this.
  static constexpr std::chrono::seconds grace{10};

  static std::chrono::nanoseconds nanoseconds(double seconds) {
    return std::chrono::nanoseconds{static_cast<std::int64_t>(seconds * 1e9)};
  }

  void ask(std::uint64_t number) {
    Plan plan = draw_plan(options_.mix, options_.name + "-" + std::to_string(number), prng_);
    client::RequestSpec spec = plan.spec(options_.mix.model);
    const std::optional<Milliseconds> cancelled = plan.cancelled;
    const auto request =
        std::make_shared<Request>(Request{.plan = std::move(plan), .sent = Clock::now()});
    tally_.sent();
    Tally& tally = tally_;
    const client::RequestHandle handle = client_.request(
        std::move(spec),
        {.on_part = [&tally, request](const client::Part& part) { tally.part(*request, part); },
         .on_end = [&tally, request](const client::End& end) { tally.end(*request, end); },
         .on_retry = [&tally, request](std::string_view) { tally.retry(*request); }});
    if (cancelled) to_cancel_.emplace(Clock::now() + *cancelled, handle);
  }

  void cancel_what_is_due() {
    while (!to_cancel_.empty() && to_cancel_.begin()->first <= Clock::now()) {
      client_.cancel(to_cancel_.begin()->second);
      to_cancel_.erase(to_cancel_.begin());
    }
  }

  // False: told to stop. What is full is filled up again in one go, when half of it has ended.
  [[nodiscard]] bool wait_for_room() {
    if (!tally_.wait_for_open(options_.window - 1, Clock::duration::zero())) {
      while (!tally_.wait_for_open(options_.window / 2, std::chrono::milliseconds{10})) {
        if (stopping_.wait_until(Clock::now())) return false;
        cancel_what_is_due();
        say_how_it_goes();
      }
    }
    return !stopping_.wait_until(Clock::now());
  }

  void say_how_it_goes() {
    const Clock::time_point now = Clock::now();
    if (now < next_line_) return;
    std::fprintf(stderr, "%s\n", tally_.line().c_str());
    next_line_ = now + std::chrono::seconds{1};
  }

  const Options& options_;
  const Stopping& stopping_;
  Tally& tally_;
  client::Client client_;
  Prng prng_{options_.seed};
  std::multimap<Clock::time_point, client::RequestHandle> to_cancel_;
  Clock::time_point next_line_ = Clock::now();
};

void add_mix(CLI::App& app, Mix& mix) {
  const CLI::Range share{0.0, 1.0};
  app.add_option("--model", mix.model);
  app.add_option("--long-share", mix.long_share, "of the requests")->check(share);
  app.add_option("--streamed-share", mix.streamed_share)->check(share);
  app.add_option("--cancelled-share", mix.cancelled_share)->check(share);
  const auto add = [&app](const char* name, Milliseconds& time, const char* what) {
    app.add_option_function<std::int64_t>(
           name, [&time](std::int64_t ms) { time = Milliseconds{ms}; }, what)
        ->check(CLI::Range(1, 3'600'000));
  };
  add("--shortest-ms", mix.shortest, "what the shortest answer takes");
  add("--shorter-ms", mix.shorter, "what all but the long ones take at most");
  add("--longest-ms", mix.longest, "what the longest answer takes");
  add("--patience-ms", mix.patience, "a deadline, beyond what the answer takes");
  add("--echo-ms", mix.echo, "the model is an agent's echo, with so much time between words");
}

int chaos_client(int argc, char** argv) {
  Options options;
  CLI::App app{"Puts a load on a broker and holds every answer against what was asked"};
  app.add_option("--broker", options.client.broker)->required();
  app.add_option("--name", options.name, "what the names of its requests begin with");
  app.add_option("--rate", options.rate, "requests a second")->check(CLI::PositiveNumber);
  app.add_option("--window", options.window, "no rate: so many are open at any time");
  app.add_option("--seconds", options.seconds, "then it waits for what is outstanding");
  app.add_option("--count", options.count, "of requests, at most");
  app.add_option("--outstanding-max", options.client.outstanding_max);
  app.add_option("--journal", options.journal, "a file: one line a request");
  app.add_option("--seed", options.seed);
  add_mix(app, options.mix);
  CLI11_PARSE(app, argc, argv);

  const Stopping stopping;
  Tally tally{options.journal};
  bool well = false;
  {
    Load load{options, stopping, tally};
    load.run();
    load.wait_for_the_ends();
    std::fprintf(stderr, "%s\n", tally.json().c_str());
    well = tally.well();  // what is still open ends with the client
  }
  return well && tally.well() ? 0 : 1;
}

}  // namespace
}  // namespace muster::chaos

int main(int argc, char** argv) {
  try {
    return muster::chaos::chaos_client(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "chaos_client: %s\n", error.what());
    return 2;
  }
}
