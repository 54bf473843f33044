// `footprint`: the memory that a broker's core keeps for a registered worker and for a request in
// flight, in bytes; fails where it is more than what is promised. What libzmq keeps for a
// connection comes on top of it.

#include <malloc.h>

#include <cstdio>

#include "tests/micro/hot_path.hpp"

namespace {

constexpr std::size_t workers = 10'000;
constexpr std::size_t requests = 100'000;
constexpr std::size_t body_bytes = 256;
constexpr std::size_t worker_bytes_max = 2048;
constexpr std::size_t request_bytes_max = 1024;  // beside its body

std::size_t allocated() {
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

bool tell(const char* what, std::size_t bytes, std::size_t most) {
  std::printf("%s: %zu bytes, at most %zu are allowed\n", what, bytes, most);
  return bytes <= most;
}

}  // namespace

int main() {
  const std::size_t at_first = allocated();
  muster::broker::HotPath path(
      {.workers = workers, .models = 1000, .slots = 64, .body_bytes = body_bytes});
  const std::size_t with_workers = allocated();
  for (std::size_t i = 0; i < requests; ++i)
    path.ask();
  const std::size_t with_requests = allocated();
  const bool worker_fits =
      tell("a registered worker", (with_workers - at_first) / workers, worker_bytes_max);
  const bool request_fits =
      tell("a request in flight, beside its body",
           (with_requests - with_workers) / requests - body_bytes, request_bytes_max);
  return worker_fits && request_fits ? 0 : 1;
}
