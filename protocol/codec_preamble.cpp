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

// Walks over a header's first bytes. Each reading takes what it has read, or nothing.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] std::size_t at() const { return at_; }

  std::optional<std::uint64_t> array_size() {
    const auto lead = byte(at_);
    if (!lead) return std::nullopt;
    if ((*lead & 0xf0) == 0x90) {
      ++at_;
      return *lead & 0x0f;
    }
    if (*lead == 0xdc) return big_endian(2);
    if (*lead == 0xdd) return big_endian(4);
    return std::nullopt;
  }

  // A number from 0 in any of msgpack's integer forms, the signed ones included. A negative one is
  // passed over: what stands behind it can still be read.
  std::optional<std::uint64_t> uint() {
    passed_negative_ = false;
    const auto lead = byte(at_);
    if (!lead) return std::nullopt;
    if (*lead <= 0x7f) {
      ++at_;
      return *lead;
    }
    if (*lead >= 0xcc && *lead <= 0xcf) return big_endian(std::size_t{1} << (*lead - 0xcc));
    if (*lead >= 0xd0 && *lead <= 0xd3) {
      const auto sign_bits = byte(at_ + 1);
      const auto number = big_endian(std::size_t{1} << (*lead - 0xd0));
      passed_negative_ = number && (*sign_bits & 0x80) != 0;
      return passed_negative_ ? std::nullopt : number;
    }
    if (*lead >= 0xe0) {
      ++at_;
      passed_negative_ = true;
    }
    return std::nullopt;
  }
  [[nodiscard]] bool passed_negative() const { return passed_negative_; }

 private:
  [[nodiscard]] std::optional<std::uint8_t> byte(std::size_t i) const {
    if (i >= bytes_.size()) return std::nullopt;
    return static_cast<std::uint8_t>(bytes_[i]);
  }

  // `width` bytes after the lead byte.
  std::optional<std::uint64_t> big_endian(std::size_t width) {
    if (bytes_.size() - at_ < 1 + width) return std::nullopt;
    const auto* const digits = reinterpret_cast<const unsigned char*>(bytes_.data()) + at_ + 1;
    at_ += 1 + width;
    switch (width) {
      case 1:
        return *digits;
      case 2:
        return boost::endian::load_big_u16(digits);
      case 4:
        return boost::endian::load_big_u32(digits);
      default:
        return boost::endian::load_big_u64(digits);
    }
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  bool passed_negative_ = false;
};

}  // namespace

const TypeInfo* type_info(std::uint64_t type) {
  return type < types_by_number.size() ? types_by_number[type] : nullptr;
}

Preamble read_preamble(std::string_view header) {
  Preamble preamble;
  Cursor cursor{header};
  const auto elements = cursor.array_size();
  if (!elements || *elements < 2) return preamble;
  preamble.version = cursor.uint();
  if (!preamble.version && !cursor.passed_negative()) return preamble;
  preamble.type = cursor.uint();
  if (!preamble.type || *elements < 3) return preamble;
  const TypeInfo* info = type_info(*preamble.type);
  if (info == nullptr || !info->has_id) return preamble;
  const std::size_t start = cursor.at();
  if (const auto id = cursor.uint()) {
    preamble.id = WireId{*id};
    preamble.id_span = {static_cast<std::uint8_t>(start),
                        static_cast<std::uint8_t>(cursor.at() - start)};
  }
  return preamble;
}

}  // namespace muster::codec
