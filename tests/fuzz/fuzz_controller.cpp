// The Controller in a world (tests/support/world.hpp) whose every choice is the fuzzer's: any order
// of events, any messages, any pauses. Every request gets exactly one answer, the caps hold, and
// the invariants do after every step.

#include "protocol/check.hpp"
#include "tests/fuzz/fuzz_choices.hpp"
#include "tests/support/world.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr int turns_max = 2'000;
  muster::test::FuzzChoices choices{data, size};
  muster::test::World world{choices, 1};
  world.run(turns_max);
  CHECK(world.violations().empty(), world.violations().front().c_str());
  return 0;
}
