#include "tests/scenario/runner.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <ostream>

#include "tests/scenario/difference.hpp"
#include "tests/scenario/script.hpp"

namespace muster::scenario {
namespace {

int play_file(const std::string& path, bool rewrite, std::ostream& out, std::ostream& err) {
  std::ifstream file(path, std::ios::binary);
  const std::string script{std::istreambuf_iterator<char>(file), {}};
  if (!file) {
    err << path << ": can't be read\n";
    return not_understood;
  }
  const Played played = play(script);
  if (played.fault) {
    err << path << ":" << played.fault->line << ": " << played.fault->what << "\n";
    return not_understood;
  }
  const std::string found = difference(script, played.text);
  if (found.empty()) return all_hold;
  if (!rewrite) {
    out << path << ": the broker did (+) something else than is expected (-)\n"
        << found << "where that is right: scenario --rewrite " << path << "\n";
    return one_differs;
  }
  if (!(std::ofstream(path, std::ios::binary) << played.text).flush()) {
    err << path << ": can't be written\n";
    return not_understood;
  }
  out << path << ": rewritten\n";
  return all_hold;
}

}  // namespace

int run(std::vector<std::string> arguments, std::ostream& out, std::ostream& err) {
  const bool rewrite = std::erase(arguments, "--rewrite") > 0;
  // So that *.txt can be given.
  std::erase_if(arguments,
                [](const std::string& path) { return path.ends_with("CMakeLists.txt"); });
  if (arguments.empty() || std::ranges::any_of(arguments, [](const std::string& argument) {
        return argument.starts_with('-');
      })) {
    err << "usage: scenario [--rewrite] FILE...\n";
    return not_understood;
  }
  int worst = all_hold;
  for (const std::string& path : arguments)
    worst = std::max(worst, play_file(path, rewrite, out, err));
  return worst;
}

}  // namespace muster::scenario
