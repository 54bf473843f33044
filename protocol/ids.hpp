#pragma once

// Identifiers as strong types: one cannot be passed where another is meant, and none converts to
// a number by itself. A worker session carries its instance, so that a restarted worker can't
// answer for its former self (docs/protocol.md, section 2 and 6).

#include <compare>
#include <cstdint>
#include <functional>

namespace muster {

template <class Tag, class Rep = std::uint64_t>
struct StrongId {
  Rep value{};
  friend constexpr auto operator<=>(const StrongId&, const StrongId&) = default;
};

// The id in a data-plane header as it stands on the wire. Whose id it is depends on the hop: the
// client's on the frontend, the broker's on the backend. The cores convert it, in words.
using WireId = StrongId<struct WireIdTag>;

// Chosen by a client; unique among its own outstanding requests and queries.
using ClientRequestId = StrongId<struct ClientRequestIdTag>;

// Chosen by the broker: one attempt of one request at one worker. Always in [2^32, 2^53).
using BrokerId = StrongId<struct BrokerIdTag>;

// One start of a worker or broker: start in Unix ms x 1024 + a random number below 1024; below
// 2^53.
using Instance = StrongId<struct InstanceTag>;

// A connection to a ROUTER socket: the 32 bits of the routing id that libzmq made for it. Frontend
// and backend are two sockets with id spaces of their own, hence two types.
using ClientConnection = StrongId<struct ClientConnectionTag, std::uint32_t>;
using WorkerConnection = StrongId<struct WorkerConnectionTag, std::uint32_t>;

// Where the 9-byte form (0xcf + 8 bytes) of every broker id begins.
inline constexpr std::uint64_t broker_id_min = std::uint64_t{1} << 32;
inline constexpr std::uint64_t broker_id_start_max = std::uint64_t{1} << 52;
inline constexpr std::uint64_t instance_max = (std::uint64_t{1} << 53) - 1;

}  // namespace muster

template <class Tag, class Rep>
struct std::hash<muster::StrongId<Tag, Rep>> {
  std::size_t operator()(const muster::StrongId<Tag, Rep>& id) const noexcept {
    return std::hash<Rep>{}(id.value);
  }
};
