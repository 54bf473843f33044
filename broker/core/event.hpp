#pragma once

// What can happen to a Controller: all of its input. The shell turns frames and failures into
// these.

#include <optional>
#include <string>
#include <variant>

#include "broker/core/options.hpp"
#include "protocol/codec.hpp"
#include "protocol/message.hpp"
#include "protocol/payload.hpp"

namespace muster::broker {

// A header as it came, for passing on without encoding it again.
struct Header {
  Frame frame;
  IdSpan id;
  [[nodiscard]] Header keep() const { return {frame.keep(), id}; }
  // The frame under another id. The header is used up.
  [[nodiscard]] Frame&& renumbered(WireId to) && {
    put_id(frame, id, to);
    return std::move(frame);
  }
};

struct ClientSaid {
  ClientConnection from;
  FromClient message;
  Header header;
  Payload payload;
};

// A client's message that could not be decoded (section 11).
// `address`: where it came from, as far as the transport tells.
struct ClientFault {
  ClientConnection from;
  Fault fault;
  std::string address{};
};

// A client that can be told nothing more: its connection is gone, or (`cut_off`) it took nothing
// for so long, or left so much waiting, that the shell gave it up.
struct ClientUnreachable {
  ClientConnection client;
  bool cut_off = false;
};

struct WorkerSaid {
  WorkerConnection from;
  FromWorker message;
  Header header;
  Payload payload;
  std::string address{};  // of REGISTER: where it came from, as far as the transport tells
};

struct WorkerFault {
  WorkerConnection from;
  Fault fault;
  std::string address{};
};

// A message that the backend could not deliver: the session of that connection is broken
// (section 6). `undelivered`: the message was this attempt's REQUEST, so nothing can have been
// begun.
struct WorkerUnreachable {
  WorkerConnection worker;
  std::optional<BrokerId> undelivered{};
};

// A message that was dropped unread, because its sender chose a routing id of its own (section 1).
struct ForeignPeer {
  bool on_backend = false;
};

// Time has come to next_deadline(), or simply passed. `backend_empty`: everything that had arrived
// on the backend has been given to the Controller, so a silence is a worker's own and not the
// broker's; `frontend_empty`: likewise of clients. The shell sends one each turn. It has looked
// into both sockets where next_deadline() has come; otherwise it need not have, and then says
// false.
struct Tick {
  bool backend_empty = false;
  bool frontend_empty = false;
};

// The configuration was read again. What was promised to somebody stays as it was: name, heartbeat
// and the limits of the wire (workers and clients were told), the deadlines of requests that are
// outstanding, and what waits already. REQUIRES: validate() is empty, and name, heartbeat and wire
// limits are those that the Controller was made with.
struct Reconfigured {
  ControllerOptions options;
};

// The broker is stopping: what still comes ends with SHUTTING_DOWN, and what is outstanding has so
// long to end by itself before it does. A second one can only shorten that.
struct Stop {
  Duration within{};
};

using Event = std::variant<ClientSaid, ClientFault, ClientUnreachable, WorkerSaid, WorkerFault,
                           WorkerUnreachable, ForeignPeer, Tick, Reconfigured, Stop>;

}  // namespace muster::broker
