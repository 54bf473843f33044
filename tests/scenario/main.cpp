#include <iostream>

#include "tests/scenario/runner.hpp"

int main(int argc, char** argv) {
  return muster::scenario::run({argv + 1, argv + argc}, std::cout, std::cerr);
}
