#pragma once

// `muster models`, `muster workers` and `muster status`: what a broker knows, as tables for people
// or as the broker's own JSON for programs.

#include "tools/cli/broker.hpp"
#include "tools/cli/exit_code.hpp"

namespace muster::cli {

struct ShowOptions {
  BrokerChoice broker{};
  bool json = false;
};
struct ModelsOptions : ShowOptions {};
struct WorkersOptions : ShowOptions {};
struct StatusOptions : ShowOptions {};

[[nodiscard]] ExitCode run(const ModelsOptions& options);
[[nodiscard]] ExitCode run(const WorkersOptions& options);
[[nodiscard]] ExitCode run(const StatusOptions& options);

}  // namespace muster::cli
