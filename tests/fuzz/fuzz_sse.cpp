// The agent's reader of server-sent events: however a stream is cut into reads, it gives the same
// events, each of them whole, and no byte is lost, doubled or changed.

#include <string>

#include "protocol/check.hpp"
#include "tests/fuzz/fuzz_input.hpp"
#include "worker_agent/model_server/sse_reader.hpp"

namespace muster::agent {
namespace {

struct Read {
  std::string events;
  std::string rest;
  bool within = true;
};

// In pieces of the sizes that `sizes` has, in turn; empty: all at once.
Read read(std::string_view stream, std::string_view sizes) {
  Read result;
  SseReader reader;
  std::size_t turn = 0;
  while (!stream.empty()) {
    std::size_t size = stream.size();
    if (!sizes.empty())
      size = std::min<std::size_t>(
          size, 1 + static_cast<unsigned char>(sizes[turn++ % sizes.size()]) % 16);
    result.within = reader.feed(stream.substr(0, size), result.events) && result.within;
    stream.remove_prefix(size);
  }
  result.rest = reader.take_rest();
  return result;
}

void run(const std::uint8_t* data, std::size_t size) {
  test::FuzzInput input{data, size};
  const std::string_view sizes = input.piece();
  const std::string_view stream = input.rest();
  const Read whole = read(stream, {});
  const Read cut = read(stream, sizes);
  CHECK(whole.events + whole.rest == stream, "bytes of a stream were lost, doubled or changed");
  CHECK(cut.events + cut.rest == stream, "bytes of a stream in pieces were lost or changed");
  CHECK(whole.within && cut.within, "a short stream holds too long an event");
  const auto ends_well = [](const std::string& events) {
    return events.empty() || events.back() == '\n' || events.back() == '\r';
  };
  CHECK(ends_well(whole.events) && ends_well(cut.events), "an event was sent before its end");
}

}  // namespace
}  // namespace muster::agent

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  muster::agent::run(data, size);
  return 0;
}
