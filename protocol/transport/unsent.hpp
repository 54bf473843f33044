#pragma once

// What libzmq still holds of the large messages that one socket was given to send, by peer. libzmq
// counts messages and not their bytes; but it calls back when it lets a frame's bytes go, and that
// is when they have been sent, or their connection has ended.
//
// For the sources of this folder alone. One thread, save that libzmq's own call back.

#include <zmq.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <unordered_map>

namespace muster::transport {

class Unsent {
 public:
  // The frame goes on as it is, and is counted until libzmq lets it go.
  void count(std::uint32_t peer, zmq_msg_t* frame);

  [[nodiscard]] std::uint64_t bytes(std::uint32_t peer) const;

 private:
  using Count = std::atomic<std::uint64_t>;
  struct Counted;
  static void let_go(void* data, void* counted);
  void forget_idle();

  std::unordered_map<std::uint32_t, std::shared_ptr<Count>> by_peer_;
  std::size_t forget_at_ = 64;  // entries: then those without bytes are dropped
};

}  // namespace muster::transport
