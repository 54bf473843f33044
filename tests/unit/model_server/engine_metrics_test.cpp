#include "worker_agent/model_server/engine_metrics.hpp"

#include <gtest/gtest.h>

#include <string>

namespace muster::agent {
namespace {

// Shortened in their middle, the lines as the engines write them.
constexpr const char* vllm_text =
    R"(# HELP python_gc_objects_collected_total Objects collected during gc
# TYPE python_gc_objects_collected_total counter
python_gc_objects_collected_total{generation="0"} 12345.0
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="qwen"} 3.0
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="qwen"} 2.0
# TYPE vllm:num_requests_waiting_by_reason gauge
vllm:num_requests_waiting_by_reason{engine="0",model_name="qwen",reason="capacity"} 2.0
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="qwen"} 0.4180790960451978
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{engine="0",model_name="qwen"} 1.024e+03
# TYPE vllm:prompt_tokens_created gauge
vllm:prompt_tokens_created{engine="0",model_name="qwen"} 1.7536928e+09
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{engine="0",model_name="qwen"} 200.0
# TYPE vllm:iteration_tokens_total histogram
vllm:iteration_tokens_total_bucket{engine="0",le="1.0",model_name="qwen"} 90.0
vllm:iteration_tokens_total_bucket{engine="0",le="+Inf",model_name="qwen"} 100.0
vllm:iteration_tokens_total_count{engine="0",model_name="qwen"} 100.0
vllm:iteration_tokens_total_sum{engine="0",model_name="qwen"} 1224.0
)";

constexpr const char* sglang_text =
    R"(# HELP sglang:num_running_reqs The number of running requests.
# TYPE sglang:num_running_reqs gauge
sglang:num_running_reqs{engine_type="unified",model_name="glm",pp_rank="0",tp_rank="0"} 7.0
sglang:num_queue_reqs{engine_type="unified",model_name="glm",pp_rank="0",tp_rank="0"} 4.0
sglang:token_usage{engine_type="unified",model_name="glm",pp_rank="0",tp_rank="0"} 0.28
sglang:prompt_tokens_total{engine_type="unified",model_name="glm"} 5000.0
sglang:generation_tokens_total{engine_type="unified",model_name="glm"} 700.0
sglang:realtime_tokens_total{mode="prefill_compute",model_name="glm",tp_rank="0"} 4000.0
sglang:realtime_tokens_total{mode="decode",model_name="glm",tp_rank="0"} 900.0
sglang:gen_throughput{engine_type="unified",model_name="glm",tp_rank="0"} 86.5
)";

constexpr const char* llamacpp_text =
    R"(# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed.
# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total 77690
# HELP llamacpp:tokens_predicted_total Number of generation tokens processed.
# TYPE llamacpp:tokens_predicted_total counter
llamacpp:tokens_predicted_total 310
# TYPE llamacpp:n_decode_total counter
llamacpp:n_decode_total 1.2e+06
# TYPE llamacpp:predicted_tokens_seconds gauge
llamacpp:predicted_tokens_seconds 93.634
# TYPE llamacpp:requests_processing gauge
llamacpp:requests_processing 2
# TYPE llamacpp:requests_deferred gauge
llamacpp:requests_deferred 1
)";

EngineMetrics read(const std::string& text) {
  return read_engine_metrics(text);
}

TEST(EngineMetrics, OfVllm) {
  const EngineMetrics metrics = read(vllm_text);
  EXPECT_EQ(metrics.done, 1024u + 200u + 100u);
  EXPECT_EQ(metrics.requests, 5u);
  EXPECT_DOUBLE_EQ(metrics.kv_cache_usage.value_or(-1), 0.4180790960451978);
}

TEST(EngineMetrics, OfOlderVllm) {
  const EngineMetrics metrics = read(
      "vllm:num_requests_running{model_name=\"m\"} 1.0\n"
      "vllm:num_requests_swapped{model_name=\"m\"} 9.0\n"
      "vllm:num_requests_waiting{model_name=\"m\"} 0.0\n"
      "vllm:gpu_cache_usage_perc{model_name=\"m\"} 0.5\n"
      "vllm:generation_tokens_total{model_name=\"m\"} 12.0\n");
  EXPECT_EQ(metrics, (EngineMetrics{12, 1, 0.5}));
}

