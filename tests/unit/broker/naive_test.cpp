// Whatever happens, in whatever order, the Controller does what a naive model of its rules says.

#include <gtest/gtest.h>

#include "protocol/prng.hpp"
#include "tests/support/effort.hpp"
#include "tests/support/naive_world.hpp"

namespace muster::test {
namespace {

class NaiveSeed final : public Choices {
 public:
  explicit NaiveSeed(std::uint64_t seed) : prng_(seed) {}
  std::uint64_t next() override { return prng_.next(); }
  std::uint64_t below(std::uint64_t bound) override { return prng_.below(bound); }
  std::string bytes() override { return {}; }
  [[nodiscard]] bool spent() const override { return false; }

 private:
  Prng prng_;
};

// fuzz_model goes on under the same sanitizers for hours.
constexpr std::uint64_t naive_seeds = effort(400, 10);

TEST(Random, TheControllerDoesWhatANaiveModelSays) {
  std::uint64_t answers = 0;
  for (std::uint64_t seed = 0; seed < naive_seeds; ++seed) {
    NaiveSeed choices{seed};
    NaiveWorld world{choices, seed};
    world.run(500);
    ASSERT_EQ(world.failure(), "") << "seed " << seed;
    answers += world.model().answers();
  }
  EXPECT_GT(answers, 30 * naive_seeds) << "the worlds were too quiet to show anything";
}

}  // namespace
}  // namespace muster::test
