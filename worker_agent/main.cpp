// muster-agent: stands beside a model server and takes requests for it from brokers. Wiring only.
//
// Exit codes: 0 drained and stopped; 1 stopped with requests cut off; 2 the configuration is wrong;
// 6 dismissed for good, because a newer instance runs under this name.

#include <iostream>

#include "config/logging.hpp"
#include "config/programs.hpp"
#include "config/reloading.hpp"
#include "protocol/transport/poller.hpp"
#include "protocol/transport/socket.hpp"
#include "worker_agent/model_server/model_server_factory.hpp"
#include "worker_agent/shell/agent_shell.hpp"
#include "worker_agent/shell/worker_name.hpp"

int main(int argc, char** argv) {
  using namespace muster;
  auto configured = config::configure_agent(argc, argv);
  if (!configured) return configured.error();
  config::LoadedAgent& loaded = *configured;
  if (auto started = log::start(loaded.log); !started) {
    std::cerr << "muster-agent: " << started.error() << std::endl;
    return config::exit_configuration;
  }

  transport::Signals signals;
  auto server = agent::make_model_server(loaded.server, loaded.echo);
  if (!server) {
    log::error(server.error());
    return config::exit_configuration;
  }
  agent::AgentOptions options = loaded.options;
  if (options.name.empty())
    options.name = agent::default_worker_name(agent::host_name(), loaded.server);

  transport::raise_descriptor_limit();
  transport::Context context;
  agent::AgentShell shell(context, options, std::move(*server));
  if (auto opened = shell.open(); !opened) {
    log::error(opened.error());
    return config::exit_configuration;
  }
  log::info("started", {{"name", options.name}, {"version", MUSTER_VERSION}});
  const auto reload = [&]() -> std::optional<agent::AgentOptions> {
    auto reloaded = config::reload(loaded);
    if (!reloaded) return std::nullopt;
    loaded = std::move(*reloaded);
    return loaded.options;
  };
  const agent::ExitCode code = shell.run(&signals, reload);
  log::info("stopped", {{"name", options.name}});
  return static_cast<int>(code);
}
