#include "tests/support/world.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace muster::test {

using namespace broker;
using namespace std::chrono_literals;

namespace {

Birth birth(std::uint64_t seed) {
  return {Instance{1}, BrokerId{broker_id_min + 5}, seed};
}

// What the clients see of the event that caused an action: a part is known by its kind alone.
std::string describe(const Event& event) {
  const auto* said = std::get_if<WorkerSaid>(&event);
  if (said == nullptr) return "";
  if (std::holds_alternative<Chunk>(said->message)) return "CHUNK";
  return std::holds_alternative<Final>(said->message) ? "FINAL" : "ERROR";
}

constexpr std::uint64_t strange_id = broker_id_start_max + 1;

Header some_header() {
  return {Frame{std::string(9, 'h')}, {.offset = 0, .width = 9}};
}

}  // namespace

World::World(Choices& choices, std::uint64_t seed)
    : choices_(choices), options_(make_options()), controller_(options_, birth(seed), now_) {}

ControllerOptions World::make_options() {
  ControllerOptions options;
  options.policy = static_cast<RoutingPolicyKind>(choices_.below(4));
  options.restart_grace = choices_.below(2) == 0 ? Duration{} : Duration{1s};
  options.retries = choices_.below(3);
  options.queue_depth_max = 1 + choices_.below(8);
  options.no_worker_wait = choices_.below(2) == 0 ? Duration{} : Duration{300ms};
  options.request_timeout = 2s;
  options.idle_timeout = 500ms;
  options.outstanding_per_client_max = 12;
  options.held_bytes_max = 20'000;
  options.stall = choices_.below(2) == 0 ? Duration{} : Duration{400ms};
  options.ejection_failures = choices_.below(4);
  options.ejection_duration = 300ms;
  options.ejection_share_max = choices_.below(2) == 0 ? 0.5 : 1.0;
  return options;
}

