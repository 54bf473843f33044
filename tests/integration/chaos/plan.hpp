#pragma once

// What a load asks for, and what must come back: the bytes of model_server.mjs, or the words of the
// agent's own echo model (muster-agent --demo). One seed draws every request.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "muster/client.hpp"
#include "protocol/prng.hpp"

namespace muster::chaos {

using client::Milliseconds;

struct Mix {
  double long_share = 0.01;   // of all requests; the others take from `shortest` to `shorter`
  Milliseconds shortest{10};  // of all answers
  Milliseconds shorter{50};
  Milliseconds longest{60'000};   // long ones are spread evenly over the magnitudes up to this
  double streamed_share = 0.5;    // of each kind
  double cancelled_share = 0;     // of all, at any time while they should be answered
  Milliseconds patience{15'000};  // a request's deadline, beyond the time that its answer takes
  std::string model = "chaos";
  Milliseconds echo{};  // above 0: the model is an echo, with so much time between its words
};

// One request, and what must come of it.
struct Plan {
  std::string nonce;
  bool echo = false;
  bool stream = false;
  std::uint64_t parts = 1;
  Milliseconds delay{};  // before each part
  Milliseconds patience{};
  std::optional<Milliseconds> cancelled{};  // so long after it was asked

  [[nodiscard]] Milliseconds takes() const { return delay * static_cast<std::int64_t>(parts); }
  [[nodiscard]] Milliseconds allowed() const { return takes() + patience; }
  [[nodiscard]] client::RequestSpec spec(const std::string& model) const;
  // The whole answer, all parts of a stream one behind the other; of an echo only what it says.
  [[nodiscard]] std::string answer() const;
  // What an answer ends with.
  [[nodiscard]] std::string_view close() const;
};

[[nodiscard]] Plan draw_plan(const Mix& mix, std::string nonce, Prng& prng);

// Holds what comes against what must come, part by part.
class Reader {
 public:
  explicit Reader(const Plan& plan)
      : expected_(plan.answer()), close_(plan.close()), echo_(plan.echo) {}
  void take(std::string_view bytes);
  [[nodiscard]] bool right_so_far() const { return right_; }
  [[nodiscard]] bool whole() const;

 private:
  void compare(std::string_view bytes);

  std::string expected_;
  std::string_view close_;
  bool echo_;
  std::size_t at_ = 0;
  bool right_ = true;
  std::string behind_;  // of an echo: what came since the last word
};

}  // namespace muster::chaos
