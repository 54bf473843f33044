#pragma once

// Internal to the codec: whether bytes are UTF-8, strictly as RFC 3629 has it: no overlong forms,
// no surrogates, nothing above U+10FFFF, nothing cut off.

#include <string_view>

namespace muster::codec {

[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace muster::codec
