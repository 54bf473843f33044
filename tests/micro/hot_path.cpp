#include "tests/micro/hot_path.hpp"

#include <string>
#include <utility>
#include <variant>

#include "protocol/check.hpp"

namespace muster::broker {
namespace {

ControllerOptions options_of(const HotPath::Shape& shape) {
  ControllerOptions options;
  options.policy = shape.policy;
  options.outstanding_per_client_max = 10'000'000;
  options.held_bytes_max = std::uint64_t{1} << 40;
  return options;
}

std::string model_name(std::size_t i) {
  return "org/model-" + std::to_string(i);
}

}  // namespace

Frame HotPath::Header::under(WireId id_now) const {
  return with_id(Frame{bytes.bytes()}, id, id_now);
}

HotPath::HotPath(const Shape& shape)
    : shape_(shape),
      controller_(options_of(shape), {Instance{1}, BrokerId{broker_id_min + 1}, 1}, now_),
      client_decoder_(WireLimits{}, Decoder::Keep::what_routes),
      worker_decoder_(WireLimits{}, Decoder::Keep::what_routes),
      body_(std::string(shape.body_bytes, 'x')) {
  for (std::size_t i = 0; i < shape.models; ++i) {
    Request request{.id = {}, .model = model_name(i), .options = {}};
    request.options.stream = shape.chunks > 0;
    request.options.path = "/v1/chat/completions";
    request.options.type = "application/json";
    Frame header = encode(request);
    const IdSpan id = client_decoder_.from_client(header, {}).value().id;
    requests_.push_back({std::move(header), id});
  }
  const auto of_part = [this](Frame header) {
    const IdSpan id = worker_decoder_.from_worker(header, {}).value().id;
    return Header{std::move(header), id};
  };
  PartMeta meta;
  meta.status = 200;
  meta.type = "application/json";
  for (std::size_t i = 0; i < shape.chunks; ++i)
    chunks_.push_back(of_part(encode(Chunk{{}, i, i == 0 ? meta : PartMeta{}})));
  final_ = of_part(encode(Final{{}, shape.chunks, shape.chunks == 0 ? meta : PartMeta{}}));
  WorkerHeartbeat beat;
  beat.slots = shape.slots;
  beat.state = WorkerState::ready;
  heartbeat_ = encode(beat);

  for (std::size_t i = 0; i < shape.workers; ++i) {
    WorkerDescription info;
    info.worker = "worker-" + std::to_string(i);
    info.instance = Instance{1};
    info.models.push_back({.name = model_name(i % shape.models)});
    info.slots = shape.slots;
    info.state = WorkerState::ready;
    const WorkerConnection connection{static_cast<std::uint32_t>(i + 1)};
    from_worker(connection, encode(Register{std::move(info)}), {});
  }
}

void HotPath::ask() {
  const ClientConnection from{static_cast<std::uint32_t>(asks_ % shape_.clients + 1)};
  const Header& header = requests_[asks_ % requests_.size()];
  ++asks_;
  const std::size_t before = held_.size();
  from_client(from, header.under(WireId{asks_}), Payload{Frame{body_.bytes()}});
  CHECK(held_.size() == before + 1, "a request was not given to a worker");
}

void HotPath::answer() {
  CHECK(asked() > 0, "an answer that nobody has asked for");
  const Held held = held_[answered_++];
  for (const Header& chunk : chunks_)
    from_worker(held.worker, chunk.under(WireId{held.id.value}), Payload{Frame{body_.bytes()}});
  from_worker(held.worker, final_.under(WireId{held.id.value}),
              chunks_.empty() ? Payload{Frame{body_.bytes()}} : Payload{});
  if (answered_ < 4096 || answered_ * 2 < held_.size()) return;
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(answered_));
  answered_ = 0;
}

void HotPath::beat() {
  for (std::size_t i = 0; i < shape_.workers; ++i)
    from_worker(WorkerConnection{static_cast<std::uint32_t>(i + 1)}, Frame{heartbeat_.bytes()}, {});
}

void HotPath::tick() {
  step(Tick{.backend_empty = true, .frontend_empty = true});
}

void HotPath::from_client(ClientConnection from, Frame header, Payload payload) {
  auto& said = std::get<ClientSaid>(client_said_);
  CHECK(!client_decoder_.from_client_into(said.message, said.header.id, header, payload, 0),
        "a header that can't be read");
  said.from = from;
  said.header.frame = std::move(header);
  said.payload = std::move(payload);
  step(std::move(client_said_));
  said.header.frame = {};
  said.payload = {};
}

void HotPath::from_worker(WorkerConnection from, Frame header, Payload payload) {
  auto& said = std::get<WorkerSaid>(worker_said_);
  CHECK(!worker_decoder_.from_worker_into(said.message, said.header.id, header, payload, 0),
        "a header that can't be read");
  said.from = from;
  said.header.frame = std::move(header);
  said.payload = std::move(payload);
  step(std::move(worker_said_));
  said.header.frame = {};
  said.payload = {};
}

void HotPath::step(Event&& event) {
  controller_.step(std::move(event), now_, actions_);
  for (const Action& action : actions_) {
    if (const auto* relayed = std::get_if<RelayToWorker>(&action))
      held_.push_back({relayed->to, relayed->id});
  }
  actions_.clear();
}

}  // namespace muster::broker
