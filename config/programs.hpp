#pragma once

// From a program's command line and environment to its options, in one call: what stands at the
// beginning of main(). command_line.hpp shows one.
//
// The error is an exit code, 0 for --help, --version, --check-config and --print-config; what there
// was to say has been written.

#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "config/command_line.hpp"
#include "config/configuration_loader.hpp"

namespace muster::config {

[[nodiscard]] Result<LoadedBroker, int> configure_broker(int argc, const char* const* argv);
[[nodiscard]] Result<LoadedAgent, int> configure_agent(int argc, const char* const* argv);

// `muster` has commands and reads its command line by itself (tools/cli/command_line.hpp); what
// follows from it is done here.
[[nodiscard]] Result<LoadedCli, int> configure_cli(const CommandLine& line, std::ostream& out,
                                                   std::ostream& err);

// The same with everything given from outside.
struct Surroundings {
  std::vector<std::string> arguments;  // without the program's name
  std::map<std::string, std::string> environment;
  std::ostream& out;
  std::ostream& err;
};
[[nodiscard]] Result<LoadedBroker, int> configure_broker(const Surroundings& surroundings);
[[nodiscard]] Result<LoadedAgent, int> configure_agent(const Surroundings& surroundings);

}  // namespace muster::config
