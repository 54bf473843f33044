#include "tools/bench/script.hpp"

#include <cstring>
#include <span>

#include "protocol/prng.hpp"

namespace muster::bench {

Script::Script(const BenchOptions& asked, Target asked_of)
    : options(asked),
      target(asked_of),
      headers(make_headers(asked.kind, asked.models, asked.chunks())),
      body(asked.body_bytes),
      answer_body(asked.answer_size()) {
  Prng prng(asked.seed);
  for (zmq::message_t* each : {&body, &answer_body}) {
    for (std::byte& byte : std::span{each->data<std::byte>(), each->size()})
      byte = static_cast<std::byte>(prng.below(256));
  }
}

Time time_in(std::span<const std::byte> body) {
  Duration::rep us = 0;
  std::memcpy(&us, body.data(), time_bytes);
  return Time{Duration{us}};
}

void write_time(Time at, std::span<std::byte> body) {
  const Duration::rep us = at.time_since_epoch().count();
  std::memcpy(body.data(), &us, time_bytes);
}

}  // namespace muster::bench
