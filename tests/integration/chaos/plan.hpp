#pragma once

// What a load asks for, and the bytes that must come back: those of model_server.mjs. One seed
// draws every request.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "muster/client.hpp"
#include "protocol/prng.hpp"

namespace muster::chaos {

using client::Milliseconds;

struct Mix {
  double long_share = 0.01;       // of all requests; the others take 10 to 50 ms
  Milliseconds longest{60'000};   // long ones are spread evenly over the magnitudes up to this
  double streamed_share = 0.5;    // of each kind
  Milliseconds patience{15'000};  // a request's deadline, beyond the time that its answer takes
  std::string model = "chaos";
};

// One request, and what must come of it.
struct Plan {
  std::string nonce;
  bool stream = false;
  std::uint64_t parts = 1;
  Milliseconds delay{};  // before each part
  Milliseconds patience{};

  [[nodiscard]] Milliseconds takes() const { return delay * static_cast<std::int64_t>(parts); }
  [[nodiscard]] client::RequestSpec spec(const std::string& model) const;
  // The whole answer, all parts of a stream one behind the other.
  [[nodiscard]] std::string answer() const;
};

[[nodiscard]] Plan draw_plan(const Mix& mix, std::string nonce, Prng& prng);

// Holds what comes against what must come, part by part.
class Reader {
 public:
  explicit Reader(std::string expected) : expected_(std::move(expected)) {}
  void take(std::string_view bytes);
  [[nodiscard]] bool right_so_far() const { return right_; }
  [[nodiscard]] bool whole() const { return right_ && at_ == expected_.size(); }

 private:
  std::string expected_;
  std::size_t at_ = 0;
  bool right_ = true;
};

}  // namespace muster::chaos
