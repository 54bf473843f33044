#pragma once

// The keys of each program: broker.toml, agent.toml and muster.toml explain them.

#include "broker/shell/options.hpp"
#include "config/logging.hpp"
#include "config/schema.hpp"
#include "tools/cli/options.hpp"
#include "worker_agent/core/options.hpp"
#include "worker_agent/model_server/options.hpp"

namespace muster::config {

// Bound to the options given, which must outlive the schema.
[[nodiscard]] Schema broker_schema(broker::BrokerOptions& options, log::LogOptions& log);
[[nodiscard]] Schema agent_schema(agent::AgentOptions& options, agent::ModelServerOptions& server,
                                  agent::EchoOptions& echo, log::LogOptions& log);
[[nodiscard]] Schema cli_schema(cli::CliOptions& options);

}  // namespace muster::config
