#include "tests/scenario/difference.hpp"

#include <algorithm>
#include <vector>

namespace muster::scenario {
namespace {

constexpr std::size_t lines_around = 3;

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

struct Line {
  char mark = ' ';  // '-', '+', or ' ' where it is in both
  std::size_t number = 0;
  std::string_view text;
};

// Along a longest common subsequence.
std::vector<Line> merged(const std::vector<std::string_view>& a,
                         const std::vector<std::string_view>& b) {
  // common[i][j]: the length of the longest one of what follows a[i] and b[j].
  std::vector common(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = a.size(); i-- > 0;) {
    for (std::size_t j = b.size(); j-- > 0;) {
      common[i][j] =
          a[i] == b[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
    }
  }
  std::vector<Line> all;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      all.push_back({' ', i + 1, a[i]});
      ++i, ++j;
    } else if (i < a.size() && (j == b.size() || common[i + 1][j] >= common[i][j + 1])) {
      all.push_back({'-', i + 1, a[i++]});
    } else {
      all.push_back({'+', i + 1, b[j++]});
    }
  }
  return all;
}

}  // namespace

std::string difference(std::string_view expected, std::string_view found) {
  if (expected == found) return {};
  const std::vector<Line> all = merged(lines_of(expected), lines_of(found));
  std::string text;
  std::size_t shown = 0;  // up to here
  for (std::size_t at = 0; at < all.size(); ++at) {
    if (all[at].mark == ' ') continue;
    const std::size_t from = std::max(shown, at - std::min(at, lines_around));
    const std::size_t to = std::min(all.size(), at + lines_around + 1);
    if (from > shown || text.empty()) text += "line " + std::to_string(all[from].number) + ":\n";
    for (std::size_t i = from; i < to; ++i)
      text += std::string(1, all[i].mark) + " " + std::string{all[i].text} + "\n";
    shown = std::max(shown, to);
  }
  return text.empty() ? "they differ in nothing but how their last lines end\n" : text;
}

}  // namespace muster::scenario
