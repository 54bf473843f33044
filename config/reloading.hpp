#pragma once

// SIGHUP: a running program reads its configuration again.
//
// The same sources are read as at the start. With a fault nothing changes: a typing error must not
// take a running broker down. Of what is read, keys that are live (schema.hpp) take effect; of the
// others a change is told, and the running value is kept until the next start. The log is opened
// anew each time, so that its file can be moved away (logrotate). All of it is logged here.

#include <optional>

#include "config/configuration_loader.hpp"

namespace muster::config {

// What the program runs with from now on; nothing: all stays as it is.
[[nodiscard]] std::optional<LoadedBroker> reload(const LoadedBroker& running);
[[nodiscard]] std::optional<LoadedAgent> reload(const LoadedAgent& running);

}  // namespace muster::config
