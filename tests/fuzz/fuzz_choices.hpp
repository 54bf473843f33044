#pragma once

// The choices of a world, from a fuzzer's input.

#include "tests/fuzz/fuzz_input.hpp"
#include "tests/support/world.hpp"

namespace muster::test {

class FuzzChoices final : public Choices {
 public:
  FuzzChoices(const std::uint8_t* data, std::size_t size) : input_(data, size) {}
  std::uint64_t next() override { return input_.below(1 << 16); }
  std::uint64_t below(std::uint64_t bound) override { return input_.below(bound); }
  std::string bytes() override { return std::string{input_.piece()}; }
  [[nodiscard]] bool spent() const override { return input_.spent(); }

 private:
  FuzzInput input_;
};

}  // namespace muster::test
