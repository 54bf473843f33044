#include "broker/core/kept_message.hpp"

#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <type_traits>

#include "protocol/check.hpp"

namespace muster::broker {

// Behind it in the same block: the size of each frame, the header's first, then the bytes of all of
// them.
struct KeptMessage::Small {
  IdSpan id;
  std::uint32_t frames = 0;  // with the header

  [[nodiscard]] std::uint32_t* sizes() { return reinterpret_cast<std::uint32_t*>(this + 1); }
  [[nodiscard]] std::byte* bytes() { return reinterpret_cast<std::byte*>(sizes() + frames); }
};

void KeptMessage::Delete::operator()(Small* small) const {
  static_assert(std::is_trivially_destructible_v<Small>);
  ::operator delete(small);
}

KeptMessage::KeptMessage(const Header& header, const Payload& payload) {
  const std::size_t frames = 1 + payload.frame_count();
  const auto frame = [&](std::size_t i) -> const Frame& {
    return i == 0 ? header.frame : payload.frame(i - 1);
  };
  bool small = true;
  std::size_t room = sizeof(Small);
  for (std::size_t i = 0; i < frames; ++i) {
    small = small && frame(i).is_small();
    room += sizeof(std::uint32_t) + frame(i).size();
  }
  if (!small) {
    shared_ = std::make_unique<std::pair<Header, Payload>>(header.keep(), payload.keep());
    return;
  }
  small_.reset(new (::operator new(room)) Small{header.id, static_cast<std::uint32_t>(frames)});
  std::byte* to = small_->bytes();
  for (std::size_t i = 0; i < frames; ++i) {
    const std::span<const std::byte> bytes = frame(i).bytes();
    small_->sizes()[i] = static_cast<std::uint32_t>(bytes.size());
    if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
    to += bytes.size();
  }
}

std::pair<Header, Payload> KeptMessage::give() const {
  CHECK(!empty(), "a message is to be given that is not kept any more");
  if (shared_ != nullptr) return {shared_->first.keep(), shared_->second.keep()};
  const std::byte* from = small_->bytes();
  const auto take = [&](std::uint32_t frame) {
    const std::span<const std::byte> bytes{from, small_->sizes()[frame]};
    from += bytes.size();
    return Frame{bytes};
  };
  Header header{take(0), small_->id};
  Payload payload;
  for (std::uint32_t i = 1; i < small_->frames; ++i)
    payload.add(take(i));
  return {std::move(header), std::move(payload)};
}

}  // namespace muster::broker
