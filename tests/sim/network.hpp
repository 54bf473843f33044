#pragma once

// The network of a simulation: ROUTER and DEALER sockets, the connections between them, and what
// can befall these. It does what ZeroMQ over TCP does, as docs/architecture.md tells it:
//
// - Each connection is two pipes, each in order; a pipe holds so many messages (the high-water
//   mark), and what does not fit is refused: `full`.
// - A DEALER dials, and dials again by itself when its connection has broken; each connection has a
//   routing id of its own and begins with the empty frame that the ROUTER sends. Without a
//   connection a DEALER takes nothing (ZMQ_IMMEDIATE).
// - A connection that breaks loses, on both ways, what had not arrived, from some message on; of
//   what had arrived, the ROUTER still reads all, the DEALER nothing once it has dialled anew.
// - A ROUTER knows a broken connection when it is told: then it says `unreachable`, though
//   messages of it may still be unread. A peer whose host is gone tells nothing for a long time.
// - A path that is cut loses nothing: TCP sends again, for up to as long after the cut as it
//   lasted. Nobody can dial over it.
//
// `lossy` is harsher than ZeroMQ: now and then a message is lost in mid-connection.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "protocol/ids.hpp"
#include "protocol/payload.hpp"
#include "protocol/time.hpp"
#include "tests/sim/draw.hpp"

namespace muster::sim {

using HostId = std::uint32_t;  // one process and the machine that it runs on
using RouterId = StrongId<struct RouterIdTag, std::uint32_t>;  // a ROUTER that is bound
// A DEALER, from its opening to its closing.
using DealerId = StrongId<struct DealerIdTag, std::uint32_t>;

struct NetworkOptions {
  Duration latency_min{};
  Duration latency_max{};
  Duration redial{};  // how soon a DEALER dials again
  std::size_t dealer_high_water = 1000;
  double lossy = 0;  // the share of messages that are lost
};

enum class Taken : std::uint8_t { done, full, unreachable };

struct Delivery {
  std::uint32_t peer = 0;  // the routing id; of a ROUTER's deliveries
  bool opened = false;     // the empty first frame of a connection
  Frame header;
  Payload payload;
};

class Network {
 public:
  Network(const NetworkOptions& options, Draw draw) : options_(options), draw_(draw) {}

  // ---- sockets ----
  RouterId bind(HostId host, std::size_t high_water);
  // The host runs again: its ROUTERs are where they were, and who still holds a connection to what
  // ran there is told that it is gone.
  void come_back(HostId host, Time now);
  // The DEALER dials at once, and again whenever it has no connection.
  DealerId open(HostId host, RouterId to, Time now);
  // With all that it still holds (linger 0).
  void close(DealerId dealer, Time now);

  Taken send(RouterId router, std::uint32_t peer, Frame&& header, Payload&& payload, Time now);
  Taken send(DealerId dealer, Frame&& header, Payload&& payload, Time now);
  [[nodiscard]] std::optional<Delivery> receive(RouterId router, Time now);
  [[nodiscard]] std::optional<Delivery> receive(DealerId dealer, Time now);
  // Whether the connection has broken since this was asked last.
  [[nodiscard]] bool connection_broke(DealerId dealer, Time now);
  [[nodiscard]] bool connected(DealerId dealer, Time now) const;

  // ---- time ----
  // When something happens by itself: a DEALER dials, or learns that its connection has broken.
  [[nodiscard]] Time next_event() const;
  void advance(Time now);
  // When the next message for a socket of this host arrives; now or before: something is unread.
  [[nodiscard]] Time next_arrival(HostId host) const;

  // ---- what can befall it ----
  // The process is gone, its sockets with it. `silent`: nobody is told (its machine is gone) before
  // so much time has passed.
  void kill(HostId host, Duration silent, Time now);
  // Nobody can dial to a host that is not up (dead, or frozen).
  void set_up(HostId host, bool up);
  // All connections of the host break; its processes and sockets live on.
  void reset(HostId host, Time now);
  void cut(HostId from, HostId to, Time until, Time now);
  void slow(HostId from, HostId to, Duration latency, Time until);
  // From now on nothing is cut, slow or lossy; what is on its way arrives within `within`.
  void heal(Duration within, Time now);

 private:
  enum class Kind : std::uint8_t { message, opened, closed };
  struct Item {
    Time at{};
    Kind kind = Kind::message;
    Frame header{};
    Payload payload{};
  };
  struct Pipe {
    std::deque<Item> items;
    Time last{};          // when the last one arrives: nothing overtakes
    bool closed = false;  // a `closed` is among the items; nothing comes after it
  };
  struct Connection {
    DealerId dealer{};
    RouterId router{};
    HostId dealer_host = 0;
    HostId router_host = 0;
    Pipe up, down;          // to the ROUTER, to the DEALER
    bool at_dealer = true;  // whether that end is still held
    bool at_router = true;
  };
  struct Dealer {
    HostId host = 0;
    RouterId router{};
    std::optional<std::uint32_t> connection{};
    Time dial_at = time_never;  // while there is none
    bool broke = false;
  };
  struct Router {
    HostId host = 0;
    std::size_t high_water = 0;
    std::uint32_t read_last = 0;
  };
  struct Path {
    Time cut_at{};
    Time cut_until{};
    Duration latency{};
    Time slow_until{};
  };
  using Connections = std::map<std::uint32_t, Connection>;

  void push(Pipe& pipe, HostId from, HostId to, Item item, Time now);
  [[nodiscard]] Time arrival(const Path& path, Time now);
  // What is on its way is lost from some message on, and then the other end is told.
  void sever(Pipe& pipe, HostId from, HostId to, Duration silent, Time now);
  void dial(DealerId id, Dealer& dealer, Time now);
  void let_go_at_dealer(Dealer& dealer, Duration silent, Time now);
  void tidy(Connections::iterator connection);
  [[nodiscard]] static std::optional<Time> closed_at(const Pipe& pipe);
  [[nodiscard]] bool is_cut(HostId from, HostId to, Time now) const;

  NetworkOptions options_;
  Draw draw_;
  Connections connections_;  // by routing id
  std::map<DealerId, Dealer> dealers_;
  std::map<RouterId, Router> routers_;
  std::map<std::pair<HostId, HostId>, Path> paths_;
  std::map<HostId, bool> down_;
  std::uint32_t next_id_ = 1;
};

}  // namespace muster::sim
