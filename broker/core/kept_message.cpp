#include "broker/core/kept_message.hpp"

#include <cstdint>
#include <cstring>
#include <new>
#include <span>

#include "protocol/check.hpp"

namespace muster::broker {

// Where all is small, behind it in the same block: the size of each frame, the header's first, then
// the bytes of all of them.
struct KeptMessage::Kept {
  IdSpan id;
  std::uint32_t frames = 0;                            // with the header
  std::unique_ptr<std::pair<Header, Payload>> shared;  // where not all is small

  [[nodiscard]] std::uint32_t* sizes() { return reinterpret_cast<std::uint32_t*>(this + 1); }
  [[nodiscard]] std::byte* bytes() { return reinterpret_cast<std::byte*>(sizes() + frames); }
};

void KeptMessage::Delete::operator()(Kept* kept) const {
  kept->~Kept();
  ::operator delete(kept);
}

KeptMessage::KeptMessage(const Header& header, const Payload& payload) {
  const std::size_t frames = 1 + payload.frame_count();
  const auto frame = [&](std::size_t i) -> const Frame& {
    return i == 0 ? header.frame : payload.frame(i - 1);
  };
  bool small = true;
  std::size_t room = sizeof(Kept);
  for (std::size_t i = 0; i < frames; ++i) {
    small = small && frame(i).is_small();
    room += sizeof(std::uint32_t) + frame(i).size();
  }
  kept_.reset(new (::operator new(small ? room : sizeof(Kept))) Kept);
  if (!small) {
    kept_->shared = std::make_unique<std::pair<Header, Payload>>(header.keep(), payload.keep());
    return;
  }
  kept_->id = header.id;
  kept_->frames = static_cast<std::uint32_t>(frames);
  std::byte* to = kept_->bytes();
  for (std::size_t i = 0; i < frames; ++i) {
    const std::span<const std::byte> bytes = frame(i).bytes();
    kept_->sizes()[i] = static_cast<std::uint32_t>(bytes.size());
    if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
    to += bytes.size();
  }
}

std::pair<Header, Payload> KeptMessage::give() const {
  CHECK(!empty(), "a message is to be given that is not kept any more");
  if (kept_->shared != nullptr) return {kept_->shared->first.keep(), kept_->shared->second.keep()};
  const std::byte* from = kept_->bytes();
  const auto take = [&](std::uint32_t frame) {
    const std::span<const std::byte> bytes{from, kept_->sizes()[frame]};
    from += bytes.size();
    return Frame{bytes};
  };
  Header header{take(0), kept_->id};
  Payload payload;
  for (std::uint32_t i = 1; i < kept_->frames; ++i)
    payload.add(take(i));
  return {std::move(header), std::move(payload)};
}

}  // namespace muster::broker
