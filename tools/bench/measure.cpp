#include "tools/bench/measure.hpp"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "protocol/transport/clock.hpp"
#include "protocol/transport/socket.hpp"
#include "tools/bench/driver.hpp"
#include "tools/bench/target_process.hpp"
#include "tools/bench/usage.hpp"

namespace muster::bench {

namespace {

using transport::monotonic_now;

constexpr Duration open_patience = std::chrono::seconds{20};
// For what is outstanding when the last request is sent: a broker has lost it for good then.
constexpr Duration answer_patience = std::chrono::seconds{10};
constexpr Duration tail = std::chrono::milliseconds{100};
constexpr Duration end_patience = std::chrono::seconds{5};
constexpr Duration progress_interval = std::chrono::milliseconds{250};

// The threads of a run. They wait until all of them are open, then start together.
class Load {
 public:
  Load(const BenchOptions& options, Target target, const Endpoints& endpoints)
      : opened_(static_cast<std::ptrdiff_t>(options.threads + bulk_threads(options))),
        asking_(options.threads + bulk_threads(options)),
        bulk_from_(options.threads),
        longest_answer_(options.part_interval * (options.chunks() + 1)) {
    const std::shared_future<std::optional<Window>> go = go_.get_future().share();
    for (std::uint64_t i = 0; i < options.threads; ++i)
      drivers_.push_back(std::make_unique<Driver>(options, target, i));
    if (options.bulk > 0)
      drivers_.push_back(std::make_unique<Driver>(options.bulk_side(), target, 0));
    failures_.resize(drivers_.size());
    for (std::size_t i = 0; i < drivers_.size(); ++i)
      threads_.emplace_back([this, i, go, endpoints] { play(i, go, endpoints); });
  }
  ~Load() { join(); }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  [[nodiscard]] Outcome opened() {
    opened_.wait();
    for (const std::string& why : failures_)
      if (!why.empty()) return failure(why);
    return Done{};
  }
  void start(const Window& window) {
    started_ = true;
    go_.set_value(window);
  }
  void join() {
    if (!std::exchange(started_, true)) go_.set_value(std::nullopt);
    for (std::thread& thread : threads_)
      if (thread.joinable()) thread.join();
  }

  [[nodiscard]] std::uint64_t answered() const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < bulk_from_; ++i)
      sum += drivers_[i]->yield().answered.load(std::memory_order_relaxed);
    return sum;
  }
  // How long each thread has had a processor. REQUIRES: not joined.
  [[nodiscard]] std::vector<Duration> thread_cpu() {
    std::vector<Duration> all;
    for (std::thread& thread : threads_) {
      clockid_t clock{};
      timespec had{};
      const bool told = ::pthread_getcpuclockid(thread.native_handle(), &clock) == 0 &&
                        ::clock_gettime(clock, &had) == 0;
      all.push_back(told ? std::chrono::seconds{had.tv_sec} + Duration{had.tv_nsec / 1000}
                         : Duration{});
    }
    return all;
  }
  // REQUIRES: joined; to be called once.
  void sum_up(Figures& figures) {
    for (std::size_t i = 0; i < drivers_.size(); ++i) {
      figures.tally.add(drivers_[i]->settle());
      const Yield& yield = drivers_[i]->yield();
      if (i >= bulk_from_) {
        figures.bulk_latencies.merge(yield.latencies);
        continue;
      }
      figures.latencies.merge(yield.latencies);
      figures.part_latencies.merge(yield.part_latencies);
      figures.heartbeats_late.merge(yield.heartbeats_late);
      figures.crowd_heard += yield.crowd_heard;
    }
  }

 private:
  void play(std::size_t i, const std::shared_future<std::optional<Window>>& go,
            const Endpoints& endpoints) {
    if (auto open = drivers_[i]->open(endpoints, monotonic_now() + open_patience); !open)
      failures_[i] = std::move(open.error());
    opened_.count_down();
    if (const std::optional<Window> window = go.get())
      drivers_[i]->run(*window, window->until + longest_answer_ + answer_patience, asking_);
  }

  static std::uint64_t bulk_threads(const BenchOptions& options) {
    return options.bulk > 0 ? 1 : 0;
  }

