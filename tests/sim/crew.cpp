#include "tests/sim/crew.hpp"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <deque>
#include <map>
#include <new>
#include <vector>

#include "tests/sim/simulation.hpp"

namespace muster::sim {
namespace {

constexpr std::size_t crew_max = 1024;
constexpr std::size_t trace_lines_shown = 40;
// Of CPU time: a world takes some milliseconds; one that takes so long does not end.
constexpr time_t seed_seconds_max = 60;
// ... and of the wall's, for one that waits for what never comes.
constexpr unsigned seed_wall_seconds_max = 1800;
constexpr auto progress_interval = std::chrono::seconds{10};

using Clock = std::chrono::steady_clock;

// What the processes of a crew share.
struct Shared {
  std::atomic<std::uint64_t> next;  // the seed to be taken
  std::atomic<std::uint64_t> end;   // beyond the last
  std::atomic<std::uint64_t> done;
  std::atomic<std::uint64_t> steps, faults, answered, otherwise, seconds;
  std::array<std::atomic<std::uint64_t>, crew_max> seed;  // that each is at
};

// From now on this process may take so long, or is ended. What else the machine does meanwhile is
// hardly counted: a seed that fails only where others work beside it tells nothing.
void limit_seed() {
  const itimerval limit{.it_interval = {}, .it_value = {.tv_sec = seed_seconds_max, .tv_usec = 0}};
  setitimer(ITIMER_PROF, &limit, nullptr);
  alarm(seed_wall_seconds_max);
}

Shared& share() {
  void* const memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("sim: no memory to share");
    std::exit(1);
  }
  return *new (memory) Shared{};
}

// One world, and how it ended. What was broken is told on `told`.
Ended run_world(Simulation& world, std::uint64_t seed, std::FILE* told) {
  try {
    world.run();
    return Ended::well;
  } catch (const Violation& violation) {
    const Ended how = violation.broken() == Broken::safety ? Ended::unsafe : Ended::not_live;
    std::fprintf(told, "seed %llu: %s broken at %s s: %s\n%s",
                 static_cast<unsigned long long>(seed),
                 how == Ended::unsafe ? "safety" : "liveness", seconds(world.counts().time).c_str(),
                 violation.sentence().c_str(), world.story().c_str());
    std::fflush(told);
    return how;
  }
}

[[noreturn]] void work(Shared& shared, std::size_t place, bool lossy) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // What it finds broken is told by the one that runs it again, with its trace.
  std::FILE* const nowhere = std::fopen("/dev/null", "w");
  std::freopen("/dev/null", "w", stderr);
  while (true) {
    const std::uint64_t seed = shared.next.fetch_add(1);
    if (seed >= shared.end.load()) _exit(0);
    shared.seed[place] = seed;
    limit_seed();
    Simulation world({.seed = seed, .lossy = lossy}, {});
    const Ended how = run_world(world, seed, nowhere);
    if (how != Ended::well) _exit(static_cast<int>(how));
    const auto counts = world.counts();
    shared.steps += counts.steps;
    shared.faults += counts.faults;
    shared.answered += counts.answered;
    shared.otherwise += counts.ended_otherwise;
    shared.seconds +=
        static_cast<std::uint64_t>(counts.time.time_since_epoch().count() / 1'000'000);
    ++shared.done;
  }
}

// What a process that ran a seed has told by its end: anything that is not said so is a crash.
Ended ended_by(int status) {
  if (!WIFEXITED(status)) return Ended::crashed;
  const Ended how{WEXITSTATUS(status)};
  return how == Ended::well || how == Ended::unsafe || how == Ended::not_live ? how
                                                                              : Ended::crashed;
}

