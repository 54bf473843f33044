#pragma once

// A message without the fields that a decoder leaves out where it is to keep only what routes
// (Decoder::Keep).

#include <variant>

#include "protocol/message.hpp"

namespace muster::test {

inline void leave_out(Request& message) {
  message.options.path.clear();
  message.options.type.clear();
  message.options.headers.clear();
  message.options.trace.clear();
}
inline void leave_out(PartMeta& meta) {
  meta.type.clear();
  meta.headers.clear();
  meta.usage = {};
}
inline void leave_out(Chunk& message) {
  leave_out(message.meta);
}
inline void leave_out(Final& message) {
  leave_out(message.meta);
}
template <class Message>
void leave_out(Message&) {}

template <class Messages>
Messages without_what_ends_need(Messages messages) {
  std::visit([](auto& one) { leave_out(one); }, messages);
  return messages;
}

}  // namespace muster::test
