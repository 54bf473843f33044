#include "tests/integration/chaos/plan.hpp"

#include <algorithm>
#include <cmath>

namespace muster::chaos {
namespace {

constexpr double shortest_ms = 10;
constexpr double short_ms_max = 50;
constexpr double parts_apart_ms = 250;  // of a long stream

}  // namespace

client::RequestSpec Plan::spec(const std::string& model) const {
  client::RequestSpec spec{.model = model, .path = "/v1/chat/completions", .stream = stream};
  spec.body = R"({"model":")" + model + R"(","stream":)" + (stream ? "true" : "false") +
              R"(,"nonce":")" + nonce + R"(","parts":)" + std::to_string(parts) +
              R"(,"delay_ms":)" + std::to_string(delay.count()) + "}";
  spec.timeout = takes() + patience;
  return spec;
}

std::string Plan::answer() const {
  if (!stream) return R"({"nonce":")" + nonce + R"(","parts":)" + std::to_string(parts) + "}";
  std::string all;
  for (std::uint64_t part = 0; part < parts; ++part) {
    all += R"(data: {"nonce":")" + nonce + R"(","part":)" + std::to_string(part) + "}\n\n";
  }
  return all + "data: [DONE]\n\n";
}

Plan draw_plan(const Mix& mix, std::string nonce, Prng& prng) {
  Plan plan{.nonce = std::move(nonce), .patience = mix.patience};
  plan.stream = prng.unit() < mix.streamed_share;
  double takes_ms = shortest_ms + prng.unit() * (short_ms_max - shortest_ms);
  if (prng.unit() < mix.long_share) {
    const double magnitudes = std::log(static_cast<double>(mix.longest.count()) / shortest_ms);
    takes_ms = shortest_ms * std::exp(prng.unit() * magnitudes);
  }
  if (plan.stream) {
    plan.parts = std::max<std::uint64_t>(2, static_cast<std::uint64_t>(takes_ms / parts_apart_ms));
  }
  const double apart_ms = takes_ms / static_cast<double>(plan.parts);
  plan.delay = std::max(Milliseconds{1}, Milliseconds{static_cast<std::int64_t>(apart_ms)});
  return plan;
}

void Reader::take(std::string_view bytes) {
  right_ = right_ && std::string_view{expected_}.substr(at_, bytes.size()) == bytes;
  at_ = std::min(at_ + bytes.size(), expected_.size());
}

}  // namespace muster::chaos
