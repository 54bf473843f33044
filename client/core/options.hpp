#pragma once

// What can be set of a client's core; the public ClientOptions are translated into these.

#include <cstdint>
#include <string>

#include "protocol/message.hpp"
#include "protocol/time.hpp"

namespace muster::client {

struct CoreOptions {
  std::string broker;  // the endpoint, for sentences

  // A broker that has something of ours in hand and is silent for interval x liveness is taken for
  // dead (docs/protocol.md, section 7). The client heartbeats at its own interval, or at the
  // broker's where that is shorter.
  Duration heartbeat_interval = std::chrono::seconds{1};
  std::uint64_t heartbeat_liveness = 6;

  std::uint64_t outstanding_max = 10000;  // requests and queries; beyond: `overloaded`

  // What requests are kept for being sent again, in bytes, all together. One that is beyond when it
  // is sent is not kept, and so never sent again.
  std::uint64_t retry_bytes_max = std::uint64_t{256} * 1024 * 1024;

  // For a request that names no time of its own. The broker has a default too: whichever is
  // shorter ends the request.
  Duration request_timeout = std::chrono::minutes{10};

  // What a broker takes, until one has told its own limits.
  WireLimits limits;

  [[nodiscard]] Duration expiry() const {
    return heartbeat_interval * static_cast<std::int64_t>(heartbeat_liveness);
  }
};

}  // namespace muster::client
