#include "tools/cli/show.hpp"

#include <utility>

#include "tools/cli/views.hpp"

namespace muster::cli {

namespace {

ExitCode show(const ShowOptions& options, client::QuerySpec query,
              std::string (*view)(std::string_view)) {
  query.timeout = options.broker.timeout.value_or(query_timeout);
  client::QueryEnd end;
  {
    const Interrupt interrupt;
    client::Client client({.broker = options.broker.endpoint});
    end = ask_broker(client, options.broker.endpoint, query, interrupt);
  }
  if (end.error) return failed(end.error);
  return print(options.json ? pretty(end.json) : view(end.json));
}

}  // namespace

ExitCode run(const ModelsOptions& options) {
  return show(options, {.name = "models"}, models_view);
}

ExitCode run(const WorkersOptions& options) {
  return show(options, {.name = "workers"}, workers_view);
}

ExitCode run(const StatusOptions& options) {
  return show(options, {.name = "stats"}, status_view);
}

ExitCode run(const RefreshOptions& options) {
  return show(options, {.name = "refresh"}, workers_view);
}

ExitCode run(const WhyOptions& options) {
  return show(options, {.name = "why", .args = why_args(options.model)}, why_view);
}

}  // namespace muster::cli
