#include "tests/unit/protocol/allocation_counter.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace muster {
namespace {

Allocated counted;

}  // namespace

Allocated allocated() {
  return counted;
}

void reset_allocated() {
  counted = {};
}

}  // namespace muster

void* operator new(std::size_t size) {
  auto& counted = muster::counted;
  counted.largest = std::max(counted.largest, size);
  counted.total += size;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc{};
}

void operator delete(void* memory) noexcept {
  std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
