#pragma once

// Where this tree lies. Compiled by itself, so that no other source of the tests holds a path that
// differs from clone to clone, and ccache finds in one what another has compiled.

#include <string>

namespace muster::test {

// Without a slash at its end.
std::string source_folder();

}  // namespace muster::test
