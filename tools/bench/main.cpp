// `muster-bench`: measures a broker under load, run by run, and says what came of it.

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "tools/bench/bare_targets.hpp"
#include "tools/bench/command_line.hpp"
#include "tools/bench/measure.hpp"
#include "tools/bench/plot.hpp"
#include "tools/bench/report.hpp"
#include "tools/cli/text.hpp"

namespace muster::bench {

namespace {

void complain(const std::string& sentence) {
  std::fprintf(stderr, "muster-bench: %s\n", sentence.c_str());
}

// One line on standard error that is written over while a run goes on; where nobody looks at a
// terminal, one for each run.
class ProgressLine {
 public:
  ProgressLine() : terminal_(::isatty(STDERR_FILENO) == 1) {}
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void next_run(std::string what) {
    what_ = std::move(what);
    if (!terminal_) std::fprintf(stderr, "%s\n", what_.c_str());
  }
  void show(std::string_view phase, double requests_a_second) {
    if (!terminal_) return;
    clear();
    std::fprintf(stderr, "%s, %.*s: %s requests/s", what_.c_str(), static_cast<int>(phase.size()),
                 phase.data(),
                 cli::human_count(static_cast<std::uint64_t>(requests_a_second)).c_str());
    shown_ = true;
  }
  void clear() {
    if (std::exchange(shown_, false)) std::fputs("\r\x1b[K", stderr);
  }

 private:
  bool terminal_;
  bool shown_ = false;
  std::string what_;
};

// Every second round the other way round: whatever drifts while they run is no target's advantage.
std::vector<Target> order_of(const BenchOptions& options, std::uint64_t round) {
  std::vector<Target> order = options.targets;
  if (round % 2 == 0) std::ranges::reverse(order);
  return order;
}

// `name`: empty: nowhere.
bool write_file(const std::string& name, const std::string& text) {
  if (name.empty()) return true;
  std::ofstream file(name);
  file << text << std::flush;
  if (file) return true;
  complain("cannot write " + name + ": " + std::strerror(errno));
  return false;
}

void note(const Figures& run) {
  const std::string name{target_name(run.target)};
  const std::string which = "round " + std::to_string(run.round) + ", " + name + ": ";
  for (const std::string& problem : run.problems)
    complain(which + problem);
  if (run.tally.not_sent > 0) {
    complain(which + std::to_string(run.tally.not_sent) +
             " requests of the schedule were not sent, since the windows were full: their latency "
             "counts as what they had waited by then, and would have been longer");
  }
}

int run_all(const BenchOptions& options) {
  std::vector<Figures> runs;
  bool sound = true;
  ProgressLine line;
  const std::uint64_t count = options.runs * options.targets.size();
  for (std::uint64_t round = 1; round <= options.runs; ++round) {
    for (const Target target : order_of(options, round)) {
      line.next_run("run " + std::to_string(runs.size() + 1) + " of " + std::to_string(count) +
                    ", " + std::string{target_name(target)});
      auto figures = measure(options, target, round, [&line](std::string_view phase, double rate) {
        line.show(phase, rate);
      });
      line.clear();
      if (!figures) {
        complain(figures.error());
        return exit_failed;
      }
      note(*figures);
      sound = sound && figures->problems.empty();
      runs.push_back(std::move(*figures));
    }
  }
  std::fputs(table_of(runs).c_str(), stdout);
  const bool json = write_file(options.json, json_of(options, runs));
  const bool svg = write_file(options.svg, plot_of(options, runs));
  return sound && json && svg ? exit_ok : exit_failed;
}

}  // namespace

}  // namespace muster::bench

int main(int argc, char** argv) {
  using namespace muster::bench;
  const auto parsed = parse_command_line({argv + 1, argv + argc});
  if (const auto* stopped = std::get_if<Stopped>(&parsed)) {
    std::fputs(stopped->out.c_str(), stdout);
    std::fputs(stopped->err.c_str(), stderr);
    return stopped->exit_code;
  }
  if (const auto* serve = std::get_if<Serve>(&parsed))
    return serve->target == Target::proxy ? serve_proxy() : serve_router();
  return run_all(std::get<BenchOptions>(parsed));
}
