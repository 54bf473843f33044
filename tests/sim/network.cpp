#include "tests/sim/network.hpp"

#include <algorithm>
#include <utility>

#include "protocol/check.hpp"

namespace muster::sim {

// ---- sockets -----------------------------------------------------------------------------------

RouterId Network::bind(HostId host, std::size_t high_water) {
  const RouterId id{next_id_++};
  routers_[id] = {.host = host, .high_water = high_water};
  return id;
}

void Network::come_back(HostId host, Time now) {
  down_[host] = false;
  const auto told = [&](Pipe& pipe) {
    if (!pipe.closed) return;
    Item& closed = pipe.items.back();
    const Time before = pipe.items.size() > 1 ? pipe.items[pipe.items.size() - 2].at : now;
    closed.at = std::min(closed.at, std::max(before, now + options_.latency_max));
    pipe.last = closed.at;
  };
  for (auto& [id, connection] : connections_) {
    if (connection.router_host == host && !connection.at_router) told(connection.down);
    if (connection.dealer_host == host && !connection.at_dealer) told(connection.up);
  }
}

DealerId Network::open(HostId host, RouterId to, Time now) {
  const DealerId id{next_id_++};
  dealers_[id] = {
      .host = host, .router = to, .dial_at = now + draw_.between(Duration{0}, Duration{500})};
  return id;
}

void Network::close(DealerId id, Time now) {
  const auto dealer = dealers_.find(id);
  if (dealer == dealers_.end()) return;
  let_go_at_dealer(dealer->second, Duration{}, now);
  dealers_.erase(dealer);
}

Taken Network::send(RouterId id, std::uint32_t peer, Frame&& header, Payload&& payload, Time now) {
  const auto found = connections_.find(peer);
  if (found == connections_.end() || found->second.router != id || !found->second.at_router)
    return Taken::unreachable;
  Connection& connection = found->second;
  if (const auto closed = closed_at(connection.up); closed && *closed <= now)
    return Taken::unreachable;
  if (connection.down.items.size() >= routers_.at(id).high_water) return Taken::full;
  push(connection.down, connection.router_host, connection.dealer_host,
       {.header = std::move(header), .payload = std::move(payload)}, now);
  return Taken::done;
}

Taken Network::send(DealerId id, Frame&& header, Payload&& payload, Time now) {
  if (!connected(id, now)) return Taken::full;
  Connection& connection = connections_.at(*dealers_.at(id).connection);
  if (connection.up.items.size() >= options_.dealer_high_water) return Taken::full;
  push(connection.up, connection.dealer_host, connection.router_host,
       {.header = std::move(header), .payload = std::move(payload)}, now);
  return Taken::done;
}

// Connections take turns.
std::optional<Delivery> Network::receive(RouterId id, Time now) {
  Router& router = routers_.at(id);
  const auto ready = [&](const Connections::value_type& entry) {
    const Connection& connection = entry.second;
    return connection.router == id && connection.at_router && !connection.up.items.empty() &&
           connection.up.items.front().at <= now;
  };
  while (true) {
    auto next = std::find_if(connections_.upper_bound(router.read_last), connections_.end(), ready);
    if (next == connections_.end())
      next = std::find_if(connections_.begin(), connections_.end(), ready);
    if (next == connections_.end()) return std::nullopt;
    router.read_last = next->first;
    Item item = std::move(next->second.up.items.front());
    next->second.up.items.pop_front();
    if (item.kind == Kind::closed) {
      next->second.at_router = false;
      tidy(next);
      continue;
    }
    return Delivery{next->first, false, std::move(item.header), std::move(item.payload)};
  }
}

std::optional<Delivery> Network::receive(DealerId id, Time now) {
  const auto dealer = dealers_.find(id);
  if (dealer == dealers_.end() || !dealer->second.connection) return std::nullopt;
  Pipe& pipe = connections_.at(*dealer->second.connection).down;
  if (pipe.items.empty() || pipe.items.front().at > now) return std::nullopt;
  if (pipe.items.front().kind == Kind::closed) return std::nullopt;  // advance() sees to it
  Item item = std::move(pipe.items.front());
  pipe.items.pop_front();
  return Delivery{0, item.kind == Kind::opened, std::move(item.header), std::move(item.payload)};
}

bool Network::connection_broke(DealerId id, Time now) {
  Dealer& dealer = dealers_.at(id);
  if (dealer.connection) {
    const auto closed = closed_at(connections_.at(*dealer.connection).down);
    if (closed && *closed <= now) dealer.broke = true;
  }
  return std::exchange(dealer.broke, false);
}

bool Network::connected(DealerId id, Time now) const {
  const auto dealer = dealers_.find(id);
  if (dealer == dealers_.end() || !dealer->second.connection) return false;
  const auto closed = closed_at(connections_.at(*dealer->second.connection).down);
  return !closed || *closed > now;
}

// ---- time --------------------------------------------------------------------------------------

Time Network::next_event() const {
  Time next = time_never;
  for (const auto& [id, dealer] : dealers_) {
    if (!dealer.connection) {
      next = std::min(next, dealer.dial_at);
    } else if (const auto closed = closed_at(connections_.at(*dealer.connection).down)) {
      next = std::min(next, *closed);
    }
  }
  return next;
}

void Network::advance(Time now) {
  for (auto& [id, dealer] : dealers_) {
    if (dealer.connection) {
      const auto closed = closed_at(connections_.at(*dealer.connection).down);
      if (!closed || *closed > now) continue;
      let_go_at_dealer(dealer, Duration{}, now);
      dealer.broke = true;
      dealer.dial_at = now + draw_.between(Duration{0}, options_.redial);
    }
    if (!dealer.connection && dealer.dial_at <= now) dial(id, dealer, now);
  }
}

void Network::dial(DealerId id, Dealer& dealer, Time now) {
  const Router& router = routers_.at(dealer.router);
  const bool possible = !down_[router.host] && !down_[dealer.host] &&
                        !is_cut(dealer.host, router.host, now) &&
                        !is_cut(router.host, dealer.host, now);
  if (!possible) {
    dealer.dial_at = now + options_.redial + draw_.between(Duration{0}, options_.redial);
    return;
  }
  const std::uint32_t routing_id = next_id_++;
  Connection& connection = connections_[routing_id];
  connection.dealer = id;
  connection.router = dealer.router;
  connection.dealer_host = dealer.host;
  connection.router_host = router.host;
  dealer.connection = routing_id;
  push(connection.down, router.host, dealer.host, {.kind = Kind::opened}, now);
}

Time Network::next_arrival(HostId host) const {
  Time next = time_never;
  for (const auto& [id, connection] : connections_) {
    if (connection.router_host == host && connection.at_router && !connection.up.items.empty())
      next = std::min(next, connection.up.items.front().at);
    if (connection.dealer_host == host && connection.at_dealer && !connection.down.items.empty() &&
        connection.down.items.front().kind != Kind::closed)
      next = std::min(next, connection.down.items.front().at);
  }
  return next;
}

// ---- what is on its way ------------------------------------------------------------------------

Time Network::arrival(const Path& path, Time now) {
  Duration latency = draw_.between(options_.latency_min, options_.latency_max);
  if (path.slow_until > now) latency += path.latency;
  const Time at = now + latency;
  if (path.cut_until <= at) return at;
  return path.cut_until + draw_.between(Duration{0}, path.cut_until - path.cut_at);
}

void Network::push(Pipe& pipe, HostId from, HostId to, Item item, Time now) {
  if (pipe.closed) return;  // into the void
  if (item.kind == Kind::message && options_.lossy > 0 && draw_.chance(options_.lossy)) {
    return;
  }
  item.at = pipe.last = std::max(pipe.last, arrival(paths_[{from, to}], now));
  pipe.closed = item.kind == Kind::closed;
  pipe.items.push_back(std::move(item));
}

void Network::sever(Pipe& pipe, HostId from, HostId to, Duration silent, Time now) {
  if (pipe.closed) return;
  std::size_t arrived = 0;
  while (arrived < pipe.items.size() && pipe.items[arrived].at <= now)
    ++arrived;
  const std::size_t kept = draw_.from_to(arrived, pipe.items.size());
  while (pipe.items.size() > kept)
    pipe.items.pop_back();
  pipe.last = pipe.items.empty() ? now : std::max(now, pipe.items.back().at);
  push(pipe, from, to, {.kind = Kind::closed}, now + silent);
}

std::optional<Time> Network::closed_at(const Pipe& pipe) {
  if (!pipe.closed) return std::nullopt;
  CHECK(!pipe.items.empty() && pipe.items.back().kind == Kind::closed,
        "a closed pipe ends with it");
  return pipe.items.back().at;
}

void Network::let_go_at_dealer(Dealer& dealer, Duration silent, Time now) {
  if (!dealer.connection) return;
  const auto found = connections_.find(*std::exchange(dealer.connection, std::nullopt));
  Connection& connection = found->second;
  connection.at_dealer = false;
  sever(connection.up, connection.dealer_host, connection.router_host, silent, now);
  tidy(found);
}

void Network::tidy(Connections::iterator connection) {
  if (!connection->second.at_dealer && !connection->second.at_router)
    connections_.erase(connection);
}

// ---- what can befall it ------------------------------------------------------------------------

void Network::kill(HostId host, Duration silent, Time now) {
  for (auto next = connections_.begin(); next != connections_.end();) {
    const auto entry = next++;
    Connection& connection = entry->second;
    if (connection.router_host == host && connection.at_router) {
      connection.at_router = false;
      sever(connection.down, host, connection.dealer_host, silent, now);
      tidy(entry);
    }
  }
  for (auto next = dealers_.begin(); next != dealers_.end();) {
    const auto entry = next++;
    if (entry->second.host != host) continue;
    let_go_at_dealer(entry->second, silent, now);
    dealers_.erase(entry);
  }
}

void Network::set_up(HostId host, bool up) {
  down_[host] = !up;
}

void Network::reset(HostId host, Time now) {
  for (auto& [id, connection] : connections_) {
    if (connection.router_host != host && connection.dealer_host != host) continue;
    if (connection.at_dealer)
      sever(connection.down, connection.router_host, connection.dealer_host, Duration{}, now);
    if (connection.at_router)
      sever(connection.up, connection.dealer_host, connection.router_host, Duration{}, now);
  }
}

void Network::cut(HostId from, HostId to, Time until, Time now) {
  Path& path = paths_[{from, to}];
  path.cut_at = now;
  path.cut_until = std::max(path.cut_until, until);
  const auto delay = [&](Pipe& pipe) {
    for (Item& item : pipe.items) {
      if (item.at > now) item.at = std::max({item.at, pipe.last, arrival(path, now)});
      pipe.last = std::max(pipe.last, item.at);
    }
  };
  for (auto& [id, connection] : connections_) {
    if (connection.dealer_host == from && connection.router_host == to) delay(connection.up);
    if (connection.router_host == from && connection.dealer_host == to) delay(connection.down);
  }
}

void Network::slow(HostId from, HostId to, Duration latency, Time until) {
  Path& path = paths_[{from, to}];
  path.latency = latency;
  path.slow_until = until;
}

void Network::heal(Duration within, Time now) {
  options_.lossy = 0;
  paths_.clear();
  const auto hasten = [&](Pipe& pipe) {
    for (Item& item : pipe.items)
      item.at = std::min(item.at, now + within);
    pipe.last = std::min(pipe.last, now + within);
  };
  for (auto& [id, connection] : connections_) {
    hasten(connection.up);
    hasten(connection.down);
  }
}

bool Network::is_cut(HostId from, HostId to, Time now) const {
  const auto path = paths_.find({from, to});
  return path != paths_.end() && path->second.cut_until > now;
}

}  // namespace muster::sim
