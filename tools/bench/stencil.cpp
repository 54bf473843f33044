#include "tools/bench/stencil.hpp"

#include <cstring>

#include "protocol/check.hpp"
#include "protocol/codec.hpp"

namespace muster::bench {

namespace {

constexpr std::size_t type_at = 2;
constexpr std::byte request_type{0x01};
constexpr std::size_t id_at = 3;  // 0xcf, then the id's eight bytes, highest first
constexpr std::size_t id_end = id_at + 9;
constexpr std::byte long_form{0xcf};

PartMeta answer_meta() {
  PartMeta meta;
  meta.status = 200;
  meta.type = "application/json";
  return meta;
}

}  // namespace

std::optional<std::uint64_t> id_of(std::span<const std::byte> header) {
  if (header.size() < id_end || header[id_at] != long_form) return std::nullopt;
  std::uint64_t id = 0;
  for (std::size_t i = id_at + 1; i < id_end; ++i)
    id = id << 8 | std::to_integer<std::uint64_t>(header[i]);
  return id;
}

std::optional<std::uint64_t> id_of_request(std::span<const std::byte> header) {
  if (header.size() <= type_at || header[type_at] != request_type) return std::nullopt;
  return id_of(header);
}

Stencil::Stencil(const Frame& header) : bytes_(header.bytes().begin(), header.bytes().end()) {
  CHECK(id_of(bytes_), "the codec has put an id elsewhere");
}

void Stencil::write(std::byte* to, std::uint64_t id) const {
  std::memcpy(to, bytes_.data(), bytes_.size());
  for (std::size_t i = id_end; i > id_at + 1; --i, id >>= 8)
    to[i - 1] = static_cast<std::byte>(id & 0xff);
}

bool Stencil::made(std::span<const std::byte> header) const {
  return header.size() == bytes_.size() && std::memcmp(header.data(), bytes_.data(), id_at) == 0 &&
         header[id_at] == long_form &&
         std::memcmp(header.data() + id_end, bytes_.data() + id_end, bytes_.size() - id_end) == 0;
}

Headers make_headers(const std::string& kind, std::size_t models, std::size_t chunks) {
  Headers headers;
  for (std::size_t i = 0; i < models; ++i) {
    Request request{.id = {}, .model = model_name(kind, i), .options = {}};
    request.options.stream = chunks > 0;
    request.options.path = "/v1/chat/completions";
    request.options.type = "application/json";
    headers.requests.emplace_back(encode(request));
  }
  for (std::size_t i = 0; i < chunks; ++i)
    headers.answer.emplace_back(
        encode(Chunk{.id = {}, .seq = i, .meta = i == 0 ? answer_meta() : PartMeta{}}));
  headers.answer.emplace_back(
      encode(Final{.id = {}, .seq = chunks, .meta = chunks == 0 ? answer_meta() : PartMeta{}}));
  return headers;
}

std::string model_name(const std::string& kind, std::size_t i) {
  return kind + "-" + std::to_string(i);
}

}  // namespace muster::bench
