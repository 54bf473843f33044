#pragma once

// The command line of `muster`: which command, with what options. A new command is a struct of
// options with a run() of its own in a file of its own, one line in Command below, and one function
// in command_line.cpp that names its flags. What people set every day is a key of the configuration
// (tools/cli/options.hpp), and its flag a shorter way to write it.

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "tools/cli/ask.hpp"
#include "tools/cli/control.hpp"
#include "tools/cli/exit_code.hpp"
#include "tools/cli/show.hpp"

namespace muster::cli {

using Command = std::variant<AskOptions, ModelsOptions, WorkersOptions, StatusOptions, WhyOptions,
                             RefreshOptions, DrainOptions, UndrainOptions, RemoveOptions>;

// No command is to be run: help or the configuration was asked for, or something is wrong.
struct Stopped {
  ExitCode exit_code = ExitCode::ok;
  std::string out;  // for standard output
  std::string err;  // for standard error
};

// `arguments`: without the program's name. `environment`: see config::muster_environment().
[[nodiscard]] std::variant<Command, Stopped> parse_command_line(
    const std::vector<std::string>& arguments,
    const std::map<std::string, std::string>& environment);

}  // namespace muster::cli
