#include "broker/controller_factory.hpp"

#include "protocol/check.hpp"
#include "protocol/prng.hpp"
#include "protocol/transport/clock.hpp"

namespace muster::broker {

ControllerFactory::Made ControllerFactory::make() const {
  return make(new_birth(), transport::monotonic_now());
}

ControllerFactory::Made ControllerFactory::make(const Birth& birth, Time now) const {
  auto faults = options_.validate();
  if (!faults.empty()) return failure(std::move(faults));
  CHECK(birth.first_id.value >= broker_id_min && birth.first_id.value < broker_id_start_max,
        "a broker's ids begin outside their range");
  return std::make_unique<Controller>(options_, birth, now);
}

Birth ControllerFactory::new_birth() {
  // Random, so that an answer to a former start of this broker can't be taken for one to this.
  Prng random(transport::system_random());
  return {.instance = transport::new_instance(),
          .first_id = {broker_id_min + random.below(broker_id_start_max - broker_id_min)},
          .seed = transport::system_random()};
}

}  // namespace muster::broker
