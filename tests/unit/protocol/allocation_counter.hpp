#pragma once

// Counts what the whole test program asks operator new for, so that a test can hold code to it. One
// thread.

#include <cstddef>

namespace muster {

struct Allocated {
  std::size_t largest = 0;
  std::size_t total = 0;
};

// Since the last reset.
[[nodiscard]] Allocated allocated();
void reset_allocated();

}  // namespace muster
