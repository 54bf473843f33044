// Time-outs: docs/protocol.md, section 4.

#include <gtest/gtest.h>

#include "tests/unit/broker/bench.hpp"

namespace muster::broker {
namespace {

using namespace std::chrono_literals;

TEST(Timeout, WhileWaiting) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0);
  bench.request(5, 1, with([](auto& o) { o.timeout = 500ms; }));
  bench.drop();
  bench.pass(500ms);
  EXPECT_EQ(bench.take(), Lines{"c5 ERROR 1 WORKER_TIMEOUT queued"});
  EXPECT_TRUE(bench.errors().back().meta.retryable);
}

// A worker is not accused of the time for which a request waited.
TEST(Timeout, TellsForHowLongTheWorkerHadTheRequest) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0, with([](auto& o) { o.timeout = 900ms; }));
  bench.request(5, 1, with([](auto& o) { o.timeout = 900ms; }));
  bench.pass(500ms);
  bench.final(1, 0);
  bench.pass(400ms);
  EXPECT_EQ(bench.errors().back().message,
            "worker \"A\" gave no part of an answer within 0.9 s, of which it had the request for "
            "0.4 s");
  bench.error(1, 1, ErrorCode::cancelled);
  bench.request(5, 2, with([](auto& o) { o.timeout = 900ms; }));
  bench.pass(900ms, {1});
  EXPECT_EQ(bench.errors().back().message, "worker \"A\" gave no part of an answer within 0.9 s");
}

TEST(Timeout, WhileRunningCancelsAndKeepsTheSlot) {
  Bench bench;
  bench.add_worker(1);
  bench.request(5, 0, with([](auto& o) { o.timeout = 500ms; }));
  bench.request(5, 1);
  bench.drop();
  bench.pass(500ms);
  EXPECT_EQ(bench.take(), (Lines{"c5 ERROR 0 WORKER_TIMEOUT running", "w1 CANCEL #0"}));
  EXPECT_FALSE(bench.errors().back().meta.retryable);
  bench.error(1, 0, ErrorCode::cancelled);
  EXPECT_EQ(bench.take(), Lines{"w1 REQUEST #1"});
}

TEST(Timeout, UntilTheFirstPart) {
  Bench bench;
  bench.add_worker(1);
  auto options = streamed();
  options.first_timeout = 300ms;
  bench.request(5, 0, options);
  bench.drop();
  bench.pass(300ms);
  EXPECT_EQ(bench.take(), (Lines{"c5 ERROR 0 WORKER_TIMEOUT first", "w1 CANCEL #0"}));
}

TEST(Timeout, BetweenParts) {
  Bench bench;
  bench.add_worker(1);
  auto options = streamed();
  options.first_timeout = 300ms;
  options.idle_timeout = 200ms;
  bench.request(5, 0, options);
  bench.pass(250ms);
  bench.chunk(1, 0, 0);
  bench.pass(150ms);
  bench.chunk(1, 0, 1);
  bench.pass(199ms);
  bench.drop();
  bench.pass(1ms);
  EXPECT_EQ(bench.take(), (Lines{"c5 ERROR 0 WORKER_TIMEOUT idle", "w1 CANCEL #0"}));
}

TEST(Timeout, DefaultsClampAndZero) {
  ControllerOptions options;
  options.request_timeout = 1s;
  options.request_timeout_max = 2s;
  Bench bench{options};
  bench.add_worker(1, {.slots = 4});
  bench.request(5, 0);
  bench.request(5, 1, with([](auto& o) { o.timeout = 1h; }));
  bench.request(5, 2, with([](auto& o) { o.timeout = 0ms; }));
  EXPECT_EQ(bench.take().back(), "c5 ERROR 2 BAD_REQUEST");
  bench.pass(1s, {1});
  EXPECT_EQ(bench.take().front(), "c5 ERROR 0 WORKER_TIMEOUT running");
  bench.pass(1s, {1});
  EXPECT_EQ(bench.take().front(), "c5 ERROR 1 WORKER_TIMEOUT running");
}

}  // namespace
}  // namespace muster::broker
