#include <charconv>
#include <set>

#include "config/kinds.hpp"
#include "config/rules.hpp"
#include "config/toml_text.hpp"

namespace muster::config {
namespace {

class TextListKind final : public Kind {
 public:
  TextListKind(std::vector<std::string>& option, std::size_t count_min, std::size_t count_max,
               TextRule rule)
      : Kind(Shape::list),
        option_(option),
        count_min_(count_min),
        count_max_(count_max),
        rule_(rule) {}
  void read(const Node& node, Reading& reading) override {
    auto texts = read_texts(node, reading, count_min_, count_max_, rule_);
    if (texts) option_ = std::move(*texts);
  }
  std::string show() const override { return toml_list(option_); }

 private:
  std::vector<std::string>& option_;
  std::size_t count_min_;
  std::size_t count_max_;
  TextRule rule_;
};

class TextMapKind final : public Kind {
 public:
  TextMapKind(StringMap& option, std::size_t count_max)
      : Kind(Shape::map), option_(option), count_max_(count_max) {}

  void read(const Node& node, Reading& reading) override {
    const auto* table = std::get_if<Node::Table>(&node.data);
    if (table == nullptr) {
      reading.fault(node, not_allowed(node, "a table of texts, { a = \"x\" }"));
      return;
    }
    if (table->size() > count_max_) {
      reading.fault(node, "found a table of " + std::to_string(table->size()) +
                              "; allowed are at most " + std::to_string(count_max_) + " entries");
      return;
    }
    StringMap map;
    bool whole = true;
    for (const Member& member : *table) {
      Reading entry = reading.below("." + shown_key(member.key));
      if (const auto allowed = name_rule(member.key)) {
        entry.fault(member.line, member.column,
                    "found the name " + in_quotes(member.key) + "; allowed is " + *allowed);
        whole = false;
      } else if (auto text = read_text(member.value, entry, name_or_empty_rule)) {
        map.insert_or_assign(member.key, std::move(*text));
      } else {
        whole = false;
      }
    }
    if (whole) option_ = std::move(map);
  }

  std::string show() const override {
    std::string text;
    for (const auto& [name, value] : option_) {
      text += (text.empty() ? "{ " : ", ") + toml_key(name) + " = " + toml_string(value);
    }
    return text.empty() ? "{}" : text + " }";
  }

 private:
  StringMap& option_;
  std::size_t count_max_;
};

constexpr std::size_t model_words_max = 64;  // aliases, modalities, operations of one model
constexpr std::uint64_t context_length_max = 1'000'000'000;

std::optional<ModelDescription> read_model_table(const Node& node, Reading& reading) {
  ModelDescription model;
  bool whole = true;
  const auto take_texts = [&](const Member& member, Reading& field,
                              std::vector<std::string>& into) {
    auto texts = read_texts(member.value, field, 0, model_words_max, name_rule);
    if (texts) into = std::move(*texts);
    whole = whole && texts.has_value();
  };
  for (const Member& member : std::get<Node::Table>(node.data)) {
    Reading field = reading.below("." + shown_key(member.key));
    if (member.key == "name") {
      auto name = read_text(member.value, field, name_rule);
      whole = whole && name.has_value();
      model.name = name.value_or("?");
    } else if (member.key == "aliases") {
      take_texts(member, field, model.aliases);
    } else if (member.key == "context_length") {
      model.context_length = read_integer(member.value, field, 1, context_length_max);
      whole = whole && model.context_length.has_value();
    } else if (member.key == "modalities") {
      take_texts(member, field, model.modalities);
    } else if (member.key == "operations") {
      take_texts(member, field, model.operations);
    } else {
      field.fault(member.line, member.column,
                  "a model has no such key; it has name, aliases, context_length, modalities and "
                  "operations");
      whole = false;
    }
  }
  if (model.name.empty()) {
    reading.fault(node, "a model's table needs a name, { name = \"llama\" }");
    return std::nullopt;
  }
  if (!whole) return std::nullopt;
  return model;
}

class ModelsKind final : public Kind {
 public:
  ModelsKind(std::vector<ModelDescription>& option, std::size_t count_max)
      : Kind(Shape::list), option_(option), count_max_(count_max) {}

