#pragma once

// What is in the bodies: who reads one can tell what it belongs to. A request's body is its number
// in the whole simulation, and behind a stroke the number of this sending of it; each part of an
// answer says which request it answers, the how manyeth it is, and who made it.

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace muster::sim {

using Nonce = std::uint64_t;  // 0: none

[[nodiscard]] inline Nonce nonce_of(std::string_view body) {
  Nonce nonce = 0;
  std::from_chars(body.data(), body.data() + body.size(), nonce);
  return nonce;
}

[[nodiscard]] inline std::string body_of(Nonce nonce, std::uint64_t sending) {
  return std::to_string(nonce) + "/" + std::to_string(sending);
}

[[nodiscard]] inline std::string part_of(Nonce nonce, std::uint64_t seq, std::string_view worker) {
  return std::to_string(nonce) + ":" + std::to_string(seq) + ":" + std::string{worker};
}

// `parts`: how many there were before it.
[[nodiscard]] inline std::string end_of(Nonce nonce, std::uint64_t parts, std::string_view worker) {
  return std::to_string(nonce) + ":end after " + std::to_string(parts) + ":" + std::string{worker};
}

// Who made it.
[[nodiscard]] inline std::string_view worker_of(std::string_view part) {
  return part.substr(part.rfind(':') + 1);
}

}  // namespace muster::sim
