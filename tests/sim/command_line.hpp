#pragma once

// The options of `sim`.

#include <cstdint>
#include <string>
#include <variant>

namespace muster::sim {

struct CommandLine {
  std::uint64_t seed = 1;     // the first
  std::uint64_t seeds = 1;    // how many; with `minutes`, at most
  std::uint64_t minutes = 0;  // 0: no limit
  std::uint64_t jobs = 1;     // processes at once
  bool lossy = false;
  bool trace = false;       // of one seed
  bool keep_going = false;  // after a seed that fails
};

// What is to be done, or the exit code where the program ends here.
[[nodiscard]] std::variant<CommandLine, int> read_command_line(int argc, char** argv);

}  // namespace muster::sim
