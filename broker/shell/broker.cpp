#include "broker/shell/broker.hpp"

#include <algorithm>
#include <span>
#include <utility>
#include <variant>

#include "config/logging.hpp"
#include "protocol/check.hpp"
#include "protocol/transport/clock.hpp"

namespace muster::broker {
namespace {

using transport::Incoming;
using transport::peer_address;
using transport::Sent;

// How much one turn reads of each socket: some milliseconds of work, after which deadlines and the
// other socket get their turn. What a message costs to read goes by its header.
constexpr std::size_t messages_a_turn = 1000;
constexpr std::size_t header_bytes_a_turn = 1024 * 1024;
// A message with more is handled before others are taken from libzmq, but for those that are on
// their way when that is seen.
constexpr std::size_t large_message_bytes = 64 * 1024;
// How many messages are taken after one before that is looked at.
constexpr std::size_t messages_on_their_way = 4;
// What is to be sent is sent in batches: libzmq's I/O thread wakes for the first message and finds
// the rest ready, so that a system call carries many. One by one it sends them one by one, which
// costs more than all else that a broker does. But clients, workers and that thread have nothing to
// do meanwhile: so a batch is a fraction of what is at workers, between these bounds.
constexpr std::size_t actions_a_batch_max = 256;
constexpr std::size_t batches_at_workers = 4;

// Of turns that find something to do, one in so many looks for signals too.
constexpr int turns_unpolled_max = 16;
// ... and of those that don't look at descriptors, one in so many looks into both sockets.
constexpr int turns_unseen_max = 2;

// What a QUERY is charged as: its answer tells of the whole cluster.
constexpr std::size_t query_cost = 64 * 1024;

// Messages that libzmq may hold for one worker. Its slots bound the requests among them; a worker
// that takes none of the rest is given up as if it were gone.
constexpr int worker_high_water = 4 * static_cast<int>(slots_max);

// What libzmq may hold for one client; beyond it waits in the client's outbox, where bytes are
// counted. So many small messages, under 16 KiB each, and so many bytes of larger ones.
constexpr int client_high_water = 1000;
constexpr std::uint64_t client_large_high_water = 4 * 1024 * 1024;

// How soon a client that was full is tried again: nothing tells when there is room.
constexpr Duration outbox_retry = std::chrono::milliseconds{2};

// A stopping broker keeps its connections for so long after the last word to a client: of a
// connection that breaks, libzmq's other end drops what its owner has not read yet.
constexpr Duration farewell = std::chrono::milliseconds{300};

// ... and for so long at most, whoever does not take what is theirs.
constexpr Duration stop_max = std::chrono::seconds{2};

// What the Controller has not taken of an event that is used again.
template <class Said>
void let_go(Said& said) {
  said.header.frame = {};
  said.payload = {};
}

std::string joined(const std::vector<std::string>& words) {
  std::string all;
  for (const auto& word : words)
    all += (all.empty() ? "" : ",") + word;
  return all;
}

}  // namespace

Broker::Broker(transport::Context& context, const BrokerOptions& options,
               std::unique_ptr<Controller> controller)
    : options_(options),
      frontend_(context, {.limits = options.controller.limits,
                          .send_high_water = client_high_water,
                          .large_bytes_high_water = client_large_high_water}),
      backend_(context,
               {.limits = options.controller.limits, .send_high_water = worker_high_water}),
      controller_(std::move(controller)),
      client_decoder_(options.controller.limits, Decoder::Keep::what_routes),
      worker_decoder_(options.controller.limits, Decoder::Keep::what_routes),
      outbox_(options.outbox) {
  CHECK(controller_ != nullptr, "a broker without a controller");
  poller_.watch(backend_);
  poller_.watch(frontend_);
  poller_.watch(stop_.fd());
}

Broker::~Broker() = default;

Outcome Broker::open() {
  if (auto bound = bind_all(frontend_, "broker.frontend", options_.frontend, frontend_at_); !bound)
    return bound;
  if (auto bound = bind_all(backend_, "broker.backend", options_.backend, backend_at_); !bound)
    return bound;
  log::info("listening", {{"name", options_.controller.name},
                          {"version", MUSTER_VERSION},
                          {"frontend", joined(frontend_at_)},
                          {"backend", joined(backend_at_)},
                          {"policy", policy_name(options_.controller.policy)}});
  return Done{};
}

Outcome Broker::bind_all(transport::RouterSocket& socket, const char* key,
                         const std::vector<std::string>& endpoints,
                         std::vector<std::string>& bound) {
  if (endpoints.empty())
    return failure(std::string{key} + ": no endpoint is given; at least one is needed");
  for (const auto& endpoint : endpoints) {
    auto at = socket.bind(endpoint);
    if (!at) return failure(std::string{key} + ": " + at.error());
    bound.push_back(std::move(*at));
  }
  return Done{};
}

// ---- the loop ----------------------------------------------------------------------------------

Broker::Ended Broker::run(transport::Signals* signals, const Reload& reload) {
  if (signals != nullptr) poller_.watch(signals->fd());
  Ended ended = Ended::in_order;
  while (true) {
    now_ = transport::monotonic_now();
    const bool signalled = signals != nullptr && poller_.readable(signals->fd());
    const auto taken = signalled ? signals->take() : transport::Signals::Taken{};
    if (taken.reload && reload) {
      if (auto options = reload()) step(Reconfigured{std::move(*options)});
    }
    for (int stops = (poller_.readable(stop_.fd()) ? stop_.take() : 0) + taken.stops; stops > 0;
         --stops)
      stop_asked();
    if (stops_asked_ > 2) {
      frontend_.drop_unsent();
      backend_.drop_unsent();
      ended = Ended::at_once;
      break;
    }
    turn();
    if (stopping() && now_ >= stopped_at()) {
      if (!controller_->idle() || !outbox_.empty()) ended = Ended::at_once;
      break;
    }
    wait();
  }
  if (signals != nullptr) poller_.remove(signals->fd());
  log::info("stopped", {{"name", options_.controller.name}});
  return ended;
}

void Broker::turn() {
  clients_gone_.clear();
  workers_gone_.clear();
  actions_a_batch_ = std::clamp(controller_->at_workers() / batches_at_workers, actions_a_batch_min,
                                actions_a_batch_max);
  // A deadline may be that of somebody who is not silent, but unread.
  const bool due = now_ >= controller_->next_deadline();
  frontend_unread_ = frontend_unread_ || due;
  backend_unread_ = backend_unread_ || due;
  const bool backend_empty = look(backend_, backend_unread_, [this] { return read_backend(); });
  const bool frontend_empty = look(frontend_, frontend_unread_, [this] { return read_frontend(); });
  perform_all();
  flush_outbox();
  // What a worker had said before it was found gone may still be unread: then the Controller is not
  // told that everything is read, and the next turn reads it.
  step(Tick{.backend_empty = backend_empty && workers_gone_.empty(),
            .frontend_empty = frontend_empty});
  perform_all();
  notes_.tick(now_);
}

// To look into an empty socket costs as many system calls as to read a dozen messages. Of one that
// was found empty the descriptor tells when something comes, until something is sent on it: whoever
// sends, or tries to, may have libzmq take in the news of what has come meanwhile. So what a turn
// has spoken on is looked into by the next.
template <class ReadIt>
bool Broker::look(const transport::RouterSocket& socket, bool& unread, ReadIt read_it) {
  const bool polled = turns_unpolled_ == 0;
  const bool due =
      unread || (polled ? poller_.readable(socket) : turns_unpolled_ % turns_unseen_max == 0);
  if (!due) return false;
  unread = false;
  const bool empty = read_it();
  if (!empty) unread = true;
  return empty;
}

void Broker::wait() {
  const bool quiet = !frontend_unread_ && !backend_unread_;
  if (!quiet) {
    busy_until_ = now_ + options_.busy_poll;
    if (++turns_unpolled_ < turns_unpolled_max) return;
  }
  turns_unpolled_ = 0;
  const bool sleeps = quiet && now_ >= busy_until_;
  poller_.wait_unread(now_, sleeps ? wake_at() : now_);
}

// Bytes that another thread has written are long in coming: they are asked for here, and looked at
// some messages later. First where they are, then the headers, then what look_ahead() asks for.
template <class LookAhead, class Handle>
bool Broker::read(transport::RouterSocket& socket, LookAhead look_ahead, Handle handle) {
  std::size_t bytes = 0;
  for (std::size_t read = 0; read < messages_a_turn && bytes < header_bytes_a_turn;) {
    std::size_t count = 0;
    std::size_t arrived = 0;
    bool empty = false;
    bool small = true;
    const auto arrive = [&small](Incoming& one) {
      one.arrived();
      one.header.prefetch();
      small = small && one.header.size() + one.payload.bytes() <= large_message_bytes;
    };
    for (; small && count < incoming_.size(); ++count) {
      empty = !socket.take(incoming_[count]);
      if (empty) break;
      if (count - arrived >= messages_on_their_way) arrive(incoming_[arrived++]);
    }
    for (; arrived < count; ++arrived)
      arrive(incoming_[arrived]);
    const auto taken = std::span{incoming_}.first(count);
    for (const Incoming& one : taken)
      look_ahead(one);
    for (Incoming& one : taken) {
      bytes += one.header.size();
      bytes += handle(one);
      one.header = {};
      one.payload = {};
    }
    if (empty) return true;
    read += count;
  }
  return false;
}

bool Broker::read_backend() {
  const auto look_ahead = [this](const Incoming& incoming) {
    if (const auto id = id_of(incoming.header)) controller_->foresee(BrokerId{id->value});
  };
  return read(backend_, look_ahead, [this](Incoming& incoming) -> std::size_t {
    if (incoming.foreign_identity) {
      notes_.foreign_peer(true, now_);
      step(ForeignPeer{.on_backend = true});
      return 0;
    }
    const WorkerConnection from{incoming.peer};
    auto& said = std::get<WorkerSaid>(worker_said_);
    if (auto fault = worker_decoder_.from_worker_into(said.message, said.header.id, incoming.header,
                                                      incoming.payload, incoming.dropped_frames)) {
      step(WorkerFault{from, std::move(*fault), peer_address(incoming.header)});
      return 0;
    }
    said.from = from;
    if (std::holds_alternative<Register>(said.message)) {
      said.address = peer_address(incoming.header);
    }
    said.header.frame = std::move(incoming.header);
    said.payload = std::move(incoming.payload);
    step(std::move(worker_said_));
    let_go(said);
    return 0;
  });
}

bool Broker::read_frontend() {
  const auto look_ahead = [](const Incoming& incoming) {
    if (!incoming.payload.empty()) incoming.payload.frame(0).prefetch();
  };
  return read(frontend_, look_ahead, [this](Incoming& incoming) -> std::size_t {
    if (incoming.foreign_identity) {
      notes_.foreign_peer(false, now_);
      step(ForeignPeer{.on_backend = false});
      return 0;
    }
    const ClientConnection from{incoming.peer};
    auto& said = std::get<ClientSaid>(client_said_);
    if (auto fault = client_decoder_.from_client_into(said.message, said.header.id, incoming.header,
                                                      incoming.payload, incoming.dropped_frames)) {
      step(ClientFault{from, std::move(*fault), peer_address(incoming.header)});
      return 0;
    }
    const std::size_t cost = std::holds_alternative<Query>(said.message) ? query_cost : 0;
    said.from = from;
    said.header.frame = std::move(incoming.header);
    said.payload = std::move(incoming.payload);
    step(std::move(client_said_));
    let_go(said);
    return cost;
  });
}

// Not each turn: what is tried in vain has the next turn look into the socket, too.
void Broker::flush_outbox() {
  if (outbox_.empty() || now_ < outbox_retry_at_) return;
  outbox_retry_at_ = now_ + outbox_retry;
  const auto lost =
      outbox_.flush(now_, [this](ClientConnection to, Frame& header, Payload& payload) {
        return to_frontend(to, header, payload);
      });
  for (const auto& [client, cut_off] : lost)
    lose(client, cut_off);  // the Controller hears of it with the turn's Tick
}

Time Broker::wake_at() const {
  Time wake = controller_->next_deadline();
  if (!outbox_.empty()) wake = std::min(wake, outbox_retry_at_);
  if (stopping()) wake = std::min(wake, stopped_at());
  return wake;
}

// The first lets what is outstanding finish, the second ends it, the third ends the broker.
void Broker::stop_asked() {
  if (++stops_asked_ > 2) return;
  const Duration within = stops_asked_ == 1 ? options_.stop_timeout : Duration{};
  stop_by_ = now_ + within + stop_max;
  log::info(stops_asked_ == 1
                ? "stopping: what is outstanding may finish, what comes gets SHUTTING_DOWN; a "
                  "second signal ends all of it"
                : "stopping: what is outstanding ends with SHUTTING_DOWN; a third signal stops at "
                  "once",
            {{"name", options_.controller.name}, {"stop_timeout_ms", to_wire_ms(within)}});
  step(Stop{within});
}

// When a stopping broker may end, as far as is known now.
Time Broker::stopped_at() const {
  if (!controller_->idle() || !outbox_.empty()) return stop_by_;
  return std::min(stop_by_, last_sent_ + farewell);
}

// ---- events and actions ------------------------------------------------------------------------

void Broker::step(Event&& event) {
  controller_->step(std::move(event), now_, actions_);
  if (actions_.size() >= actions_a_batch_) perform_all();
}

void Broker::perform_all() {
  while (!actions_.empty() || !failures_.empty()) {
    for (Action& action : actions_)
      std::visit([this](auto& a) { perform(a); }, action);
    actions_.clear();
    // Each peer is found gone once a turn, and each attempt is undelivered once: this ends.
    for (Event& failed : failures_)
      controller_->step(std::move(failed), now_, actions_);
    failures_.clear();
  }
}

void Broker::perform(SendToClient& action) {
  send(action.to, encode(action.message), {});
}

void Broker::perform(RelayToClient& action) {
  send(action.to, std::move(action.header), std::move(action.payload));
}

void Broker::perform(SendToWorker& action) {
  send(action.to, encode(action.message), {}, std::nullopt);
}

void Broker::perform(RelayToWorker& action) {
  send(action.to, std::move(action.header), std::move(action.payload), action.id);
}

// What is not taken stays as it is.
Sent Broker::to_frontend(ClientConnection to, Frame& header, Payload& payload) {
  frontend_unread_ = true;
  const Sent sent = frontend_.send(to.value, std::move(header), std::move(payload));
  if (sent == Sent::done) last_sent_ = now_;
  return sent;
}

void Broker::send(ClientConnection to, Frame&& header, Payload&& payload) {
  if (clients_gone_.contains(to)) return;
  const Sent sent = outbox_.holds(to) ? Sent::full : to_frontend(to, header, payload);
  switch (sent) {
    case Sent::done:
      return;
    case Sent::unreachable:
      return lose(to, false);
    case Sent::full:
      if (!outbox_.keep(to, header, payload, now_)) lose(to, true);
      return;
  }
}

void Broker::send(WorkerConnection to, Frame&& header, Payload&& payload,
                  std::optional<BrokerId> attempt) {
  const bool known_gone = workers_gone_.contains(to);
  backend_unread_ = true;
  if (!known_gone && backend_.send(to.value, std::move(header), std::move(payload)) == Sent::done) {
    return;
  }
  workers_gone_.insert(to);
  if (!known_gone || attempt) failures_.push_back(WorkerUnreachable{to, attempt});
}

void Broker::lose(ClientConnection client, bool cut_off) {
  frontend_unread_ = true;
  if (!clients_gone_.insert(client).second) return;
  if (cut_off) notes_.client_cut_off(client, now_);
  failures_.push_back(ClientUnreachable{client, cut_off});
}

}  // namespace muster::broker
