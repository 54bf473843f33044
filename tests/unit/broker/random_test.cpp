// Whatever happens, in whatever order: every request gets exactly one answer, no worker is ever
// given more than it granted, parts come in order, and the invariants hold after every step.

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "broker/core/controller.hpp"
#include "protocol/prng.hpp"

namespace muster::broker {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t workers_count = 4;
constexpr std::uint32_t clients_count = 3;

// Plays clients and workers that do anything that the protocol allows and much that it does not.
class World {
 public:
  explicit World(std::uint64_t seed)
      : prng_(seed), options_(make_options()), controller_(options_, birth(seed), now_) {}

  void run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      now_ += Duration{static_cast<std::int64_t>(prng_.below(40'000))};
      turn();
    }
    give(Stop{});
  }

  [[nodiscard]] std::size_t unanswered() const { return outstanding_.size(); }
  [[nodiscard]] std::size_t answered() const { return answered_; }
  [[nodiscard]] const std::string& trace() const { return trace_; }

 private:
  struct Worker {
    std::uint32_t connection = 0;  // 0: none
    std::uint64_t instance = 1;
    std::uint64_t slots = 0;                     // the smallest grant that may still be on its way
    std::map<std::uint64_t, std::uint64_t> has;  // attempt -> parts sent
  };

  ControllerOptions make_options() {
    ControllerOptions options;
    options.policy = static_cast<RoutingPolicyKind>(prng_.below(4));
    options.queue_depth_max = 1 + prng_.below(8);
    options.no_worker_wait = prng_.below(2) == 0 ? Duration{} : Duration{300ms};
    options.request_timeout = 2s;
    options.idle_timeout = 500ms;
    options.outstanding_per_client_max = 12;
    options.held_bytes_max = 20'000;
    return options;
  }
  static Birth birth(std::uint64_t seed) {
    return {Instance{1}, BrokerId{broker_id_min + 5}, seed};
  }

  void turn() {
    const std::uint64_t dice = prng_.below(100);
    const auto client = static_cast<std::uint32_t>(1 + prng_.below(clients_count));
    Worker& worker = workers_[prng_.below(workers_count)];
    if (dice < 30) {
      ask(client);
    } else if (dice < 35) {
      give(ClientSaid{ClientConnection{client}, Cancel{WireId{prng_.below(20)}}, {}, {}});
    } else if (dice < 36) {
      forget_client(client);
    } else if (dice < 60) {
      answer(worker);
    } else if (dice < 75) {
      beat(worker);
    } else if (dice < 80) {
      enlist(worker);
    } else if (dice < 81) {
      if (worker.connection != 0) give(WorkerUnreachable{WorkerConnection{worker.connection}});
    } else if (dice < 82) {
      say(worker, Deregister{"at random"});
    } else if (dice < 83) {
      give(WorkerFault{WorkerConnection{worker.connection}, Fault{}});
    } else if (dice < 84) {
      give(WorkerSaid{WorkerConnection{worker.connection},
                      Final{WireId{prng_.next()}, prng_.below(3), {}},
                      {},
                      {}});
    } else {
      give(Tick{prng_.below(3) != 0});
    }
  }

  void ask(std::uint32_t client) {
    const std::uint64_t id = prng_.below(20);
    Request request{WireId{id}, prng_.below(4) == 0 ? "n" : "m", {}};
    request.options.stream = prng_.below(2) == 0;
    request.options.priority = static_cast<std::int64_t>(prng_.below(3));
    if (prng_.below(5) == 0) request.options.timeout = 100ms;
    if (prng_.below(5) == 0) request.options.require = {{"zone", "b"}};
    duplicate_expected_ = !outstanding_.insert({client, id}).second;
    give(ClientSaid{ClientConnection{client}, std::move(request),
                    Header{Frame{std::string_view{"h"}}, {}},
                    Payload{std::string(prng_.below(3000), 'x')}});
    EXPECT_FALSE(duplicate_expected_) << "a duplicate id was not answered";
    duplicate_expected_ = false;
  }

  void forget_client(std::uint32_t client) {
    std::erase_if(outstanding_, [&](const auto& key) { return key.first == client; });
    give(ClientUnreachable{ClientConnection{client}, prng_.below(2) == 0});
  }

  void enlist(Worker& worker) {
    if (prng_.below(3) != 0 || worker.connection == 0) worker.connection = next_connection_++;
    if (prng_.below(4) == 0) {
      ++worker.instance;
      worker.has.clear();
    }
    WorkerDescription info;
    info.worker = std::string(1, static_cast<char>('A' + (&worker - workers_.data())));
    info.instance = Instance{worker.instance};
    info.models = {
        {.name = "m", .aliases = {}, .context_length = {}, .modalities = {}, .operations = {}}};
    if (prng_.below(2) == 0) info.models.push_back(info.models[0]), info.models[1].name = "n";
    info.slots = worker.slots = prng_.below(4);
    info.state = random_state();
    if (prng_.below(2) == 0) info.labels = {{"zone", "b"}};
    for (const auto& [attempt, parts] : worker.has)
      info.active.push_back(BrokerId{attempt});
    if (prng_.below(8) == 0) info.active.push_back(BrokerId{broker_id_min + prng_.below(200)});
    give(WorkerSaid{WorkerConnection{worker.connection}, Register{std::move(info)}, {}, {}});
  }

  void beat(Worker& worker) {
    WorkerHeartbeat heartbeat;
    heartbeat.slots = worker.slots = prng_.below(5);
    heartbeat.state = random_state();
    heartbeat.queue_length = prng_.below(3);
    say(worker, heartbeat);
  }

  void answer(Worker& worker) {
    if (worker.has.empty()) return;
    auto chosen = worker.has.begin();
    std::advance(chosen, static_cast<std::ptrdiff_t>(prng_.below(worker.has.size())));
    const WireId id{chosen->first};
    const std::uint64_t dice = prng_.below(10);
    if (dice < 4) {
      say(worker, Chunk{id, chosen->second++, {}});
    } else if (dice < 5) {
      say(worker, Chunk{id, chosen->second + prng_.below(2), {}});
    } else {
      const std::uint64_t parts = chosen->second;
      worker.has.erase(chosen);
      if (dice < 8) return say(worker, Final{id, parts, {}});
      static constexpr std::array codes{ErrorCode::refused, ErrorCode::server_gone,
                                        ErrorCode::worker_failed, ErrorCode::cancelled};
      say(worker, Error{id, codes[prng_.below(codes.size())], "at random", {}});
    }
  }

  void say(Worker& worker, FromWorker message) {
    give(WorkerSaid{WorkerConnection{worker.connection}, std::move(message), {}, {}});
  }

  WorkerState random_state() {
    return prng_.below(4) != 0 ? WorkerState::ready : static_cast<WorkerState>(prng_.below(4));
  }

  void give(Event event) {
    const std::string said = describe(event);
    std::vector<Action> out;
    controller_.step(std::move(event), now_, out);
    controller_.check_invariants();
    EXPECT_LE(controller_.next_deadline(), now_ + options_.heartbeat_interval);
    for (const Action& action : out)
      take(action, said);
  }

  // What the clients see of the event that caused an action: a part is known by its kind alone.
  static std::string describe(const Event& event) {
    const auto* said = std::get_if<WorkerSaid>(&event);
    if (said == nullptr) return "";
    if (std::holds_alternative<Chunk>(said->message)) return "CHUNK";
    return std::holds_alternative<Final>(said->message) ? "FINAL" : "ERROR";
  }

  void take(const Action& action, const std::string& said) {
    if (const auto* relay = std::get_if<RelayToClient>(&action)) {
      const Key key{relay->to.value, relay->id.value};
      EXPECT_TRUE(outstanding_.contains(key)) << said << " after the end of a request";
      trace_ += said[0];
      if (said != "CHUNK") end(key);
    } else if (const auto* send = std::get_if<SendToClient>(&action)) {
      if (const auto* error = std::get_if<Error>(&send->message)) {
        trace_ += std::to_string(static_cast<std::uint32_t>(error->code));
        if (error->meta.duplicate) {
          EXPECT_TRUE(duplicate_expected_);
          duplicate_expected_ = false;
        } else {
          end({send->to.value, error->id.value});
        }
      }
    } else if (const auto* request = std::get_if<RelayToWorker>(&action)) {
      trace_ += 'R';
      for (Worker& worker : workers_) {
        if (worker.connection != request->to.value) continue;
        worker.has.emplace(request->id.value, 0);
        EXPECT_LE(worker.has.size(), worker.slots) << "a worker was given more than it granted";
      }
    }
  }

  using Key = std::pair<std::uint32_t, std::uint64_t>;
  void end(const Key& key) {
    EXPECT_EQ(outstanding_.erase(key), 1u)
        << "a second answer for client " << key.first << "'s request " << key.second;
    ++answered_;
  }

  Prng prng_;
  Time now_{1s};
  ControllerOptions options_;
  Controller controller_;
  std::array<Worker, workers_count> workers_;
  std::uint32_t next_connection_ = 100;
  std::set<Key> outstanding_;
  bool duplicate_expected_ = false;
  std::size_t answered_ = 0;
  std::string trace_;
};

TEST(Random, EveryRequestGetsExactlyOneAnswer) {
  std::size_t answered = 0;
  for (std::uint64_t seed = 0; seed < 150 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world{seed};
    world.run(1'000);
    EXPECT_EQ(world.unanswered(), 0u) << "requests were left without an answer";
    answered += world.answered();
  }
  EXPECT_GT(answered, 10'000u) << "the worlds were too quiet to show anything";
}

TEST(Random, TheSameSeedGivesTheSameActions) {
  World a{42};
  World b{42};
  a.run(2'000);
  b.run(2'000);
  EXPECT_EQ(a.trace(), b.trace());
  EXPECT_GT(a.trace().size(), 500u);
}

}  // namespace
}  // namespace muster::broker
