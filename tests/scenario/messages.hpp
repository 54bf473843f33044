#pragma once

// The messages of docs/protocol.md, section 3, as they stand in a dialogue: what a line says
// becomes the bytes of a header, and bytes become a line. It knows the names of elements and fields
// and nothing of what they mean, and shares no code with the codec: what a dialogue says and shows
// is what stands on the wire, right or wrong.
//
//   REQUEST m stream timeout=30s "the body"     elements in their order, fields, payload frames
//   REQUEST m "x-later"={y=1}                   a field that the protocol does not know: in quotes
//   [1, 1, 7, m, {stream=3}, more] "a body"     any header at all
//   bytes 93 01 02 d3 00                        ... byte by byte

#include <optional>
#include <string>
#include <string_view>

#include "protocol/payload.hpp"
#include "protocol/value.hpp"
#include "tests/scenario/literal.hpp"

namespace muster::scenario {

struct Spoken {
  std::string header;
  Payload payload;
};

// Reads the rest of a line whose speaker has been read; `id` is the speaker's, where it names one.
// Mandatory fields of REGISTER, STATUS and HEARTBEAT that the line does not give come from
// `defaults`.
[[nodiscard]] Spoken read_spoken(LineReader& in, std::optional<std::uint64_t> id,
                                 const Value::Map& defaults);

// A header taken apart: what the table of section 3 says it is.
struct Header {
  std::string name;
  std::optional<std::uint64_t> id;
  Value::Map elements;  // those after the id, by their names in section 3; a map under "fields"
  Value::Array more;    // elements that section 3 does not list
};
// Nothing where these bytes are no header of a type that section 3 lists.
[[nodiscard]] std::optional<Header> take_apart(std::string_view bytes);

[[nodiscard]] std::string shown_payload(const Payload& payload);
[[nodiscard]] std::string shown_bytes(std::string_view bytes);  // "93 01 02"

}  // namespace muster::scenario
