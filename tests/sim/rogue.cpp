#include "tests/sim/rogue.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace muster::sim {

using namespace std::chrono_literals;

Frame garbled(Frame header, Draw& draw) {
  std::string bytes{header.text()};
  const std::uint64_t changes = draw.from_to(1, 4);
  for (std::uint64_t i = 0; i < changes && !bytes.empty(); ++i)
    bytes[draw.below(bytes.size())] = static_cast<char>(draw.below(256));
  if (draw.chance(0.3)) bytes.resize(draw.below(bytes.size() + 1));
  return Frame{bytes};
}

namespace {

// What answers a request or tells a name is cut short and never changed: it might answer another,
// and be another's name.
Frame spoiled(Frame header, bool binding, Draw& draw) {
  if (!binding) return garbled(std::move(header), draw);
  return Frame{header.text().substr(0, draw.below(header.size()))};
}

}  // namespace

// ---- the worker --------------------------------------------------------------------------------

RogueWorker::RogueWorker(Stage& stage, HostId host, const std::string& name,
                         const std::string& worker, Duration skew, const Plan& plan,
                         RouterId backend, Instance instance, Draw draw)
    : Process(stage, host, name, skew),
      worker_(worker),
      plan_(plan),
      backend_(backend),
      instance_(instance),
      draw_(draw),
      socket_(stage_.network.open(host, backend, stage_.now)),
      decoder_(WireLimits{}),
      slots_(draw_.below(5)),
      acts_at_(now()) {}

void RogueWorker::turn() {
  while (auto incoming = stage_.network.receive(socket_, stage_.now)) {
    if (incoming->opened) {
      jobs_.clear();
      send(Register{info()});
      continue;
    }
    auto decoded = decoder_.to_worker(incoming->header, incoming->payload);
    if (decoded) hear(std::move(decoded->message), incoming->payload);
  }
  if (now() < acts_at_) return;
  acts_at_ = now() + draw_.between(1us, plan_.broker.heartbeat_interval / 4);
  act();
}

void RogueWorker::hear(ToWorker&& message, const Payload& payload) {
  say([&] { return "<- " + describe(message); });
  if (const auto* request = std::get_if<Request>(&message)) {
    given_.insert(request->id.value);
    jobs_[request->id.value] = {.nonce = nonce_of(payload.joined()),
                                .stream = request->options.stream};
  } else if (const auto* cancel = std::get_if<Cancel>(&message)) {
    if (draw_.chance(0.5)) return;
    jobs_.erase(cancel->id.value);
    send(Error{cancel->id, ErrorCode::cancelled, "so be it", {}});
  } else if (const auto* probe = std::get_if<Probe>(&message)) {
    if (draw_.chance(0.7)) send(Status{probe->nonce + draw_.below(2), info()});
  } else if (std::holds_alternative<Reregister>(message)) {
    if (draw_.chance(0.8)) send(Register{info()});
  } else if (std::holds_alternative<Dismiss>(message)) {
    jobs_.clear();
    if (draw_.chance(0.5)) instance_.value += draw_.below(3);
  }
}

void RogueWorker::act() {
  switch (draw_.below(12)) {
    case 0:
    case 1:
    case 2: {
      WorkerHeartbeat beat;
      beat.slots = slots_ = draw_.below(5);
      beat.grant = draw_.below(3);
      beat.state =
          draw_.chance(0.8) ? WorkerState::ready : static_cast<WorkerState>(draw_.below(4));
      return send(beat);
    }
    case 3:
      return send(Register{info()});
    case 4:
      if (draw_.chance(0.8)) return;
      jobs_.clear();
      return send(Deregister{"on a whim"});
    case 5:
      if (draw_.chance(0.8)) return;
      stage_.network.close(socket_, stage_.now);
      socket_ = stage_.network.open(host_, backend_, stage_.now);
      return;
    case 6:
      return wrong_answer();
    default:
      return answer();
  }
}

void RogueWorker::answer() {
  if (jobs_.empty()) return;
  auto some = jobs_.begin();
  std::advance(some, static_cast<std::ptrdiff_t>(draw_.below(jobs_.size())));
  const WireId id{some->first};
  Job& job = some->second;
  if (draw_.chance(0.5)) {
    const std::uint64_t seq = draw_.chance(0.9) ? job.parts : draw_.below(4);
    if (job.stream || draw_.chance(0.1))
      send(Chunk{id, seq, {}}, Payload{part_of(job.nonce, seq, worker_)});
    ++job.parts;
    return;
  }
  const std::uint64_t parts = draw_.chance(0.9) ? job.parts : draw_.below(4);
  const std::uint64_t counted = job.stream ? parts : 0;
  const Nonce nonce = job.nonce;
  job.parts = counted;
  ended_.emplace_back(id.value, job);
  jobs_.erase(some);
  if (ended_.size() > 8) ended_.pop_front();
  if (draw_.chance(0.6)) {
    send(Final{id, counted, {}}, Payload{end_of(nonce, counted, worker_)});
    return;
  }
  Error error{id,
              draw_.one_of({ErrorCode::refused, ErrorCode::server_gone, ErrorCode::worker_failed,
                            ErrorCode::cancelled, ErrorCode::no_worker}),
              "on a whim",
              {}};
  if (draw_.chance(0.5)) error.meta.status = 500;
  error.meta.duplicate = draw_.chance(0.1);
  send(error);
}

