#include "broker/core/kept_message.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <span>

#include "protocol/check.hpp"

namespace muster::broker {

// Behind it in the same block: the header's bytes and those of the payload's frames, in their
// order, where all are small.
struct KeptMessage::Kept {
  IdSpan id;
  std::uint32_t header_bytes = 0;
  std::uint32_t only_bytes = 0;            // of a payload of one frame
  std::vector<std::uint32_t> frame_bytes;  // of a payload of several
  std::size_t frames = 0;
  std::unique_ptr<std::pair<Header, Payload>> shared;  // where not all are small

  [[nodiscard]] std::byte* bytes() { return reinterpret_cast<std::byte*>(this + 1); }
  [[nodiscard]] const std::byte* bytes() const {
    return reinterpret_cast<const std::byte*>(this + 1);
  }
  [[nodiscard]] std::size_t size_of(std::size_t frame) const {
    return frames == 1 ? only_bytes : frame_bytes[frame];
  }
};

void KeptMessage::Delete::operator()(Kept* kept) const {
  kept->~Kept();
  ::operator delete(kept);
}

KeptMessage::KeptMessage(const Header& header, const Payload& payload) {
  bool small = header.frame.is_small();
  std::size_t bytes = header.frame.size();
  for (std::size_t i = 0; i < payload.frame_count(); ++i) {
    small = small && payload.frame(i).is_small();
    bytes += payload.frame(i).size();
  }
  void* room = ::operator new(sizeof(Kept) + (small ? bytes : 0));
  kept_.reset(new (room) Kept);
  if (!small) {
    kept_->shared = std::make_unique<std::pair<Header, Payload>>(header.keep(), payload.keep());
    return;
  }
  kept_->id = header.id;
  kept_->header_bytes = static_cast<std::uint32_t>(header.frame.size());
  kept_->frames = payload.frame_count();
  std::byte* to = kept_->bytes();
  const auto copy = [&to](const Frame& frame) {
    if (!frame.empty()) std::memcpy(to, frame.bytes().data(), frame.size());
    to += frame.size();
    return static_cast<std::uint32_t>(frame.size());
  };
  copy(header.frame);
  if (kept_->frames == 1) {
    kept_->only_bytes = copy(payload.frame(0));
    return;
  }
  for (std::size_t i = 0; i < kept_->frames; ++i)
    kept_->frame_bytes.push_back(copy(payload.frame(i)));
}

std::pair<Header, Payload> KeptMessage::give() const {
  CHECK(!empty(), "a message is to be given that is not kept any more");
  if (kept_->shared != nullptr) return {kept_->shared->first.keep(), kept_->shared->second.keep()};
  const std::byte* from = kept_->bytes();
  const auto next = [&from](std::size_t size) {
    const std::span<const std::byte> bytes{from, size};
    from += size;
    return Frame{bytes};
  };
  Header header{next(kept_->header_bytes), kept_->id};
  Payload payload;
  for (std::size_t i = 0; i < kept_->frames; ++i)
    payload.add(next(kept_->size_of(i)));
  return {std::move(header), std::move(payload)};
}

}  // namespace muster::broker
