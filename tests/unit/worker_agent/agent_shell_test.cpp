// The agent on real sockets: its shell with the built-in model server, against a broker made by
// hand.

#include "worker_agent/shell/agent_shell.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <utility>

#include "cutting_proxy.hpp"
#include "test_broker.hpp"
#include "worker_agent/model_server/echo_server.hpp"

namespace muster::agent::test {
namespace {

AgentOptions options_for(std::vector<std::string> brokers) {
  AgentOptions options;
  options.name = "host:echo";
  options.brokers = std::move(brokers);
  return options;
}

std::unique_ptr<ModelServer> echo(Duration per_token = {}) {
  EchoOptions options;
  options.per_token = per_token;
  return std::make_unique<EchoServer>(options);
}

std::string chat_body(const std::string& prompt, bool stream) {
  return "{\"model\":\"echo\",\"stream\":" + std::string{stream ? "true" : "false"} +
         ",\"messages\":[{\"role\":\"user\",\"content\":\"" + prompt + "\"}]}";
}

Request chat(std::uint64_t id, bool stream) {
  Request request;
  request.id = WireId{id};
  request.model = "echo";
  request.options.stream = stream;
  request.options.path = "/v1/chat/completions";
  request.options.type = "application/json";
  return request;
}

void ask(TestBroker& broker, std::uint32_t worker, std::uint64_t id, bool stream,
         const std::string& prompt) {
  broker.say(worker, chat(id, stream), Payload{chat_body(prompt, stream)});
}

// The text of one request's answer; the numbers of its CHUNKs and its FINAL must be right.
std::string answer_text(const TestBroker& broker, std::uint64_t id) {
  std::string text;
  std::uint64_t chunks = 0;
  bool ended = false;
  for (const Heard& one : broker.heard) {
    if (const auto* chunk = std::get_if<Chunk>(&one.message); chunk && chunk->id.value == id) {
      EXPECT_EQ(chunk->seq, chunks++);
      EXPECT_FALSE(ended);
      text += one.payload;
    }
    if (const auto* final = std::get_if<Final>(&one.message); final && final->id.value == id) {
      EXPECT_EQ(final->seq, chunks);
      EXPECT_FALSE(std::exchange(ended, true));
      text += one.payload;
    }
  }
  EXPECT_TRUE(ended);
  return text;
}

TEST(AgentShell, RegistersAndAnswersStreamedAndWhole) {
  transport::Context context;
  TestBroker broker{context};
  RunningAgent agent{context, options_for({broker.endpoint()}), echo()};
  const auto worker = broker.accept();
  ASSERT_TRUE(broker.until_state(WorkerState::ready));
  const auto registers = broker.all<Register>();
  EXPECT_EQ(registers[0]->info.worker, "host:echo");
  const auto beats = broker.all<WorkerHeartbeat>();
  EXPECT_EQ(beats.back()->slots, EchoServer::slots);

  ask(broker, worker, broker_id_min + 1, true, "Once upon a time");
  ask(broker, worker, broker_id_min + 2, false, "there was");
  ASSERT_TRUE(broker.until_end(broker_id_min + 1));
  ASSERT_TRUE(broker.until_end(broker_id_min + 2));
  const std::string streamed = answer_text(broker, broker_id_min + 1);
  EXPECT_NE(streamed.find("Once"), std::string::npos);
  EXPECT_NE(streamed.find("data: [DONE]"), std::string::npos);
  const auto chunks = broker.all<Chunk>();
  ASSERT_GE(chunks.size(), 4u);
  EXPECT_EQ(chunks[0]->meta.status, 200u);
  EXPECT_EQ(chunks[0]->meta.worker, "host:echo");
  EXPECT_NE(answer_text(broker, broker_id_min + 2).find("there was"), std::string::npos);
}

TEST(AgentShell, CancelStopsTheWork) {
  transport::Context context;
  TestBroker broker{context};
  RunningAgent agent{context, options_for({broker.endpoint()}), echo(10ms)};
  const auto worker = broker.accept();
  ASSERT_TRUE(broker.until_state(WorkerState::ready));
  std::string prompt;
  for (int i = 0; i < 5000; ++i)
    prompt += "word ";
  ask(broker, worker, broker_id_min, true, prompt);
  ASSERT_TRUE(broker.until([&] { return broker.all<Chunk>().size() >= 3; }));
  broker.say(worker, Cancel{WireId{broker_id_min}});
  ASSERT_TRUE(broker.until_end(broker_id_min));
  ASSERT_EQ(broker.all<Error>().size(), 1u);
  EXPECT_EQ(broker.all<Error>()[0]->code, ErrorCode::cancelled);
  // The progress that heartbeats tell stands still: the work has really stopped.
  const auto progress = [&] { return broker.all<WorkerHeartbeat>().back()->progress; };
  const std::size_t beats = broker.all<WorkerHeartbeat>().size();
  ASSERT_TRUE(broker.until([&] { return broker.all<WorkerHeartbeat>().size() >= beats + 1; }));
  const auto before = progress();
  ASSERT_TRUE(broker.until([&] { return broker.all<WorkerHeartbeat>().size() >= beats + 4; }));
  EXPECT_EQ(progress(), before);
}

TEST(AgentShell, MalformedInputHarmsNobody) {
  transport::Context context;
  TestBroker broker{context};
  RunningAgent agent{context, options_for({broker.endpoint()}), echo()};
  const auto worker = broker.accept();
  ASSERT_TRUE(broker.until_state(WorkerState::ready));
  broker.say_bytes(worker, "nonsense");
  broker.say_bytes(worker, std::string(70'000, '\x93'));
  broker.say_bytes(worker, "\xdd\xff\xff\xff\xff");              // an array of 2^32 - 1
  broker.say_bytes(worker, std::string{"\x92\x01\x22", 3});      // REGISTERED without terms
  broker.say_bytes(worker, std::string{"\x93\x01\x01\x07", 4});  // REQUEST 7 cut off
  ask(broker, worker, broker_id_min, false, "still here");
  ASSERT_TRUE(broker.until_end(broker_id_min));
  EXPECT_NE(answer_text(broker, broker_id_min).find("still here"), std::string::npos);
  const auto errors = broker.all<Error>();
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0]->id, WireId{7});
  EXPECT_EQ(errors[0]->code, ErrorCode::bad_request);
}

TEST(AgentShell, DrainsOnTheFirstStop) {
  transport::Context context;
  TestBroker broker{context};
  RunningAgent agent{context, options_for({broker.endpoint()}), echo(20ms)};
  const auto worker = broker.accept();
  ASSERT_TRUE(broker.until_state(WorkerState::ready));
  ask(broker, worker, broker_id_min, true, "one two three four five six seven eight nine ten");
  ASSERT_TRUE(broker.until([&] { return !broker.all<Chunk>().empty(); }));
  agent.stop();
  ASSERT_TRUE(broker.until_state(WorkerState::draining));
  ask(broker, worker, broker_id_min + 1, false, "too late");
  ASSERT_TRUE(broker.until([&] { return !broker.all<Deregister>().empty(); }));
  EXPECT_NE(answer_text(broker, broker_id_min).find("ten"), std::string::npos);
  ASSERT_EQ(broker.all<Error>().size(), 1u);
  EXPECT_EQ(broker.all<Error>()[0]->code, ErrorCode::refused);
  EXPECT_TRUE(std::holds_alternative<Deregister>(broker.heard.back().message));
  EXPECT_EQ(agent.wait(), ExitCode::drained);
}

TEST(AgentShell, ASecondStopCutsOff) {
  transport::Context context;
  TestBroker broker{context};
  RunningAgent agent{context, options_for({broker.endpoint()}), echo(1h)};
  const auto worker = broker.accept();
  ASSERT_TRUE(broker.until_state(WorkerState::ready));
  ask(broker, worker, broker_id_min, true, "one two");
  ASSERT_TRUE(broker.until([&] { return !broker.all<Chunk>().empty(); }));
  agent.stop();
  ASSERT_TRUE(broker.until_state(WorkerState::draining));
  EXPECT_FALSE(agent.ended());
  agent.stop();
  ASSERT_TRUE(broker.until([&] { return !broker.all<Deregister>().empty(); }));
  EXPECT_EQ(agent.wait(), ExitCode::cut);
}

TEST(AgentShell, ABrokerThatComesBackFindsTheWorkGoingOn) {
  transport::Context context;
  auto broker = std::make_unique<TestBroker>(context);
  const std::string endpoint = broker->endpoint();
  RunningAgent agent{context, options_for({endpoint}), echo(30ms)};
  auto worker = broker->accept();
  ASSERT_TRUE(broker->until_state(WorkerState::ready));
  std::string prompt;
  for (int i = 0; i < 100; ++i)
    prompt += "word ";
  ask(*broker, worker, broker_id_min, false, prompt);
  ASSERT_TRUE(broker->until([&] { return broker->all<WorkerHeartbeat>().size() >= 4; }));

  broker.reset();
  broker = std::make_unique<TestBroker>(context, endpoint);
  worker = broker->accept();
  ASSERT_FALSE(broker->heard.empty());
  EXPECT_EQ(broker->all<Register>()[0]->info.active, std::vector{BrokerId{broker_id_min}});
  ASSERT_TRUE(broker->until_end(broker_id_min));
  EXPECT_NE(answer_text(*broker, broker_id_min).find("word word"), std::string::npos);
}

TEST(AgentShell, IsProbedAndDrainedByItsBroker) {
  transport::Context context;
  TestBroker broker{context};
  RunningAgent agent{context, options_for({broker.endpoint()}), echo(1h)};
  const auto worker = broker.accept();
  ASSERT_TRUE(broker.until_state(WorkerState::ready));
  ask(broker, worker, broker_id_min, false, "never ends");
  broker.say(worker, Probe{77});
  ASSERT_TRUE(broker.until([&] { return !broker.all<Status>().empty(); }));
  EXPECT_EQ(broker.all<Status>()[0]->nonce, 77u);
  EXPECT_EQ(broker.all<Status>()[0]->info.active, std::vector{BrokerId{broker_id_min}});
  broker.say(worker, Drain{true});
  ASSERT_TRUE(broker.until_state(WorkerState::draining));
  broker.say(worker, Drain{false});
  ASSERT_TRUE(broker.until_state(WorkerState::ready));
  EXPECT_FALSE(agent.ended());
}

// A model server that is well, and whose engine tells.
class TellingServer : public EchoServer {
 public:
  TellingServer() : EchoServer(EchoOptions{}) {}
  void run(Time now, std::vector<ServerEvent>& out) override {
    EchoServer::run(now, out);
    if (std::exchange(told_, true)) return;
    out.emplace_back(EngineLoad{1234, 5, 0.75});
  }

