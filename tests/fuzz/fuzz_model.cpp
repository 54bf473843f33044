// The Controller, held to a naive model of its rules after every event
// (tests/support/naive_controller.hpp), in a world whose every choice is the fuzzer's
// (tests/support/naive_world.hpp).

#include <cstdio>

#include "protocol/check.hpp"
#include "tests/fuzz/fuzz_choices.hpp"
#include "tests/support/naive_world.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr int turns_max = 1'000;
  muster::test::FuzzChoices choices{data, size};
  muster::test::NaiveWorld world{choices, 1};
  world.run(turns_max);
  const std::string failure = world.failure();
  if (!failure.empty()) std::fprintf(stderr, "%s\n", failure.c_str());
  CHECK(failure.empty(), world.model().violations().front().c_str());
  return 0;
}
