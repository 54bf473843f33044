#pragma once

// What a Controller wants done: all of its output, in order. The shell sends what is to be sent,
// and logs and counts what is noted. A send that fails comes back as an Event; no Action waits.

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "broker/core/event.hpp"

namespace muster::broker {

struct SendToClient {
  ClientConnection to;
  ToClient message;
};

// A worker's CHUNK, FINAL or ERROR, passed on under the client's id, which the header has already.
struct RelayToClient {
  // For making one in its place in a vector.
  RelayToClient(ClientConnection to_, ClientRequestId id_, Frame&& header_, Payload&& payload_)
      : to(to_), id(id_), header(std::move(header_)), payload(std::move(payload_)) {}
  ClientConnection to;
  ClientRequestId id;
  Frame header;
  Payload payload;
};

// What a broker tells a worker of its own accord: all that may be said to one but REQUEST, which it
// passes on.
using OwnToWorker =
    std::variant<Cancel, BrokerHeartbeat, Registered, Reregister, Dismiss, Probe, Drain>;

struct SendToWorker {
  WorkerConnection to;
  OwnToWorker message;
};

// A client's REQUEST, passed on under the broker's id for this attempt, which the header has
// already.
struct RelayToWorker {
  RelayToWorker(WorkerConnection to_, BrokerId id_, Frame&& header_, Payload&& payload_)
      : to(to_), id(id_), header(std::move(header_)), payload(std::move(payload_)) {}
  WorkerConnection to;
  BrokerId id;
  Frame header;
  Payload payload;
};

// ---- notes: for the log and nothing else ------------------------------------------------------

// A worker's session began, changed or ended; `what` is a stable word: registered, resumed,
// updated, state, suspect, recovered, broken, expired, deregistered, dismissed, replaced; of all
// of them, that they are silent together, and that this is over.
struct WorkerNote {
  std::string_view what;
  std::string worker;     // empty: of all of them
  std::string detail;     // a clear sentence part: "ready -> unhealthy", "nothing heard for 3.0 s"
  bool alarming = false;  // whether it wants a person's eyes (log level warning)
};

// A client is told an ERROR, which is counted already; or a worker has REFUSED a request; or one
// was lost with its worker and goes to another (SERVER_GONE); or a worker is turned away because
// its name is taken. The log bounds the rate of each. Not noted: CANCELLED, which is no failure,
// and BAD_REQUEST, of which a FaultNote tells more.
struct FailureNote {
  ErrorCode code{};
  std::string reason;    // as the client is told; empty: none
  std::string sentence;  // likewise
  std::string model;
  std::string worker;  // that had it last; empty: none
  std::string request_id;
  std::string address{};  // of a worker that is turned away; empty: not known
};

// One request's whole story, once it has ended (log level debug).
struct RequestNote {
  ClientConnection client;
  ClientRequestId id;
  std::string model;
  std::string request_id;
  std::string worker;  // the last that had it; empty: none
  std::string end;     // "FINAL", or the error's name
  std::string reason;
  Duration waited{};  // from receipt until it was bound to a worker
  Duration took{};    // from receipt to its end
  std::uint64_t chunks = 0;
};

// Input that was dropped or answered with BAD_REQUEST, already counted; the log bounds its rate.
struct FaultNote {
  bool from_worker = false;
  std::uint32_t connection = 0;
  std::string worker;  // where the connection is bound to one
  Fault fault;
  std::string address{};  // of the sender; empty: not known
};

using Action = std::variant<SendToClient, RelayToClient, SendToWorker, RelayToWorker, WorkerNote,
                            FailureNote, RequestNote, FaultNote>;

// A batch of them has to stay in the processor's cache.
static_assert(sizeof(Action) <= 224);

}  // namespace muster::broker
