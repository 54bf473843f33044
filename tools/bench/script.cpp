#include "tools/bench/script.hpp"

#include <span>

#include "protocol/prng.hpp"

namespace muster::bench {

Script::Script(const BenchOptions& asked, Target asked_of)
    : options(asked),
      target(asked_of),
      headers(make_headers(asked.models, asked.chunks())),
      body(asked.body_bytes) {
  Prng prng(asked.seed);
  for (std::byte& byte : std::span{body.data<std::byte>(), body.size()})
    byte = static_cast<std::byte>(prng.below(256));
}

}  // namespace muster::bench
