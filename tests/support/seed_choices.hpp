#pragma once

// The choices of a world, drawn from a seed.

#include <string>

#include "protocol/prng.hpp"
#include "tests/support/world.hpp"

namespace muster::test {

class SeedChoices final : public Choices {
 public:
  explicit SeedChoices(std::uint64_t seed) : prng_(seed) {}
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

}  // namespace muster::test
