// Microbenchmarks of what every message passes through. In a release build:
//
//   cmake --preset release && cmake --build --preset release --target micro
//   build/release/bin/micro --benchmark_filter=Pick

#include <benchmark/benchmark.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/core/in_flight_table.hpp"
#include "broker/core/timer_queue.hpp"
#include "broker/core/worker_choice.hpp"
#include "tests/micro/hot_path.hpp"

namespace muster::broker {
namespace {

using benchmark::State;

// ---- codec --------------------------------------------------------------------------------------

Request chat_request() {
  Request request{.id = WireId{1}, .model = "org/model-0", .options = {}};
  request.options.path = "/v1/chat/completions";
  request.options.type = "application/json";
  return request;
}

void decode_request(State& state) {
  Decoder decoder{WireLimits{}, Decoder::Keep::what_routes};
  const Frame header = encode(chat_request());
  const Payload payload{std::string(256, 'x')};
  FromClient message;
  IdSpan id;
  for (auto _ : state)
    benchmark::DoNotOptimize(decoder.from_client_into(message, id, header, payload, 0));
}
BENCHMARK(decode_request);

template <class Message>
void decode_from_worker(State& state, const Message& message) {
  Decoder decoder{WireLimits{}, Decoder::Keep::what_routes};
  const Frame header = encode(message);
  FromWorker into;
  IdSpan id;
  for (auto _ : state)
    benchmark::DoNotOptimize(decoder.from_worker_into(into, id, header, {}, 0));
}
BENCHMARK_CAPTURE(decode_from_worker, chunk, Chunk{.id = WireId{1}, .seq = 7, .meta = {}});
BENCHMARK_CAPTURE(decode_from_worker, final, Final{.id = WireId{1}, .seq = 8, .meta = {}});
BENCHMARK_CAPTURE(decode_from_worker, heartbeat,
                  WorkerHeartbeat{.slots = 64, .state = WorkerState::ready});

void patch_id(State& state) {
  Frame header = encode(chat_request());
  const IdSpan id = Decoder{WireLimits{}}.from_client(header, {}).value().id;
  for (auto _ : state)
    header = with_id(std::move(header), id, WireId{broker_id_min + 7});
}
BENCHMARK(patch_id);

// ---- choosing -----------------------------------------------------------------------------------

// So many workers of one model, all well and half busy.
struct Crowd {
  ControllerOptions options;
  WorkerRegistry workers;
  InFlightTable requests;
  std::unique_ptr<WorkerChoice> choice;
  Time now{std::chrono::seconds{1}};

