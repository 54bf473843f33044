#include "tests/sim/command_line.hpp"

#include <CLI/CLI.hpp>

#include <thread>

namespace muster::sim {
namespace {

constexpr const char* examples = R"(
examples:
  sim --seeds 2000            2000 worlds, from seed 1 on
  sim --seed 4711 --trace     one world, and all that happens in it
  sim --minutes 60            as many as an hour gives

exit codes: 0 all is well; 10 safety broken; 11 liveness broken; 12 a core ended its process
(CHECK, a signal); otherwise the command line can't be understood.)";

}  // namespace

std::variant<CommandLine, int> read_command_line(int argc, char** argv) {
  CommandLine line;
  line.jobs = std::max(1u, std::thread::hardware_concurrency());
  CLI::App app{"Simulates brokers, agents and clients with all that can befall them.", "sim"};
  app.footer(examples);
  app.set_version_flag("--version", std::string{"sim of Muster "} + MUSTER_VERSION);
  auto* const seed = app.add_option("--seed", line.seed, "the first seed, or the only one");
  auto* const seeds = app.add_option("--seeds", line.seeds, "how many, from --seed on");
  auto* const minutes =
      app.add_option("--minutes", line.minutes, "as many as so many minutes give");
  app.add_option("--jobs", line.jobs, "how many at once; default: as many as there are processors")
      ->check(CLI::Range(1, 1024));
  app.add_flag("--lossy", line.lossy,
               "harsher than ZeroMQ: messages are lost on connections that stand");
  app.add_flag("--trace", line.trace, "tells all that happens; for one seed")
      ->needs(seed)
      ->excludes(seeds)
      ->excludes(minutes);
  app.add_flag("--keep-going", line.keep_going, "goes on after a seed that fails");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  if (minutes->count() > 0 && seeds->count() == 0) line.seeds = ~std::uint64_t{0} - line.seed;
  return line;
}

}  // namespace muster::sim
