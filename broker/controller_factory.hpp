#pragma once

// ControllerFactory: from options to a ready Controller.
//
// A Controller takes for granted that its options can be used and that its birth (what differs from
// one start to the next) is well made. Both are seen to here, outside the core: the core knows
// neither a clock nor the system's randomness.

#include <memory>
#include <vector>

#include "broker/core/controller.hpp"
#include "broker/core/options.hpp"
#include "protocol/result.hpp"
#include "protocol/time.hpp"

namespace muster::broker {

class ControllerFactory {
 public:
  using OptionFaults = std::vector<ControllerOptions::OptionFault>;
  using Made = Result<std::unique_ptr<Controller>, OptionFaults>;

  explicit ControllerFactory(ControllerOptions options) : options_(std::move(options)) {}

  // A Controller that is born now; or everything that is wrong with the options.
  [[nodiscard]] Made make() const;

  // The same with a given birth: with the same events at the same times it does the same again.
  // REQUIRES: `birth.first_id` is in [broker_id_min, broker_id_start_max).
  [[nodiscard]] Made make(const Birth& birth, Time now) const;

  // An instance, a first broker id and a seed that no other start has, as far as chance allows.
  [[nodiscard]] static Birth new_birth();

 private:
  const ControllerOptions options_;
};

}  // namespace muster::broker
