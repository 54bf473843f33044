#pragma once

// What an engine tells of its own work at GET /metrics, in Prometheus' text format, read leniently:
// a line that is not understood, or whose value is no finite number of 0 or more, tells nothing.
//
//              vllm:                           sglang:                   llamacpp:
//   steps      iteration_tokens_total_count,   realtime_tokens_total     n_decode_total
//              generation_tokens_total
//   totals     prompt_tokens_total             prompt_tokens_total,      prompt_tokens_total,
//                                              generation_tokens_total   tokens_predicted_total
//   requests   num_requests_running,           num_running_reqs,         requests_processing,
//              num_requests_waiting            num_queue_reqs            requests_deferred
//   cache      kv_cache_usage_perc, formerly   token_usage               formerly
//              gpu_cache_usage_perc                                      kv_cache_usage_ratio
//
// vLLM has them but for --disable-log-stats, SGLang with --enable-metrics, llama.cpp's server with
// --metrics.
//
// The idea: whether an engine works shows only in what moves while an answer is being made. Steps
// do; totals move when a prompt or a whole request is done, which may take minutes. vLLM counts no
// iteration that gives no token, as those of a long prompt in chunks: but its cache fills with each
// of them. So a change of the cache's usage counts as work, too, and a counter is told only where
// there are steps or a cache to go by. An engine that hangs moves none of them.
//
// llama.cpp writes six digits: beyond a million its counter moves in tens, and so on. For many
// months that is far more often than half a minute.
//
// Of a count, the samples with different labels are added up, but those of the ranks that share one
// request count once, and of SGLang's split by priority only the sum; of a usage the highest is
// taken.
//
// Pure; the cost is linear in the text, whose size is bounded by whoever reads it.

#include <cstdint>
#include <optional>
#include <string_view>

namespace muster::agent {

struct EngineMetrics {
  std::optional<std::uint64_t> done;      // steps and tokens; rises while the engine works
  std::optional<std::uint64_t> requests;  // running and waiting; only where it tells both
  std::optional<double> kv_cache_usage;   // 0 to 1
  [[nodiscard]] bool any() const { return done || requests || kv_cache_usage; }
  friend bool operator==(const EngineMetrics&, const EngineMetrics&) = default;
};

[[nodiscard]] EngineMetrics read_engine_metrics(std::string_view text);

// What an engine has got done since it was first asked: rises whenever it has moved between two
// readings, and never falls, also where the engine starts anew and counts from nothing.
class EngineProgress {
 public:
  void take(const EngineMetrics& metrics);
  [[nodiscard]] std::uint64_t total() const { return total_; }

 private:
  void add(std::uint64_t more);

  std::optional<std::uint64_t> done_;
  std::optional<double> kv_cache_usage_;
  std::uint64_t total_ = 0;
};

}  // namespace muster::agent