void World::run(int turns) {
  for (int i = 0; i < turns && violations_.empty() && !choices_.spent(); ++i) {
    now_ += Duration{static_cast<std::int64_t>(choices_.below(40'000))};
    turn();
  }
  give(Stop{.within = choices_.below(2) == 0 ? Duration{} : Duration{500ms}});
  expect(!controller_.idle() || outstanding_.empty(), "an idle broker has not answered everybody");
  now_ += options_.heartbeat_interval;
  give(Tick{.backend_empty = true, .frontend_empty = true});
  expect(outstanding_.empty(), std::to_string(outstanding_.size()) + " requests have no answer");
  if (violations_.empty()) settle();
}

// Everybody comes back and ends what it has: then no slot is taken.
void World::settle() {
  for (Worker& worker : workers_) {
    worker.connection = next_connection_++;
    WorkerDescription info = info_of(worker);
    info.slots = 0;
    info.active.clear();
    for (const auto& [attempt, parts] : worker.has)
      info.active.push_back(BrokerId{attempt});
    say(worker, Register{std::move(info)});
  }
  // A former instance of one is given up when it has not answered a PROBE.
  for (int ticks = 0; ticks < 5; ++ticks) {
    now_ += options_.heartbeat_interval / 4;
    give(Tick{.backend_empty = true, .frontend_empty = true});
  }
  for (Worker& worker : workers_) {
    for (const auto& [attempt, parts] : std::exchange(worker.has, {}))
      say(worker, Error{WireId{attempt}, ErrorCode::cancelled, "at the end", {}});
  }
  client_says(1, Query{WireId{1}, "stats", {}});
}

void World::turn() {
  const std::uint64_t dice = choices_.below(100);
  const auto client = static_cast<std::uint32_t>(1 + choices_.below(clients_count));
  Worker& worker = workers_[choices_.below(workers_count)];
  if (dice < 28) return ask(client);
  if (dice < 30) return rave(client);
  if (dice < 35) return client_says(client, Cancel{WireId{choices_.below(20)}});
  if (dice < 36) {
    if (choices_.below(2) == 0) return forget_client(client);
    return client_says(client, ClientHeartbeat{});
  }
  if (dice < 58) return answer(worker);
  if (dice < 60) return rave(worker);
  if (dice < 75) return beat(worker);
  if (dice < 80) return enlist(worker);
  if (dice < 81) return cut(worker);
  if (dice < 82) return leave(worker);
  if (dice < 83) return give(WorkerFault{WorkerConnection{worker.connection}, Fault{}});
  if (dice < 84) return (void)say(worker, Final{WireId{choices_.next()}, choices_.below(3), {}});
  if (dice < 85) {
    ControllerOptions anew = options_;
    anew.queue_depth_max = choices_.below(8);
    anew.retries = choices_.below(3);
    anew.policy = static_cast<RoutingPolicyKind>(choices_.below(4));
    return give(Reconfigured{std::move(anew)});
  }
  if (dice < 87) return order(client);
  give(Tick{.backend_empty = choices_.below(3) != 0, .frontend_empty = choices_.below(3) != 0});
}

// ---- clients ----------------------------------------------------------------------------------

void World::ask(std::uint32_t client) {
  Request request{WireId{choices_.below(20)}, choices_.below(4) == 0 ? "n" : "m", {}};
  request.options.stream = choices_.below(2) == 0;
  request.options.priority = static_cast<std::int64_t>(choices_.below(3));
  if (choices_.below(5) == 0) request.options.timeout = 100ms;
  if (choices_.below(5) == 0) request.options.require = {{"zone", "b"}};
  request.options.retry = choices_.below(4) != 0;
  if (choices_.below(3) == 0) request.options.session = std::to_string(choices_.below(3));
  client_says(client, std::move(request));
}

void World::client_says(std::uint32_t client, FromClient message) {
  std::optional<WireId> asks;
  if (const auto* request = std::get_if<Request>(&message)) asks = request->id;
  if (const auto* query = std::get_if<Query>(&message)) asks = query->id;
  duplicate_expected_ = asks && !outstanding_.insert({{client, asks->value}, now_}).second;
  give(ClientSaid{ClientConnection{client}, std::move(message), some_header(),
                  Payload{std::string(choices_.below(3000), 'x')}});
  expect(!duplicate_expected_, "a duplicate id was not answered");
  duplicate_expected_ = false;
}

// What an operator asks for.
void World::order(std::uint32_t client) {
  const std::string name(1, static_cast<char>('A' + choices_.below(workers_count + 1)));
  Query query{WireId{choices_.below(20)}, "refresh", {}};
  switch (choices_.below(4)) {
    case 0:
      query.name = "why";
      break;
    case 1:
      query.name = "remove";
      query.args = Value::Map{{"worker", name}};
      break;
    case 2:
      query.name = "drain";
      query.args = Value::Map{{"worker", name}, {"on", choices_.below(2) == 0}};
      break;
    default:
      break;
  }
  client_says(client, std::move(query));
}

// Says what may not even be a message.
void World::rave(std::uint32_t client) {
  const Frame header{choices_.bytes()};
  auto decoded = decoder_.from_client(header, {});
  if (decoded) return client_says(client, std::move(decoded->message));
  const Fault fault = decoded.error();
  const bool answered = fault.id && fault.reason != FaultReason::unknown_type;
  duplicate_expected_ = answered && !outstanding_.insert({{client, fault.id->value}, now_}).second;
  give(ClientFault{ClientConnection{client}, fault});
  expect(!duplicate_expected_, "a fault under a duplicate id was not answered");
  duplicate_expected_ = false;
}

void World::forget_client(std::uint32_t client) {
  std::erase_if(outstanding_, [&](const auto& owed) { return owed.first.first == client; });
  give(ClientUnreachable{ClientConnection{client}, choices_.below(2) == 0});
}

// ---- workers ----------------------------------------------------------------------------------

// Its connection dies; now and then with a REQUEST that had just been sent, or has been answered.
void World::cut(Worker& worker) {
  if (worker.connection == 0) return;
  std::optional<BrokerId> lost;
  if (!worker.has.empty() && choices_.below(2) == 0) {
    lost = BrokerId{worker.has.begin()->first};
    worker.has.erase(worker.has.begin());
  }
  give(WorkerUnreachable{WorkerConnection{worker.connection}, lost});
}

// Its process ends, registered or not.
void World::leave(Worker& worker) {
  say(worker, Deregister{"at random"});
  worker.has.clear();
}

// Now and then by a connection on which another has registered, or wants to.
void World::enlist(Worker& worker) {
  const std::uint32_t other = workers_[choices_.below(workers_count)].connection;
  if (other != 0 && choices_.below(16) == 0) {
    const auto before = workers_;
    worker.connection = other;
    for (Worker& former : workers_) {
      if (&former != &worker && former.connection == worker.connection) former.connection = 0;
    }
    // One REGISTER too many of that connection: who has it is still registered there.
    if (!say(worker, Register{info_of(worker)})) workers_ = before;
    return;
  }
  if (choices_.below(3) != 0 || worker.connection == 0) {
    worker.connection = next_connection_++;
    worker.nonce.reset();
  }
  if (choices_.below(4) == 0) {
    ++worker.instance;
    worker.has.clear();
  }
  say(worker, Register{info_of(worker)});
}

// As the broker counts them, for a client that is none of ours.
std::uint64_t World::registers_dropped() {
  std::vector<Action> out;
  controller_.step(
      ClientSaid{
          ClientConnection{clients_count + 1}, Query{WireId{1}, "stats", {}}, some_header(), {}},
      now_, out);
  for (const Action& action : out) {
    const auto* send = std::get_if<SendToClient>(&action);
    const auto* answer = send ? std::get_if<Answer>(&send->message) : nullptr;
    if (answer == nullptr) continue;
    const Value* dropped = answer->result.find("dropped");
    const Value* hasty = dropped ? dropped->find("hasty") : nullptr;
    if (hasty != nullptr) return hasty->uint_or(0);
  }
  expect(false, "stats does not tell how many REGISTERs were dropped");
  return 0;
}

WorkerDescription World::info_of(const Worker& worker) {
  WorkerDescription info;
  info.worker = std::string(1, static_cast<char>('A' + (&worker - workers_.data())));
  info.instance = Instance{worker.instance};
  ModelDescription model;
  model.name = "m";
  info.models = {model};
  model.name = "n";
  if (choices_.below(2) == 0) info.models.push_back(model);
  info.slots = choices_.below(4);
  info.state = some_state();
  if (choices_.below(2) == 0) info.labels = {{"zone", "b"}};
  for (const auto& [attempt, parts] : worker.has)
    info.active.push_back(BrokerId{attempt});
  // Of a former broker. (Who names what another worker has can have that worker overloaded: workers
  // are trusted, section 12.)
  if (choices_.below(8) == 0) info.active.push_back(BrokerId{strange_id + choices_.below(200)});
  return info;
}

// Answers a PROBE; now and then something was lost on the way.
void World::report(Worker& worker) {
  if (!worker.has.empty() && choices_.below(4) == 0) worker.has.erase(worker.has.begin());
  Status status{*std::exchange(worker.nonce, std::nullopt), info_of(worker)};
  status.info.slots = worker.slots;
  say(worker, std::move(status));
}

void World::beat(Worker& worker) {
  if (worker.nonce && choices_.below(2) == 0) return report(worker);
  WorkerHeartbeat heartbeat;
  heartbeat.slots = choices_.below(5);
  heartbeat.state = some_state();
  heartbeat.queue_length = choices_.below(3);
  if (choices_.below(4) != 0) heartbeat.progress = worker.progress += choices_.below(2);
  say(worker, heartbeat);
}

void World::answer(Worker& worker) {
  if (worker.has.empty()) return;
  auto chosen = worker.has.begin();
  std::advance(chosen, static_cast<std::ptrdiff_t>(choices_.below(worker.has.size())));
  const WireId id{chosen->first};
  const std::uint64_t dice = choices_.below(11);
  if (dice < 4) return (void)say(worker, Chunk{id, chosen->second++, {}});
  if (dice < 5) return (void)say(worker, Chunk{id, chosen->second + choices_.below(2), {}});
  const std::uint64_t parts = chosen->second;
  worker.has.erase(chosen);
  if (dice < 8) return (void)say(worker, Final{id, parts, {}});
  static constexpr std::array codes{ErrorCode::refused, ErrorCode::server_gone,
                                    ErrorCode::worker_failed, ErrorCode::cancelled};
  Error error{id, codes[choices_.below(codes.size())], "at random", {}};
  if (choices_.below(4) != 0) error.meta.status = 500;
  say(worker, std::move(error));
}

void World::rave(Worker& worker) {
  const Frame header{choices_.bytes()};
  auto decoded = decoder_.from_worker(header, {});
  if (decoded) return (void)say(worker, std::move(decoded->message));
  if (decoded.error().id) worker.has.erase(decoded.error().id->value);
  give(WorkerFault{WorkerConnection{worker.connection}, decoded.error()});
}

void World::note_said(const FromWorker& message, Worker& worker) {
  if (const auto* beat = std::get_if<WorkerHeartbeat>(&message)) worker.slots = beat->slots;
  if (const auto* enlisted = std::get_if<Register>(&message)) worker.asked = enlisted->info.slots;
  if (const auto* final = std::get_if<Final>(&message)) worker.has.erase(final->id.value);
  if (const auto* error = std::get_if<Error>(&message)) worker.has.erase(error->id.value);
}

// Whether the broker takes notice: not of one REGISTER too many.
bool World::say(Worker& worker, FromWorker message) {
  const bool registers = std::holds_alternative<Register>(message);
  const std::uint64_t dropped = registers ? registers_dropped() : 0;
  const std::uint64_t asked = worker.asked;
  note_said(message, worker);
  give(WorkerSaid{WorkerConnection{worker.connection}, std::move(message), some_header(), {}});
  const bool taken = !registers || registers_dropped() == dropped;
  if (!taken) worker.asked = asked;
  return taken;
}

WorkerState World::some_state() {
  return choices_.below(4) != 0 ? WorkerState::ready : static_cast<WorkerState>(choices_.below(4));
}

// ---- what the Controller does -----------------------------------------------------------------

void World::expect(bool holds, const std::string& sentence) {
  if (!holds) violations_.push_back(sentence);
}

void World::give(Event event) {
  const std::string said = describe(event);
  const bool ticks = std::holds_alternative<Tick>(event);
  std::vector<Action> out;
  controller_.step(std::move(event), now_, out);
  controller_.check_invariants();
  expect(controller_.next_deadline() <= now_ + options_.heartbeat_interval,
         "the Controller does not want to be woken within an interval");
  for (const Action& action : out)
    take(action, said);
  if (ticks) {
    expect(std::ranges::all_of(
               outstanding_,
               [&](const auto& owed) { return now_ < owed.second + options_.request_timeout; }),
           "a request has no answer though its time has run out");
  }
}

void World::take(const Action& action, const std::string& said) {
  if (const auto* relay = std::get_if<RelayToClient>(&action)) {
    const Key key{relay->to.value, relay->id.value};
    expect(outstanding_.contains(key), said + " after the end of a request");
    trace_ += said[0];
    if (said != "CHUNK") end(key, said);
  } else if (const auto* send = std::get_if<SendToClient>(&action)) {
    if (const auto* error = std::get_if<Error>(&send->message)) take_error(*send, *error);
    if (const auto* answer = std::get_if<Answer>(&send->message)) take_answer(*send, *answer);
  } else if (const auto* request = std::get_if<RelayToWorker>(&action)) {
    take_request(*request);
  } else if (const auto* word = std::get_if<SendToWorker>(&action)) {
    Worker* const worker = worker_at(word->to);
    if (worker == nullptr) return;
    if (std::holds_alternative<Registered>(word->message)) worker->slots = worker->asked;
    if (const auto* probe = std::get_if<Probe>(&word->message)) worker->nonce = probe->nonce;
  }
}

World::Worker* World::worker_at(WorkerConnection connection) {
  for (Worker& worker : workers_)
    if (worker.connection == connection.value) return &worker;
  return nullptr;
}

void World::take_error(const SendToClient& send, const Error& error) {
  trace_ += std::to_string(static_cast<std::uint32_t>(error.code));
  if (!error.meta.duplicate) return end({send.to.value, error.id.value}, error_name(error.code));
  expect(duplicate_expected_, "an ERROR says duplicate where none was");
  duplicate_expected_ = false;
}

void World::take_answer(const SendToClient& send, const Answer& answer) {
  end({send.to.value, answer.id.value}, "ANSWER");
  const Value* in_flight = answer.result.find("in_flight");  // of `stats`, asked at the end
  expect(in_flight == nullptr || in_flight->uint_or(1) == 0,
         "slots are taken for what no worker has");
}

void World::take_request(const RelayToWorker& request) {
  trace_ += 'R';
  Worker* const worker = worker_at(request.to);
  if (worker == nullptr) return;  // on a connection that it has left
  worker->has.emplace(request.id.value, 0);
  expect(worker->has.size() <= worker->slots, "a worker was given more than it granted");
}

void World::end(const Key& key, const std::string& said) {
  expect(outstanding_.erase(key) == 1, said + " is a second answer for client " +
                                           std::to_string(key.first) + "'s request " +
                                           std::to_string(key.second));
  ++answered_;
}

}  // namespace muster::test
