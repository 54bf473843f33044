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
// programs.hpp has that for the broker and the agent. `muster` has commands, with flags of their
// own, and so a CLI11 application of its own: KeyFlags puts into it what all programs share.

#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/configuration_loader.hpp"
#include "protocol/result.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): not ours
class App;
}

namespace muster::config {

// The exit codes of all programs; --help tells them.
inline constexpr int exit_ok = 0;
inline constexpr int exit_failed = 1;         // it could not start, or not go on
inline constexpr int exit_configuration = 2;  // the command line or the configuration is wrong

// A program's own flag for a key.
struct Flag {
  std::string name;   // "--name", or with a short form "-n,--name"
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
  std::string examples;    // lines, each of a command and what it does
  std::string exit_codes;  // lines for those of its own; may be empty
  Schema schema;  // for the list of keys in --help; bound to options that hold the defaults
};

struct CommandLine {
  Sources sources;
  bool check_config = false;
  bool print_config = false;
};

// The flags that are keys, and those that all programs share, in a CLI11 application. What they are
// given is kept in the order of the command line, that of a command's flags among the others.
class KeyFlags {
 public:
  // `example`: a setting, for the sentence on a --set that is none: "log.level=debug".
  explicit KeyFlags(std::string example) : example_(std::move(example)) {}
  KeyFlags(const KeyFlags&) = delete;  // the application knows where it is
  KeyFlags& operator=(const KeyFlags&) = delete;

  // To an application or to one of its commands.
  void add(CLI::App& app, const Flag& flag);
  // --config, --set, --check-config and --print-config.
  void add_shared(CLI::App& app);

  // Of an application that has parsed its arguments. The error is a sentence.
  [[nodiscard]] Result<CommandLine> command_line() const;

 private:
  std::string example_;
  CommandLine line_;
  std::vector<std::string> files_;         // all that --config was given
  std::optional<std::string> no_setting_;  // the first --set that is none
};

// "--name=" is "--name" with an empty value; CLI11 would take the next argument for it.
[[nodiscard]] std::vector<std::string> with_empty_values(const std::vector<std::string>& arguments);

// What is wrong with an argument that CLI11 had no use for, with the nearest flag of `apps`.
[[nodiscard]] std::string unknown_argument(const std::vector<const CLI::App*>& apps,
                                           const std::string& argument);

// The part of --help that lists the keys. `example`: how one is called in the environment.
[[nodiscard]] std::string keys_help(const Schema& schema, const std::string& example);

// `arguments` without the program's name. The error is an exit code: what there was to say has been
// written, --help and --version to `out`, faults to `err`.
[[nodiscard]] Result<CommandLine, int> parse_command_line(
    const Program& program, const std::vector<std::string>& arguments,
    const std::map<std::string, std::string>& environment, std::ostream& out, std::ostream& err);

// The process's variables whose names begin with MUSTER_.
[[nodiscard]] std::map<std::string, std::string> muster_environment();

}  // namespace muster::config
