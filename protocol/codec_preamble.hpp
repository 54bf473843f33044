#pragma once

// Internal to the codec: the first few elements of a header, read by hand from its bytes.
//
// A header starts with [version, type, id, ...]. Whatever is wrong with the rest of it, be it cut
// off, too deep or far too large, these can be read at the cost of some twenty bytes, so that the
// peer can be answered under its id (docs/protocol.md, section 11). The span of the id, which
// put_id() patches, comes from here too, where a message is not read in one go (codec_plain.hpp).

#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "protocol/codec.hpp"
#include "protocol/message.hpp"

namespace muster::codec {

// docs/protocol.md, section 3. 0x03 is reserved and counts as unknown.
enum class MessageType : std::uint8_t {
  request = 0x01,
  cancel = 0x02,
  chunk = 0x11,
  final = 0x12,
  error = 0x13,
  heartbeat = 0x20,
  register_ = 0x21,
  registered = 0x22,
  reregister = 0x23,
  deregister = 0x24,
  dismiss = 0x25,
  probe = 0x26,
  status = 0x27,
  drain = 0x28,
  query = 0x30,
  answer = 0x31,
};

struct TypeInfo {
  MessageType type{};
  std::string_view name;       // "REQUEST"
  bool has_id = false;         // the element after the type is an id
  bool takes_payload = false;  // payload frames may follow
};

// What is known of a type number; null where it is unknown.
[[nodiscard]] const TypeInfo* type_info(std::uint64_t type);

// The type that each message travels under. HEARTBEAT is one type with a body for each direction.
template <MessageType type>
using Under = std::integral_constant<MessageType, type>;
template <class Message>
struct TypeOf;
template <>
struct TypeOf<Request> : Under<MessageType::request> {};
template <>
struct TypeOf<Cancel> : Under<MessageType::cancel> {};
template <>
struct TypeOf<Chunk> : Under<MessageType::chunk> {};
template <>
struct TypeOf<Final> : Under<MessageType::final> {};
template <>
struct TypeOf<Error> : Under<MessageType::error> {};
template <>
struct TypeOf<WorkerHeartbeat> : Under<MessageType::heartbeat> {};
template <>
struct TypeOf<BrokerHeartbeat> : Under<MessageType::heartbeat> {};
template <>
struct TypeOf<ClientHeartbeat> : Under<MessageType::heartbeat> {};
template <>
struct TypeOf<ClientTerms> : Under<MessageType::heartbeat> {};
template <>
struct TypeOf<Register> : Under<MessageType::register_> {};
template <>
struct TypeOf<Registered> : Under<MessageType::registered> {};
template <>
struct TypeOf<Reregister> : Under<MessageType::reregister> {};
template <>
struct TypeOf<Deregister> : Under<MessageType::deregister> {};
template <>
struct TypeOf<Dismiss> : Under<MessageType::dismiss> {};
template <>
struct TypeOf<Probe> : Under<MessageType::probe> {};
template <>
struct TypeOf<Status> : Under<MessageType::status> {};
template <>
struct TypeOf<Drain> : Under<MessageType::drain> {};
template <>
struct TypeOf<Query> : Under<MessageType::query> {};
template <>
struct TypeOf<Answer> : Under<MessageType::answer> {};

struct Preamble {
  std::optional<std::uint64_t> version;
  std::optional<std::uint64_t> type;
  std::optional<WireId> id;  // only of types that have one
  IdSpan id_span;            // where `id` is there
};

// Reads as far as it can; what can't be read is left out.
[[nodiscard]] Preamble read_preamble(std::string_view header);

}  // namespace muster::codec
