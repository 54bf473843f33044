#pragma once

// A worker's slots, granted to its brokers and moved to where the demand is (docs/protocol.md,
// section 8).
//
// The idea: a grant is a promise until the broker has given it back. So of each broker two numbers
// are kept: `granted`, what it was told last, and `held`, the most that it may still have at the
// worker: what it was told before, until it echoes the number of the lowered grant, and from then
// on what it has in flight above that grant, until that ends. A grant is lowered at once and
// raised only by what nobody holds. Hence the sum of `held` never exceeds the slots, and brokers
// that keep to their grants together never exceed what the model server can do.
//
// It starts with the even split, what is left over to the first ones. Then, at each HEARTBEAT of a
// broker:
// - A broker without a session that was taken for dead or dismissed the worker is *gone*: what it
//   holds beyond its requests in hand is free. When it is back, it counts as one with demand until
//   it has had its even share.
// - A broker has *demand* while it tells of queued requests and has no slot free.
// - Free slots go to whom has demand and the least; where nobody has, to whom has the least.
// - For as much demand as is left, the grants of brokers without anything queued are lowered by
//   what they do not use, the largest first, down to 1, or to 0 where there are fewer slots than
//   brokers.
// - For a broker with demand below its even share, grants above theirs are lowered even if used.
//
// Nothing is moved only to be even again. O(brokers x slots) for a HEARTBEAT that moves all,
// O(brokers) otherwise; there are at most 16 brokers. Pure: there is no time in it.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "protocol/message.hpp"

namespace muster::agent {

class SlotGrants {
 public:
  enum class Standing : std::uint8_t {
    expected,    // no session yet, or its connection broke just now: its grant is kept for it
    registered,  // or about to be: it may use its grant
    gone,        // taken for dead, or it has dismissed the worker
  };

  SlotGrants(std::uint64_t slots, std::size_t brokers);

  // The worker has `slots` from now on: they are split evenly among the brokers that are not gone,
  // a rise waiting where others hold too much still. False: it had as many.
  [[nodiscard]] bool set_slots(std::uint64_t slots);

  // How it stands with that broker; `in_hand`: its requests that are being worked on.
  void stands(std::size_t broker, Standing standing, std::uint64_t in_hand);

  // That broker's HEARTBEAT. REQUIRES: it is registered, and stands() has told of all.
  void heard(std::size_t broker, const BrokerHeartbeat& heartbeat);

  // Raises all numbers, so that their echo shows that what is told with them was seen.
  void renumber();

  [[nodiscard]] std::uint64_t slots() const { return slots_; }
  [[nodiscard]] std::uint64_t granted(std::size_t broker) const { return of(broker).granted; }
  // How often that has changed, and was renumbered: `grant` in section 7.
  [[nodiscard]] std::uint64_t number(std::size_t broker) const { return of(broker).number; }
  // The most requests that the broker may have at the worker; never less than granted().
  [[nodiscard]] std::uint64_t held(std::size_t broker) const { return of(broker).held; }

 private:
  struct Broker {
    Standing standing = Standing::expected;
    std::uint64_t granted = 0;
    std::uint64_t number = 0;
    std::uint64_t held = 0;
    std::uint64_t lowered_at = 0;  // the number of the last lowering: its echo frees what was held
    std::uint64_t least = 0;       // granted at the least, since what it has echoed
    std::uint64_t in_flight = 0;   // as it told last
    std::uint64_t queued = 0;      // as it told last
    std::uint64_t demand = 0;      // slots that it could use besides, as far as is known
    std::uint64_t even = 0;        // its even share
    bool returning = false;        // has not had its even share since it was gone
  };

  [[nodiscard]] const Broker& of(std::size_t broker) const { return brokers_.at(broker); }
  void split();
  static void grant(Broker& broker, std::uint64_t slots);
  static void take_echo(Broker& broker, const BrokerHeartbeat& heartbeat);
  [[nodiscard]] static std::uint64_t demand_of(const Broker& broker);
  [[nodiscard]] std::uint64_t free_slots() const;
  void release_gone();
  void share_out();
  void lower_idle();
  void lower_above_even();
  // Lowers, `count` times, the first broker of those with the largest spare by one.
  void lower(std::vector<std::uint64_t> spare, std::uint64_t count);

  std::uint64_t slots_;
  std::vector<Broker> brokers_;
};

}  // namespace muster::agent
