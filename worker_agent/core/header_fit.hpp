#pragma once

// Makes what a worker says small enough for its broker (docs/protocol.md, section 2). A message
// over a limit is a fault there, and where it is an answer, the broker ends the request for it. So
// what can be spared gives way, each where what stands before it here was not enough:
//
//   CHUNK, FINAL      the model server's headers, then `usage`, then the content type
//   ERROR             the end of its message, at a border of UTF-8
//   HEARTBEAT         models that do not fit
//   REGISTER, STATUS  the same, then the version, the labels, and where nothing else is left the
//                     last active ids
//
// Of models no more are told than a broker keeps of one worker (section 6).
//
// The idea: a bound that is quick to add up spares nearly every message being encoded twice. Only a
// message over that bound is encoded to be measured. Pure; the cost is linear in what is measured.

#include <cstddef>

#include "protocol/message.hpp"

namespace muster::agent {

// Of the models of one worker a broker takes no more (docs/protocol.md, section 6).
inline constexpr std::size_t models_told_max = 256;
inline constexpr std::size_t aliases_told_max = 1024;  // of all of them together

// What stays of a CHUNK, FINAL or ERROR when all that can give way has. Far below what any broker
// takes, which tells a worker its limits in a header of about that size.
inline constexpr std::size_t lean_header_bytes = 512;

// How much payload a message can have for a broker with these limits.
[[nodiscard]] std::size_t payload_bytes_max(const WireLimits& limits);

// No encoded header of this message is longer.
[[nodiscard]] std::size_t header_bytes_bound(const FromWorker& message);

// REQUIRES: payload_bytes <= payload_bytes_max(limits).
void fit_header(FromWorker& message, std::size_t payload_bytes, const WireLimits& limits);

}  // namespace muster::agent
