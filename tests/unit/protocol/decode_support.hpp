#pragma once

// What the tests of decoding share.

#include <gtest/gtest.h>

#include <string>

#include "protocol/codec.hpp"
#include "tests/unit/protocol/wire_bytes.hpp"

namespace muster {

template <class Messages>
Fault fault_of(const Result<Decoded<Messages>, Fault>& decoded) {
  if (!decoded.ok()) return decoded.error();
  ADD_FAILURE() << "decoded without a fault";
  return {};
}

// The header of a REQUEST of client id 7 for the model "tiny".
inline std::string request(const std::string& opts) {
  return wire_bytes::arr({wire_bytes::num(1), wire_bytes::num(0x01), wire_bytes::num(7),
                          wire_bytes::str("tiny"), opts});
}

}  // namespace muster
