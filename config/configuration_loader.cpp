#include "config/configuration_loader.hpp"

#include <algorithm>
#include <tuple>

#include "config/schemas.hpp"
#include "config/toml_text.hpp"
#include "protocol/check.hpp"
#include "protocol/codec_utf8.hpp"

namespace muster::config {
namespace {

std::string section_of(const std::string& path) {
  return path.substr(0, path.rfind('.'));
}

std::string name_of(const std::string& path) {
  return path.substr(path.rfind('.') + 1);
}

// "MUSTER_LOG__LEVEL" -> "log.level"; nothing for a variable of another form.
std::optional<std::string> key_of_variable(const std::string& variable) {
  constexpr std::string_view prefix = "MUSTER_";
  const std::size_t underscores = variable.find("__");
  if (!variable.starts_with(prefix) || underscores == std::string::npos) return std::nullopt;
  std::string key;
  for (std::size_t i = prefix.size(); i < variable.size(); ++i) {
    const char c = variable[i];
    if (c == '_' && i + 1 < variable.size() && variable[i + 1] == '_') {
      key += '.';
      ++i;
    } else {
      key += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  return key;
}

std::string variable_of_key(const std::string& key) {
  std::string variable = "MUSTER_";
  for (const char c : key) {
    if (c == '.') {
      variable += "__";
    } else {
      variable += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
  }
  return variable;
}

// What a Kind shows, read again: the way to add to what an option already holds.
Node node_of(const Kind& kind) {
  auto node = read_toml_value(kind.show());
  CHECK(node.ok(), "a kind of value shows what is no TOML");
  return std::move(node).value();
}

void append(Node& to, Node added) {
  if (auto* array = std::get_if<Node::Array>(&to.data)) {
    auto* more = std::get_if<Node::Array>(&added.data);
    CHECK(more != nullptr, "a list was added to by what is no list");
    std::ranges::move(*more, std::back_inserter(*array));
  } else {
    auto* more = std::get_if<Node::Table>(&added.data);
    CHECK(more != nullptr, "a map was added to by what is no map");
    std::ranges::move(*more, std::back_inserter(std::get<Node::Table>(to.data)));
  }
}

// Faults are told source by source, those of a file from its top down.
std::tuple<Origin::Kind, std::uint64_t, std::uint64_t> place_of(const ConfigFault& fault) {
  return {fault.origin.kind, fault.origin.line, fault.origin.column};
}

template <class... Schemas>
std::vector<std::string> paths(const Schemas&... schemas) {
  std::vector<std::string> result;
  for (const Schema* schema : {&schemas...}) {
    for (const Key& key : schema->keys)
      result.push_back(key.path);
  }
  return result;
}

}  // namespace

ConfigurationLoader::ConfigurationLoader(Schema schema, std::vector<std::string> foreign_keys)
    : schema_(std::move(schema)), foreign_keys_(std::move(foreign_keys)) {}

ConfigFaults ConfigurationLoader::load(const Sources& sources) {
  if (sources.file) take_file(*sources.file);
  take_environment(sources.environment);
  take_settings(sources.settings);
  take_kept(sources.kept);
  check_together();
  std::ranges::stable_sort(faults_, {}, &place_of);
  return std::move(faults_);
}

std::vector<EffectiveValue> ConfigurationLoader::effective() const {
  std::vector<EffectiveValue> values;
  for (const Key& key : schema_.keys) {
    const auto given = given_.find(key.path);
    values.push_back({key.path, key.kind->show(),
                      given == given_.end() ? Origin{}.text() : given->second.text, key.live});
  }
  return values;
}

void ConfigurationLoader::take_file(const std::string& path) {
  const auto root = read_toml_file(path);
  if (!root) {
    add_fault(faults_, root.error());
    return;
  }
  const Origin source{Origin::Kind::file, path, 0, 0};
  for (const Member& member : std::get<Node::Table>(root.value().data)) {
    take_member(member, "", source);
  }
}

void ConfigurationLoader::take_member(const Member& member, const std::string& section,
                                      const Origin& source) {
  if (faults_.size() > faults_max) return;
  const bool dotted = member.key.find('.') != std::string::npos;  // a quoted key of one part
  const std::string path = (section.empty() ? "" : section + ".") + member.key;
  Origin place = source;
  place.line = member.line;
  place.column = member.column;
  const auto* table = std::get_if<Node::Table>(&member.value.data);
  if (dotted) {
    add_fault(faults_, {place, in_quotes(member.key),
                        "there is no such key; no key has a dot between quotes"});
  } else if (const Key* key = schema_.find(path)) {
    take_node(*key, member.value, place, false);
  } else if (schema_.is_section(path)) {
    if (table == nullptr) {
      fault(place, path,
            "found " + found(member.value) + "; this is a section: write [" + path +
                "] and its keys below");
      return;
    }
    for (const Member& below : *table)
      take_member(below, path, source);
  } else if (table != nullptr && section.empty()) {
    fault(place, path, "there is no such section" + advice_on_section(path));
  } else {
    fault(place, path, "there is no such key" + advice_on_key(path));
  }
}

void ConfigurationLoader::take_environment(const std::map<std::string, std::string>& environment) {
  for (const auto& [variable, path] : schema_.short_variables) {  // first: the longer ones win
    const auto given = environment.find(variable);
    if (given == environment.end() || given->second.empty()) continue;
    take_text(path, given->second, {Origin::Kind::environment, variable, 0, 0});
  }
  for (const auto& [variable, text] : environment) {
    const auto path = key_of_variable(variable);
    if (!path) continue;
    const Origin source{Origin::Kind::environment, variable, 0, 0};
    if (schema_.find(*path) != nullptr || map_above(*path) != nullptr) {
      take_text(*path, text, source);
    } else if (!is_foreign(*path)) {
      const std::string nearest = schema_.nearest_key(*path);
      fault(source, *path,
            "there is no such key" + (nearest.empty()
                                          ? advice_on_key(*path)
                                          : "; did you mean " + variable_of_key(nearest) + "?"));
    }
  }
}

void ConfigurationLoader::take_settings(const std::vector<Setting>& settings) {
  for (const Setting& setting : settings) {
    take_text(setting.key, setting.value, {Origin::Kind::flag, setting.said, 0, 0});
  }
}

void ConfigurationLoader::take_kept(const std::vector<Setting>& kept) {
  for (const Setting& setting : kept) {
    const Key* key = schema_.find(setting.key);
    auto node = read_toml_value(setting.value);
    CHECK(key != nullptr && node.ok(), "a running program holds what its loader does not read");
    take_node(*key, *node, {Origin::Kind::flag, setting.said, 0, 0}, false);
  }
}

void ConfigurationLoader::take_text(const std::string& path, const std::string& text,
                                    const Origin& source) {
  if (!codec::is_utf8(text)) {  // a file is, or it is no TOML
    fault(source, path, "found a text that is not UTF-8");
    return;
  }
  const Key* key = schema_.find(path);
  if (key == nullptr) {
    if (const Key* map = map_above(path)) {
      take_node(*map,
                Node{.data = Node::Table{{.key = path.substr(map->path.size() + 1),
                                          .value = {.data = text}}}},
                source, true);
    } else if (schema_.is_section(path)) {
      fault(source, path, "this is a section; write SECTION.KEY=VALUE" + advice_on_key(path + "."));
    } else {
      fault(source, path, "there is no such key" + advice_on_key(path));
    }
    return;
  }
  auto node = node_of_text(key->kind->shape(), text);
  if (!node) {
    fault(source, path, "found " + in_quotes(text) + ": " + node.error());
    return;
  }
  const auto given = given_.find(path);
  const bool again = source.kind == Origin::Kind::flag && given != given_.end() &&
                     given->second.origin.kind == Origin::Kind::flag;
  const bool adds_up = key->kind->shape() == Shape::list || key->kind->shape() == Shape::map;
  take_node(*key, *node, source, again && adds_up);
}

void ConfigurationLoader::take_node(const Key& key, const Node& node, const Origin& source,
                                    bool adding) {
  Node whole = node;
  if (adding) {
    whole = node_of(*key.kind);
    append(whole, node);
  }
  const std::size_t faults_before = faults_.size();
  Reading reading(source, key.path, faults_);
  key.kind->read(whole, reading);
  if (faults_.size() != faults_before) return;
  Origin origin = source;
  if (node.line != 0) {
    origin.line = node.line;
    origin.column = node.column;
  }
  std::string text = origin.text();
  const auto given = given_.find(key.path);
  if (adding && given != given_.end()) {
    const std::string& before = given->second.text;
    text = before.ends_with(text) ? before : before + " and " + text;
  }
  given_[key.path] = {std::move(origin), std::move(text)};
}

// A fault that follows from another one is not told: repairing that one may well repair it.
void ConfigurationLoader::check_together() {
  const ConfigFaults single = faults_;
  for (CrossFault& cross : schema_.validate()) {
    const bool follows = std::ranges::any_of(single, [&](const ConfigFault& one) {
      return one.key == cross.key || cross.what.find(one.key) != std::string::npos;
    });
    if (follows) continue;
    const auto given = given_.find(cross.key);
    fault(given == given_.end() ? Origin{} : given->second.origin, cross.key,
          std::move(cross.what));
  }
}

void ConfigurationLoader::fault(Origin origin, const std::string& key, std::string what) {
  add_fault(faults_, {std::move(origin), shown_key(key), std::move(what)});
}

std::string ConfigurationLoader::advice_on_key(const std::string& path) const {
  const std::string nearest = schema_.nearest_key(path);
  if (!nearest.empty()) return "; did you mean " + nearest + "?";
  const std::string section = section_of(path);
  std::string names;
  for (const Key& key : schema_.keys) {
    if (section_of(key.path) == section) names += (names.empty() ? "" : ", ") + name_of(key.path);
  }
  return names.empty() ? advice_on_section(section) : "; [" + section + "] has " + names;
}

std::string ConfigurationLoader::advice_on_section(const std::string& path) const {
  const std::string nearest = schema_.nearest_section(path);
  if (!nearest.empty()) return "; did you mean [" + nearest + "]?";
  std::vector<std::string> sections;
  for (const Key& key : schema_.keys) {
    const std::string section = "[" + section_of(key.path) + "]";
    if (sections.empty() || sections.back() != section) sections.push_back(section);
  }
  std::string all;
  for (const std::string& section : sections)
    all += (all.empty() ? "" : ", ") + section;
  return "; the sections are " + all;
}

const Key* ConfigurationLoader::map_above(const std::string& path) const {
  for (const Key& key : schema_.keys) {
    if (key.kind->shape() == Shape::map && path.starts_with(key.path + ".")) return &key;
  }
  return nullptr;
}

bool ConfigurationLoader::is_foreign(const std::string& path) const {
  return std::ranges::any_of(foreign_keys_, [&](const std::string& key) {
    return path == key || path.starts_with(key + ".");
  });
}

Result<LoadedBroker, ConfigFaults> load_broker(const Sources& sources) {
  LoadedAgent other;
  LoadedCli cli;
  LoadedBroker loaded;
  ConfigurationLoader loader(broker_schema(loaded.options, loaded.log),
                             paths(agent_schema(other.options, other.server, other.echo, other.log),
                                   cli_schema(cli.options)));
  if (auto faults = loader.load(sources); !faults.empty()) return failure(std::move(faults));
  loaded.sources = sources;
  loaded.values = loader.effective();
  return loaded;
}

Result<LoadedAgent, ConfigFaults> load_agent(const Sources& sources) {
  LoadedBroker other;
  LoadedCli cli;
  LoadedAgent loaded;
  ConfigurationLoader loader(
      agent_schema(loaded.options, loaded.server, loaded.echo, loaded.log),
      paths(broker_schema(other.options, other.log), cli_schema(cli.options)));
  if (auto faults = loader.load(sources); !faults.empty()) return failure(std::move(faults));
  loaded.sources = sources;
  loaded.values = loader.effective();
  return loaded;
}

Result<LoadedCli, ConfigFaults> load_cli(const Sources& sources) {
  LoadedBroker broker;
  LoadedAgent agent;
  LoadedCli loaded;
  ConfigurationLoader loader(
      cli_schema(loaded.options),
      paths(broker_schema(broker.options, broker.log),
            agent_schema(agent.options, agent.server, agent.echo, agent.log)));
  if (auto faults = loader.load(sources); !faults.empty()) return failure(std::move(faults));
  loaded.values = loader.effective();
  return loaded;
}

std::string print_values(const std::vector<EffectiveValue>& values) {
  constexpr std::size_t comment_column = 40;
  std::string text;
  std::string section;
  for (const EffectiveValue& value : values) {
    if (section_of(value.key) != section) {
      section = section_of(value.key);
      text += (text.empty() ? "[" : "\n[") + section + "]\n";
    }
    std::string line = name_of(value.key) + " = " + value.value;
    line.resize(std::max(line.size() + 2, comment_column), ' ');
    text += line + "# " + value.origin + "\n";
  }
  return text;
}

}  // namespace muster::config
