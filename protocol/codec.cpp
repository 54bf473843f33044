#include "protocol/codec.hpp"

#include <boost/endian/conversion.hpp>
#include <cstring>
#include <utility>

#include "protocol/check.hpp"

namespace muster {
namespace {

// 0xcf and eight bytes, highest first.
constexpr std::size_t long_form_width = 9;

void write_long_form(std::byte* at, std::uint64_t number) {
  at[0] = std::byte{0xcf};
  boost::endian::store_big_u64(reinterpret_cast<unsigned char*>(at + 1), number);
}

}  // namespace

std::string_view fault_name(FaultReason reason) {
  switch (reason) {
    case FaultReason::malformed:
      return "malformed";
    case FaultReason::version:
      return "version";
    case FaultReason::unknown_type:
      return "unknown_type";
    case FaultReason::wrong_direction:
      return "wrong_direction";
    case FaultReason::field:
      return "field";
    case FaultReason::name_too_long:
      return "name_too_long";
    case FaultReason::header_too_large:
      return "header_too_large";
    case FaultReason::frame_too_large:
      return "frame_too_large";
    case FaultReason::message_too_large:
      return "message_too_large";
    case FaultReason::too_many_frames:
      return "too_many_frames";
    case FaultReason::nested_too_deep:
      return "nested_too_deep";
    case FaultReason::unexpected_payload:
      return "unexpected_payload";
  }
  return "";
}

std::string_view state_name(WorkerState state) {
  switch (state) {
    case WorkerState::starting:
      return "starting";
    case WorkerState::ready:
      return "ready";
    case WorkerState::draining:
      return "draining";
    case WorkerState::unhealthy:
      return "unhealthy";
  }
  return "";
}

void put_id(Frame& header, IdSpan span, WireId id) {
  const std::size_t size = header.size();
  const std::size_t after = std::size_t{span.offset} + span.width;
  CHECK(span.width > 0 && after <= size, "the span of an id is not of this header");
  if (span.width == long_form_width && !header.shared()) {
    write_long_form(header.mutable_bytes().data() + span.offset, id.value);
    return;
  }
  Frame fresh = Frame::of_size(span.offset + long_form_width + (size - after));
  std::byte* to = fresh.mutable_bytes().data();
  const std::byte* from = header.bytes().data();
  std::memcpy(to, from, span.offset);
  write_long_form(to + span.offset, id.value);
  std::memcpy(to + span.offset + long_form_width, from + after, size - after);
  header = std::move(fresh);
}

Frame with_id(Frame header, IdSpan span, WireId id) {
  put_id(header, span, id);
  return header;
}

}  // namespace muster