  void read(const Node& node, Reading& reading) override {
    const auto* array = std::get_if<Node::Array>(&node.data);
    if (array == nullptr || array->size() > count_max_) {
      const std::string size = array == nullptr ? found(node) : std::to_string(array->size());
      reading.fault(node, "found " + size + "; allowed is an array of at most " +
                              std::to_string(count_max_) +
                              " models, each a name or a table { name = \"llama\" }");
      return;
    }
    std::vector<ModelDescription> models;
    std::set<std::string> names;
    for (std::size_t i = 0; i < array->size(); ++i) {
      Reading element = reading.below("[" + std::to_string(i) + "]");
      auto model = read_model((*array)[i], element);
      if (model && are_new(*model, (*array)[i], element, names))
        models.push_back(std::move(*model));
    }
    if (models.size() == array->size()) option_ = std::move(models);
  }

  std::string show() const override {
    std::string text = "[";
    for (const ModelDescription& model : option_) {
      text += (text.size() > 1 ? ", " : "") + show_model(model);
    }
    return text + "]";
  }

 private:
  static std::optional<ModelDescription> read_model(const Node& node, Reading& reading) {
    if (std::holds_alternative<Node::Table>(node.data)) return read_model_table(node, reading);
    auto name = read_text(node, reading, name_rule);
    if (!name) return std::nullopt;
    ModelDescription model;
    model.name = std::move(*name);
    return model;
  }

  // A request names a model by its name or an alias: each can stand for one model only.
  static bool are_new(const ModelDescription& model, const Node& node, Reading& reading,
                      std::set<std::string>& names) {
    std::vector<std::string> own = model.aliases;
    own.push_back(model.name);
    for (const std::string& name : own) {
      if (names.insert(name).second) continue;
      reading.fault(node, "found " + in_quotes(name) +
                              " a second time; each name and each alias "
                              "can stand for one model");
      return false;
    }
    return true;
  }

  static std::string show_model(const ModelDescription& model) {
    ModelDescription nameless = model;
    nameless.name.clear();
    if (nameless == ModelDescription{}) return toml_string(model.name);
    std::string text = "{ name = " + toml_string(model.name);
    if (!model.aliases.empty()) text += ", aliases = " + toml_list(model.aliases);
    if (model.context_length) text += ", context_length = " + std::to_string(*model.context_length);
    if (!model.modalities.empty()) text += ", modalities = " + toml_list(model.modalities);
    if (!model.operations.empty()) text += ", operations = " + toml_list(model.operations);
    return text + " }";
  }

  std::vector<ModelDescription>& option_;
  std::size_t count_max_;
};

// Nothing where the text as a whole is no such number.
template <class Number>
std::optional<Number> number_of_text(const std::string& text) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (text.empty() || error != std::errc{} || stopped != end) return std::nullopt;
  return number;
}

// "a,b" -> a, b; spaces around each are dropped, an empty text has none.
std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  if (text.empty()) return parts;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    std::string part = text.substr(begin, comma - begin);
    part.erase(0, part.find_first_not_of(' '));
    part.erase(part.find_last_not_of(' ') + 1);
    parts.push_back(std::move(part));
    begin = comma + 1;
  }
  return parts;
}

Node list_of_text(const std::string& text) {
  Node::Array array;
  for (std::string& part : split(text))
    array.push_back({.data = std::move(part)});
  return {.data = std::move(array)};
}

Result<Node> map_of_text(const std::string& text) {
  Node::Table table;
  for (const std::string& part : split(text)) {
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos) {
      return failure("found " + in_quotes(part) + "; allowed is NAME=VALUE,NAME=VALUE");
    }
    table.push_back({.key = part.substr(0, equals), .value = {.data = part.substr(equals + 1)}});
  }
  return Node{.data = std::move(table)};
}

}  // namespace

Result<Node> node_of_text(Shape shape, const std::string& text) {
  if (shape == Shape::list)
    return text.starts_with('[') ? read_toml_value(text) : list_of_text(text);
  if (shape == Shape::map) return text.starts_with('{') ? read_toml_value(text) : map_of_text(text);
  Node node;
  node.data = text;
  if (shape == Shape::number) {
    const auto whole = number_of_text<std::int64_t>(text);
    const auto fraction = number_of_text<double>(text);
    if (whole) {
      node.data = *whole;
    } else if (fraction) {
      node.data = *fraction;
    }
  }
  if (shape == Shape::flag && (text == "true" || text == "false")) node.data = text == "true";
  return node;
}

KindPtr text_list_kind(std::vector<std::string>& option, std::size_t count_min,
                       std::size_t count_max, TextRule rule) {
  return std::make_unique<TextListKind>(option, count_min, count_max, rule);
}

KindPtr text_map_kind(StringMap& option, std::size_t count_max) {
  return std::make_unique<TextMapKind>(option, count_max);
}

KindPtr models_kind(std::vector<ModelDescription>& option, std::size_t count_max) {
  return std::make_unique<ModelsKind>(option, count_max);
}

}  // namespace muster::config
