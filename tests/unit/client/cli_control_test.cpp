// The commands of `muster` against a broker that the test plays itself.

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/unit/client/test_broker.hpp"
#include "tools/cli/ask.hpp"
#include "tools/cli/control.hpp"
#include "tools/cli/show.hpp"

namespace muster::cli {
namespace {

using client::TestBroker;
using namespace std::chrono_literals;

// One command, as a process of its own would run it.
class Running {
 public:
  template <class Options>
  Running(TestBroker& broker, Options options) : broker_(broker) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    options.broker.endpoint = broker.endpoint();
    thread_ = std::thread([this, options] {
      code_ = run(options);
      done_ = true;
    });
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    if (thread_.joinable()) end();
  }

  // The next query, which is this one.
  std::pair<std::uint32_t, Query> asks(std::string_view name) {
    auto query = broker_.next<Query>();
    EXPECT_EQ(query.second.name, name);
    return query;
  }
  void answered(std::string_view name, Value result) {
    const auto [peer, query] = asks(name);
    broker_.say(peer, Answer{query.id, std::move(result)});
  }

  ExitCode end() {
    const bool ended = broker_.until([this] { return done_.load(); });
    thread_.join();
    out = testing::internal::GetCapturedStdout();
    err = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(ended);
    return code_;
  }

  std::string out;
  std::string err;

