// The decoder, fed with anything, in each direction and under limits of its own: it ends, it does
// not read beyond its input (the address sanitizer sees to that), and what it takes is written and
// read again to the same. Where it names the span of an id, patching that changes the id and
// nothing else. Its tape is what msgpack-c makes of it. And who keeps only what routes, and so
// reads most messages without a tape, takes the same and finds the same faults.

#include <algorithm>

#include "protocol/check.hpp"
#include "protocol/codec.hpp"
#include "protocol/codec_tape.hpp"
#include "tests/fuzz/fuzz_input.hpp"
#include "tests/support/left_out.hpp"

namespace muster::test {
namespace {

template <class Message>
void check_taken(Decoder& decoder, const Frame& header, const Decoded<Message>& decoded,
                 Result<Decoded<Message>, Fault> (Decoder::*decode)(const Frame&, const Payload&,
                                                                    std::size_t)) {
  const auto encode_any = [](const Message& message) {
    return std::visit([](const auto& m) { return encode(m); }, message);
  };
  const Frame again = encode_any(decoded.message);
  auto reread = (decoder.*decode)(again, {}, 0);
  CHECK(reread.ok(), "what was decoded can't be decoded again once it is encoded");
  // A message with a NaN in it is not even equal to itself: that one is known by its bytes.
  const Message& taken = decoded.message;
  CHECK(reread->message == taken || !(taken == decoded.message),
        "what was encoded reads otherwise");
  CHECK(encode_any(reread->message).text() == again.text(), "encoded again it is other bytes");

  if (decoded.id.width == 0) return;
  const WireId other{0x0123'4567'89ab'cdef};
  const Frame patched = with_id(header.share(), decoded.id, other);
  auto repatched = (decoder.*decode)(patched, {}, 0);
  CHECK(repatched.ok(), "a header with another id can't be decoded");
  // Encoded anew, since the forms of what came, and with them the place of its id, may be longer.
  const Frame patched_again = encode_any(repatched->message);
  auto patched_reread = (decoder.*decode)(patched_again, {}, 0);
  CHECK(patched_reread.ok(), "a header with another id can't be decoded once it is encoded");
  const Frame back = with_id(patched_again.share(), patched_reread->id, WireId{7});
  const Frame same = with_id(again.share(), reread->id, WireId{7});
  CHECK(back.text() == same.text(), "patching an id has changed something else");
}

template <class Message>
void check_what_routes(const WireLimits& limits, const Frame& header, const Payload& payload,
                       const Result<Decoded<Message>, Fault>& whole,
                       Result<Decoded<Message>, Fault> (Decoder::*decode)(const Frame&,
                                                                          const Payload&,
                                                                          std::size_t)) {
  Decoder decoder{limits, Decoder::Keep::what_routes};
  const auto routes = (decoder.*decode)(header, payload, 0);
  CHECK(routes.ok() == whole.ok(), "who keeps only what routes takes other messages");
  if (!whole) {
    const Fault& fault = whole.error();
    CHECK(routes.error().reason == fault.reason && routes.error().what == fault.what &&
              routes.error().id == fault.id && routes.error().type == fault.type,
          "who keeps only what routes finds another fault");
    return;
  }
  // As above, one with a NaN in it is not even equal to itself.
  const Message wanted = without_what_ends_need(whole.value().message);
  CHECK(
      routes.value().message == wanted || !(wanted == wanted),  // NOLINT(misc-redundant-expression)
      "who keeps only what routes reads otherwise");
  CHECK(routes.value().id == whole.value().id, "who keeps only what routes finds the id elsewhere");
}

void check_tape(std::string_view header) {
  codec::Tape usual;
  codec::Tape by_library;
  const auto outcome = usual.parse(header);
  CHECK(outcome == by_library.parse_by_library(header), "msgpack-c takes a header otherwise");
  CHECK(outcome != codec::Tape::Outcome::ok ||
            std::ranges::equal(usual.tokens(), by_library.tokens()),
        "msgpack-c reads other items in a header");
}

void run(const std::uint8_t* data, std::size_t size) {
  FuzzInput input{data, size};
  const std::uint8_t how = input.byte();
  WireLimits limits;
  limits.header_bytes = 1 << 20;  // an id in its long form may make a header longer
  if ((how & 4) != 0) limits.name_bytes = 8;
  Decoder decoder{limits};
  Payload payload;
  for (int frames = (how >> 3) & 3; frames > 0; --frames)
    payload.add(Frame{input.piece()});
  const Frame header{input.rest()};
  check_tape(header.text());
  const auto check = [&](auto decode) {
    const auto decoded = (decoder.*decode)(header, payload, 0);
    check_what_routes(limits, header, payload, decoded, decode);
    if (decoded) return check_taken(decoder, header, decoded.value(), decode);
    CHECK(!decoded.error().what.empty(), "a fault without a sentence");
  };
  switch (how & 3) {
    case 0:
      return check(&Decoder::from_client);
    case 1:
      return check(&Decoder::from_worker);
    case 2:
      return check(&Decoder::to_client);
    default:
      return check(&Decoder::to_worker);
  }
}

}  // namespace
}  // namespace muster::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  muster::test::run(data, size);
  return 0;
}
