#include <cmath>

#include "config/kinds.hpp"
#include "config/units.hpp"

namespace muster::config {
namespace {

class TextKind final : public Kind {
 public:
  TextKind(std::string& option, TextRule rule) : Kind(Shape::text), option_(option), rule_(rule) {}
  void read(const Node& node, Reading& reading) override {
    if (auto text = read_text(node, reading, rule_)) option_ = std::move(*text);
  }
  std::string show() const override { return toml_string(option_); }

 private:
  std::string& option_;
  TextRule rule_;
};

class FlagKind final : public Kind {
 public:
  explicit FlagKind(bool& option) : Kind(Shape::flag), option_(option) {}
  void read(const Node& node, Reading& reading) override {
    if (const auto* value = std::get_if<bool>(&node.data)) {
      option_ = *value;
    } else {
      reading.fault(node, not_allowed(node, "true or false"));
    }
  }
  std::string show() const override { return option_ ? "true" : "false"; }

 private:
  bool& option_;
};

class IntegerKind final : public Kind {
 public:
  IntegerKind(std::uint64_t& option, std::uint64_t min, std::uint64_t max)
      : Kind(Shape::number), option_(option), min_(min), max_(max) {}
  void read(const Node& node, Reading& reading) override {
    if (const auto number = read_integer(node, reading, min_, max_)) option_ = *number;
  }
  std::string show() const override { return std::to_string(option_); }

 private:
  std::uint64_t& option_;
  std::uint64_t min_;
  std::uint64_t max_;
};

class AutoOrIntegerKind final : public Kind {
 public:
  AutoOrIntegerKind(std::optional<std::uint64_t>& option, std::uint64_t min, std::uint64_t max)
      : Kind(Shape::number), option_(option), min_(min), max_(max) {}
  void read(const Node& node, Reading& reading) override {
    const auto* text = std::get_if<std::string>(&node.data);
    if (text != nullptr && *text == "auto") {
      option_.reset();
    } else if (const auto number = read_integer(node, reading, min_, max_, "\"auto\" or ")) {
      option_ = *number;
    }
  }
  std::string show() const override { return option_ ? std::to_string(*option_) : "\"auto\""; }

 private:
  std::optional<std::uint64_t>& option_;
  std::uint64_t min_;
  std::uint64_t max_;
};

class NumberKind final : public Kind {
 public:
  NumberKind(double& option, double min, double max)
      : Kind(Shape::number), option_(option), min_(min), max_(max) {}
  void read(const Node& node, Reading& reading) override {
    double number = std::nan("");
    if (const auto* fraction = std::get_if<double>(&node.data)) number = *fraction;
    if (const auto* whole = std::get_if<std::int64_t>(&node.data)) {
      number = static_cast<double>(*whole);
    }
    if (number >= min_ && number <= max_) {  // false for nan
      option_ = number;
    } else {
      reading.fault(
          node, not_allowed(node, "a number, " + toml_number(min_) + " to " + toml_number(max_)));
    }
  }
  std::string show() const override { return toml_number(option_); }

 private:
  double& option_;
  double min_;
  double max_;
};

// Durations and sizes: a text with a unit.
template <class Value>
struct Measure {
  const char* form;
  const char* example_unit;
  std::optional<Value> (*parse)(std::string_view);
  std::string (*format)(Value);
};
constexpr Measure<Duration> duration_measure{"a text like \"250ms\", \"3s\", \"5m\" or \"1h\"", "s",
                                             parse_duration, format_duration};
constexpr Measure<std::uint64_t> size_measure{
    "a text like \"512B\", \"64KiB\", \"16MiB\" or \"2GiB\" (KB, MB and GB are powers of 1000)",
    "MiB", parse_size, format_size};

template <class Value>
class MeasureKind final : public Kind {
 public:
  MeasureKind(const Measure<Value>& measure, Value& option, Value min, Value max)
      : Kind(Shape::text), measure_(measure), option_(option), min_(min), max_(max) {}
  void read(const Node& node, Reading& reading) override {
    const auto* text = std::get_if<std::string>(&node.data);
    const auto* number = std::get_if<std::int64_t>(&node.data);
    if (number != nullptr || (text != nullptr && is_bare_number(*text))) {
      const std::string digits = number != nullptr ? std::to_string(*number) : *text;
      reading.fault(node, "found " + found(node) + " without a unit; write \"" + digits +
                              measure_.example_unit + "\" or what else is meant: " + measure_.form);
      return;
    }
    const auto value = text != nullptr ? measure_.parse(*text) : std::nullopt;
    if (!value) {
      reading.fault(node, not_allowed(node, measure_.form));
    } else if (*value < min_ || *value > max_) {
      reading.fault(node, not_allowed(node, "\"" + measure_.format(min_) + "\" to \"" +
                                                measure_.format(max_) + "\""));
    } else {
      option_ = *value;
    }
  }
  std::string show() const override { return "\"" + measure_.format(option_) + "\""; }

 private:
  const Measure<Value>& measure_;
  Value& option_;
  Value min_;
  Value max_;
};

class ChoiceKind final : public Kind {
 public:
  ChoiceKind(std::vector<std::string_view> words, std::function<std::size_t()> get,
             std::function<void(std::size_t)> set)
      : Kind(Shape::text), words_(std::move(words)), get_(std::move(get)), set_(std::move(set)) {}
  void read(const Node& node, Reading& reading) override {
    const auto* text = std::get_if<std::string>(&node.data);
    for (std::size_t i = 0; text != nullptr && i < words_.size(); ++i) {
      if (words_[i] != *text) continue;
      set_(i);
      return;
    }
    std::string allowed = "one of";
    for (const auto word : words_)
      allowed += " \"" + std::string(word) + "\"";
    reading.fault(node, not_allowed(node, allowed));
  }
  std::string show() const override { return "\"" + std::string(words_[get_()]) + "\""; }

 private:
  std::vector<std::string_view> words_;
  std::function<std::size_t()> get_;
  std::function<void(std::size_t)> set_;
};

}  // namespace

KindPtr text_kind(std::string& option, TextRule rule) {
  return std::make_unique<TextKind>(option, rule);
}

KindPtr flag_kind(bool& option) {
  return std::make_unique<FlagKind>(option);
}

KindPtr integer_kind(std::uint64_t& option, std::uint64_t min, std::uint64_t max) {
  return std::make_unique<IntegerKind>(option, min, max);
}

KindPtr auto_or_integer_kind(std::optional<std::uint64_t>& option, std::uint64_t min,
                             std::uint64_t max) {
  return std::make_unique<AutoOrIntegerKind>(option, min, max);
}

KindPtr number_kind(double& option, double min, double max) {
  return std::make_unique<NumberKind>(option, min, max);
}

KindPtr duration_kind(Duration& option, Duration min, Duration max) {
  return std::make_unique<MeasureKind<Duration>>(duration_measure, option, min, max);
}

KindPtr size_kind(std::uint64_t& option, std::uint64_t min, std::uint64_t max) {
  return std::make_unique<MeasureKind<std::uint64_t>>(size_measure, option, min, max);
}

KindPtr choice_kind(std::vector<std::string_view> words, std::function<std::size_t()> get,
                    std::function<void(std::size_t)> set) {
  return std::make_unique<ChoiceKind>(std::move(words), std::move(get), std::move(set));
}

}  // namespace muster::config
