#pragma once

// What a model server says a request has used (`"usage": {...}` in OpenAI's shape), for the meta of
// FINAL. It stands near the end of an answer, streamed or not, so only the end is searched, for the
// key itself, and only the object behind it is parsed: an answer of many megabytes costs no more
// than a short one.

#include <cstddef>
#include <string_view>

#include "protocol/value.hpp"

namespace muster::agent {

// How much of an answer's end is worth keeping for usage_of().
inline constexpr std::size_t usage_tail_bytes = std::size_t{16} * 1024;

// The last usage object in the last `usage_tail_bytes` of an answer, as a map; nil where there is
// none. Numbers, strings, booleans and maps two levels deep are taken; anything else in it is left
// out.
[[nodiscard]] Value usage_of(std::string_view answer);

}  // namespace muster::agent
