// `instructions N`: one fixed dialogue with a broker's core, in which N requests are asked and
// answered. Run under callgrind, which counts the same instructions each time, it tells what a
// request costs without a clock: instructions.py does.

#include <charconv>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "tests/micro/hot_path.hpp"

namespace {

constexpr std::size_t outstanding = 256;

void run(std::size_t requests, std::size_t chunks) {
  muster::broker::HotPath path({.chunks = chunks});
  for (std::size_t i = 0; i < requests; ++i) {
    path.ask();
    if (path.asked() == outstanding) path.answer();
    if (i % 64 == 0) path.tick();
  }
  while (path.asked() > 0)
    path.answer();
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t requests = 0;
  std::size_t chunks = 0;
  const auto number = [&](int i, std::size_t& into) {
    return std::from_chars(argv[i], argv[i] + std::strlen(argv[i]), into).ec == std::errc{};
  };
  if (argc != 3 || !number(1, requests) || !number(2, chunks)) {
    std::fputs("usage: instructions REQUESTS CHUNKS\n", stderr);
    return 2;
  }
  run(requests, chunks);
}