TEST(EngineMetrics, OfSglang) {
  EXPECT_EQ(read(sglang_text), (EngineMetrics{5000 + 700 + 4000 + 900, 11, 0.28}));
}

TEST(EngineMetrics, OfLlamaCpp) {
  EXPECT_EQ(read(llamacpp_text), (EngineMetrics{77690 + 310 + 1'200'000, 3, std::nullopt}));
}

TEST(EngineMetrics, OfOlderLlamaCpp) {
  EXPECT_EQ(read("llamacpp:tokens_predicted_total 34\nllamacpp:kv_cache_usage_ratio 0.2\n"),
            (EngineMetrics{34, std::nullopt, 0.2}));
}

// What only moves when a request has ended would make a long answer look like a stall.
TEST(EngineMetrics, TotalsAloneAreNoCounterToGoBy) {
  EXPECT_EQ(read("llamacpp:prompt_tokens_total 5\nllamacpp:tokens_predicted_total 34\n"),
            EngineMetrics{});
  EXPECT_EQ(read("sglang:prompt_tokens_total 5\nsglang:num_running_reqs 1\n"), EngineMetrics{});
  EXPECT_EQ(read("sglang:prompt_tokens_total 5\nsglang:token_usage 0\n").done, 5u);
}

TEST(EngineMetrics, RequestsAreToldOnlyWhereBothAre) {
  EXPECT_EQ(read("vllm:num_requests_running 3\n"), EngineMetrics{});
  EXPECT_EQ(read("vllm:num_requests_waiting 3\n"), EngineMetrics{});
  EXPECT_EQ(read("vllm:num_requests_waiting 3\nvllm:num_requests_running 0\n").requests, 3u);
}

TEST(EngineMetrics, SeveralEnginesAddUpAndTheFullestCacheCounts) {
  const EngineMetrics metrics = read(
      "vllm:num_requests_running{engine=\"0\"} 1\nvllm:num_requests_running{engine=\"1\"} 2\n"
      "vllm:num_requests_waiting{engine=\"0\"} 4\nvllm:num_requests_waiting{engine=\"1\"} 0\n"
      "vllm:kv_cache_usage_perc{engine=\"0\"} 0.1\nvllm:kv_cache_usage_perc{engine=\"1\"} 0.9\n"
      "vllm:kv_cache_usage_perc{engine=\"2\"} 0.3\n"
      "vllm:iteration_tokens_total_count{engine=\"0\"} 10\n"
      "vllm:iteration_tokens_total_count{engine=\"1\"} 20\n");
  EXPECT_EQ(metrics, (EngineMetrics{30, 7, 0.9}));
}

TEST(EngineMetrics, RanksThatShareRequestsCountOnce) {
  const EngineMetrics metrics = read(
      "sglang:num_running_reqs{dp_rank=\"0\",tp_rank=\"0\"} 3\n"
      "sglang:num_running_reqs{dp_rank=\"0\",tp_rank=\"1\"} 3\n"
      "sglang:num_running_reqs{dp_rank=\"1\",tp_rank=\"2\"} 2\n"
      "sglang:num_running_reqs{dp_rank=\"1\",tp_rank=\"3\"} 2\n"
      "sglang:num_queue_reqs{dp_rank=\"0\",pp_rank=\"0\",tp_rank=\"0\"} 1\n"
      "sglang:num_queue_reqs{dp_rank=\"0\",pp_rank=\"1\",tp_rank=\"0\"} 1\n");
  EXPECT_EQ(metrics.requests, 3u + 2u + 1u);
}