// Once more for what has ended; or for what others have or had: attempts before those that it was
// given. Should any of the latter reach a client, its bytes are wrong.
void RogueWorker::wrong_answer() {
  if (given_.empty()) return;
  if (!ended_.empty() && draw_.chance(0.5)) {
    const auto& [id, job] = ended_[draw_.below(ended_.size())];
    return send(Final{WireId{id}, job.parts, {}}, Payload{end_of(job.nonce, job.parts, worker_)});
  }
  const WireId id{*given_.begin() + draw_.below(*given_.rbegin() - *given_.begin() + 4) - 3};
  // On a network that loses messages it can't know what it was given.
  if (plan_.network.lossy > 0) return;
  if (given_.contains(id.value) || id.value > *given_.rbegin()) return;
  if (draw_.chance(0.5)) return send(Final{id, 0, {}}, Payload{"a lie"});
  send(Chunk{id, draw_.below(2), {}}, Payload{"a lie"});
}

WorkerDescription RogueWorker::info() {
  WorkerDescription info;
  info.worker = worker_;
  info.instance = instance_;
  for (const std::string& model : plan_.models) {
    ModelDescription served;
    served.name = model;
    info.models.push_back(std::move(served));
  }
  info.slots = slots_;
  info.state = WorkerState::ready;
  info.labels = {{"zone", "c"}};
  for (const auto& [id, job] : jobs_)
    if (draw_.chance(0.9)) info.active.push_back(BrokerId{id});
  if (draw_.chance(0.1)) info.active.push_back(BrokerId{broker_id_min + draw_.below(1000)});
  return info;
}

void RogueWorker::send(const FromWorker& message, Payload payload) {
  Frame header = encode(message);
  const bool garble = draw_.chance(0.03);
  const bool binding =
      !std::holds_alternative<WorkerHeartbeat>(message) && !std::holds_alternative<Error>(message);
  say([&] { return std::string{garble ? "-> (garbled) " : "-> "} + describe(message); });
  if (garble) header = spoiled(std::move(header), binding, draw_);
  static_cast<void>(
      stage_.network.send(socket_, std::move(header), std::move(payload), stage_.now));
}

// ---- the client --------------------------------------------------------------------------------

RogueClient::RogueClient(Stage& stage, HostId host, const std::string& name, Duration skew,
                         const Plan& plan, RouterId frontend, Draw draw)
    : Process(stage, host, name, skew),
      plan_(plan),
      frontend_(frontend),
      draw_(draw),
      socket_(stage_.network.open(host, frontend, stage_.now)),
      reads_(draw_.chance(0.5)),
      acts_at_(now()) {}

void RogueClient::turn() {
  // Who does not read takes one now and then.
  while (stage_.network.receive(socket_, stage_.now) && reads_) {
  }
  if (now() < acts_at_) return;
  acts_at_ = now() + draw_.between(1us, plan_.broker.heartbeat_interval / 4);
  act();
}

void RogueClient::act() {
  const WireId id{draw_.below(20)};
  switch (draw_.below(12)) {
    case 0:
      return send(Cancel{id});
    case 1:
      return send(ClientHeartbeat{});
    case 2:
      return send(Query{id,
                        draw_.one_of<const char*>(
                            {"stats", "workers", "models", "why", "refresh", "no such thing"}),
                        {}});
    case 3:
      if (draw_.chance(0.9)) return;
      stage_.network.close(socket_, stage_.now);
      socket_ = stage_.network.open(host_, frontend_, stage_.now);
      return;
    default:
      break;
  }
  const std::uint64_t times = draw_.chance(0.95) ? 1 : 30;
  for (std::uint64_t i = 0; i < times; ++i) {
    Request request;
    request.id = WireId{draw_.below(20)};
    request.model = draw_.chance(0.1) ? "nobody has it" : plan_.models.front();
    request.options.stream = draw_.chance(0.5);
    if (draw_.chance(0.2))
      request.options.timeout = Duration{static_cast<std::int64_t>(draw_.below(500'000))};
    // Its number is none of the simulation's: nobody waits for the answer.
    const Nonce nonce = (Nonce{1} << 40) + draw_.below(Nonce{1} << 40);
    send(request, Payload{body_of(nonce, stage_.asks.sent())});
  }
}

void RogueClient::send(const FromClient& message, Payload payload) {
  Frame header = encode(message);
  const bool garble = draw_.chance(0.05);
  say([&] { return std::string{garble ? "-> (garbled) " : "-> "} + describe(message); });
  if (garble) header = garbled(std::move(header), draw_);
  static_cast<void>(
      stage_.network.send(socket_, std::move(header), std::move(payload), stage_.now));
}

}  // namespace muster::sim
