#pragma once

// What must hold did not: thrown where it is seen, caught where a simulation is run.

#include <cstdint>
#include <stdexcept>
#include <string>

namespace muster::sim {

enum class Broken : std::uint8_t { safety, liveness };

class Violation : public std::runtime_error {
 public:
  Violation(Broken broken, const std::string& sentence)
      : std::runtime_error(sentence), broken_(broken) {}
  [[nodiscard]] Broken broken() const { return broken_; }
  [[nodiscard]] std::string sentence() const { return what(); }

 private:
  Broken broken_;
};

}  // namespace muster::sim

// The sentence is made only where it is wanted.
#define MUST(condition, sentence)                                                \
  do {                                                                           \
    if (!(condition)) [[unlikely]]                                               \
      throw ::muster::sim::Violation{::muster::sim::Broken::safety, (sentence)}; \
  } while (false)
