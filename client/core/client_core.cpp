#include "client/core/client_core.hpp"

#include <algorithm>
#include <array>

#include "protocol/check.hpp"

namespace muster::client {

namespace {

// How many requests are handed to the socket in one step: between two bursts the socket is read.
constexpr std::size_t send_burst_max = 100;

// A socket without room is tried again after the shorter pause, then ever longer up to the other.
constexpr Duration retry_pause_min = std::chrono::milliseconds{5};
constexpr Duration retry_pause_max = std::chrono::milliseconds{100};

// A gap between two Ticks of up to this is no pause of this process, however short the interval.
constexpr Duration pause_min = std::chrono::milliseconds{100};

// However short a broker says its interval is.
constexpr Duration beat_min = std::chrono::milliseconds{10};

std::string in_words(Duration d) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
}

// A query that only reads may be carried out twice (docs/protocol.md, section 9).
bool only_reads(std::string_view query) {
  constexpr std::array<std::string_view, 5> names{"models", "workers", "stats", "why", "refresh"};
  return std::find(names.begin(), names.end(), query) != names.end();
}

std::string too_long(std::string_view what, std::size_t bytes, std::uint64_t max) {
  return std::string{what} + " is " + std::to_string(bytes) + " bytes long; the broker takes " +
         std::to_string(max);
}

}  // namespace

ClientCore::ClientCore(CoreOptions options, Time now)
    : options_(std::move(options)),
      limits_(options_.limits),
      silent_since_(now),
      heartbeat_at_(now),
      last_tick_(now) {}

void ClientCore::step(Event event, Time now, Actions& out) {
  const bool was_waiting = waiting();
  std::visit([&](auto& e) { on(std::move(e), now, out); }, event);
  if (!was_waiting) silent_since_ = now;
}

Time ClientCore::next_deadline() const {
  Time next = deadlines_.empty() ? time_never : deadlines_.begin()->first;
  if (connected_ && !outstanding_.empty()) next = std::min(next, heartbeat_at_);
  if (waiting()) next = std::min({next, silent_since_ + options_.expiry(), retry_at_});
  return next;
}

Duration ClientCore::beat() const {
  const Duration interval = options_.heartbeat_interval;
  return broker_interval_ ? std::max(std::min(interval, *broker_interval_), beat_min) : interval;
}

// ---- what the program wants -------------------------------------------------------------------

void ClientCore::on(Ask&& event, Time now, Actions& out) {
  const ClientRequestId id{event.request.id.value};
  const auto timeout = event.request.options.timeout;
  Outstanding entry{.repeatable = event.request.options.retry,
                    .time = timeout.value_or(options_.request_timeout),
                    .tell_time = timeout.has_value(),
                    .stream = event.request.options.stream,
                    .message = std::move(event.request),
                    .body = std::move(event.body)};
  admit(id, std::move(entry), now, out);
}

void ClientCore::on(AskBroker&& event, Time now, Actions& out) {
  Outstanding entry{
      .query = true,
      .repeatable = only_reads(event.name),
      .time = event.timeout,
      .message = Query{WireId{event.id.value}, std::move(event.name), std::move(event.args)}};
  admit(event.id, std::move(entry), now, out);
}

void ClientCore::admit(ClientRequestId id, Outstanding&& entry, Time now, Actions& out) {
  CHECK(id.value < first_repeat, "a client's request id is too large");
  const bool first = outstanding_.empty();
  entry.time = std::min(entry.time, duration_max);
  entry.due = now + entry.time;
  entry.deadline = entry.due;
  const std::optional<Conclusion> refused = refusal(entry);
  const auto [place, added] = outstanding_.try_emplace(id, std::move(entry));
  CHECK(added, "a client's request id was used twice");
  deadlines_.emplace(place->second.deadline, id);
  unsent_.insert(id);
  if (refused) return end(place, *refused, out);
  if (first) heartbeat_at_ = now + beat();
  if (connected_ && retry_at_ == time_never) send_unsent(now, out);
}

