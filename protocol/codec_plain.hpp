#pragma once

// Internal to the codec: REQUEST, CHUNK and FINAL read straight from a header's bytes, for a
// decoder that keeps what routes.
//
// These three are nearly all that a broker is sent, and nearly all of them are made of few forms.
// Where anything else stands in one it is not read here but by the Reader, which takes every form
// and says what is wrong: so what is read here is what the Reader makes of the same bytes.

#include <optional>
#include <string_view>

#include "protocol/codec.hpp"

namespace muster::codec {

// Where the id of the message stands; nothing: it is to be read by the Reader, and what is in
// `message` means nothing. What `message` held before is replaced. REQUIRES: the message is within
// the limits on sizes; the one on names is applied here.
[[nodiscard]] std::optional<IdSpan> read_plain(std::string_view header, const WireLimits& limits,
                                               FromClient& message);
[[nodiscard]] std::optional<IdSpan> read_plain(std::string_view header, const WireLimits& limits,
                                               FromWorker& message);

// The id of a CHUNK or FINAL that begins as nearly all do, with a broker's id in its long form;
// nothing: read_preamble() tells.
[[nodiscard]] std::optional<WireId> plain_id_of(std::string_view header);

}  // namespace muster::codec
