// Whatever happens, in whatever order: every request gets exactly one answer, no worker is ever
// given more than it granted, parts come in order, and the invariants hold after every step.

#include <gtest/gtest.h>

#include "tests/support/effort.hpp"
#include "tests/support/seed_choices.hpp"
#include "tests/support/world.hpp"

namespace muster::test {
namespace {

// fuzz_controller goes on under the same sanitizers for hours.
constexpr std::uint64_t seeds = effort(150, 15);

TEST(Random, EveryRequestGetsExactlyOneAnswer) {
  std::size_t answered = 0;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    SeedChoices choices{seed};
    World world{choices, seed};
    world.run(1'000);
    ASSERT_EQ(world.violations(), std::vector<std::string>{}) << "seed " << seed;
    answered += world.answered();
  }
  EXPECT_GT(answered, 60 * seeds) << "the worlds were too quiet to show anything";
}

TEST(Random, TheSameSeedGivesTheSameActions) {
  SeedChoices first{42};
  SeedChoices second{42};
  World a{first, 42};
  World b{second, 42};
  a.run(2'000);
  b.run(2'000);
  EXPECT_EQ(a.trace(), b.trace());
  EXPECT_GT(a.trace().size(), 500u);
}

}  // namespace
}  // namespace muster::test
