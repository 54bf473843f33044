#pragma once

// CHECK(condition, "what broke"): for our own bugs, never for input from a peer. It stays on in
// release builds: a clean crash that names the broken invariant beats corrupt routing.

#include <cstdio>
#include <cstdlib>

namespace muster::detail {

[[noreturn]] inline void check_failed(const char* condition, const char* what, const char* file,
                                      int line) {
  std::fprintf(stderr, "muster: internal error at %s:%d: %s (%s)\n", file, line, what, condition);
  std::abort();
}

}  // namespace muster::detail

#define CHECK(condition, what)                                              \
  do {                                                                      \
    if (!(condition)) [[unlikely]]                                          \
      ::muster::detail::check_failed(#condition, what, __FILE__, __LINE__); \
  } while (false)
