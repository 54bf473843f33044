#pragma once

// Stencil: a header of the data plane (docs/protocol.md, section 2), encoded once and sent many
// times with another id each time; and the same header recognised when it comes back, by comparing
// bytes. The load generator must cost less than what it measures.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "protocol/payload.hpp"

namespace muster::bench {

// The id of a header whose id stands, in its 9-byte form, where it does in all that have one: after
// an array's lead byte, the version and a type of one byte each. Nothing where it does not.
[[nodiscard]] std::optional<std::uint64_t> id_of(std::span<const std::byte> header);

// The id of such a header of a REQUEST; nothing where it is another message.
[[nodiscard]] std::optional<std::uint64_t> id_of_request(std::span<const std::byte> header);

[[nodiscard]] inline std::span<const std::byte> bytes_of(const zmq::message_t& message) {
  return {message.data<std::byte>(), message.size()};
}

class Stencil {
 public:
  // REQUIRES: id_of(header).
  explicit Stencil(const Frame& header);

  [[nodiscard]] std::size_t size() const { return bytes_.size(); }

  // REQUIRES: room for size() bytes at `to`.
  void write(std::byte* to, std::uint64_t id) const;

  // Whether `header` is this one but for its id.
  [[nodiscard]] bool made(std::span<const std::byte> header) const;

 private:
  std::vector<std::byte> bytes_;
};

// The REQUESTs of a run, one for each model, and the answer to each of them: its CHUNKs in order,
// then FINAL. They say what those of a chat behind an OpenAI-compatible agent do.
struct Headers {
  std::vector<Stencil> requests;
  std::vector<Stencil> answer;
};
[[nodiscard]] Headers make_headers(const std::string& kind, std::size_t models, std::size_t chunks);

// The name of a load's model `i`. `kind`: BenchOptions::kind.
[[nodiscard]] std::string model_name(const std::string& kind, std::size_t i);

}  // namespace muster::bench
