#pragma once

// Runs many seeds in several processes at once: what ends its process, a CHECK in a core, ends one
// seed and not the run, and tells which seed that was.

#include <cstdint>
#include <string>

#include "tests/sim/command_line.hpp"

namespace muster::sim {

// How a seed ended; the exit codes of `sim`.
enum class Ended : int { well = 0, unsafe = 10, not_live = 11, crashed = 12 };
[[nodiscard]] const char* ended_name(Ended how);

// Runs one seed here. `trace`: where all that happens is written; null: nowhere.
[[nodiscard]] Ended run_seed(std::uint64_t seed, bool lossy, std::FILE* trace);

// Runs all that the command line asks for; tells its progress, what failed, and the sums.
[[nodiscard]] Ended run_all(const CommandLine& line, const std::string& program);

}  // namespace muster::sim
