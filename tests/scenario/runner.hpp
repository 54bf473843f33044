#pragma once

// The program `scenario`, with everything given from outside.
//
//   scenario [--rewrite] FILE...
//
// plays dialogues and compares what the broker did with what they expect. With --rewrite what it
// did is written into the files instead: read the difference before you commit it.

#include <iosfwd>
#include <string>
#include <vector>

namespace muster::scenario {

inline constexpr int all_hold = 0;  // or are rewritten
inline constexpr int one_differs = 1;
inline constexpr int not_understood = 2;  // the command line, or a file

// `arguments` without the program's name. Gives back its exit code.
[[nodiscard]] int run(std::vector<std::string> arguments, std::ostream& out, std::ostream& err);

}  // namespace muster::scenario
