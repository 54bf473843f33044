#pragma once

// What ZeroMQ costs where nobody decides anything: targets that only move frames. Each runs in a
// process of its own until a signal ends it, says on its standard error where it listens, in a line
// like the broker's, and returns this program's exit code.

namespace muster::bench {

// libzmq's own zmq_proxy between a ROUTER and a DEALER.
[[nodiscard]] int serve_proxy();

// A loop between two ROUTERs that gives each message to the next worker in turn: what a broker of
// this kind costs at the least. A worker is known from its first word, which is empty; to a
// heartbeat of others the answer is the same again.
[[nodiscard]] int serve_router();

}  // namespace muster::bench