  std::latch opened_;
  std::atomic<std::uint64_t> asking_;
  const std::size_t bulk_from_;  // the drivers from here on play the clients of large bodies
  const Duration longest_answer_;
  std::promise<std::optional<Window>> go_;
  bool started_ = false;
  std::vector<std::unique_ptr<Driver>> drivers_;
  std::vector<std::string> failures_;
  std::vector<std::thread> threads_;
};

// All that is counted up, at one moment.
struct Snapshot {
  Time at;
  std::uint64_t answered = 0;
  std::optional<Usage> target;  // nothing: it has ended
  Usage self;
  MachineTime machine;
  std::vector<Duration> threads;
};

Snapshot look(Load& load, ChildProcess& target) {
  Snapshot now;
  now.at = monotonic_now();
  now.answered = load.answered();
  if (!target.ended()) now.target = usage_of(target.pid());
  now.self = usage_of(::getpid()).value_or(Usage{});
  now.machine = machine_time().value_or(MachineTime{});
  now.threads = load.thread_cpu();
  return now;
}

double share(Duration part, Duration whole) {
  if (whole <= Duration::zero()) return 0;
  return std::clamp(static_cast<double>(part.count()) / static_cast<double>(whole.count()), 0., 1.);
}

void take_difference(const Snapshot& before, const Snapshot& after, Figures& figures) {
  figures.time = after.at - before.at;
  figures.answered = after.answered - before.answered;
  figures.own_cpu = after.self.cpu() - before.self.cpu();
  for (std::size_t i = 0; i < after.threads.size(); ++i) {
    figures.busiest =
        std::max(figures.busiest, share(after.threads[i] - before.threads[i], figures.time));
  }
  if (!before.target || !after.target) return;  // how it ended will be told
  figures.user = after.target->user - before.target->user;
  figures.system = after.target->system - before.target->system;
  figures.switches = after.target->switches - before.target->switches;
  figures.resident_bytes = after.target->resident_bytes;
  figures.resident_bytes_max = after.target->resident_bytes_max;
  const Duration used = figures.user + figures.system + figures.own_cpu;
  figures.others = share(after.machine.busy - before.machine.busy - used,
                         after.machine.all - before.machine.all);
}

void wait_until(Time end, std::string_view phase, const Load& load, const Progress& progress) {
  std::uint64_t answered = load.answered();
  for (Time now = monotonic_now(); now < end;) {
    std::this_thread::sleep_for(std::min(progress_interval, end - now));
    const Duration passed = monotonic_now() - now;
    const std::uint64_t more = load.answered() - answered;
    progress(phase, static_cast<double>(more) * 1e6 /
                        static_cast<double>(std::max<Duration::rep>(passed.count(), 1)));
    answered += more;
    now += passed;
  }
}

}  // namespace

Result<Figures> measure(const BenchOptions& options, Target target, std::uint64_t round,
                        const Progress& progress) {
  // Each socket of libzmq's has its own, one for its connection and one to be woken by.
  const std::uint64_t each = options.link == LinkKind::zmtp ? 1 : 3;
  const std::uint64_t descriptors =
      (options.clients + options.workers + options.crowd + 2 * options.bulk) * each + 100;
  if (transport::raise_descriptor_limit() < descriptors) {
    return failure("so many clients and workers need " + std::to_string(descriptors) +
                   " open files, more than this process may have (ulimit -n)");
  }
  progress("starting", 0);
  auto started = start_target(target, options);
  if (!started) return failure(std::move(started.error()));
  ChildProcess& process = *started->process;

  Figures figures;
  figures.target = target;
  figures.round = round;
  {
    Load load(options, target, started->endpoints);
    if (auto opened = load.opened(); !opened) {
      return failure(opened.error() + "; the target's last words: " + process.last_words());
    }
    const Time start = monotonic_now();
    const Time from = start + options.warm_up;
    const Time to = from + options.duration;
    const Window window{start, from, to, to + tail};
    load.start(window);
    wait_until(window.from, "warming up", load, progress);
    const Snapshot before = look(load, process);
    wait_until(window.to, "measuring", load, progress);
    const Snapshot after = look(load, process);
    take_difference(before, after, figures);
    load.join();
    load.sum_up(figures);
  }
  figures.problems = problems_of(figures.tally);
  // A NATS server that is told to end says so with exit code 1.
  if (auto ended = process.end(end_patience); !ended && target != Target::nats)
    figures.problems.push_back("the target: " + ended.error() +
                               "; its last words: " + process.last_words());
  return figures;
}

}  // namespace muster::bench
