#pragma once

// For each way that a message can travel: every message that may, bare and with all that it can
// carry.

#include <string>
#include <vector>

#include "protocol/message.hpp"

namespace muster::samples {

[[nodiscard]] std::vector<FromClient> from_client();
[[nodiscard]] std::vector<FromWorker> from_worker();
[[nodiscard]] std::vector<ToClient> to_client();
[[nodiscard]] std::vector<ToWorker> to_worker();

// The header of each of these.
[[nodiscard]] std::vector<std::string> headers();

}  // namespace muster::samples
