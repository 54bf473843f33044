// Whatever happens, in whatever order, the Controller does what a naive model of its rules says.

#include <gtest/gtest.h>

#include "tests/support/effort.hpp"
#include "tests/support/naive_world.hpp"
#include "tests/support/seed_choices.hpp"

namespace muster::test {
namespace {

// fuzz_model goes on under the same sanitizers for hours.
constexpr std::uint64_t naive_seeds = effort(400, 10);

TEST(Random, TheControllerDoesWhatANaiveModelSays) {
  std::uint64_t answers = 0;
  for (std::uint64_t seed = 0; seed < naive_seeds; ++seed) {
    SeedChoices choices{seed};
    NaiveWorld world{choices, seed};
    world.run(500);
    ASSERT_EQ(world.failure(), "") << "seed " << seed;
    answers += world.model().answers();
  }
  EXPECT_GT(answers, 30 * naive_seeds) << "the worlds were too quiet to show anything";
}

}  // namespace
}  // namespace muster::test
