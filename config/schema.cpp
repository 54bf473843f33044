#include "config/schema.hpp"

#include <algorithm>

namespace muster::config {
namespace {

// Longer ones resemble nothing, and are not worth the time.
constexpr std::size_t resembling_bytes_max = 64;

std::string_view section_of(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view{} : path.substr(0, dot);
}

std::string_view name_of(std::string_view path) {
  return path.substr(path.rfind('.') + 1);
}

// Up to a third of the letters may differ, and at least one.
bool is_near(std::size_t distance, std::string_view wanted) {
  return distance <= std::max<std::size_t>(1, wanted.size() / 3);
}

}  // namespace

const Key* Schema::find(std::string_view path) const {
  const auto at = std::ranges::find(keys, path, &Key::path);
  return at == keys.end() ? nullptr : &*at;
}

bool Schema::is_section(std::string_view path) const {
  return std::ranges::any_of(keys, [&](const Key& key) {
    return key.path.size() > path.size() && key.path.starts_with(path) &&
           key.path[path.size()] == '.';
  });
}

std::string Schema::nearest_key(std::string_view path) const {
  if (path.size() > resembling_bytes_max) return {};
  std::string nearest;
  std::size_t least = resembling_bytes_max;
  for (const Key& key : keys) {
    std::size_t distance = edit_distance(path, key.path);
    // The right name in a wrong section, or in none.
    if (name_of(path) == name_of(key.path)) distance = std::min<std::size_t>(distance, 2);
    if (distance < least && is_near(distance, key.path)) {
      least = distance;
      nearest = key.path;
    }
  }
  return nearest;
}

std::string Schema::nearest_section(std::string_view path) const {
  if (path.size() > resembling_bytes_max) return {};
  std::string nearest;
  std::size_t least = resembling_bytes_max;
  for (const Key& key : keys) {
    const std::string_view section = section_of(key.path);
    const std::size_t distance = edit_distance(path, section);
    if (distance < least && is_near(distance, section)) {
      least = distance;
      nearest = section;
    }
  }
  return nearest;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Three rows of the table: before is two up, above is one up.
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before.swap(above);
    above.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, above[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

}  // namespace muster::config
