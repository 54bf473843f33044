// `chaos_client`: puts a load on a broker that goes on whatever happens to broker and workers, and
// holds every answer against what was asked.

#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
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
  std::string name = "c";  // its nonces begin with this
  double rate = 100;       // requests a second, sent at their times whatever became of others
  double seconds = 10;
  std::uint64_t seed = 1;
};

void ask(client::Client& client, const Options& options, std::uint64_t number, Prng& prng,
         Tally& tally) {
  Plan plan = draw_plan(options.mix, options.name + "-" + std::to_string(number), prng);
  client::RequestSpec spec = plan.spec(options.mix.model);
  std::string answer = plan.answer();
  const auto request = std::make_shared<Request>(
      Request{.plan = std::move(plan), .reader = Reader{std::move(answer)}, .sent = Clock::now()});
  tally.sent();
  client.request(
      std::move(spec),
      {.on_part = [&tally, request](const client::Part& part) { tally.part(*request, part); },
       .on_end = [&tally, request](const client::End& end) { tally.end(*request, end); },
       .on_retry = [&tally, request](std::string_view) { tally.retry(*request); }});
}

// Says each second how it goes, until told to stop or the time is over.
void run(client::Client& client, const Options& options, const Stopping& stopping, Tally& tally) {
  Prng prng{options.seed};
  const auto apart = std::chrono::nanoseconds{static_cast<std::int64_t>(1e9 / options.rate)};
  const Clock::time_point began = Clock::now();
  const auto lasts = std::chrono::nanoseconds{static_cast<std::int64_t>(options.seconds * 1e9)};
  Clock::time_point due = began;
  Clock::time_point next_line = began + std::chrono::seconds{1};
  for (std::uint64_t number = 0; due < began + lasts; ++number, due += apart) {
    if (stopping.wait_until(due)) return;
    ask(client, options, number, prng, tally);
    if (due >= next_line) {
      std::fprintf(stderr, "%s\n", tally.line().c_str());
      next_line += std::chrono::seconds{1};
    }
  }
}

// No request may outlive its deadline by more than this.
constexpr std::chrono::seconds grace{10};

void wait_for_the_ends(const Options& options, const Tally& tally) {
  const Clock::time_point last = Clock::now() + options.mix.longest + options.mix.patience + grace;
  while (!tally.wait_for_ends(std::chrono::seconds{1}) && Clock::now() < last)
    std::fprintf(stderr, "%s\n", tally.line().c_str());
}

int chaos_client(int argc, char** argv) {
  Options options;
  std::int64_t longest_ms = options.mix.longest.count();
  std::int64_t patience_ms = options.mix.patience.count();
  CLI::App app{"Puts a load on a broker and holds every answer against what was asked"};
  app.add_option("--broker", options.client.broker)->required();
  app.add_option("--name", options.name, "what the names of its requests begin with");
  app.add_option("--model", options.mix.model);
  app.add_option("--rate", options.rate, "requests a second")->check(CLI::PositiveNumber);
  app.add_option("--seconds", options.seconds, "then it waits for what is outstanding");
  app.add_option("--long-share", options.mix.long_share, "of the requests")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--streamed-share", options.mix.streamed_share)->check(CLI::Range(0.0, 1.0));
  app.add_option("--longest-ms", longest_ms, "what the longest answer takes")
      ->check(CLI::Range(50, 3'600'000));
  app.add_option("--patience-ms", patience_ms, "a deadline, beyond what the answer takes");
  app.add_option("--outstanding-max", options.client.outstanding_max);
  app.add_option("--journal", options.journal, "a file: one line a request");
  app.add_option("--seed", options.seed);
  CLI11_PARSE(app, argc, argv);
  options.mix.longest = Milliseconds{longest_ms};
  options.mix.patience = Milliseconds{patience_ms};

  const Stopping stopping;
  Tally tally{options.journal};
  {
    client::Client client{options.client};
    run(client, options, stopping, tally);
    wait_for_the_ends(options, tally);
    std::printf("%s\n", tally.json().c_str());
  }
  return tally.well() ? 0 : 1;
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
