#include "tests/support/naive_world.hpp"

#include <algorithm>
#include <array>

namespace muster::test {

using namespace broker;
using namespace std::chrono_literals;

namespace {

constexpr Instance broker_instance{7};
constexpr BrokerId first_attempt{broker_id_min + 5};
constexpr std::uint64_t clients_count = 3;
constexpr std::uint64_t names_count = 5;

// Behind the id, which is patched: a serial number, so that no two are alike.
Header header_of(std::uint64_t serial) {
  return {Frame{std::string(9, 'i') + std::to_string(serial)}, {.offset = 0, .width = 9}};
}

}  // namespace

NaiveWorld::NaiveWorld(Choices& choices, std::uint64_t seed)
    : choices_(choices),
      options_(some_options({})),
      model_(options_, broker_instance, first_attempt, now_),
      controller_(options_, {broker_instance, first_attempt, seed}, now_) {}

// Small bounds and short times, so that each is met. Heartbeats stay as they are.
ControllerOptions NaiveWorld::some_options(const ControllerOptions& now) {
  ControllerOptions options = now;
  options.policy = static_cast<RoutingPolicyKind>(choices_.below(4));
  options.restart_grace = one_in(2) ? Duration{} : some_time(8'000);
  options.retries = choices_.below(4);
  options.queue_depth_max = choices_.below(6);
  options.no_worker_wait = one_in(2) ? Duration{} : some_time(2'000);
  options.request_timeout_max = 1ms + some_time(20'000);
  options.request_timeout =
      std::min<Duration>(1ms + some_time(15'000), options.request_timeout_max);
  options.first_timeout = one_in(2) ? Duration{} : some_time(5'000);
  options.idle_timeout = one_in(2) ? Duration{} : some_time(5'000);
  options.outstanding_per_client_max = 1 + choices_.below(10);
  options.held_bytes_max = 1'000 + choices_.below(16'000);
  options.stall = one_in(2) ? Duration{} : some_time(4'000);
  options.ejection_failures = choices_.below(3);
  options.ejection_duration = 1ms + some_time(3'000);
  options.ejection_share_max = std::array{0.0, 0.5, 0.7, 1.0}[choices_.below(4)];
  options.note_requests = one_in(2);
  return options;
}

void NaiveWorld::give(Event event) {
  if (!model_.violations().empty()) return;
  ++steps_;
  model_.happens(event, now_);
  std::vector<Action> out;
  controller_.step(std::move(event), now_, out);
  model_.did(out, controller_.idle(), controller_.next_deadline());
}

std::string NaiveWorld::failure() const {
  if (model_.violations().empty()) return "";
  return model_.story() + "VIOLATED: " + model_.violations().front();
}

void NaiveWorld::run(int turns) {
  for (int i = 0; i < turns && model_.violations().empty() && !choices_.spent(); ++i)
    turn();
  give(Stop{.within = one_in(2) ? Duration{} : some_time(1'500)});
  say(ClientConnection{1}, Query{WireId{1000}, "stats", {}});
  now_ += 2s;
  give(Tick{.backend_empty = true, .frontend_empty = true});
  say(ClientConnection{1}, Query{WireId{1001}, "stats", {}});
}

void NaiveWorld::turn() {
  if (!one_in(4)) now_ += Duration{static_cast<std::int64_t>(choices_.below(30'000))};
  const std::uint64_t dice = choices_.below(100);
  if (dice < 35) return client_turn();
  if (dice < 86) return worker_turn();
  if (dice < 89) return pass();
  if (dice < 90) {
    if (one_in(8)) return give(Stop{.within = some_time(3'000)});
    if (one_in(2)) return give(ForeignPeer{.on_backend = one_in(2)});
    options_ = some_options(options_);
    return give(Reconfigured{options_});
  }
  give(Tick{.backend_empty = !one_in(3), .frontend_empty = !one_in(3)});
}

// Time passes: unseen by the broker; or with every Tick that it wants, while some of the workers
// speak.
void NaiveWorld::pass() {
  if (one_in(4)) {
    now_ += some_time(one_in(8) ? 4'000'000 : 8'000);
    return;
  }
  constexpr int ticks_max = 40;
  const Time end = now_ + some_time(10'000);
  const std::uint64_t speaking = choices_.below(1 << names_count);
  const bool backend_empty = !one_in(4);
  const bool frontend_empty = !one_in(4);
  Time beat_at = now_;
  for (int i = 0; i < ticks_max && now_ < end && model_.violations().empty(); ++i) {
    now_ = std::max(now_, std::min(end, controller_.next_deadline()));
    if (now_ >= beat_at) {
      beat_at = now_ + options_.heartbeat_interval;
      std::vector<naive::Worker> alive;
      for (const auto& [name, worker] : model_.workers())
        if (speaking >> (name[0] - 'A') & 1) alive.push_back(worker);
      for (const naive::Worker& worker : alive)
        beat(worker);
    }
    give(Tick{.backend_empty = backend_empty, .frontend_empty = frontend_empty});
  }
}

// ---- clients ----------------------------------------------------------------------------------

void NaiveWorld::client_turn() {
  const ClientConnection client{static_cast<std::uint32_t>(1 + choices_.below(clients_count))};
  const std::uint64_t dice = choices_.below(40);
  if (dice < 24) return ask(client);
  if (dice < 30) return cancel(client);
  if (dice < 36) return query(client);
  if (dice < 38) return say(client, ClientHeartbeat{});
  if (dice < 39) return give(ClientUnreachable{client, one_in(2)});
  Fault fault;
  fault.reason = static_cast<FaultReason>(choices_.below(fault_reason_count));
  fault.what = "at random";
  if (one_in(2)) fault.id = WireId{choices_.below(20)};
  give(ClientFault{client, fault});
}

RequestOptions NaiveWorld::some_request_options() {
  RequestOptions options;
  if (one_in(3)) options.timeout = some_time(one_in(4) ? 2 : 30'000);
  if (one_in(4)) options.first_timeout = some_time(4'000);
  if (one_in(4)) options.idle_timeout = some_time(3'000);
  options.stream = !one_in(3);
  options.request_id = "r" + std::to_string(serial_);
  if (one_in(3)) options.session = std::to_string(choices_.below(2));
  if (one_in(4)) options.require = {{"zone", "b"}};
  if (one_in(8)) options.require["gpu"] = "h";
  if (one_in(100))
    for (int i = 0; i < 65; ++i)
      options.require[std::to_string(i)] = "x";
  options.priority = static_cast<std::int64_t>(choices_.below(3)) - 1;
  options.retry = !one_in(5);
  return options;
}

void NaiveWorld::ask(ClientConnection client) {
  static constexpr std::array models{"m", "m", "m", "n", "a", "z"};
  muster::Request request{WireId{choices_.below(20)}, models[choices_.below(models.size())], {}};
  request.options = some_request_options();
  say(client, std::move(request), std::string(choices_.below(one_in(4) ? 3'000 : 30), 'x'));
}

void NaiveWorld::cancel(ClientConnection client) {
  std::uint64_t id = choices_.below(20);
  for (const naive::Request& request : model_.requests())
    if (!request.answered && request.client == client && one_in(2)) id = request.id;
  say(client, Cancel{WireId{id}});
}

void NaiveWorld::query(ClientConnection client) {
  static constexpr std::array names{"workers", "models", "stats",  "why",    "workers",
                                    "stats",   "drain",  "remove", "nobody", "refresh"};
  Query query{WireId{choices_.below(20)}, names[choices_.below(names.size())], {}};
  if (query.name == "drain" || query.name == "remove") {
    const std::string worker(1, static_cast<char>('A' + choices_.below(names_count)));
    if (query.name == "remove" && !one_in(4)) return;
    Value::Map args{{"worker", worker}};
    if (!one_in(4)) args.emplace_back("on", one_in(2));
    query.args = args;
  }
  if (query.name == "why" && one_in(2)) query.args = Value::Map{{"model", "m"}};
  say(client, std::move(query));
}

void NaiveWorld::say(ClientConnection client, FromClient message, std::string payload) {
  ++serial_;
  give(ClientSaid{client, std::move(message), header_of(serial_),
                  payload.empty() ? Payload{} : Payload{payload}});
}

// ---- workers ----------------------------------------------------------------------------------

void NaiveWorld::worker_turn() {
  const std::uint64_t dice = choices_.below(100);
  const naive::Worker* const worker = some_worker();
  if (dice < 12 || worker == nullptr) return enlist();
  if (dice < 60) return answer();
  if (dice < 80) return beat(*worker);
  if (dice < 90) return report(*worker);
  if (dice < 94) return break_connection(*worker);
  if (dice < 97) return fault();
  if (dice < 98) return start_anew();
  say(some_connection(), Deregister{"at random"});
}

const naive::Worker* NaiveWorld::some_worker() {
  const auto& workers = model_.workers();
  if (workers.empty()) return nullptr;
  auto chosen = workers.begin();
  std::advance(chosen, static_cast<std::ptrdiff_t>(choices_.below(workers.size())));
  return &chosen->second;
}

// Mostly one on which a worker is registered.
WorkerConnection NaiveWorld::some_connection() {
  const naive::Worker* const worker = some_worker();
  if (worker != nullptr && !one_in(4)) return worker->connection;
  return WorkerConnection{
      static_cast<std::uint32_t>(100 + choices_.below(std::uint64_t{next_connection_} - 99))};
}

const naive::Request* NaiveWorld::some_attempt(naive::Session of) {
  std::vector<const naive::Request*> out;
  for (const naive::Request& request : model_.requests())
    if (request.at_worker() && (of == 0 || request.at == of)) out.push_back(&request);
  return out.empty() ? nullptr : out[choices_.below(out.size())];
}

WorkerState NaiveWorld::some_state() {
  return !one_in(5) ? WorkerState::ready : static_cast<WorkerState>(choices_.below(4));
}

std::vector<ModelDescription> NaiveWorld::some_models() {
  std::vector<ModelDescription> models;
  ModelDescription model;
  model.name = "m";
  if (one_in(2)) model.aliases = {"a"};
  if (!one_in(8)) models.push_back(model);
  model.name = one_in(8) ? "m" : "n";
  model.aliases = one_in(6) ? std::vector<std::string>{"n", "a"} : std::vector<std::string>{};
  if (one_in(3)) models.push_back(model);
  if (one_in(64)) models.resize(257, model);
  return models;
}

WorkerDescription NaiveWorld::some_info(const std::string& name, std::uint64_t instance) {
  WorkerDescription info;
  info.worker = name;
  info.instance = Instance{instance};
  info.models = some_models();
  info.slots = choices_.below(4);
  info.state = some_state();
  info.why = one_in(4) ? "it says so" : "";
  info.speed = one_in(3) ? 2.0 : 1.0;
  if (one_in(3)) info.queue_length = choices_.below(3);
  if (one_in(2)) info.labels = {{"zone", one_in(4) ? "c" : "b"}};
  if (one_in(2)) info.labels["gpu"] = "h";
  info.version = one_in(64) ? std::string(257, 'v') : "1";
  // Mostly what it has; now and then some of that was lost, or it has what nobody here knows.
  const auto known = model_.workers().find(name);
  const bool forgets = one_in(3);
  for (const naive::Request& request : model_.requests()) {
    if (known == model_.workers().end() || request.at != known->second.session) continue;
    if (!forgets || one_in(2)) info.active.push_back(BrokerId{request.attempt});
  }
  if (one_in(6)) info.active.push_back(BrokerId{choices_.below(1'000'000)});
  // Of a former broker, and this one comes to the same id soon.
  if (known == model_.workers().end() && one_in(8))
    info.active.push_back(BrokerId{model_.last_attempt() + 1 + choices_.below(3)});
  if (one_in(32)) {
    const naive::Request* const others = some_attempt();
    if (others != nullptr) info.active.push_back(BrokerId{others->attempt});
  }
  return info;
}

void NaiveWorld::enlist() {
  const std::string name(1, static_cast<char>('A' + choices_.below(names_count)));
  const auto known = model_.workers().find(name);
  std::uint64_t instance = 10;
  WorkerConnection connection{next_connection_};
  if (known != model_.workers().end()) {
    instance = known->second.said.instance.value;
    if (one_in(2)) connection = known->second.connection;
  }
  if (one_in(5)) instance += 1 + choices_.below(2);
  if (one_in(20)) --instance;
  if (one_in(12)) connection = some_connection();
  if (connection.value == next_connection_) ++next_connection_;
  say(connection, Register{some_info(name, instance)});
}

// Several workers do so at once, and nothing is read of what they have been before.
void NaiveWorld::start_anew() {
  const std::map<std::string, naive::Worker> before = model_.workers();
  for (const auto& [name, worker] : before) {
    if (one_in(4)) continue;
    const WorkerConnection connection{next_connection_++};
    say(connection, Register{some_info(name, worker.said.instance.value + 1)});
  }
  now_ += options_.heartbeat_interval + some_time(one_in(2) ? 10 : 3'000);
  give(Tick{.backend_empty = !one_in(4), .frontend_empty = !one_in(3)});
}

void NaiveWorld::beat(const naive::Worker& worker) {
  WorkerHeartbeat heartbeat;
  heartbeat.slots = choices_.below(5);
  heartbeat.grant = worker.grant + choices_.below(2);
  heartbeat.queue_length = choices_.below(3);
  heartbeat.state = some_state();
  heartbeat.why = one_in(4) ? "it says so" : "";
  if (!one_in(5)) heartbeat.progress = worker.progress.value_or(0) + choices_.below(2);
  if (one_in(12)) heartbeat.models = some_models();
  say(worker.connection, heartbeat);
}

// Answers a PROBE, or what was none.
void NaiveWorld::report(const naive::Worker& worker) {
  if (!worker.probe && !one_in(8)) return beat(worker);
  std::uint64_t instance = worker.said.instance.value;
  std::uint64_t nonce = worker.probe ? worker.probe->nonce : choices_.below(5);
  if (one_in(16)) ++instance;
  if (one_in(16)) ++nonce;
  say(worker.connection, Status{nonce, some_info(worker.said.worker, instance)});
}

void NaiveWorld::break_connection(const naive::Worker& worker) {
  std::optional<BrokerId> undelivered;
  const naive::Request* const request = some_attempt(worker.session);
  if (request != nullptr && one_in(2)) undelivered = BrokerId{request->attempt};
  give(WorkerUnreachable{worker.connection, undelivered});
}

void NaiveWorld::fault() {
  Fault fault;
  fault.reason = static_cast<FaultReason>(choices_.below(fault_reason_count));
  fault.what = "at random";
  fault.type = std::array<std::uint64_t, 5>{0x11, 0x12, 0x13, 0x21, 0x20}[choices_.below(5)];
  WorkerConnection connection = some_connection();
  const naive::Request* const request = some_attempt();
  if (request != nullptr && one_in(2)) {
    fault.id = WireId{request->attempt};
    for (const auto& [name, worker] : model_.workers())
      if (worker.session == request->at && !one_in(8)) connection = worker.connection;
  }
  give(WorkerFault{connection, fault});
}

// About an attempt that is out; mostly as it should be.
void NaiveWorld::answer() {
  const naive::Request* const request = some_attempt();
  if (request == nullptr) return beat(*some_worker());
  WorkerConnection connection = some_connection();
  for (const auto& [name, worker] : model_.workers())
    if (worker.session == request->at && !one_in(20)) connection = worker.connection;
  const WireId id{one_in(40) ? choices_.below(50) : request->attempt};
  const std::uint64_t parts = one_in(20) ? choices_.below(request->parts + 2) : request->parts;
  const std::uint64_t dice = choices_.below(16);
  if (dice < 5 && (request->said.options.stream || one_in(6)))
    return say(connection, Chunk{id, parts, {}});
  if (dice < 10) return say(connection, Final{id, parts, {}});
  static constexpr std::array codes{ErrorCode::refused,       ErrorCode::server_gone,
                                    ErrorCode::worker_failed, ErrorCode::worker_failed,
                                    ErrorCode::cancelled,     static_cast<ErrorCode>(77'777)};
  Error error{id, codes[choices_.below(codes.size())], "at random", {}};
  if (error.code == ErrorCode::worker_failed) error.meta.status = one_in(4) ? 404 : 500;
  if (one_in(8)) error.meta.reason = one_in(2) ? "server_cut" : "its own";
  if (one_in(24)) error.meta.duplicate = true;
  say(connection, std::move(error));
}

void NaiveWorld::say(WorkerConnection worker, FromWorker message) {
  ++serial_;
  give(WorkerSaid{worker, std::move(message), header_of(serial_), {}});
}

}  // namespace muster::test
