#pragma once

// bytes <-> messages (docs/protocol.md, sections 2 and 3).
//
// Decoding is exact on limits, never throws, never recurses, and allocates by the bytes that came,
// not by what a length field claims. What cannot be decoded comes back as a Fault that says why, in
// a stable word to count by and a sentence to show, with the message's id wherever one can be read,
// so that the peer can be answered (section 11).
//
// A header that is passed on is not encoded again: put_id() puts another id into it, in place
// where the id came in its 9-byte form, and leaves every other byte, known or not, as it was.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/message.hpp"
#include "protocol/payload.hpp"
#include "protocol/result.hpp"

namespace muster {

enum class FaultReason : std::uint8_t {
  malformed,         // not msgpack, not an array, trailing bytes, a mandatory element missing or of
                     // another kind
  version,           // a version other than 1
  unknown_type,      // a message type that this version does not know: ignored, and counted
  wrong_direction,   // a known type that may not travel this way
  field,             // a known field of a wrong kind or with an impossible value
  name_too_long,     // a name over WireLimits::name_bytes
  header_too_large,  // over WireLimits::header_bytes
  frame_too_large,
  message_too_large,
  too_many_frames,
  nested_too_deep,
  unexpected_payload,  // a message that takes no payload came with one
};
inline constexpr std::size_t fault_reason_count = 12;
[[nodiscard]] std::string_view fault_name(FaultReason reason);  // "malformed", "version", ...

struct Fault {
  FaultReason reason{};
  std::string what;          // one sentence: what was wrong, where, and what would be right
  std::optional<WireId> id;  // where it could be read
  std::optional<std::uint64_t> type;  // likewise
};

// Where the id stands in a header's bytes.
struct IdSpan {
  std::uint8_t offset = 0;
  std::uint8_t width = 0;  // 9: can be patched in place
  friend bool operator==(const IdSpan&, const IdSpan&) = default;
};

template <class Message>
struct Decoded {
  Message message;
  IdSpan id;  // of the messages that have one
};

// Decodes for one side of one socket. Keeps its working memory from call to call; one thread.
class Decoder {
 public:
  // What becomes of the fields that only the two ends of a request need: `path`, `type`, `headers`
  // and `trace` of REQUEST; `type`, `headers` and `usage` of a part's `meta`. Who passes a header
  // on as it came asks for `what_routes`: then they are checked alike, and left empty.
  enum class Keep : std::uint8_t { all, what_routes };

  explicit Decoder(WireLimits limits, Keep keep = Keep::all);
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // `dropped_frames`: payload frames that the transport has read and thrown away; they count
  // towards the limit on frames.
  [[nodiscard]] Result<Decoded<FromClient>, Fault> from_client(const Frame& header,
                                                               const Payload& payload,
                                                               std::size_t dropped_frames = 0);
  [[nodiscard]] Result<Decoded<FromWorker>, Fault> from_worker(const Frame& header,
                                                               const Payload& payload,
                                                               std::size_t dropped_frames = 0);
  [[nodiscard]] Result<Decoded<ToClient>, Fault> to_client(const Frame& header,
                                                           const Payload& payload,
                                                           std::size_t dropped_frames = 0);
  [[nodiscard]] Result<Decoded<ToWorker>, Fault> to_worker(const Frame& header,
                                                           const Payload& payload,
                                                           std::size_t dropped_frames = 0);

  // The same, decoded in its place: moving a whole message costs a broker as much as reading it,
  // and so does making one anew. What `message` held is replaced; where there is a Fault, what is
  // in it means nothing.
  [[nodiscard]] std::optional<Fault> from_client_into(FromClient& message, IdSpan& id,
                                                      const Frame& header, const Payload& payload,
                                                      std::size_t dropped_frames);
  [[nodiscard]] std::optional<Fault> from_worker_into(FromWorker& message, IdSpan& id,
                                                      const Frame& header, const Payload& payload,
                                                      std::size_t dropped_frames);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The id of a header that has one, read from its first bytes, whatever the rest may be.
[[nodiscard]] std::optional<WireId> id_of(const Frame& header);

[[nodiscard]] Frame encode(const Request& message);
[[nodiscard]] Frame encode(const Cancel& message);
[[nodiscard]] Frame encode(const Chunk& message);
[[nodiscard]] Frame encode(const Final& message);
[[nodiscard]] Frame encode(const Error& message);
[[nodiscard]] Frame encode(const WorkerHeartbeat& message);
[[nodiscard]] Frame encode(const BrokerHeartbeat& message);
[[nodiscard]] Frame encode(const ClientHeartbeat& message);
[[nodiscard]] Frame encode(const ClientTerms& message);
[[nodiscard]] Frame encode(const Register& message);
[[nodiscard]] Frame encode(const Registered& message);
[[nodiscard]] Frame encode(const Reregister& message);
[[nodiscard]] Frame encode(const Deregister& message);
[[nodiscard]] Frame encode(const Dismiss& message);
[[nodiscard]] Frame encode(const Probe& message);
[[nodiscard]] Frame encode(const Status& message);
[[nodiscard]] Frame encode(const Drain& message);
[[nodiscard]] Frame encode(const Query& message);
[[nodiscard]] Frame encode(const Answer& message);

template <class... Messages>
[[nodiscard]] Frame encode(const std::variant<Messages...>& message) {
  return std::visit([](const auto& m) { return encode(m); }, message);
}

// Puts `id` into `header`, in its 9-byte form in the place of `span`: in place if the span is 9
// wide and nobody shares the bytes, else in a fresh frame. REQUIRES: `span` came from decoding
// `header`.
void put_id(Frame& header, IdSpan span, WireId id);
// `header` with that id.
[[nodiscard]] Frame with_id(Frame header, IdSpan span, WireId id);

}  // namespace muster