// Why something new can't be taken on.
std::optional<Conclusion> ClientCore::refusal(const Outstanding& entry) const {
  if (stopped_) return conclude(EndKind::cancelled, "the client is closing");
  if (endpoint_refused_) return conclude(EndKind::invalid, *endpoint_refused_);
  if (at_backend_) return wrong_side();
  if (outstanding_.size() >= options_.outstanding_max) {
    return conclude(EndKind::overloaded,
                    "the client has " + std::to_string(options_.outstanding_max) +
                        " requests outstanding, as many as it may",
                    true);
  }
  if (entry.time <= Duration::zero()) {
    return conclude(EndKind::invalid, "a timeout must be longer than 0");
  }
  if (const auto* request = std::get_if<Request>(&entry.message)) {
    if (request->model.empty()) return conclude(EndKind::invalid, "a request must name a model");
    for (const auto& time : {request->options.first_timeout, request->options.idle_timeout}) {
      if (time && *time < Duration::zero()) {  // 0: none beyond the whole timeout (section 4)
        return conclude(EndKind::invalid, "a timeout can't be negative");
      }
    }
  }
  return std::nullopt;
}

void ClientCore::on(Withdraw&& event, Time, Actions& out) {
  const auto entry = outstanding_.find(event.id);
  if (entry == outstanding_.end()) return;
  cancel_at_broker(event.id, entry->second, out);
  end(entry, conclude(EndKind::cancelled, "the request was cancelled"), out);
}

void ClientCore::on(Stop&&, Time, Actions& out) {
  stopped_ = true;
  while (!outstanding_.empty()) {
    const auto entry = outstanding_.begin();
    cancel_at_broker(entry->first, entry->second, out);
    end(entry, conclude(EndKind::cancelled, "the client is closing"), out);
  }
}

// ---- sending ----------------------------------------------------------------------------------

void ClientCore::send_unsent(Time now, Actions& out) {
  retry_at_ = time_never;
  while (!cancels_.empty()) {
    out.emplace_back(Send{Cancel{cancels_.front()}, {}});
    cancels_.pop_front();
  }
  std::size_t burst = 0;
  for (auto next = unsent_.begin(); next != unsent_.end();) {
    const ClientRequestId id = *next++;
    const auto entry = outstanding_.find(id);
    if (const auto fault = over_limits(entry->second)) {
      // The broker may take more than the defaults: its terms are on their way.
      if (limits_told_) end(entry, conclude(EndKind::invalid, *fault), out);
      continue;
    }
    if (burst++ == send_burst_max) {
      retry_at_ = now;
      return;
    }
    send(id, entry->second, now, out);
  }
}

void ClientCore::send(ClientRequestId id, Outstanding& entry, Time now, Actions& out) {
  if (auto* request = std::get_if<Request>(&entry.message)) {
    // What is over by now ends at the Tick of this turn; the broker takes no timeout of 0.
    const Duration left = std::max<Duration>(entry.due - now, std::chrono::milliseconds{1});
    if (entry.tell_time) request->options.timeout = left;
    request->id = wire_id(id, entry);
    set_deadline(id, entry, entry.due + beat());
  } else {
    std::get<Query>(entry.message).id = wire_id(id, entry);
  }
  enter(Stage::sent, id, entry);
  if (keep(entry)) {
    out.emplace_back(Send{entry.message, entry.body.share()});
  } else {
    out.emplace_back(Send{std::move(entry.message), std::move(entry.body)});
  }
}

// Where the broker has it in hand. A query has no CANCEL: it is answered at once.
void ClientCore::cancel_at_broker(ClientRequestId id, const Outstanding& entry, Actions& out) {
  if (entry.query || entry.stage != Stage::sent) return;
  out.emplace_back(Send{Cancel{wire_id(id, entry)}, {}});
}

