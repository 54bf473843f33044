// Holds the bytes that docs/protocol.md shows to what it says of them, and to the codec.

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "protocol/codec.hpp"
#include "tests/support/source_folder.hpp"
#include "tests/unit/protocol/decode_support.hpp"
#include "tests/unit/protocol/wire_bytes.hpp"

namespace muster {
namespace {

// The blocks that start with ```mwp and a name, as bytes by that name.
std::map<std::string, std::string> examples() {
  std::ifstream page{test::source_folder() + "/docs/protocol.md"};
  std::map<std::string, std::string> blocks;
  std::string name;
  std::string text;
  for (std::string line; std::getline(page, line);) {
    constexpr std::string_view fence = "```mwp ";
    if (line.starts_with(fence)) {
      name = line.substr(fence.size());
      text.clear();
    } else if (line == "```" && !name.empty()) {
      blocks[name] = wire_bytes::hex(text);
      name.clear();
    } else {
      text += line + '\n';
    }
  }
  return blocks;
}

class ProtocolPage : public ::testing::Test {
 protected:
  Frame example(const std::string& name) {
    const auto found = examples_.find(name);
    if (found != examples_.end()) return Frame{found->second};
    ADD_FAILURE() << "the page has no example " << name;
    return {};
  }
  template <class Message, class Messages>
  static void expect(const Result<Decoded<Messages>, Fault>& decoded, const Message& message) {
    ASSERT_TRUE(decoded.ok()) << decoded.error().what;
    ASSERT_TRUE(std::holds_alternative<Message>(decoded.value().message));
    EXPECT_EQ(std::get<Message>(decoded.value().message), message);
  }
  // The example is also just what the codec writes.
  template <class Message>
  void expect_written(const std::string& name, const Message& message) {
    EXPECT_EQ(example(name).text(), encode(message).text()) << name;
  }

  const std::map<std::string, std::string> examples_ = examples();
  Decoder decoder_{WireLimits{}};
};

constexpr WireId client_id{7};
constexpr WireId broker_id{4294967298};

Request tiny_request(WireId id) {
  Request request{id, "tiny", {}};
  request.options.timeout = std::chrono::seconds{30};
  request.options.stream = true;
  return request;
}

Chunk first_chunk(WireId id) {
  Chunk chunk{id, 0, {}};
  chunk.meta.status = 200;
  chunk.meta.type = "text/event-stream";
  return chunk;
}

TEST_F(ProtocolPage, every_example_is_looked_at_here) {
  std::vector<std::string> names;
  for (const auto& [name, unused] : examples_)
    names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{
                       "chunk from worker", "chunk to client", "final from worker",
                       "heartbeat from worker", "heartbeat to worker", "register from worker",
                       "registered to worker", "request from client", "request to worker"}));
}

TEST_F(ProtocolPage, a_request_on_both_hops) {
  Frame header = example("request from client");
  const auto decoded = decoder_.from_client(header, Payload{"{}"});
  expect(decoded, tiny_request(client_id));
  const Frame forwarded = with_id(std::move(header), decoded.value().id, broker_id);
  EXPECT_EQ(forwarded.text(), example("request to worker").text());
  expect(decoder_.to_worker(forwarded, Payload{"{}"}), tiny_request(broker_id));
  expect_written("request to worker", tiny_request(broker_id));
}

TEST_F(ProtocolPage, an_answer_on_both_hops) {
  Frame header = example("chunk from worker");
  const auto decoded = decoder_.from_worker(header, Payload{"data: {}\n\n"});
  expect(decoded, first_chunk(broker_id));
  const Frame forwarded = with_id(std::move(header), decoded.value().id, client_id);
  EXPECT_EQ(forwarded.text(), example("chunk to client").text());
  expect(decoder_.to_client(forwarded, Payload{"data: {}\n\n"}), first_chunk(client_id));
  expect_written("chunk from worker", first_chunk(broker_id));

  expect(decoder_.from_worker(example("final from worker"), {}), Final{broker_id, 1, {}});
  expect_written("final from worker", Final{broker_id, 1, {}});
}

TEST_F(ProtocolPage, how_a_session_begins) {
  WorkerDescription info;
  info.worker = "gpu7:8000";
  info.instance = Instance{1740723149864965};
  info.models = {{"tiny", {}, {}, {}, {}}};
  info.slots = 8;
  info.state = WorkerState::ready;
  expect(decoder_.from_worker(example("register from worker"), {}), Register{info});
  expect_written("register from worker", Register{info});

  BrokerTerms terms;
  terms.broker = "broker";
  terms.instance = Instance{1740723166642177};
  terms.interval = std::chrono::seconds{1};
  terms.liveness = 3;
  expect(decoder_.to_worker(example("registered to worker"), {}), Registered{terms});
  expect_written("registered to worker", Registered{terms});
}

TEST_F(ProtocolPage, heartbeats) {
  WorkerHeartbeat worker;
  worker.slots = 8;
  worker.grant = 1;
  worker.state = WorkerState::ready;
  expect(decoder_.from_worker(example("heartbeat from worker"), {}), worker);
  expect_written("heartbeat from worker", worker);
  expect(decoder_.to_worker(example("heartbeat to worker"), {}), BrokerHeartbeat{1, 2, 0});
  expect_written("heartbeat to worker", BrokerHeartbeat{1, 2, 0});
}

}  // namespace
}  // namespace muster
