#include "protocol/transport/unsent.hpp"

#include <algorithm>

#include "protocol/check.hpp"

namespace muster::transport {

// The frame as it was, kept until libzmq has done with the one that stands in its place.
struct Unsent::Counted {
  zmq_msg_t frame;
  std::uint64_t bytes;
  std::shared_ptr<Count> count;
};

// On whatever thread libzmq is done with the frame.
void Unsent::let_go(void* /*data*/, void* counted) {
  const std::unique_ptr<Counted> done{static_cast<Counted*>(counted)};
  done->count->fetch_sub(done->bytes);
  zmq_msg_close(&done->frame);
}

void Unsent::count(std::uint32_t peer, zmq_msg_t* frame) {
  if (by_peer_.size() >= forget_at_) forget_idle();
  std::shared_ptr<Count>& count = by_peer_[peer];
  if (!count) count = std::make_shared<Count>(0);
  auto counted = std::make_unique<Counted>();
  counted->bytes = zmq_msg_size(frame);
  counted->count = count;
  zmq_msg_init(&counted->frame);
  CHECK(zmq_msg_move(&counted->frame, frame) == 0, "libzmq can't move a message");
  zmq_msg_close(frame);
  void* const data = zmq_msg_data(&counted->frame);
  const std::uint64_t bytes = counted->bytes;
  count->fetch_add(bytes);
  CHECK(zmq_msg_init_data(frame, data, bytes, let_go, counted.release()) == 0,
        "libzmq can't make a message of given bytes");
}

std::uint64_t Unsent::bytes(std::uint32_t peer) const {
  const auto found = by_peer_.find(peer);
  return found != by_peer_.end() ? found->second->load() : 0;
}

void Unsent::forget_idle() {
  std::erase_if(by_peer_, [](const auto& entry) { return entry.second->load() == 0; });
  forget_at_ = std::max<std::size_t>(64, 2 * by_peer_.size());
}

}  // namespace muster::transport
