#pragma once

// What the command lines of all programs share: --config FILE, --set section.key=value,
// --check-config, --print-config, --version, --help, and flags of their own for the keys that
// people set every day. A flag is nothing but a shorter way to write a key.
//
//   #include "config/programs.hpp"
//
//   int main(int argc, char** argv) {
//     auto configured = muster::config::configure_broker(argc, argv);
//     if (!configured) return configured.error();  // --help, a fault, ...: all has been said
//     const muster::config::LoadedBroker& loaded = configured.value();
//     if (auto started = muster::log::start(loaded.log); !started) {
//       std::cerr << "muster-broker: " << started.error() << "\n";
//       return muster::config::exit_configuration;
//     }
//     ... loaded.options ...
//   }
//
// programs.hpp has that for the programs that are configured by files; one without a file of its
// own calls parse_command_line() with its Program.

#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/configuration_loader.hpp"
#include "protocol/result.hpp"

namespace muster::config {

// The exit codes of all programs; --help tells them.
inline constexpr int exit_ok = 0;
inline constexpr int exit_failed = 1;         // it could not start, or not go on
inline constexpr int exit_configuration = 2;  // the command line or the configuration is wrong

// A program's own flag for a key.
struct Flag {
  std::string name;   // "--name"
  std::string key;    // "broker.name"
  std::string value;  // what --help calls its value: "NAME"
  std::string help;
  // A flag without a value, that stands for this one: --demo is server.kind=echo.
  std::optional<std::string> fixed = std::nullopt;
};

struct Program {
  std::string name;     // "muster-broker"
  std::string summary;  // what it is for, one paragraph
  std::vector<Flag> flags;
  std::string examples;  // lines, each of a command and what it does
  Schema schema;         // for the list of keys in --help; bound to options that hold the defaults
};

struct CommandLine {
  Sources sources;
  bool check_config = false;
  bool print_config = false;
};

// `arguments` without the program's name. The error is an exit code: what there was to say has been
// written, --help and --version to `out`, faults to `err`.
[[nodiscard]] Result<CommandLine, int> parse_command_line(
    const Program& program, const std::vector<std::string>& arguments,
    const std::map<std::string, std::string>& environment, std::ostream& out, std::ostream& err);

// The process's variables whose names begin with MUSTER_.
[[nodiscard]] std::map<std::string, std::string> muster_environment();

}  // namespace muster::config
