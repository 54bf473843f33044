#include "broker/shell/client_outbox.hpp"

#include <utility>

namespace muster::broker {

bool ClientOutbox::keep(ClientConnection client, const Frame& header, const Payload& payload,
                        Time now) {
  const std::uint64_t cost = header.size() + payload.bytes() + message_overhead;
  auto queue = queues_.find(client);
  const std::uint64_t waiting = queue != queues_.end() ? queue->second.bytes : 0;
  if (waiting + cost > bounds_.client_bytes || bytes_ + cost > bounds_.total_bytes) {
    if (queue != queues_.end()) drop(queue);
    return false;
  }
  if (queue == queues_.end()) {
    queue = queues_.try_emplace(client).first;
    queue->second.taken_at = now;
  }
  queue->second.messages.push_back({header.keep(), payload.keep(), cost});
  queue->second.bytes += cost;
  bytes_ += cost;
  return true;
}

std::vector<ClientOutbox::Lost> ClientOutbox::flush(Time now, const Send& send) {
  using transport::Sent;
  std::vector<Lost> lost;
  for (auto next = queues_.begin(); next != queues_.end();) {
    const auto current = next++;
    auto& [client, queue] = *current;
    Sent outcome = Sent::done;
    while (!queue.messages.empty()) {
      Message& message = queue.messages.front();
      outcome = send(client, message.header, message.payload);
      if (outcome != Sent::done) break;
      queue.taken_at = now;
      queue.bytes -= message.cost;
      bytes_ -= message.cost;
      queue.messages.pop_front();
    }
    const bool stalled = outcome == Sent::full && now - queue.taken_at >= bounds_.stall;
    if (outcome == Sent::unreachable || stalled) lost.push_back({client, stalled});
    if (outcome != Sent::full || stalled) drop(current);
  }
  return lost;
}

void ClientOutbox::drop(std::map<ClientConnection, Queue>::iterator queue) {
  bytes_ -= queue->second.bytes;
  queues_.erase(queue);
}

}  // namespace muster::broker
