#include "tests/integration/chaos/plan.hpp"

#include <algorithm>
#include <cmath>

namespace muster::chaos {
namespace {

constexpr double parts_apart_ms = 250;  // of a long stream
constexpr std::string_view last_event = "data: [DONE]\n\n";

std::string quoted(const std::string& text) {
  return '"' + text + '"';
}

// The prompt of an echo, and what it says: the nonce, and a word for each part more.
std::string words(const Plan& plan) {
  std::string text = plan.nonce;
  for (std::uint64_t part = 1; part < plan.parts; ++part)
    text += " w" + std::to_string(part);
  return text;
}

double count(Milliseconds time) {
  return static_cast<double>(time.count());
}

}  // namespace

client::RequestSpec Plan::spec(const std::string& model) const {
  client::RequestSpec spec{.model = model,
                           .path = echo ? "/v1/completions" : "/v1/chat/completions",
                           .stream = stream,
                           .timeout = allowed(),
                           .request_id = nonce};
  spec.body = R"({"model":)" + quoted(model) + R"(,"stream":)" + (stream ? "true" : "false");
  if (echo) {
    spec.body += R"(,"prompt":)" + quoted(words(*this)) + "}";
  } else {
    spec.body += R"(,"nonce":)" + quoted(nonce) + R"(,"parts":)" + std::to_string(parts) +
                 R"(,"delay_ms":)" + std::to_string(delay.count()) + "}";
  }
  return spec;
}

std::string Plan::answer() const {
  if (echo) return words(*this);
  if (!stream) return R"({"nonce":)" + quoted(nonce) + R"(,"parts":)" + std::to_string(parts) + "}";
  std::string all;
  for (std::uint64_t part = 0; part < parts; ++part) {
    all += R"(data: {"nonce":)" + quoted(nonce) + R"(,"part":)" + std::to_string(part) + "}\n\n";
  }
  return all.append(last_event);
}

std::string_view Plan::close() const {
  return stream ? last_event : "}";
}

Plan draw_plan(const Mix& mix, std::string nonce, Prng& prng) {
  Plan plan{.nonce = std::move(nonce), .echo = mix.echo.count() > 0, .patience = mix.patience};
  plan.stream = prng.unit() < mix.streamed_share;
  double takes_ms = count(mix.shortest) + prng.unit() * count(mix.shorter - mix.shortest);
  if (prng.unit() < mix.long_share) {
    const double magnitudes = std::log(count(mix.longest) / count(mix.shortest));
    takes_ms = count(mix.shortest) * std::exp(prng.unit() * magnitudes);
  }
  if (plan.stream || plan.echo) {
    const double apart_ms = plan.echo ? count(mix.echo) : parts_apart_ms;
    plan.parts = std::max<std::uint64_t>(plan.stream ? 2 : 1,
                                         static_cast<std::uint64_t>(takes_ms / apart_ms));
  }
  const double apart_ms = takes_ms / static_cast<double>(plan.parts);
  plan.delay = plan.echo
                   ? mix.echo
                   : std::max(Milliseconds{1}, Milliseconds{static_cast<std::int64_t>(apart_ms)});
  if (mix.cancelled_share > 0 && prng.unit() < mix.cancelled_share) {
    plan.cancelled = Milliseconds{static_cast<std::int64_t>(prng.unit() * count(plan.takes()))};
  }
  return plan;
}

void Reader::take(std::string_view bytes) {
  if (!echo_) return compare(bytes);
  constexpr std::string_view mark = R"("text":")";
  behind_ += bytes;
  std::size_t done = 0;
  for (;;) {
    std::size_t begin = behind_.find(mark, done);
    if (begin == std::string::npos) break;
    begin += mark.size();
    const std::size_t end = behind_.find('"', begin);
    if (end == std::string::npos) break;
    compare(std::string_view{behind_}.substr(begin, end - begin));
    done = end;
  }
  behind_.erase(0, done);
}

void Reader::compare(std::string_view bytes) {
  right_ = right_ && std::string_view{expected_}.substr(at_, bytes.size()) == bytes;
  at_ = std::min(at_ + bytes.size(), expected_.size());
}

bool Reader::whole() const {
  return right_ && at_ == expected_.size() && (!echo_ || behind_.ends_with(close_));
}

}  // namespace muster::chaos
