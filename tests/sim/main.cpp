#include <cstdio>

#include "tests/sim/command_line.hpp"
#include "tests/sim/crew.hpp"

int main(int argc, char** argv) {
  using namespace muster::sim;
  const auto line = read_command_line(argc, argv);
  if (const int* code = std::get_if<int>(&line)) return *code;
  const auto& asked = std::get<CommandLine>(line);
  if (asked.trace) {
    const Ended how = run_seed(asked.seed, asked.lossy, stdout);
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(asked.seed), ended_name(how));
    return static_cast<int>(how);
  }
  return static_cast<int>(run_all(asked, argv[0]));
}
