#pragma once

// What a broker is set beside: libzmq's own proxy, which moves messages and decides nothing.

namespace muster::bench {

// Binds a ROUTER for clients and a DEALER for workers on loopback, on ports of the system's choice,
// writes one line of JSON that names them in the words of a broker's log to standard error, and
// runs zmq_proxy between the two until the process is ended. Each connection is first sent an empty
// frame, as a broker does it. Returns only where it can't begin.
[[nodiscard]] int serve_proxy();

}  // namespace muster::bench
