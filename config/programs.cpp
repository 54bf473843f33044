#include "config/programs.hpp"

#include <iostream>

#include "config/schemas.hpp"

namespace muster::config {
namespace {

Program broker_program(LoadedBroker& defaults) {
  return {
      .name = "muster-broker",
      .summary = "Routes requests for model servers to live workers.",
      .flags = {{"--name", "broker.name", "NAME", "what workers and operators see"},
                {"--frontend", "broker.frontend", "ENDPOINT",
                 "where clients connect; as often as needed"},
                {"--backend", "broker.backend", "ENDPOINT",
                 "where workers connect; as often as needed"},
                {"--log-level", "log.level", "LEVEL", "trace, debug, info, warning, error, fatal"}},
      .examples =
          "  muster-broker\n"
          "      listen on loopback, with every key at its default\n"
          "  muster-broker --frontend tcp://*:5555 --backend tcp://*:5556\n"
          "      listen on every interface\n"
          "  muster-broker --config broker.toml --set routing.policy=round_robin\n"
          "      a file, and one key of it set otherwise\n"
          "  muster-broker --config broker.toml --check-config\n"
          "      say what is wrong with a file\n",
      .exit_codes = "",
      .schema = broker_schema(defaults.options, defaults.log),
  };
}

Program agent_program(LoadedAgent& defaults) {
  return {
      .name = "muster-agent",
      .summary = "Stands beside a model server and takes requests for it from brokers.",
      .flags = {{"--name", "worker.name", "NAME", "unique in the cluster"},
                {"--broker", "worker.brokers", "ENDPOINT",
                 "a broker's backend; as often as needed"},
                {"--server", "server.url", "URL", "where the model server is"},
                {"--demo", "server.kind", "", "no model server: a built-in one that echoes",
                 "echo"},
                {"--model", "worker.models", "MODEL",
                 "what is served; as often as needed; default: asked of the model server"},
                {"--slots", "worker.slots", "N|auto", "requests at once at the model server"},
                {"--log-level", "log.level", "LEVEL", "trace, debug, info, warning, error, fatal"}},
      .examples =
          "  muster-agent --demo\n"
          "      a built-in model server that echoes, at a broker on this host\n"
          "  muster-agent --server http://127.0.0.1:8000\n"
          "      beside the model server there\n"
          "  muster-agent --broker tcp://10.0.0.1:5556 --broker tcp://10.0.0.2:5556 --name gpu7\n"
          "      at two brokers, under this name\n"
          "  muster-agent --config agent.toml --set worker.labels.gpu=h100\n"
          "      a file, and one label more\n",
      .exit_codes =
          "  6  at every broker a newer instance has taken this worker's name, or an operator "
          "removed it\n",
      .schema = agent_schema(defaults.options, defaults.server, defaults.echo, defaults.log),
  };
}

// From a command line to options, with all that is to be said on the way.
template <class Loaded>
Result<Loaded, int> follow(const CommandLine& line, const std::string& program, const char* undone,
                           Result<Loaded, ConfigFaults> (*load)(const Sources&), std::ostream& out,
                           std::ostream& err) {
  auto loaded = load(line.sources);
  if (!loaded) {
    for (const ConfigFault& fault : loaded.error())
      err << program << ": " << fault.text() << "\n";
    err << program << ": the configuration is wrong; nothing was " << undone << std::endl;
    return failure(exit_configuration);
  }
  if (line.print_config) {
    out << print_values(loaded->values) << std::flush;
    return failure(exit_ok);
  }
  if (line.check_config) {
    out << program << ": the configuration is right" << std::endl;
    return failure(exit_ok);
  }
  return std::move(loaded).value();
}

template <class Loaded>
Result<Loaded, int> configure(const Program& program,
                              Result<Loaded, ConfigFaults> (*load)(const Sources&),
                              const Surroundings& surroundings) {
  auto line = parse_command_line(program, surroundings.arguments, surroundings.environment,
                                 surroundings.out, surroundings.err);
  if (!line) return failure(line.error());
  return follow(*line, program.name, "started", load, surroundings.out, surroundings.err);
}

Surroundings of_process(int argc, const char* const* argv) {
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i)
    arguments.emplace_back(argv[i]);
  return {std::move(arguments), muster_environment(), std::cout, std::cerr};
}

}  // namespace

Result<LoadedBroker, int> configure_broker(const Surroundings& surroundings) {
  LoadedBroker defaults;
  return configure(broker_program(defaults), load_broker, surroundings);
}

Result<LoadedAgent, int> configure_agent(const Surroundings& surroundings) {
  LoadedAgent defaults;
  return configure(agent_program(defaults), load_agent, surroundings);
}

Result<LoadedCli, int> configure_cli(const CommandLine& line, std::ostream& out,
                                     std::ostream& err) {
  return follow(line, "muster", "asked", load_cli, out, err);
}

Result<LoadedBroker, int> configure_broker(int argc, const char* const* argv) {
  return configure_broker(of_process(argc, argv));
}

Result<LoadedAgent, int> configure_agent(int argc, const char* const* argv) {
  return configure_agent(of_process(argc, argv));
}

}  // namespace muster::config