void ClientCore::on(NotSent&& event, Time now, Actions&) {
  if (std::holds_alternative<ClientHeartbeat>(event.message)) return;  // the next one will do
  if (const auto* cancel = std::get_if<Cancel>(&event.message)) {
    // The Tick that it was sent at has given its connection up as well.
    if (!connected_) return;
    if (cancels_.size() >= options_.outstanding_max) cancels_.pop_front();
    cancels_.push_back(cancel->id);
    return pause_sending(now);
  }
  const auto* request = std::get_if<Request>(&event.message);
  const WireId id = request != nullptr ? request->id : std::get<Query>(event.message).id;
  const auto entry = find(id);
  if (entry == outstanding_.end() || entry->second.stage != Stage::sent) return;
  Outstanding& back = entry->second;
  count_out(back);
  enter(Stage::unsent, entry->first, back);
  back.message = std::move(event.message);
  back.body = std::move(event.payload);
  set_deadline(entry->first, back, back.due);
  pause_sending(now);
}

// Once for all that found no room in one step.
void ClientCore::pause_sending(Time now) {
  if (retry_at_ != time_never && retry_at_ > now) return;
  retry_pause_ = std::clamp(retry_pause_ * 2, retry_pause_min, retry_pause_max);
  retry_at_ = now + retry_pause_;
}

// No encoded header of this message is longer. Exact enough to spare nearly every message being
// encoded twice.
std::size_t ClientCore::header_bytes_bound(const FromClient& message) {
  constexpr std::size_t fixed = 512;  // the array, all keys and numbers of `opts`
  constexpr std::size_t item = 10;    // what msgpack puts before a string, twice; or a number
  const auto* request = std::get_if<Request>(&message);
  if (request == nullptr) return fixed + encode(message).size();  // args are of any length
  const RequestOptions& options = request->options;
  std::size_t sum = fixed + request->model.size() + options.path.size() + options.type.size() +
                    options.request_id.size() + options.trace.size() + options.session.size() +
                    options.tenant.size() + item * options.prefix.size();
  for (const StringMap* map : {&options.headers, &options.require}) {
    for (const auto& [key, value] : *map)
      sum += item + key.size() + value.size();
  }
  return sum;
}

std::optional<std::string> ClientCore::over_limits(const Outstanding& entry) const {
  const auto* request = std::get_if<Request>(&entry.message);
  const std::string& name =
      request != nullptr ? request->model : std::get<Query>(entry.message).name;
  if (name.size() > limits_.name_bytes) {
    return too_long(request != nullptr ? "the model's name" : "the query's name", name.size(),
                    limits_.name_bytes);
  }
  std::size_t header = header_bytes_bound(entry.message);
  const std::size_t body = entry.body.bytes();
  if (header > limits_.header_bytes || header + body > limits_.message_bytes) {
    header = encode(entry.message).size();
  }
  if (header > limits_.header_bytes) {
    return too_long("the request's header (path, headers, labels, ...)", header,
                    limits_.header_bytes);
  }
  const std::uint64_t body_max =
      std::min(limits_.frame_bytes,
               limits_.message_bytes - std::min<std::uint64_t>(header, limits_.message_bytes));
  if (body > body_max) return too_long("the request's body", body, body_max);
  return std::nullopt;
}

// ---- the connection ---------------------------------------------------------------------------

void ClientCore::on(ConnectionNew&&, Time now, Actions& out) {
  // A request may have slipped onto the new connection before this word of it was read: its CANCEL
  // spares a worker the work. A broker ignores one that it doesn't know (section 4).
  lose_connection("the connection to the broker at " + options_.broker + " was lost and made anew",
                  true, now, out);
  connected_ = true;
  ever_connected_ = true;
  at_backend_ = false;
  limits_told_ = false;
  cancels_.clear();
  retry_pause_ = {};
  silent_since_ = now;
  heartbeat(now, out);  // it is answered with the broker's limits
  send_unsent(now, out);
}

void ClientCore::on(EndpointRefused&& event, Time, Actions& out) {
  endpoint_refused_ = std::move(event.what);
  while (!outstanding_.empty()) {
    end(outstanding_.begin(), conclude(EndKind::invalid, *endpoint_refused_), out);
  }
}

