// Whatever happens, in whatever order: every request gets exactly one answer, no worker is ever
// given more than it granted, parts come in order, and the invariants hold after every step.

#include <gtest/gtest.h>

#include "protocol/prng.hpp"
#include "tests/support/effort.hpp"
#include "tests/support/world.hpp"

namespace muster::test {
namespace {

class Seed final : public Choices {
 public:
  explicit Seed(std::uint64_t seed) : prng_(seed) {}
  std::uint64_t next() override { return prng_.next(); }
  std::uint64_t below(std::uint64_t bound) override { return prng_.below(bound); }
  std::string bytes() override {
    std::string some(prng_.below(30), '\0');
    for (char& byte : some)
      byte = static_cast<char>(prng_.below(256));
    if (!some.empty()) some[0] = static_cast<char>(0x90 + prng_.below(6));  // mostly an array
    if (some.size() > 3 && prng_.below(2) == 0)
      some.replace(1, 2, prng_.below(2) ? "\1\1" : "\1\2");
    return some;
  }
  [[nodiscard]] bool spent() const override { return false; }

 private:
  Prng prng_;
};

// fuzz_controller goes on under the same sanitizers for hours.
constexpr std::uint64_t seeds = effort(150, 15);

TEST(Random, EveryRequestGetsExactlyOneAnswer) {
  std::size_t answered = 0;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    Seed choices{seed};
    World world{choices, seed};
    world.run(1'000);
    ASSERT_EQ(world.violations(), std::vector<std::string>{}) << "seed " << seed;
    answered += world.answered();
  }
  EXPECT_GT(answered, 60 * seeds) << "the worlds were too quiet to show anything";
}

TEST(Random, TheSameSeedGivesTheSameActions) {
  Seed first{42};
  Seed second{42};
  World a{first, 42};
  World b{second, 42};
  a.run(2'000);
  b.run(2'000);
  EXPECT_EQ(a.trace(), b.trace());
  EXPECT_GT(a.trace().size(), 500u);
}

}  // namespace
}  // namespace muster::test
