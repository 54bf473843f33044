#include "worker_agent/model_server/engine_metrics.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <string>

namespace muster::agent {
namespace {

// A double counts exactly up to here.
constexpr double count_max = 9007199254740992.0;

enum class Kind : std::uint8_t { steps, totals, running, waiting, usage };
constexpr std::size_t kinds = 5;

struct Known {
  std::string_view name;
  Kind kind;
};
constexpr std::array known_names = {
    Known{"vllm:iteration_tokens_total_count", Kind::steps},
    Known{"vllm:generation_tokens_total", Kind::steps},
    Known{"vllm:prompt_tokens_total", Kind::totals},
    Known{"vllm:num_requests_running", Kind::running},
    Known{"vllm:num_requests_waiting", Kind::waiting},
    Known{"vllm:kv_cache_usage_perc", Kind::usage},
    Known{"vllm:gpu_cache_usage_perc", Kind::usage},
    Known{"sglang:realtime_tokens_total", Kind::steps},
    Known{"sglang:prompt_tokens_total", Kind::totals},
    Known{"sglang:generation_tokens_total", Kind::totals},
    Known{"sglang:num_running_reqs", Kind::running},
    Known{"sglang:num_queue_reqs", Kind::waiting},
    Known{"sglang:token_usage", Kind::usage},
    Known{"llamacpp:n_decode_total", Kind::steps},
    Known{"llamacpp:prompt_tokens_total", Kind::totals},
    Known{"llamacpp:tokens_predicted_total", Kind::totals},
    Known{"llamacpp:requests_processing", Kind::running},
    Known{"llamacpp:requests_deferred", Kind::waiting},
    Known{"llamacpp:kv_cache_usage_ratio", Kind::usage},
};

std::optional<Kind> kind_of(std::string_view name) {
  const auto* found = std::find_if(known_names.begin(), known_names.end(),
                                   [name](const Known& known) { return known.name == name; });
  return found == known_names.end() ? std::nullopt : std::optional{found->kind};
}

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && blank(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && blank(text.back()))
    text.remove_suffix(1);
  return text;
}

// The value stands first; a timestamp may follow.
std::optional<double> value_in(std::string_view text) {
  text = trimmed(text);
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool ends = read.ptr == text.data() + text.size() || *read.ptr == ' ' || *read.ptr == '\t';
  if (read.ec != std::errc{} || !ends || !std::isfinite(value) || value < 0) return std::nullopt;
  return value;
}

struct Labels {
  std::string who;    // of whom it is told: all labels but those of the ranks within
  bool part = false;  // of a sum that is told as well
};

// Takes `name="value", ...}` off the front of `rest`; nothing where it is not that.
std::optional<Labels> take_labels(std::string_view& rest) {
  Labels labels;
  while (true) {
    while (!rest.empty() && (rest.front() == ',' || rest.front() == ' '))
      rest.remove_prefix(1);
    if (rest.starts_with('}')) {
      rest.remove_prefix(1);
      return labels;
    }
    const std::size_t quote = rest.find("=\"");
    if (quote == std::string_view::npos) return std::nullopt;
    const std::string_view name = trimmed(rest.substr(0, quote));
    std::size_t end = quote + 2;
    while (end < rest.size() && rest[end] != '"')
      end += rest[end] == '\\' ? 2 : 1;
    if (end >= rest.size()) return std::nullopt;
    const std::string_view value = rest.substr(quote + 2, end - quote - 2);
    if (name == "priority" && !value.empty()) labels.part = true;
    if (name != "tp_rank" && name != "pp_rank" && name != "moe_ep_rank")
      labels.who.append(rest.substr(0, end + 1)).push_back(',');
    rest.remove_prefix(end + 1);
  }
}

class Reading {
 public:
  void line(std::string_view text) {
    if (text.empty() || text.front() == '#') return;
    const std::size_t name_end = text.find_first_of("{ \t");
    if (name_end == std::string_view::npos) return;
    const std::optional<Kind> kind = kind_of(text.substr(0, name_end));
    if (!kind) return;
    std::optional<Labels> labels = Labels{};
    std::string_view rest = text.substr(name_end);
    if (rest.front() == '{') {
      rest.remove_prefix(1);
      labels = take_labels(rest);
    }
    const std::optional<double> value = value_in(rest);
    if (!labels || labels->part || !value) return;
    take(*kind, labels->who, *value);
  }

  [[nodiscard]] EngineMetrics result() const {
    EngineMetrics metrics;
    metrics.kv_cache_usage = usage_;
    const bool counted = seen(Kind::steps) || seen(Kind::totals);
    if (counted && (seen(Kind::steps) || usage_)) metrics.done = whole(done_);
    if (seen(Kind::running) && seen(Kind::waiting)) {
      double sum = 0;
      for (const auto& [who, count] : requests_)
        sum += count;
      metrics.requests = whole(sum);
    }
    return metrics;
  }

 private:
  void take(Kind kind, const std::string& who, double value) {
    seen_[static_cast<std::size_t>(kind)] = true;
    switch (kind) {
      case Kind::steps:
      case Kind::totals:
        done_ += value;
        return;
      case Kind::running:
      case Kind::waiting: {
        double& count = requests_[{kind, who}];
        count = std::max(count, value);
        return;
      }
      case Kind::usage:
        usage_ = std::max(usage_.value_or(0), std::min(value, 1.0));
        return;
    }
  }

  [[nodiscard]] bool seen(Kind kind) const { return seen_[static_cast<std::size_t>(kind)]; }
  static std::uint64_t whole(double sum) {
    return static_cast<std::uint64_t>(std::min(sum, count_max));
  }

  std::array<bool, kinds> seen_{};
  double done_ = 0;
  std::map<std::pair<Kind, std::string>, double> requests_;
  std::optional<double> usage_;
};

}  // namespace

EngineMetrics read_engine_metrics(std::string_view text) {
  Reading reading;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    reading.line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return reading.result();
}

void EngineProgress::take(const EngineMetrics& metrics) {
  if (metrics.done && done_) {
    // One that has started anew has done since then what it counts; at least it has started.
    const bool anew = *metrics.done < *done_;
    add(anew ? std::max(*metrics.done, std::uint64_t{1}) : *metrics.done - *done_);
  }
  if (metrics.kv_cache_usage && kv_cache_usage_ && *metrics.kv_cache_usage != *kv_cache_usage_)
    add(1);
  if (metrics.done) done_ = metrics.done;
  if (metrics.kv_cache_usage) kv_cache_usage_ = metrics.kv_cache_usage;
}

void EngineProgress::add(std::uint64_t more) {
  total_ += std::min(more, UINT64_MAX - total_);
}

}  // namespace muster::agent
