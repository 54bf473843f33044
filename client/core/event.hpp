#pragma once

// What can happen to a client's core: all of its input.

#include <string>
#include <variant>

#include "protocol/codec.hpp"
#include "protocol/message.hpp"
#include "protocol/payload.hpp"

namespace muster::client {

// ---- what the program that uses the client wants ----------------------------------------------

// A request. Its id is chosen by the caller: ids count up and are never used twice, so that a late
// word for one that has ended can't be taken for another's. `request.options.timeout` is counted
// from this event on. REQUIRES: an id below 2^62.
struct Ask {
  Request request;
  Payload body;
};

// A query; `id` is drawn from the same numbers. REQUIRES: timeout > 0.
struct AskBroker {
  ClientRequestId id;
  std::string name;
  Duration timeout{};
  Value args = Value::Map{};
};

// Ends a request or query with `cancelled`. An id that has ended, or never was, is ignored.
struct Withdraw {
  ClientRequestId id;
};

// Everything outstanding ends with `cancelled`, and so does what is still asked.
struct Stop {};

// ---- what the socket says ---------------------------------------------------------------------

// The empty first frame of a connection (docs/protocol.md, section 1).
struct ConnectionNew {};

struct BrokerSaid {
  ToClient message;
  Payload payload;
};

// A message of the broker that could not be decoded.
struct BrokerFault {
  Fault fault;
};

// A Send that found no room in the socket, or no connection: nothing of it was sent. Said before
// any other event.
struct NotSent {
  FromClient message;
  Payload payload;
};

// The endpoint can't be dialled at all: `what` is a sentence. Whatever is asked ends with
// `invalid`.
struct EndpointRefused {
  std::string what;
};

// Time has come to next_deadline(), or simply passed. Said after what had arrived was given to the
// core, so that a silence is the broker's own.
struct Tick {};

using Event = std::variant<Ask, AskBroker, Withdraw, Stop, ConnectionNew, BrokerSaid, BrokerFault,
                           NotSent, EndpointRefused, Tick>;

}  // namespace muster::client
