#include "protocol/codec_preamble.hpp"

#include <array>
#include <boost/endian/conversion.hpp>

namespace muster::codec {
namespace {

constexpr std::array<TypeInfo, 16> type_table{{
    {MessageType::request, "REQUEST", true, true},
    {MessageType::cancel, "CANCEL", true, false},
    {MessageType::chunk, "CHUNK", true, true},
    {MessageType::final, "FINAL", true, true},
    {MessageType::error, "ERROR", true, true},
    {MessageType::heartbeat, "HEARTBEAT", false, false},
    {MessageType::register_, "REGISTER", false, false},
    {MessageType::registered, "REGISTERED", false, false},
    {MessageType::reregister, "REREGISTER", false, false},
    {MessageType::deregister, "DEREGISTER", false, false},
    {MessageType::dismiss, "DISMISS", false, false},
    {MessageType::probe, "PROBE", false, false},
    {MessageType::status, "STATUS", false, false},
    {MessageType::drain, "DRAIN", false, false},
    {MessageType::query, "QUERY", true, false},
    {MessageType::answer, "ANSWER", true, false},
}};

constexpr std::size_t type_numbers = 64;

constexpr auto types_by_number = [] {
  std::array<const TypeInfo*, type_numbers> by_number{};
  for (const TypeInfo& info : type_table)
    by_number[static_cast<std::size_t>(info.type)] = &info;
  return by_number;
}();

// Walks over a header's first bytes. Each reading says whether it has taken what is to be there;
// the number comes out by reference, since an optional is written in two parts and read in one, for
// which the processor waits, and a broker looks at the id of every answer ahead.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes)
      : begin_(reinterpret_cast<const unsigned char*>(bytes.data())),
        next_(begin_),
        end_(begin_ + bytes.size()) {}
  [[nodiscard]] std::size_t at() const { return static_cast<std::size_t>(next_ - begin_); }

  [[nodiscard]] bool array_size(std::uint64_t& size) {
    if (next_ == end_) return false;
    const unsigned lead = *next_;
    if ((lead & 0xf0) == 0x90) {
      ++next_;
      size = lead & 0x0f;
      return true;
    }
    if (lead == 0xdc) return big_endian(2, size);
    return lead == 0xdd && big_endian(4, size);
  }

  // A number from 0 in any of msgpack's integer forms, the signed ones included. A negative one is
  // passed over: what stands behind it can still be read.
  [[nodiscard]] bool uint(std::uint64_t& number) {
    passed_negative_ = false;
    if (next_ == end_) return false;
    const unsigned lead = *next_;
    if (lead <= 0x7f) {
      ++next_;
      number = lead;
      return true;
    }
    if (lead >= 0xcc && lead <= 0xcf) return big_endian(std::size_t{1} << (lead - 0xcc), number);
    if (lead >= 0xd0 && lead <= 0xd3) {
      const auto* const digits = next_ + 1;
      if (!big_endian(std::size_t{1} << (lead - 0xd0), number)) return false;
      passed_negative_ = (*digits & 0x80) != 0;
      return !passed_negative_;
    }
    if (lead >= 0xe0) {
      ++next_;
      passed_negative_ = true;
    }
    return false;
  }
  [[nodiscard]] bool passed_negative() const { return passed_negative_; }

 private:
  // `width` bytes after the lead byte.
  [[nodiscard]] bool big_endian(std::size_t width, std::uint64_t& number) {
    if (static_cast<std::size_t>(end_ - next_) < 1 + width) return false;
    const auto* const digits = next_ + 1;
    next_ = digits + width;
    switch (width) {
      case 1:
        number = *digits;
        break;
      case 2:
        number = boost::endian::load_big_u16(digits);
        break;
      case 4:
        number = boost::endian::load_big_u32(digits);
        break;
      default:
        number = boost::endian::load_big_u64(digits);
    }
    return true;
  }

  const unsigned char* begin_;
  const unsigned char* next_;
  const unsigned char* end_;
  bool passed_negative_ = false;
};

}  // namespace

const TypeInfo* type_info(std::uint64_t type) {
  return type < types_by_number.size() ? types_by_number[type] : nullptr;
}

Preamble read_preamble(std::string_view header) {
  Preamble preamble;
  Cursor cursor{header};
  std::uint64_t elements = 0;
  std::uint64_t number = 0;
  if (!cursor.array_size(elements) || elements < 2) return preamble;
  if (cursor.uint(number)) {
    preamble.version = number;
  } else if (!cursor.passed_negative()) {
    return preamble;
  }
  if (!cursor.uint(number)) return preamble;
  preamble.type = number;
  if (elements < 3) return preamble;
  const TypeInfo* info = type_info(number);
  if (info == nullptr || !info->has_id) return preamble;
  const std::size_t start = cursor.at();
  if (cursor.uint(number)) {
    preamble.id = WireId{number};
    preamble.id_span = {static_cast<std::uint8_t>(start),
                        static_cast<std::uint8_t>(cursor.at() - start)};
  }
  return preamble;
}

}  // namespace muster::codec
