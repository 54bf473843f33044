// Where NATS's C client is not installed.

#include "protocol/check.hpp"
#include "tools/bench/nats_link.hpp"

namespace muster::bench {

bool has_nats() {
  return false;
}

std::unique_ptr<Link> nats_client(std::uint64_t) {
  CHECK(false, "a client of NATS is wanted of a program that was built without");
}

std::unique_ptr<Link> nats_worker() {
  CHECK(false, "a worker of NATS is wanted of a program that was built without");
}

}  // namespace muster::bench
