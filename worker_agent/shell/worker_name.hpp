#pragma once

// The name of a worker that was given none. It has to be the same after a restart, so that a
// restarted worker takes its own place again, and another for each agent of one host: host name and
// the model server's port, "gpu7:8000"; for the built-in server "gpu7:echo". Where the server is
// looked for on this host, its port is not known yet: then the host name alone.
//
// Two agents for one server, or two demos on one host, come out alike: the broker sends the second
// away with NAME_TAKEN, and --name helps.

#include <string>
#include <string_view>

#include "worker_agent/model_server/options.hpp"

namespace muster::agent {

[[nodiscard]] std::string default_worker_name(std::string_view host,
                                              const ModelServerOptions& server);

// This machine's name, or "worker" where the system has none.
[[nodiscard]] std::string host_name();

}  // namespace muster::agent