void ClientCore::on(Tick&&, Time now, Actions& out) {
  const Duration gap = now - last_tick_;
  last_tick_ = now;
  if (gap > std::max<Duration>(beat() * 3 / 2, pause_min)) {
    silent_since_ = std::min(now, silent_since_ + gap);
  }

  end_late(now, out);
  if (waiting() && now - silent_since_ >= options_.expiry()) {
    lose_connection("the broker at " + options_.broker + " has said nothing for " +
                        in_words(options_.expiry()) + ", so it is taken for dead",
                    false, now, out);
    connected_ = false;
    cancels_.clear();
    retry_at_ = time_never;
    retry_pause_ = {};
    out.emplace_back(Reopen{});
    return;
  }
  if (!connected_) return;
  if (!outstanding_.empty() && now >= heartbeat_at_) heartbeat(now, out);
  if (now >= retry_at_) send_unsent(now, out);
}

void ClientCore::heartbeat(Time now, Actions& out) {
  out.emplace_back(Send{ClientHeartbeat{}, {}});
  heartbeat_at_ = now + beat();
}

void ClientCore::end_late(Time now, Actions& out) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const auto entry = outstanding_.find(deadlines_.begin()->second);
    cancel_at_broker(entry->first, entry->second, out);
    end(entry, lateness(entry->second), out);
  }
}

Conclusion ClientCore::lateness(const Outstanding& entry) const {
  if (entry.stage == Stage::parked) return entry.broker_said;
  const std::string within = " within " + in_words(entry.time);
  if (entry.stage == Stage::sent) {
    return conclude(EndKind::timed_out, "the broker at " + options_.broker +
                                            " did not bring the answer to its end" + within);
  }
  if (connected_) {
    return conclude(EndKind::timed_out,
                    "the connection to the broker at " + options_.broker + " took nothing" + within,
                    true);
  }
  // Whether it was carried out before is not known.
  return conclude(entry.repeats > 0 ? EndKind::connection_lost : EndKind::unreachable,
                  ever_connected_ ? "the connection to the broker at " + options_.broker +
                                        " was lost and did not come back" + within
                                  : "no broker answered at " + options_.broker + within,
                  true);
}

// ---- ends -------------------------------------------------------------------------------------

void ClientCore::end_request(Table::iterator entry, Conclusion how, PartMeta meta, Payload bytes,
                             Actions& out) {
  out.emplace_back(RequestEnded{entry->first, std::move(how), entry->second.next_seq,
                                std::move(meta), std::move(bytes)});
  forget(entry);
}

void ClientCore::end_query(Table::iterator entry, Conclusion how, Value result, Actions& out) {
  out.emplace_back(QueryEnded{entry->first, std::move(how), std::move(result)});
  forget(entry);
}

void ClientCore::end(Table::iterator entry, const Conclusion& how, Actions& out) {
  if (entry->second.query) return end_query(entry, how, {}, out);
  end_request(entry, how, {}, {}, out);
}

void ClientCore::forget(Table::iterator entry) {
  deadlines_.erase({entry->second.deadline, entry->first});
  count_out(entry->second);
  leave(entry->first, entry->second);
  outstanding_.erase(entry);
}

void ClientCore::enter(Stage stage, ClientRequestId id, Outstanding& entry) {
  leave(id, entry);
  entry.stage = stage;
  switch (stage) {
    case Stage::unsent:
      unsent_.insert(id);
      return;
    case Stage::sent:
      ++sent_count_;
      return;
    case Stage::parked:
      ++parked_count_;
      return;
  }
}

void ClientCore::leave(ClientRequestId id, const Outstanding& entry) {
  switch (entry.stage) {
    case Stage::unsent:
      unsent_.erase(id);
      return;
    case Stage::sent:
      --sent_count_;
      return;
    case Stage::parked:
      --parked_count_;
      return;
  }
}

void ClientCore::set_deadline(ClientRequestId id, Outstanding& entry, Time deadline) {
  deadlines_.erase({entry.deadline, id});
  entry.deadline = deadline;
  deadlines_.emplace(deadline, id);
}

}  // namespace muster::client