TEST(EngineMetrics, WhatIsSplitByPriorityCountsOnce) {
  const EngineMetrics metrics = read(
      "sglang:num_running_reqs{priority=\"\"} 3\nsglang:num_running_reqs{priority=\"1\"} 2\n"
      "sglang:num_running_reqs{priority=\"0\"} 1\nsglang:num_queue_reqs{priority=\"\"} 0\n");
  EXPECT_EQ(metrics.requests, 3u);
}

TEST(EngineMetrics, LabelsMayHoldAnything) {
  const EngineMetrics metrics = read(
      "vllm:num_requests_running{model_name=\"a\\\"} 9\\\\\",engine=\"0\",} 2\n"
      "vllm:num_requests_waiting{ engine=\"0\" , model_name=\"x y\" }  1  1753692800000\r\n");
  EXPECT_EQ(metrics.requests, 3u);
}

TEST(EngineMetrics, LinesThatAreNotUnderstoodTellNothing) {
  for (const char* line :
       {"", "\n\n", "#", "vllm:kv_cache_usage_perc", "vllm:kv_cache_usage_perc ",
        "vllm:kv_cache_usage_perc NaN", "vllm:kv_cache_usage_perc +Inf",
        "vllm:kv_cache_usage_perc -1", "vllm:kv_cache_usage_perc 0.5x", "vllm:kv_cache_usage_perc{",
        "vllm:kv_cache_usage_perc{a=\"b", "vllm:kv_cache_usage_perc{a}",
        "vllm:kv_cache_usage_perc{a=\"b\\", "vllm:kv_cache_usage_perc{a=\"b\"",
        "xvllm:kv_cache_usage_perc 1", "# vllm:kv_cache_usage_perc 1",
        "vllm:kv_cache_usage_percx 1", "{} 1", "<html>"})
    EXPECT_FALSE(read(line).any()) << line;
  EXPECT_EQ(read("nonsense\nvllm:kv_cache_usage_perc 0.5").kv_cache_usage, 0.5)
      << "a last line without its end";
  EXPECT_EQ(read("vllm:kv_cache_usage_perc 93\n").kv_cache_usage, 1.0);
  EXPECT_EQ(read("vllm:generation_tokens_total 1e300\n").done, std::uint64_t{1} << 53);
}

// ---- what it comes to over time ----------------------------------------------------------------

EngineMetrics done(std::uint64_t count, std::optional<double> usage = {}) {
  return {count, {}, usage};
}

TEST(EngineProgress, RisesWithTheEnginesCounter) {
  EngineProgress progress;
  progress.take(done(1000));
  EXPECT_EQ(progress.total(), 0u) << "what was before is nobody's news";
  progress.take(done(1000));
  EXPECT_EQ(progress.total(), 0u);
  progress.take(done(1007));
  EXPECT_EQ(progress.total(), 7u);
}

TEST(EngineProgress, NeverFallsWhereTheCounterDoes) {
  EngineProgress progress;
  progress.take(done(1000));
  progress.take(done(1010));
  progress.take(done(4));
  EXPECT_EQ(progress.total(), 14u);
  progress.take(done(0));
  EXPECT_EQ(progress.total(), 15u) << "it has started, at least";
  progress.take(done(2));
  EXPECT_EQ(progress.total(), 17u);
}

// A prompt in chunks: no counter moves, but the cache fills.
TEST(EngineProgress, AChangeOfTheCachesUsageIsWork) {
  EngineProgress progress;
  progress.take(done(5, 0.1));
  progress.take(done(5, 0.2));
  progress.take(done(5, 0.2));
  progress.take(done(5, 0.15));
  EXPECT_EQ(progress.total(), 2u);
  progress.take(EngineMetrics{});
  progress.take(done(6, 0.15));
  EXPECT_EQ(progress.total(), 3u) << "what was not told once is compared with what was told before";
}

TEST(EngineProgress, StopsAtTheLargestCount) {
  EngineProgress progress;
  progress.take(done(UINT64_MAX));
  progress.take(done(UINT64_MAX - 1));
  progress.take(done(UINT64_MAX - 2));
  EXPECT_EQ(progress.total(), UINT64_MAX);
}

}  // namespace
}  // namespace muster::agent
