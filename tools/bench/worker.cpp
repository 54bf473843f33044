#include "tools/bench/worker.hpp"

#include <utility>
#include <variant>

#include "protocol/check.hpp"
#include "protocol/transport/clock.hpp"

namespace muster::bench {

namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

}  // namespace

Worker::Worker(SocketContext& context, Script& script, std::uint64_t number)
    : script_(script),
      enveloped_(script.target == Target::proxy),
      socket_(context),
      name_("bench-" + std::to_string(number)) {}

bool Worker::pump() {
  for (int i = 0; i < messages_a_turn; ++i) {
    if (!socket_.receive(header_)) return false;
    took();
  }
  return true;
}

void Worker::took() {
  if (header_.empty() && !header_.more()) return met();
  if (enveloped_) {
    std::swap(envelope_, header_);
    CHECK(socket_.receive(header_), "libzmq gave a part of a message");
  }
  const Rest rest = socket_.receive_rest(header_);
  const auto id = id_of_request(bytes_of(header_));
  if (!id) return took_other();
  if (rest.frames != 1 || rest.bytes != script_.body.size())
    complain("a request has lost its body");
  answer(*id);
}

void Worker::answer(std::uint64_t id) {
  const auto& parts = script_.headers.answer;
  bool sent = true;
  for (std::size_t i = 0; i < parts.size() && sent; ++i) {
    if (enveloped_) {
      zmq::message_t to;
      to.copy(envelope_);
      sent = socket_.send(to, true);
    }
    zmq::message_t header(parts[i].size());
    parts[i].write(header.data<std::byte>(), id);
    const bool with_body = script_.has_body(i);
    sent = sent && socket_.send(header, with_body);
    if (!with_body) continue;
    zmq::message_t body;
    body.copy(script_.body);
    sent = sent && socket_.send(body, false);
  }
  if (!sent) complain("a worker has lost its connection");
}

// The first word on a connection (section 1).
void Worker::met() {
  if (std::exchange(met_, true)) complain("a worker's connection was made anew");
  if (enveloped_) {
    ready_ = true;
    return;
  }
  WorkerDescription info;
  info.worker = name_;
  info.instance = transport::new_instance();
  for (std::size_t i = 0; i < script_.headers.requests.size(); ++i)
    info.models.push_back({.name = model_name(i)});
  info.slots = script_.options.slots_a_worker();
  info.state = WorkerState::ready;
  info.version = MUSTER_VERSION;
  say(encode(Register{std::move(info)}));
}

void Worker::heartbeat(Time now) {
  WorkerHeartbeat beat;
  beat.slots = script_.options.slots_a_worker();
  beat.state = WorkerState::ready;
  say(encode(beat));
  heartbeat_due_ = now + interval_;
}

void Worker::took_other() {
  const auto decoded = Decoder{WireLimits{}}.to_worker(Frame{bytes_of(header_)}, {});
  if (!decoded) return complain("a worker was told what it does not understand");
  std::visit(Overloaded{
                 [&](const Registered& m) {
                   ready_ = true;
                   interval_ = m.terms.interval;
                   heartbeat_due_ = transport::monotonic_now() + interval_;
                 },
                 [](const BrokerHeartbeat&) {},
                 [&](const Dismiss& m) { complain("a worker was dismissed: " + m.reason); },
                 [&](const Reregister&) { complain("the broker has forgotten a worker"); },
                 [&](const auto&) { complain("a worker was told what nobody has asked for"); },
             },
             decoded.value().message);
}

void Worker::say(Frame frame) {
  if (!socket_.send(frame.native(), false)) complain("a worker has lost its connection");
}

void Worker::complain(std::string sentence) {
  if (complaint_.empty()) complaint_ = std::move(sentence);
}

}  // namespace muster::bench
