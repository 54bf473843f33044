#pragma once

// Frame and Payload: bytes on their way from socket to socket. A Frame is libzmq's own message, so
// moving one moves no bytes and sharing one counts a reference. Payload frames are opaque
// (docs/protocol.md, section 2): nothing in Muster looks into them but the two ends.

#include <cstddef>
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
  explicit Frame(std::string_view bytes) : message_(bytes.data(), bytes.size()) {}
  explicit Frame(std::span<const std::byte> bytes) : message_(bytes.data(), bytes.size()) {}
  explicit Frame(zmq::message_t&& message) : message_(std::move(message)) {}
  // A frame of `size` bytes that are still to be written.
  [[nodiscard]] static Frame of_size(std::size_t size) { return Frame{zmq::message_t(size)}; }
  Frame(Frame&&) = default;
  Frame& operator=(Frame&&) = default;

  // Another handle on the same bytes: no bytes are copied for frames of 34 bytes and more.
  [[nodiscard]] Frame share() const {
    Frame other;
    other.message_.copy(message_);
    return other;
  }

  // A handle for keeping. What libzmq has received lies in one buffer with its neighbours, 8 KiB
  // together, and any handle on it keeps all of them; so what is small is copied out, and what is
  // large, which has a buffer of its own, is shared.
  [[nodiscard]] Frame keep() const {
    constexpr std::size_t receive_buffer_bytes = 8192;
    return size() <= receive_buffer_bytes ? Frame{bytes()} : share();
  }

  [[nodiscard]] std::size_t size() const { return message_.size(); }
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(message_.data()), message_.size()};
  }
  [[nodiscard]] std::string_view text() const {
    return {static_cast<const char*>(message_.data()), message_.size()};
  }

  // Whether other handles see these bytes too; then they must not be written to.
  [[nodiscard]] bool shared() const { return message_.get(ZMQ_SHARED) != 0; }
  // REQUIRES: !shared().
  [[nodiscard]] std::span<std::byte> mutable_bytes() {
    return {static_cast<std::byte*>(message_.data()), message_.size()};
  }

  // For the transport alone.
  [[nodiscard]] zmq::message_t& native() { return message_; }

 private:
  mutable zmq::message_t message_;  // sharing counts a reference in it; the bytes stay as they are
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

  void add(Frame frame) {
    if (count_ == 0) {
      first_ = std::move(frame);
    } else {
      rest_.push_back(std::move(frame));
    }
    ++count_;
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