// A seed that has failed once more, for its trace: the last lines of it, and what was broken.
void show_failure(std::uint64_t seed, Ended how, const CommandLine& line,
                  const std::string& program) {
  std::FILE* const trace = std::tmpfile();
  if (trace == nullptr) {
    std::perror("sim: no file for a trace");
    return;
  }
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(fileno(trace), STDERR_FILENO);
    setvbuf(trace, nullptr, _IOLBF, 1 << 16);
    limit_seed();
    _exit(static_cast<int>(run_seed(seed, line.lossy, trace)));
  }
  int status = 0;
  waitpid(child, &status, 0);
  const Ended again = ended_by(status);
  std::rewind(trace);
  std::deque<std::string> last;
  std::string broken;  // what was, in a sentence
  char* text = nullptr;
  std::size_t room = 0;
  while (getline(&text, &room, trace) >= 0) {
    last.emplace_back(text);
    if (last.back().starts_with("seed ") || last.back().find("internal error") != std::string::npos)
      broken = last.back();
    if (last.size() > trace_lines_shown) last.pop_front();
  }
  std::free(text);
  std::fclose(trace);
  std::printf("\nseed %llu: %s\n%sThe end of its trace:\n", static_cast<unsigned long long>(seed),
              ended_name(how), broken.c_str());
  if (again != how) std::printf("Run by itself it ends otherwise: %s\n", ended_name(again));
  for (const std::string& said : last)
    std::printf("%s", said.c_str());
  std::printf("to see all of it:  %s --seed %llu%s --trace\n\n", program.c_str(),
              static_cast<unsigned long long>(seed), line.lossy ? " --lossy" : "");
  std::fflush(stdout);
}

void tell_progress(const Shared& shared, Clock::time_point began, bool last) {
  const double took = std::chrono::duration<double>(Clock::now() - began).count();
  const auto number = [](const std::atomic<std::uint64_t>& n) {
    return static_cast<unsigned long long>(n.load());
  };
  std::printf(
      "%s%llu seeds in %.0f s: %llu s simulated, %llu turns, %llu faults, %llu requests "
      "answered, %llu ended otherwise\n",
      last ? "" : "... ", number(shared.done), took, number(shared.seconds), number(shared.steps),
      number(shared.faults), number(shared.answered), number(shared.otherwise));
  std::fflush(stdout);
}

}  // namespace

const char* ended_name(Ended how) {
  switch (how) {
    case Ended::well:
      return "well";
    case Ended::unsafe:
      return "safety broken";
    case Ended::not_live:
      return "liveness broken";
    case Ended::crashed:
      break;
  }
  return "a core ended its process";
}

Ended run_seed(std::uint64_t seed, bool lossy, std::FILE* trace) {
  Trace::Sink sink;
  if (trace != nullptr)
    sink = [trace](const std::string& text) { std::fprintf(trace, "%s\n", text.c_str()); };
  Simulation world({.seed = seed, .lossy = lossy}, std::move(sink));
  return run_world(world, seed, trace != nullptr ? trace : stdout);
}

Ended run_all(const CommandLine& line, const std::string& program) {
  Shared& shared = share();
  shared.next = line.seed;
  shared.end = line.seed + line.seeds;
  const auto began = Clock::now();
  auto told = began;
  const auto hire = [&](std::size_t place) {
    const pid_t child = fork();
    if (child == 0) work(shared, place, line.lossy);
    return child;
  };
  sigset_t ended_children;
  sigemptyset(&ended_children);
  sigaddset(&ended_children, SIGCHLD);
  sigprocmask(SIG_BLOCK, &ended_children, nullptr);
  std::map<pid_t, std::size_t> crew;
  for (std::size_t place = 0; place < line.jobs; ++place)
    crew[hire(place)] = place;
  Ended worst = Ended::well;
  while (!crew.empty()) {
    int status = 0;
    const pid_t ended = waitpid(-1, &status, WNOHANG);
    if (ended <= 0) {
      const timespec patience{.tv_sec = 1, .tv_nsec = 0};
      sigtimedwait(&ended_children, nullptr, &patience);
      const auto now = Clock::now();
      if (line.minutes > 0 && now - began >= std::chrono::minutes{line.minutes}) shared.end = 0;
      if (now - told >= progress_interval) {
        told = now;
        tell_progress(shared, began, false);
      }
      continue;
    }
    const std::size_t place = crew.extract(ended).mapped();
    const Ended how = ended_by(status);
    if (how == Ended::well) continue;
    show_failure(shared.seed[place], how, line, program);
    if (worst == Ended::well) worst = how;
    if (!line.keep_going) shared.end = 0;
    crew[hire(place)] = place;
  }
  tell_progress(shared, began, true);
  return worst;
}

}  // namespace muster::sim
