#pragma once

// The command line of `muster-bench`.

#include <string>
#include <variant>
#include <vector>

#include "tools/bench/options.hpp"

namespace muster::bench {

inline constexpr int exit_ok = 0;
inline constexpr int exit_failed = 1;  // a run could not be made, or its answers were not right
inline constexpr int exit_usage = 2;

// Nothing is to be measured: help was asked for, or the line is wrong.
struct Stopped {
  int exit_code = exit_ok;
  std::string out;  // for standard output
  std::string err;  // for standard error
};

// This process is to be a target of another one's run: `proxy` or `router` (bare_targets.hpp).
struct Serve {
  Target target{};
};

// `arguments`: without the program's name.
[[nodiscard]] std::variant<BenchOptions, Serve, Stopped> parse_command_line(
    std::vector<std::string> arguments);

}  // namespace muster::bench
