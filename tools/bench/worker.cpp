#include "tools/bench/worker.hpp"

#include <algorithm>
#include <functional>
#include <utility>
#include <variant>

#include "protocol/check.hpp"
#include "protocol/transport/clock.hpp"

namespace muster::bench {

namespace {

// Of a crowd that nobody registers, which therefore nobody tells.
constexpr Duration interval_untold = std::chrono::seconds{1};

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

}  // namespace

Worker::Worker(std::unique_ptr<Link> link, Script& script, Yield& yield, std::uint64_t number,
               bool crowd)
    : link_(std::move(link)),
      script_(script),
      yield_(yield),
      number_(number),
      crowd_(crowd),
      name_((crowd ? "crowd" : script.options.kind) + "-" + std::to_string(number)),
      instance_(transport::new_instance()),
      prng_(script.options.seed + number) {}

Time Worker::due() const {
  return std::min(heartbeat_due_, streams_.empty() ? time_never : streams_.front().due);
}

void Worker::act(Time now) {
  if (heartbeat_due_ <= now) heartbeat(now);
  while (!streams_.empty() && streams_.front().due <= now) {
    std::ranges::pop_heap(streams_, std::greater{});
    Stream next = std::move(streams_.back());
    streams_.pop_back();
    go_on(std::move(next));
  }
  link_->flush();
}

bool Worker::pump() {
  Received message;
  bool more = true;
  for (int i = 0; more && i < messages_a_turn; ++i) {
    more = link_->receive(message);
    if (more) took(message);
  }
  link_->flush();
  if (!more && !link_->last_words().empty()) lost_connection();
  return more;
}

void Worker::took(const Received& message) {
  if (message.is_hello()) return met();
  const auto id = id_of_request(message.header);
  if (!id) return took_other(message);
  if (crowd_) return complain("one of the crowd was asked");
  if (message.frames != 1 || message.bytes != script_.body.size())
    complain("a request has lost its body");
  answer(message.from, *id);
}

void Worker::answer(std::string_view to, std::uint64_t id) {
  if (script_.paced()) {
    // Streams that were asked for at once are not in step for that: each starts at a time of its
    // own within the first interval. Within a millisecond they are: a model server's step gives all
    // the parts that it gives together.
    const auto interval = static_cast<std::uint64_t>(script_.options.part_interval.count());
    const Duration offset{static_cast<Duration::rep>(prng_.below(interval))};
    const Time due =
        std::chrono::ceil<std::chrono::milliseconds>(transport::monotonic_now() + offset);
    return put_off({.to = std::string{to}, .id = id, .due = due});
  }
  bool sent = true;
  for (std::size_t part = 0; part < script_.headers.answer.size() && sent; ++part)
    sent = send_part(to, id, part);
  if (!sent) lost_connection();
}

void Worker::go_on(Stream stream) {
  if (!send_part(stream.to, stream.id, stream.part)) return lost_connection();
  if (++stream.part == script_.headers.answer.size()) return;
  stream.due += script_.options.part_interval;
  put_off(std::move(stream));
}

void Worker::put_off(Stream stream) {
  streams_.push_back(std::move(stream));
  std::ranges::push_heap(streams_, std::greater{});
}

bool Worker::send_part(std::string_view to, std::uint64_t id, std::size_t part) {
  const Stencil& stencil = script_.headers.answer[part];
  zmq::message_t header(stencil.size());
  stencil.write(header.data<std::byte>(), id);
  if (!script_.has_body(part)) return link_->answer(to, header, nullptr);
  if (!script_.paced()) return link_->answer(to, header, &script_.answer_body);
  zmq::message_t own(script_.answer_body.data(), script_.answer_body.size());
  write_time(transport::monotonic_now(), {own.data<std::byte>(), own.size()});
  return link_->answer(to, header, &own);
}

void Worker::met() {
  if (std::exchange(met_, true)) complain("a worker's connection was made anew");
  switch (script_.target) {
    case Target::muster:
      return say(encode(Register{description()}));
    case Target::router:
      if (crowd_) {
        interval_ = interval_untold;
        heartbeat_due_ = transport::monotonic_now() + interval_;
      } else {
        say(Frame{});  // so that it is known there
      }
      [[fallthrough]];
    case Target::proxy:
    case Target::nats:
      ready_ = true;
  }
}

WorkerDescription Worker::description() const {
  WorkerDescription info;
  info.worker = name_;
  info.instance = instance_;
  if (crowd_) {
    info.models.push_back(
        {.name = "crowd-" + std::to_string(number_ % script_.options.crowd_models)});
  } else {
    for (std::size_t i = 0; i < script_.headers.requests.size(); ++i)
      info.models.push_back({.name = model_name(script_.options.kind, i)});
  }
  info.slots = script_.options.slots_a_worker();
  info.state = WorkerState::ready;
  info.version = MUSTER_VERSION;
  for (const Stream& stream : streams_)
    info.active.push_back(BrokerId{stream.id});
  return info;
}

void Worker::heartbeat(Time now) {
  WorkerHeartbeat beat;
  beat.slots = script_.options.slots_a_worker();
  beat.state = WorkerState::ready;
  say(encode(beat));
  heartbeat_due_ = now + interval_;
}

void Worker::took_other(const Received& message) {
  if (script_.target == Target::router && crowd_) {  // its own heartbeat, come back
    ++yield_.crowd_heard;
    return;
  }
  const auto decoded = Decoder{WireLimits{}}.to_worker(Frame{message.header}, {});
  if (!decoded) return complain("a worker was told what it does not understand");
  std::visit(Overloaded{
                 [&](const Registered& m) {
                   ready_ = true;
                   interval_ = m.terms.interval;
                   heartbeat_heard_ = transport::monotonic_now();
                   heartbeat_due_ = heartbeat_heard_ + interval_;
                 },
                 [&](const BrokerHeartbeat&) { heard_heartbeat(transport::monotonic_now()); },
                 // Its heartbeat was late, thousands of others being played beside it.
                 [&](const Probe& m) {
                   say(encode(Status{m.nonce, description()}));
                 },
                 [&](const Dismiss& m) { complain("a worker was dismissed: " + m.reason); },
                 [&](const Reregister&) { complain("the broker has forgotten a worker"); },
                 [&](const auto&) { complain("a worker was told what nobody has asked for"); },
             },
             decoded.value().message);
}

void Worker::heard_heartbeat(Time now) {
  if (crowd_) {
    ++yield_.crowd_heard;
  } else {
    yield_.heartbeats_late.add(now - heartbeat_heard_ - interval_);
  }
  heartbeat_heard_ = now;
}

void Worker::say(const Frame& frame) {
  zmq::message_t message(frame.bytes().data(), frame.size());
  if (!link_->send(message, nullptr)) lost_connection();
}

void Worker::lost_connection() {
  complain("a worker has lost its connection" + link_->last_words());
}

void Worker::complain(std::string sentence) {
  if (complaint_.empty()) complaint_ = std::move(sentence);
}

}  // namespace muster::bench