 private:
  TestBroker& broker_;
  std::atomic<bool> done_ = false;
  ExitCode code_{};
  std::thread thread_;
};

Value none() {
  return Value::Map{};
}

Value workers(std::string_view state, int in_flight) {
  return Value::Map{
      {"workers",
       Value::Array{Value::Map{{"worker", "other"}, {"state", "ready"}, {"in_flight", 9}},
                    Value::Map{{"worker", "gpu7"}, {"state", state}, {"in_flight", in_flight}}}}};
}

Value without_workers() {
  return Value::Map{{"workers", Value::Array{}}};
}

// ---- drain, undrain, remove -------------------------------------------------------------------

TEST(CliControl, DrainsAWorker) {
  TestBroker broker;
  Running drain(broker, DrainOptions{.worker = "gpu7", .reason = "new driver"});
  const auto [peer, query] = drain.asks("drain");
  EXPECT_EQ(query.args,
            (Value{Value::Map{{"worker", "gpu7"}, {"on", true}, {"reason", "new driver"}}}));
  broker.say(peer, Answer{query.id, none()});
  EXPECT_EQ(drain.end(), ExitCode::ok);
  EXPECT_EQ(drain.out, "gpu7 is told to drain; `muster workers` shows how far it is\n");
  EXPECT_EQ(drain.err, "");
}

TEST(CliControl, TakesItBack) {
  TestBroker broker;
  Running undrain(broker, UndrainOptions{.worker = "gpu7"});
  const auto [peer, query] = undrain.asks("drain");
  EXPECT_EQ(query.args, (Value{Value::Map{{"worker", "gpu7"}, {"on", false}}}));
  broker.say(peer, Answer{query.id, none()});
  EXPECT_EQ(undrain.end(), ExitCode::ok);
  EXPECT_EQ(undrain.out, "gpu7 is told to take requests again\n");
}

TEST(CliControl, RemovesAWorker) {
  TestBroker broker;
  Running remove(broker, RemoveOptions{.worker = "gpu7"});
  const auto [peer, query] = remove.asks("remove");
  EXPECT_EQ(query.args, (Value{Value::Map{{"worker", "gpu7"}}}));
  broker.say(peer, Answer{query.id, none()});
  EXPECT_EQ(remove.end(), ExitCode::ok);
  EXPECT_EQ(
      remove.out,
      "gpu7 is removed; what it had not begun to answer goes to others, the rest has ended\n");
}

TEST(CliControl, SaysWhatTheBrokerHasAgainstIt) {
  for (const bool wait : {false, true}) {
    TestBroker broker;
    Running drain(broker, DrainOptions{.worker = "gpu9", .wait = wait});
    const auto [peer, query] = drain.asks("drain");
    broker.say(peer, Error{query.id, ErrorCode::bad_request, "There is no worker gpu9.", {}});
    EXPECT_EQ(drain.end(), ExitCode::failed);
    EXPECT_EQ(drain.err, "muster: BAD_REQUEST: There is no worker gpu9.\n");
    EXPECT_EQ(drain.out, "");
  }
}

TEST(CliControl, AnOrderIsNotGivenTwiceByItself) {
  TestBroker broker;
  Running remove(broker, RemoveOptions{.worker = "gpu7"});
  remove.asks("remove");
  broker.close();
  broker.reopen();
  EXPECT_EQ(remove.end(), ExitCode::failed);
  EXPECT_TRUE(remove.err.starts_with("muster: CONNECTION_LOST")) << remove.err;
}

// ---- drain --wait -----------------------------------------------------------------------------

TEST(CliDrainWait, TellsHowFarItIsUntilNothingIsInHand) {
  TestBroker broker;
  Running drain(broker, DrainOptions{.worker = "gpu7", .wait = true});
  drain.answered("drain", none());
  drain.answered("workers", workers("ready", 0));  // it has not heard of it yet
  drain.answered("workers", workers("draining", 2));
  drain.answered("workers", workers("draining", 2));
  drain.answered("workers", workers("draining", 1));
  drain.answered("workers", workers("draining", 0));
  EXPECT_EQ(drain.end(), ExitCode::ok);
  EXPECT_EQ(drain.out, "gpu7 has drained\n");
  EXPECT_EQ(drain.err,
            "muster: gpu7 is ready and has 0 requests in hand\n"
            "muster: gpu7 is draining and has 2 requests in hand\n"
            "muster: gpu7 is draining and has 1 request in hand\n");
}

TEST(CliDrainWait, AWorkerThatIsGoneHasNothingInHand) {
  TestBroker broker;
  Running drain(broker, DrainOptions{.worker = "gpu7", .wait = true});
  drain.answered("drain", none());
  drain.answered(
      "workers",
      Value::Map{{"workers",
                  Value::Array{Value::Map{{"worker", "gpu7"}, {"state", "gone"}, {"gone", 10}}}}});
  EXPECT_EQ(drain.end(), ExitCode::ok);
  EXPECT_EQ(drain.out, "gpu7 is gone\n");
}

TEST(CliDrainWait, ABrokerThatHasRestartedMayNotKnowItAtOnce) {
  TestBroker broker;
  Running drain(broker, DrainOptions{.worker = "gpu7", .wait = true});
  drain.answered("drain", none());
  drain.answered("workers", workers("draining", 1));
  drain.asks("workers");
  broker.close();
  broker.reopen();
  drain.answered("workers", without_workers());
  drain.answered("workers", workers("draining", 0));
  EXPECT_EQ(drain.end(), ExitCode::ok);
  EXPECT_EQ(drain.out, "gpu7 has drained\n");
  EXPECT_NE(drain.err.find("muster: the broker does not know gpu7 now\n"), std::string::npos);
}

TEST(CliDrainWait, GivesUpWhenItsTimeIsOver) {
  TestBroker broker;
  Running drain(broker, DrainOptions{.broker = {.timeout = client::Milliseconds{400}},
                                     .worker = "gpu7",
                                     .wait = true});
  drain.answered("drain", none());
  drain.answered("workers", workers("draining", 1));
  drain.answered("workers", workers("draining", 1));
  EXPECT_EQ(drain.end(), ExitCode::timed_out);
  EXPECT_EQ(drain.out, "");
  EXPECT_NE(drain.err.find("gpu7 has not drained within 400ms"), std::string::npos) << drain.err;
}

TEST(CliDrainWait, ANewOrderToTakeRequestsEndsIt) {
  TestBroker broker;
  Running drain(broker, DrainOptions{.worker = "gpu7", .wait = true});
  drain.answered("drain", none());
  drain.answered("workers", workers("draining", 1));
  drain.answered("workers", workers("ready", 0));
  EXPECT_EQ(drain.end(), ExitCode::failed);
  EXPECT_NE(drain.err.find("gpu7 takes requests again"), std::string::npos) << drain.err;
}

// ---- refresh and why --------------------------------------------------------------------------

TEST(CliShow, RefreshShowsWhatWorkersShows) {
  TestBroker broker;
  Running refresh(broker, RefreshOptions{});
  refresh.answered("refresh", workers("ready", 1));
  EXPECT_EQ(refresh.end(), ExitCode::ok);
  EXPECT_TRUE(refresh.out.starts_with("WORKER  STATE")) << refresh.out;
  EXPECT_NE(refresh.out.find("gpu7    ready"), std::string::npos) << refresh.out;
}

TEST(CliShow, WhyAsksForOneModelOrAll) {
  for (const std::string model : {"", "llama"}) {
    for (const bool json : {false, true}) {
      TestBroker broker;
      WhyOptions options;
      options.model = model;
      options.json = json;
      Running why(broker, options);
      const auto [peer, query] = why.asks("why");
      EXPECT_EQ(query.args, (model.empty() ? none() : Value{Value::Map{{"model", Value{model}}}}));
      broker.say(peer, Answer{query.id, Value::Map{{"models", Value::Array{}}}});
      EXPECT_EQ(why.end(), ExitCode::ok);
      EXPECT_EQ(why.out, json ? "{\n  \"models\": []\n}\n"
                              : "No model is known; see `muster workers` for who is there.\n");
    }
  }
}

// ---- ask --------------------------------------------------------------------------------------

TEST(CliAsk, SurvivesABrokersRestartAndSaysSo) {
  TestBroker broker;
  AskOptions options;
  options.model = "llama";
  options.prompt = "Why?";
  Running ask(broker, options);
  ask.answered("models", none());
  broker.next<Request>();
  broker.close();
  broker.reopen();
  const auto [peer, request] = broker.next<Request>();
  broker.say(peer, Final{request.id, 0, {.status = 200, .type = "application/json"}},
             R"({"choices":[{"message":{"content":"So."}}]})");
  EXPECT_EQ(ask.end(), ExitCode::ok);
  EXPECT_EQ(ask.out, "So.\n");
  EXPECT_EQ(ask.err, "muster: the connection to the broker at " + broker.endpoint() +
                         " was lost and made anew; the question is asked again as soon as a broker "
                         "is there\n");
}

TEST(CliAsk, SaysThatTheAnswerBrokeOff) {
  TestBroker broker;
  AskOptions options;
  options.model = "llama";
  options.prompt = "Why?";
  Running ask(broker, options);
  ask.answered("models", none());
  const auto [peer, request] = broker.next<Request>();
  broker.say(peer, Chunk{request.id, 0, {.status = 200, .type = "text/event-stream"}},
             "data: {\"choices\":[{\"text\":\"So\"}]}\n\n");
  ASSERT_TRUE(broker.until([&] { return broker.heartbeats > 1; }));  // what came has been read
  broker.close();
  broker.reopen();
  EXPECT_EQ(ask.end(), ExitCode::failed);
  EXPECT_EQ(ask.out, "So\n");
  EXPECT_TRUE(ask.err.starts_with("muster: CONNECTION_LOST: the connection to the broker at "))
      << ask.err;
}

}  // namespace
}  // namespace muster::cli
