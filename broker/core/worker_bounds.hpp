#pragma once

// What a worker's description may hold beside the limits of the wire: it is kept for as long as the
// worker lives and told in every answer to `workers`.

#include <optional>
#include <string>
#include <vector>

#include "protocol/message.hpp"

namespace muster::broker {

inline constexpr std::size_t models_max = 256;
inline constexpr std::size_t aliases_max = 1024;    // of all models together
inline constexpr std::size_t text_bytes_max = 256;  // a label's value; the version; `why`

// What is too much of it, in a sentence.
[[nodiscard]] std::optional<std::string> too_much(const std::vector<ModelDescription>& models);
[[nodiscard]] std::optional<std::string> too_much(const WorkerDescription& info);

}  // namespace muster::broker
