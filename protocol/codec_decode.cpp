#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "protocol/codec.hpp"
#include "protocol/codec_messages.hpp"
#include "protocol/codec_plain.hpp"
#include "protocol/codec_preamble.hpp"
#include "protocol/codec_reader.hpp"
#include "protocol/codec_tape.hpp"

namespace muster {
namespace {

using codec::Reader;

// Reads the alternative of `Messages` that travels under `type` into `message`; false
// where none does, which is to say that the type may not travel this way.
template <class... Messages>
bool read_one_of(Reader& in, codec::MessageType type, std::variant<Messages...>& message) {
  const auto try_one = [&]<class Message>(std::type_identity<Message>) {
    if (codec::TypeOf<Message>::value != type) return false;
    read(in, message.template emplace<Message>());
    return true;
  };
  return (try_one(std::type_identity<Messages>{}) || ...);
}

std::string over(std::string_view what, std::uint64_t found, std::string_view unit,
                 std::uint64_t allowed) {
  std::string sentence{what};
  sentence += ' ' + std::to_string(found);
  sentence += unit;
  sentence += "; at most " + std::to_string(allowed) + " are taken.";
  return sentence;
}

// What is most likely wrong where a type comes from a peer that may not send it.
template <class Messages>
constexpr std::string_view misplaced;
template <>
constexpr std::string_view misplaced<FromClient> =
    "may not be sent by a client. Workers connect to a broker's backend, not to its frontend.";
template <>
constexpr std::string_view misplaced<FromWorker> =
    "may not be sent by a worker. Clients connect to a broker's frontend, not to its backend.";
template <>
constexpr std::string_view misplaced<ToClient> =
    "may not be sent to a client. What answers here may be a broker's backend, where workers "
    "connect, or no broker at all.";
template <>
constexpr std::string_view misplaced<ToWorker> =
    "may not be sent to a worker. What answers here may be a broker's frontend, where clients "
    "connect, or no broker at all.";

Fault make(FaultReason reason, std::string what) {
  return {reason, std::move(what), {}, {}};
}

}  // namespace

struct Decoder::Impl {
  Impl(const WireLimits& wire_limits, Keep kept) : limits(wire_limits), keep(kept) {}

  WireLimits limits;
  Keep keep;
  codec::Tape tape;

  // What can be said before anything is parsed.
  std::optional<Fault> check_size(const Frame& header, const Payload& payload,
                                  std::size_t dropped_frames) const;
  // What can be said once it has been parsed, before the message itself is read.
  std::optional<Fault> check_header(std::string_view header, const codec::Preamble& preamble);

