#pragma once

// `muster models`, `workers`, `status`, `refresh` and `why`: what a broker knows, as tables for
// people or as the broker's own JSON for programs.

#include <string>

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
struct RefreshOptions : ShowOptions {};
struct WhyOptions : ShowOptions {
  std::string model{};  // empty: all
};

[[nodiscard]] ExitCode run(const ModelsOptions& options);
[[nodiscard]] ExitCode run(const WorkersOptions& options);
[[nodiscard]] ExitCode run(const StatusOptions& options);
[[nodiscard]] ExitCode run(const RefreshOptions& options);
[[nodiscard]] ExitCode run(const WhyOptions& options);

}  // namespace muster::cli
