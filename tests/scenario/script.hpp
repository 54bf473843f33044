#pragma once

// A dialogue: a text in which each line that begins a thought is somebody who speaks, or time that
// passes, and the indented lines below are what the broker does upon it. play() does what the lines
// say and gives back the same text with what the broker did in the place of what was expected: a
// dialogue holds where the two are equal.
//
//   # A free slot is taken at once (docs/protocol.md, section 4, rule 1).
//
//   w1 REGISTER worker=A models=[m] slots=1 state=ready
//     -> w1 REGISTERED
//
//   c1/7 REQUEST m "the body"
//     -> w1/a1 REQUEST m "the body"
//
// docs/testing.md lists all that a line can say.

#include <optional>
#include <string>
#include <string_view>

namespace muster::scenario {

struct ScriptFault {
  std::size_t line = 0;
  std::string what;
};

struct Played {
  std::string text;
  std::optional<ScriptFault> fault;  // the line could not be understood; nothing after it was done
};

[[nodiscard]] Played play(std::string_view script);

}  // namespace muster::scenario
