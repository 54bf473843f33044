#include "tests/support/source_folder.hpp"

namespace muster::test {

std::string source_folder() {
  return MUSTER_SOURCE_FOLDER;
}

}  // namespace muster::test