  Crowd(RoutingPolicyKind policy, std::size_t count) : workers(policy) {
    options.policy = policy;
    choice = std::make_unique<WorkerChoice>(options, workers, 1);
    for (std::size_t i = 0; i < count; ++i) {
      WorkerDescription info;
      info.worker = "worker-" + std::to_string(i);
      info.models.push_back({.name = "m"});
      WorkerInfo& worker =
          workers.add(info, WorkerConnection{static_cast<std::uint32_t>(i + 1)}, now);
      worker.slots = 64;
      worker.state = WorkerState::ready;
      worker.queue_length = i * 7 % 5;
      worker.touch();
    }
  }
};

// What a request costs with its routing: chosen, bound, and let go again, so that the tables are
// kept too.
void pick_and_bind(State& state, RoutingPolicyKind policy) {
  Crowd crowd(policy, static_cast<std::size_t>(state.range(0)));
  PendingRequest request;
  request.model = "m";
  std::uint64_t id = broker_id_min;
  for (auto _ : state) {
    WorkerInfo& worker = *crowd.choice->choose(request, crowd.now);
    crowd.requests.bind(request, worker, BrokerId{++id}, crowd.now);
    crowd.choice->chosen(request, worker);
    crowd.requests.unbind(request, crowd.now);
    request.phase = Phase::waiting;
  }
}

// The choice alone, while nothing else changes.
void pick(State& state, RoutingPolicyKind policy) {
  Crowd crowd(policy, static_cast<std::size_t>(state.range(0)));
  PendingRequest request;
  request.model = "m";
  for (auto _ : state)
    benchmark::DoNotOptimize(crowd.choice->choose(request, crowd.now));
}

// 100,000 is told, not tuned for.
void cluster_sizes(benchmark::internal::Benchmark* benchmark) {
  for (const std::int64_t workers : {1, 100, 10'000, 100'000})
    benchmark->Arg(workers);
}

#define FOR_EACH_POLICY(what)                                                                 \
  BENCHMARK_CAPTURE(what, lottery, RoutingPolicyKind::lottery)->Apply(cluster_sizes);         \
  BENCHMARK_CAPTURE(what, shortest_queue, RoutingPolicyKind::shortest_queue)                  \
      ->Apply(cluster_sizes);                                                                 \
  BENCHMARK_CAPTURE(what, round_robin, RoutingPolicyKind::round_robin)->Apply(cluster_sizes); \
  BENCHMARK_CAPTURE(what, power_of_two, RoutingPolicyKind::power_of_two)->Apply(cluster_sizes)
FOR_EACH_POLICY(pick);
FOR_EACH_POLICY(pick_and_bind);

// ---- tables -------------------------------------------------------------------------------------

// A request is taken in and let go while so many others are outstanding.
void in_flight_add_and_erase(State& state) {
  InFlightTable table;
  const auto add = [&table](std::uint64_t id) -> PendingRequest& {
    // Eight clients, whose ids follow each other.
    const auto client = static_cast<std::uint32_t>(id / 256 % 8);
    PendingRequest& request = table.add(ClientConnection{client}, ClientRequestId{id}, {}, 512);
    request.until = Time{std::chrono::seconds{600}} + Duration{static_cast<Duration::rep>(id)};
    table.rearm(request);
    return request;
  };
  std::uint64_t id = 0;
  std::vector<PendingRequest*> others;
  for (std::int64_t i = 0; i < state.range(0); ++i)
    others.push_back(&add(++id));
  for (auto _ : state) {
    PendingRequest& request = add(++id);
    table.answered(request);
    table.erase(request);
  }
  for (PendingRequest* request : others) {
    table.answered(*request);
    table.erase(*request);
  }
}
BENCHMARK(in_flight_add_and_erase)->Arg(1)->Arg(100)->Arg(10'000);

void timer_arm_and_disarm(State& state) {
  TimerQueue<SessionId> timers;
  std::uint64_t number = 0;
  const auto at = [](std::uint64_t i) { return Time{Duration{static_cast<Duration::rep>(i)}}; };
  for (; number < static_cast<std::uint64_t>(state.range(0)); ++number)
    timers.arm(SessionId{number}, at(number));
  for (auto _ : state) {
    ++number;
    timers.arm(SessionId{number}, at(number));
    timers.disarm(SessionId{number}, at(number));
  }
}
BENCHMARK(timer_arm_and_disarm)->Arg(1)->Arg(100)->Arg(10'000);

// ---- the whole core -----------------------------------------------------------------------------

// A request's REQUEST and FINAL: decoded, placed, ended. Workers and models as told.
void whole_request(State& state) {
  HotPath path({.workers = static_cast<std::size_t>(state.range(0)),
                .models = static_cast<std::size_t>(state.range(1))});
  for (int i = 0; i < 256; ++i)
    path.ask();
  for (auto _ : state) {
    path.answer();
    path.ask();
  }
}
BENCHMARK(whole_request)
    ->Args({4, 1})
    ->Args({5000, 1})
    ->Args({5000, 1000})
    ->Args({10'000, 1000})
    ->Args({100'000, 1000});

void whole_chunk(State& state) {
  constexpr std::size_t chunks = 1000;
  HotPath path({.chunks = chunks});
  for (auto _ : state) {
    path.ask();
    path.answer();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(chunks));
}
BENCHMARK(whole_chunk);

void heartbeat(State& state) {
  HotPath path({.workers = static_cast<std::size_t>(state.range(0))});
  for (auto _ : state)
    path.beat();
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(heartbeat)->Apply(cluster_sizes);

}  // namespace
}  // namespace muster::broker

BENCHMARK_MAIN();
