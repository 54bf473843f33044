#pragma once

// Frame and Payload: bytes on their way from socket to socket. A Frame is libzmq's own message, so
// moving one moves no bytes and sharing one counts a reference. Payload frames are opaque
// (docs/protocol.md, section 2): nothing in Muster looks into them but the two ends.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include <zmq.hpp>

namespace muster {

class Frame {
 public:
  Frame() = default;
  explicit Frame(std::string_view bytes)
      : Frame(std::span{reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()}) {}
  explicit Frame(std::span<const std::byte> bytes) {
    if (bytes.empty()) return;
    *this = of_size(bytes.size());
    std::memcpy(data_, bytes.data(), bytes.size());
  }
  explicit Frame(zmq::message_t&& message) {
    zmq_msg_move(to_fill(), message.handle());
    filled();
  }
  // A frame of `size` bytes that are still to be written.
  [[nodiscard]] static Frame of_size(std::size_t size) {
    Frame frame;
    if (zmq_msg_init_size(&frame.message_, size) != 0) throw std::bad_alloc{};
    frame.filled();
    return frame;
  }
  Frame(Frame&& other) noexcept { take(other); }
  Frame& operator=(Frame&& other) noexcept {
    if (this == &other) return *this;
    let_go();
    take(other);
    return *this;
  }
  ~Frame() { let_go(); }

  // Another handle on the same bytes: no bytes are copied for frames of 34 bytes and more.
  [[nodiscard]] Frame share() const {
    Frame other;
    if (data_ == nullptr) return other;
    zmq_msg_copy(other.to_fill(), &message_);
    other.filled();
    return other;
  }

  // A handle for keeping. What libzmq has received lies in one buffer with its neighbours, 8 KiB
  // together, and any handle on it keeps all of them; so what is small is copied out, and what is
  // large, which has a buffer of its own, is shared.
  [[nodiscard]] Frame keep() const { return is_small() ? Frame{bytes()} : share(); }
  [[nodiscard]] bool is_small() const {
    constexpr std::size_t receive_buffer_bytes = 8192;
    return size_ <= receive_buffer_bytes;
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }
  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(data_), size_};
  }

  // The bytes, the first few hundred, are looked at soon.
  void prefetch() const {
    constexpr std::size_t line = 64;
    constexpr std::size_t bytes_max = 512;
    for (std::size_t at = 0; at < size_ && at < bytes_max; at += line)
      __builtin_prefetch(data_ + at);
    if (size_ > 0 && size_ <= bytes_max) __builtin_prefetch(data_ + size_ - 1);
  }

  // Whether other handles see these bytes too; then they must not be written to.
  [[nodiscard]] bool shared() const {
    return data_ != nullptr && zmq_msg_get(&message_, ZMQ_SHARED) != 0;
  }
  // REQUIRES: !shared().
  [[nodiscard]] std::span<std::byte> mutable_bytes() { return {data_, size_}; }

  // ---- for the transport alone -----------------------------------------------------------------

  // What libzmq knows of who sent it; null: nothing of that name.
  [[nodiscard]] const char* property(const char* name) const {
    return data_ != nullptr ? zmq_msg_gets(&message_, name) : nullptr;
  }

  // An empty message of libzmq's in this frame's place; whoever has put something in says filled().
  [[nodiscard]] zmq_msg_t* to_fill() {
    let_go();
    zmq_msg_init(&message_);
    return &message_;
  }
  // filled() reads where the bytes are, which another thread has written: asked for here, it has
  // come some hundred nanoseconds later. It stands where a message's second word points to, unless
  // the message has its few bytes within (libzmq's msg.hpp, 4.3): then that word is not likely to
  // look like an address. If it does, or a libzmq has things elsewhere, this asks for what nobody
  // needs.
  void will_be_filled() const {
    constexpr unsigned address_bits = 47;
    const void* content = nullptr;
    std::memcpy(&content, reinterpret_cast<const std::byte*>(&message_) + sizeof content,
                sizeof content);
    if (reinterpret_cast<std::uintptr_t>(content) >> address_bits == 0) __builtin_prefetch(content);
  }
  void filled() {
    data_ = static_cast<std::byte*>(zmq_msg_data(&message_));
    size_ = zmq_msg_size(&message_);
  }
  // The message, to be given to libzmq; whoever has given it away says gone().
  [[nodiscard]] zmq_msg_t* to_send() {
    if (data_ == nullptr) {
      zmq_msg_init(&message_);
      filled();
    }
    return &message_;
  }
  void gone() {
    data_ = nullptr;
    size_ = 0;
  }

 private:
  void let_go() {
    if (data_ != nullptr) zmq_msg_close(&message_);
    gone();
  }

  // As zmq_msg_move() does it, but for what that does to make an empty message of `other`.
  void take(Frame& other) {
    if (other.data_ == nullptr) return;
    const auto* place = reinterpret_cast<const std::byte*>(&other.message_);
    std::memcpy(&message_, place, sizeof message_);
    const auto offset = static_cast<std::size_t>(other.data_ - place);
    const bool within = offset < sizeof message_;
    data_ = within ? reinterpret_cast<std::byte*>(&message_) + offset : other.data_;
    size_ = other.size_;
    other.gone();
  }

  // libzmq's, where `data_` is not null; its few bytes or its reference to many. A frame that holds
  // nothing costs nothing: each call into libzmq costs more than what a router has to do itself.
  mutable zmq_msg_t message_;  // sharing counts a reference in it; the bytes stay as they are
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// Zero or more frames. Most messages have none or one: the first is kept in place.
class Payload {
 public:
  Payload() = default;
  explicit Payload(Frame only) : first_(std::move(only)), count_(1) {}
  explicit Payload(std::string_view only) : Payload(Frame{only}) {}
  Payload(Payload&& other) noexcept
      : first_(std::move(other.first_)),
        rest_(std::move(other.rest_)),
        count_(std::exchange(other.count_, 0)) {}
  Payload& operator=(Payload&& other) noexcept {
    first_ = std::move(other.first_);
    rest_ = std::move(other.rest_);
    count_ = std::exchange(other.count_, 0);
    return *this;
  }

  void add(Frame frame) { add() = std::move(frame); }
  // An empty frame at the end, to be filled in its place before another is added.
  [[nodiscard]] Frame& add() {
    Frame& added = count_ == 0 ? first_ : rest_.emplace_back();
    ++count_;
    return added;
  }

  [[nodiscard]] std::size_t frame_count() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] Frame& frame(std::size_t i) { return i == 0 ? first_ : rest_[i - 1]; }
  [[nodiscard]] const Frame& frame(std::size_t i) const { return i == 0 ? first_ : rest_[i - 1]; }

  [[nodiscard]] std::size_t bytes() const {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < count_; ++i)
      sum += frame(i).size();
    return sum;
  }

  [[nodiscard]] Payload share() const {
    Payload other;
    for (std::size_t i = 0; i < count_; ++i)
      other.add(frame(i).share());
    return other;
  }

  [[nodiscard]] Payload keep() const {
    Payload other;
    for (std::size_t i = 0; i < count_; ++i)
      other.add(frame(i).keep());
    return other;
  }

  // All frames in one piece, for the two ends that read them.
  [[nodiscard]] std::string joined() const {
    std::string all;
    all.reserve(bytes());
    for (std::size_t i = 0; i < count_; ++i)
      all.append(frame(i).text());
    return all;
  }

 private:
  Frame first_;
  std::vector<Frame> rest_;
  std::size_t count_ = 0;
};

}  // namespace muster