 private:
  bool told_ = false;
};

TEST(AgentShell, PassesOnWhatTheEngineTells) {
  transport::Context context;
  TestBroker broker{context};
  RunningAgent agent{context, options_for({broker.endpoint()}), std::make_unique<TellingServer>()};
  broker.accept();
  ASSERT_TRUE(broker.until([&] {
    const auto beats = broker.all<WorkerHeartbeat>();
    return !beats.empty() && beats.back()->progress == 1234u;
  })) << "the heartbeat that says ready may be sent before the engine has told";
  EXPECT_EQ(broker.all<WorkerHeartbeat>().back()->queue_length, 5u);
  EXPECT_EQ(broker.all<WorkerHeartbeat>().back()->kv_cache_usage, 0.75);
}

// What is said on a connection that has been made anew, before the worker has registered on it, is
// lost (docs/protocol.md, sections 1 and 6).
TEST(AgentShell, OnAConnectionMadeAnewNothingIsSaidBeforeRegister) {
  transport::Context context;
  TestBroker broker{context};
  CuttingProxy proxy{broker.endpoint()};
  RunningAgent agent{context, options_for({proxy.endpoint()}), echo(5ms)};
  auto worker = broker.accept(50ms, 1000);
  ASSERT_TRUE(broker.until_state(WorkerState::ready));
  std::string prompt;
  for (int i = 0; i < 20'000; ++i)
    prompt += "word ";
  for (std::uint64_t i = 0; i < 8; ++i)
    ask(broker, worker, broker_id_min + i, true, prompt);
  ASSERT_TRUE(broker.until([&] {
    std::set<std::uint64_t> heard_of;
    for (const Chunk* chunk : broker.all<Chunk>())
      heard_of.insert(chunk->id.value);
    return heard_of.size() == 8;
  })) << "a request still on its way would be lost with the connection";
  for (int i = 0; i < 3; ++i) {
    const std::size_t chunks = broker.all<Chunk>().size();
    ASSERT_TRUE(broker.until([&] { return broker.all<Chunk>().size() > chunks + 20; }));
    proxy.cut();
    worker = broker.accept(50ms, 1000);
    EXPECT_EQ(broker.all<Register>().back()->info.active.size(), 8u);
  }
  std::set<std::uint32_t> registered;
  for (const Heard& one : broker.heard) {
    if (std::holds_alternative<Register>(one.message)) registered.insert(one.from);
    EXPECT_TRUE(registered.contains(one.from)) << "connection " << one.from;
  }
}

TEST(AgentShell, ASilentBrokerIsDialledOnANewConnection) {
  transport::Context context;
  TestBroker broker{context};
  RunningAgent agent{context, options_for({broker.endpoint()}), echo()};
  const auto before = broker.accept(20ms, 3);  // and says nothing more
  const auto after = broker.accept(20ms, 1000);
  EXPECT_NE(after, before);
  const auto registers = broker.all<Register>();
  ASSERT_EQ(registers.size(), 2u);
  EXPECT_EQ(registers.front()->info.instance, registers.back()->info.instance);
}

TEST(AgentShell, ABrokerThatIsNotThereYetIsDialledUntilItIs) {
  transport::Context context;
  std::string endpoint;
  {
    const TestBroker gone{context};
    endpoint = gone.endpoint();
  }
  TestBroker there{context};
  RunningAgent agent{context, options_for({endpoint, there.endpoint()}), echo()};
  there.accept();
  ASSERT_TRUE(there.until_state(WorkerState::ready));
  TestBroker late{context, endpoint};
  late.accept();
  ASSERT_FALSE(late.heard.empty());
  EXPECT_EQ(late.all<Register>()[0]->info.slots, EchoServer::slots / 2);
}

TEST(AgentShell, EndsWhenEveryBrokerKnowsANewerOne) {
  transport::Context context;
  TestBroker broker{context};
  RunningAgent agent{context, options_for({broker.endpoint(), broker.endpoint()}), echo()};
  const auto worker = broker.accept();
  broker.say(worker, Dismiss{ErrorCode::replaced, "a newer one is here"});
  EXPECT_EQ(agent.wait(), ExitCode::replaced) << "a broker named twice is dialled once";
}

// The worker's progress at this moment: it tells it whenever it has registered.
std::uint64_t progress_now(TestBroker& broker, std::uint32_t worker) {
  const std::size_t before = broker.all<WorkerHeartbeat>().size();
  broker.say(worker, Reregister{});
  broker.accept(60s);
  EXPECT_TRUE(broker.until([&] { return broker.all<WorkerHeartbeat>().size() > before; }));
  return broker.all<WorkerHeartbeat>().back()->progress.value_or(0);
}

// Whether the worker's progress comes to this; it may take its time, but not stand still.
bool until_progress(TestBroker& broker, std::uint32_t worker, std::uint64_t wanted) {
  std::uint64_t last = 0;
  Time deadline = transport::monotonic_now() + patience;
  while (last != wanted && transport::monotonic_now() < deadline && !testing::Test::HasFailure()) {
    const std::uint64_t progress = progress_now(broker, worker);
    if (std::exchange(last, progress) != progress) deadline = transport::monotonic_now() + patience;
  }
  return last == wanted;
}

TEST(AgentShell, WhatAFullSocketDoesNotTakeStaysInOrder) {
  transport::Context context;
  // Not over TCP, for which the system may hold any number of bytes.
  TestBroker slow{context, "ipc://*"};
  TestBroker watching{context};
  RunningAgent agent{context, options_for({slow.endpoint(), watching.endpoint()}), echo()};
  // No heartbeat in all this time: nothing but the agent's own will has it try a full socket again.
  const auto worker = slow.accept(60s);
  const auto watched = watching.accept(60s);
  ASSERT_TRUE(slow.until_state(WorkerState::ready));
  // Some times what the two sockets hold, 1000 messages each, and the system between them, some 200
  // KB; less than the Agent's bound.
  constexpr std::uint64_t requests = 5;
  constexpr std::uint64_t words = 1600;
  std::string prompt;
  for (std::uint64_t i = 0; i < words; ++i)
    prompt += std::string(400, 'x') + " ";
  for (std::uint64_t i = 0; i < requests; ++i)
    ask(slow, worker, broker_id_min + i, true, prompt);
  ASSERT_TRUE(until_progress(watching, watched, requests * (words + 1)))
      << "the answers are not complete";

  for (std::uint64_t i = 0; i < requests; ++i) {
    ASSERT_TRUE(slow.until_end(broker_id_min + i));
    EXPECT_GT(answer_text(slow, broker_id_min + i).size(), words * 400);
  }
  EXPECT_EQ(slow.all<Chunk>().size(), requests * words);
  EXPECT_TRUE(slow.all<Error>().empty());
}

TEST(AgentShell, AnEndpointThatIsNoneIsRefusedInASentence) {
  transport::Context context;
  AgentShell shell{context, options_for({"tcp//nowhere"}), echo()};
  const auto opened = shell.open();
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().find("tcp//nowhere"), std::string::npos);
}

}  // namespace
}  // namespace muster::agent::test
