// `muster`: the command line says which command; each has a file of its own.

#include <cstdio>
#include <utility>

#include "config/command_line.hpp"
#include "tools/cli/command_line.hpp"

int main(int argc, char** argv) {
  using namespace muster::cli;
  auto parsed = parse_command_line({argv + 1, argv + argc}, muster::config::muster_environment());
  if (const auto* stopped = std::get_if<Stopped>(&parsed)) {
    std::fputs(stopped->out.c_str(), stdout);
    std::fputs(stopped->err.c_str(), stderr);
    return static_cast<int>(stopped->exit_code);
  }
  const auto run_command = [](auto&& options) {
    return run(std::forward<decltype(options)>(options));
  };
  return static_cast<int>(std::visit(run_command, std::get<Command>(std::move(parsed))));
}
