#include "worker_agent/core/outbox.hpp"

#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "protocol/check.hpp"
#include "worker_agent/core/header_fit.hpp"

namespace muster::agent {
namespace {

// What a message weighs beside its bytes: the struct, its nodes, libzmq's own bookkeeping.
constexpr std::size_t message_overhead = 512;

std::size_t weight(const Outgoing& message) {
  return message.payload.bytes() + header_bytes_bound(message.message) + message_overhead;
}

std::optional<BrokerId> request_of(const FromWorker& message) {
  return std::visit(
      []<class M>(const M& m) -> std::optional<BrokerId> {
        if constexpr (std::is_same_v<M, Chunk> || std::is_same_v<M, Final> ||
                      std::is_same_v<M, Error>)
          return BrokerId{m.id.value};
        return std::nullopt;
      },
      message);
}

bool ends_request(const FromWorker& message) {
  if (const auto* error = std::get_if<Error>(&message)) return !error->meta.duplicate;
  return std::holds_alternative<Final>(message);
}

}  // namespace

bool Outbox::has_room(const Outgoing& part) const {
  return empty() || bytes_ + weight(part) <= held_bytes_max;
}

bool Outbox::push(Outgoing message) {
  const std::size_t bytes = weight(message);
  if (!empty() && bytes_ + bytes > held_bytes_end) return false;
  bytes_ += bytes;
  if (const auto id = request_of(message.message)) by_request_.emplace(*id, next_);
  if (ends_request(message.message)) ends_.emplace(*request_of(message.message), next_);
  waiting_.emplace_hint(waiting_.end(), next_++, std::move(message));
  return true;
}

const Outgoing& Outbox::front() const {
  CHECK(!waiting_.empty(), "an empty outbox was read");
  return waiting_.begin()->second;
}

void Outbox::pop() {
  CHECK(!waiting_.empty(), "an empty outbox was popped");
  const auto oldest = waiting_.begin();
  bytes_ -= weight(oldest->second);
  if (const auto id = request_of(oldest->second.message)) {
    by_request_.erase({*id, oldest->first});
    ends_.erase({*id, oldest->first});
  }
  waiting_.erase(oldest);
}

void Outbox::discard(BrokerId id) {
  auto of_it = by_request_.lower_bound({id, 0});
  while (of_it != by_request_.end() && of_it->first == id) {
    const auto message = waiting_.find(of_it->second);
    bytes_ -= weight(message->second);
    waiting_.erase(message);
    ends_.erase(*of_it);
    of_it = by_request_.erase(of_it);
  }
}

void Outbox::clear() {
  waiting_.clear();
  by_request_.clear();
  ends_.clear();
  bytes_ = 0;
}

std::vector<BrokerId> Outbox::unanswered() const {
  std::vector<BrokerId> ids;
  ids.reserve(ends_.size());
  for (const auto& [id, number] : ends_)
    ids.push_back(id);
  return ids;
}

}  // namespace muster::agent