  // `message` may hold anything.
  template <class Messages>
  std::optional<Fault> decode_into(Messages& message, IdSpan& id, const Frame& header,
                                   const Payload& payload, std::size_t dropped_frames);
  // ... and once its sizes are right: the usual way, whatever it is.
  template <class Messages>
  std::optional<Fault> read_header(Messages& message, IdSpan& id, std::string_view header,
                                   bool with_payload);
  template <class Messages>
  Result<Decoded<Messages>, Fault> decode(const Frame& header, const Payload& payload,
                                          std::size_t dropped_frames);
};

std::optional<Fault> Decoder::Impl::check_size(const Frame& header, const Payload& payload,
                                               std::size_t dropped_frames) const {
  const std::uint64_t frames = 1 + payload.frame_count() + dropped_frames;
  if (frames > limits.frames) {
    return make(FaultReason::too_many_frames,
                over("The message has", frames, " frames with its header", limits.frames));
  }
  if (header.size() > limits.header_bytes) {
    return make(FaultReason::header_too_large,
                over("The header has", header.size(), " bytes", limits.header_bytes));
  }
  std::uint64_t bytes = header.size();
  for (std::size_t i = 0; i < payload.frame_count(); ++i) {
    const std::uint64_t size = payload.frame(i).size();
    if (size > limits.frame_bytes) {
      return make(FaultReason::frame_too_large,
                  over("A payload frame has", size, " bytes", limits.frame_bytes));
    }
    bytes += size;
  }
  if (bytes > limits.message_bytes) {
    return make(FaultReason::message_too_large,
                over("The message has", bytes, " bytes in all its frames", limits.message_bytes));
  }
  return std::nullopt;
}

std::optional<Fault> Decoder::Impl::check_header(std::string_view header,
                                                 const codec::Preamble& preamble) {
  switch (tape.parse(header)) {
    case codec::Tape::Outcome::ok:
      break;
    case codec::Tape::Outcome::malformed:
      return make(FaultReason::malformed,
                  "The header is not one whole msgpack item; it must be one array and no more.");
    case codec::Tape::Outcome::nested_too_deep:
      return make(FaultReason::nested_too_deep, "The header is nested too deep; at most " +
                                                    std::to_string(codec::nesting_max) +
                                                    " levels are taken.");
  }
  const codec::Token& top = tape.tokens().front();
  if (top.kind != codec::Kind::array || top.count < 2) {
    return make(FaultReason::malformed,
                "The header is not an array that starts with a version and a type; it must be.");
  }
  if (!preamble.version || (*preamble.version == protocol_version && !preamble.type)) {
    return make(FaultReason::malformed,
                "The header does not start with two integers from 0 on; they must be version and "
                "type.");
  }
  if (*preamble.version != protocol_version) {
    return make(FaultReason::version, "The version is " + std::to_string(*preamble.version) +
                                          "; it must be " + std::to_string(protocol_version) + ".");
  }
  if (codec::type_info(*preamble.type) == nullptr) {
    return make(FaultReason::unknown_type,
                "The message type " + std::to_string(*preamble.type) +
                    " is not known; it must be one of this protocol version.");
  }
  return std::nullopt;
}

template <class Messages>
std::optional<Fault> Decoder::Impl::decode_into(Messages& message, IdSpan& id, const Frame& header,
                                                const Payload& payload,
                                                std::size_t dropped_frames) {
  std::optional<Fault> fault = check_size(header, payload, dropped_frames);
  if constexpr (std::is_same_v<Messages, FromClient> || std::is_same_v<Messages, FromWorker>) {
    if (keep == Keep::what_routes && !fault) {
      if (const auto span = codec::read_plain(header.text(), limits, message)) {
        id = *span;
        return std::nullopt;
      }
    }
  }
  if (!fault) fault = read_header(message, id, header.text(), !payload.empty());
  if (fault) {
    const codec::Preamble preamble = codec::read_preamble(header.text());
    fault->id = preamble.id;
    fault->type = preamble.type;
  }
  return fault;
}

template <class Messages>
std::optional<Fault> Decoder::Impl::read_header(Messages& message, IdSpan& id,
                                                std::string_view header, bool with_payload) {
  const codec::Preamble preamble = codec::read_preamble(header);
  if (auto fault = check_header(header, preamble)) return fault;

  const codec::TypeInfo& info = *codec::type_info(*preamble.type);
  Reader in{tape, info.name, limits, keep};
  if (!read_one_of(in, info.type, message)) {
    return make(FaultReason::wrong_direction,
                std::string{info.name} + " " + std::string{misplaced<Messages>});
  }
  if (in.failed()) return in.fault();
  if (with_payload && !info.takes_payload) {
    return make(FaultReason::unexpected_payload,
                std::string{info.name} + " came with payload frames; it must have none.");
  }
  id = preamble.id_span;
  return std::nullopt;
}

template <class Messages>
Result<Decoded<Messages>, Fault> Decoder::Impl::decode(const Frame& header, const Payload& payload,
                                                       std::size_t dropped_frames) {
  Decoded<Messages> decoded;
  if (auto fault = decode_into(decoded.message, decoded.id, header, payload, dropped_frames))
    return failure(std::move(*fault));
  return decoded;
}

std::optional<WireId> id_of(const Frame& header) {
  const std::string_view text = header.text();
  const auto plain = codec::plain_id_of(text);
  return plain ? plain : codec::read_preamble(text).id;
}

Decoder::Decoder(WireLimits limits, Keep keep) : impl_(std::make_unique<Impl>(limits, keep)) {}
Decoder::~Decoder() = default;

Result<Decoded<FromClient>, Fault> Decoder::from_client(const Frame& header, const Payload& payload,
                                                        std::size_t dropped_frames) {
  return impl_->decode<FromClient>(header, payload, dropped_frames);
}

Result<Decoded<FromWorker>, Fault> Decoder::from_worker(const Frame& header, const Payload& payload,
                                                        std::size_t dropped_frames) {
  return impl_->decode<FromWorker>(header, payload, dropped_frames);
}

Result<Decoded<ToClient>, Fault> Decoder::to_client(const Frame& header, const Payload& payload,
                                                    std::size_t dropped_frames) {
  return impl_->decode<ToClient>(header, payload, dropped_frames);
}

Result<Decoded<ToWorker>, Fault> Decoder::to_worker(const Frame& header, const Payload& payload,
                                                    std::size_t dropped_frames) {
  return impl_->decode<ToWorker>(header, payload, dropped_frames);
}

std::optional<Fault> Decoder::from_client_into(FromClient& message, IdSpan& id, const Frame& header,
                                               const Payload& payload, std::size_t dropped_frames) {
  return impl_->decode_into(message, id, header, payload, dropped_frames);
}

std::optional<Fault> Decoder::from_worker_into(FromWorker& message, IdSpan& id, const Frame& header,
                                               const Payload& payload, std::size_t dropped_frames) {
  return impl_->decode_into(message, id, header, payload, dropped_frames);
}

}  // namespace muster
