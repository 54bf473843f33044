#include "tools/cli/show.hpp"

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "tools/cli/views.hpp"

namespace muster::cli {

namespace {

ExitCode show(const ShowOptions& options, const char* query,
              std::string (*view)(std::string_view)) {
  client::QueryEnd end;
  {
    const Interrupt interrupt;
    client::Client client({.broker = options.broker.endpoint});
    end = ask_broker(client, options.broker.endpoint, query,
                     options.broker.timeout.value_or(query_timeout), interrupt);
  }
  if (end.error) {
    if (end.error.kind != client::ErrorKind::cancelled) complain(describe(end.error));
    return exit_code_for(end.error);
  }
  const std::string text = options.json ? pretty(end.json) : view(end.json);
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) {
    complain("standard output can't be written: " + std::generic_category().message(errno));
    return ExitCode::failed;
  }
  return ExitCode::ok;
}

}  // namespace

ExitCode run(const ModelsOptions& options) {
  return show(options, "models", models_view);
}

ExitCode run(const WorkersOptions& options) {
  return show(options, "workers", workers_view);
}

ExitCode run(const StatusOptions& options) {
  return show(options, "stats", status_view);
}

}  // namespace muster::cli
