#pragma once

// A connection to a NATS server, through NATS's own C client as it comes: a client asks by
// publishing to the workers' subject with a subject of its own to answer to; the workers are one
// queue group, of which each message comes to one. A header and its body are one payload, with the
// header's length in two bytes in front.
//
// That client has threads of its own, as libzmq has: what comes is put into an inbox by one of them
// and taken from there, and what is sent is written by another.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tools/bench/link.hpp"

namespace muster::bench {

// Whether this program was built with that client.
[[nodiscard]] bool has_nats();

// Of client `number`, who asks the workers; of a worker. REQUIRES: has_nats().
[[nodiscard]] std::unique_ptr<Link> nats_client(std::uint64_t number);
[[nodiscard]] std::unique_ptr<Link> nats_worker();

}  // namespace muster::bench
