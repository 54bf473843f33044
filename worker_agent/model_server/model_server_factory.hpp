#pragma once

// From options to a model server, or to the one sentence that says why there can be none. What is
// wrong with a server that can't be reached is not found here: that comes as its ServerStatus.

#include <memory>

#include "protocol/result.hpp"
#include "worker_agent/model_server/model_server.hpp"
#include "worker_agent/model_server/options.hpp"

namespace muster::agent {

// Failures: an url that is none, an API key file or CA file that can't be read.
[[nodiscard]] Result<std::unique_ptr<ModelServer>> make_model_server(
    const ModelServerOptions& server, const EchoOptions& echo);

}  // namespace muster::agent
