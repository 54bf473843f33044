#pragma once

// What a client's core wants done: all of its output, in order.

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "protocol/message.hpp"
#include "protocol/payload.hpp"

namespace muster::client {

// To the broker. One that can't be sent now comes back as NotSent.
struct Send {
  FromClient message;
  Payload payload;
};

// The broker is taken for dead: close the socket and dial anew.
struct Reopen {};

// A part of the answer to a request that takes parts. The first carries status, type and worker.
struct PartArrived {
  ClientRequestId id;
  std::uint64_t seq = 0;
  PartMeta meta;
  Payload bytes;
};

// A request is to be sent again. `why` is one sentence.
struct SendsAgain {
  ClientRequestId id;
  std::string why;
};

enum class EndKind : std::uint8_t {
  answered,
  from_broker,      // `code` says what
  timed_out,        // the core's own deadline
  connection_lost,  // it had been sent, and its connection, or its answer on the way, is lost; and
                    // it may not be sent again, or no other connection stood until its deadline
  unreachable,      // no connection stood until its deadline; or it leads to a broker's backend
  cancelled,
  overloaded,  // outstanding_max
  invalid,     // it can't be said in the protocol, or the endpoint can't be dialled
};

// How a request or query ended; all but `kind` is empty where it was answered.
struct Conclusion {
  EndKind kind = EndKind::answered;
  ErrorCode code{};       // from_broker only
  std::string message{};  // one sentence
  ErrorMeta meta{};       // `retryable` is set for every kind
  friend bool operator==(const Conclusion&, const Conclusion&) = default;
};

[[nodiscard]] inline Conclusion conclude(EndKind kind, std::string message,
                                         bool retryable = false) {
  Conclusion conclusion{.kind = kind, .message = std::move(message)};
  conclusion.meta.retryable = retryable;
  return conclusion;
}

// Exactly one for each Ask; nothing follows it for that id. `bytes`: what of the answer had not
// come as parts or, for from_broker, the model server's own error body.
struct RequestEnded {
  ClientRequestId id;
  Conclusion conclusion;
  std::uint64_t parts = 0;
  PartMeta meta;
  Payload bytes;
};

// Exactly one for each AskBroker.
struct QueryEnded {
  ClientRequestId id;
  Conclusion conclusion;
  Value result;
};

using Action = std::variant<Send, Reopen, PartArrived, SendsAgain, RequestEnded, QueryEnded>;

}  // namespace muster::client
