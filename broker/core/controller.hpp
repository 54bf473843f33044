#pragma once

// The Controller: what a broker decides, without a socket, thread, clock or log in it.
//
// It is a function of (state, event, now): step() takes one event and appends what is to be done,
// in order; next_deadline() says when it wants a Tick. The same events at the same times with the
// same seed give the same actions, on every machine.
//
// The promise that it keeps (docs/protocol.md, section 4): for every REQUEST whose header gives an
// id there is exactly one FINAL or ERROR, and no worker ever has more requests than the slots it
// granted.

#include <cstdint>
#include <memory>
#include <vector>

#include "broker/core/action.hpp"
#include "broker/core/event.hpp"
#include "broker/core/options.hpp"

namespace muster::broker {

// What differs from one start of a broker to the next; given from outside, so that a simulator can.
struct Birth {
  Instance instance;       // the broker's own
  BrokerId first_id;       // in [broker_id_min, broker_id_start_max)
  std::uint64_t seed = 0;  // of the Controller's generator
};

class Controller {
 public:
  // REQUIRES: options.validate() is empty. controller_factory.hpp makes one with all that it needs.
  Controller(const ControllerOptions& options, const Birth& birth, Time now);
  ~Controller();
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  // What a worker says of this attempt is the next event but a few: what it will want to look at is
  // fetched meanwhile. Changes nothing, and need not come true.
  void foresee(BrokerId attempt) const;

  // Takes one event. `now` never goes back. Actions are appended to `out`.
  void step(Event&& event, Time now, std::vector<Action>& out);

  // When the next Tick is wanted; never later than one heartbeat interval from the last one.
  [[nodiscard]] Time next_deadline() const;

  // Requests at workers: their slots that are taken.
  [[nodiscard]] std::size_t at_workers() const;

  // Whether every request and refresh has been answered: a stopping broker waits for this.
  [[nodiscard]] bool idle() const;

  // Ends the process if the state contradicts itself (invariants.hpp). O(everything).
  void check_invariants() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::broker
