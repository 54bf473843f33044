#include "tools/bench/client.hpp"

#include <utility>
#include <variant>

#include "protocol/check.hpp"
#include "protocol/transport/clock.hpp"

namespace muster::bench {

namespace {

// An ERROR's code, sentence and reason; nothing where it is no ERROR.
std::optional<std::string> error_in(const zmq::message_t& header) {
  const auto decoded = Decoder{WireLimits{}}.to_client(Frame{bytes_of(header)}, {});
  if (!decoded) return std::nullopt;
  const auto* error = std::get_if<Error>(&decoded.value().message);
  if (error == nullptr) return std::nullopt;
  std::string sentence = std::string{error_name(error->code)} + ": " + error->message;
  if (!error->meta.reason.empty()) sentence += " (" + error->meta.reason + ")";
  return sentence;
}

// What a broker says by itself, once an interval, to whom it owes an answer.
bool is_heartbeat(const zmq::message_t& header) {
  const auto decoded = Decoder{WireLimits{}}.to_client(Frame{bytes_of(header)}, {});
  return decoded && std::holds_alternative<ClientTerms>(decoded.value().message);
}

}  // namespace

Client::Client(SocketContext& context, Script& script, Yield& yield, std::uint64_t number)
    : script_(script),
      yield_(yield),
      socket_(context),
      ledger_(script.options.outstanding),
      prng_(script.options.seed + number) {}

void Client::start(const Window& window, Time now) {
  window_ = window;
  if (script_.options.rate > 0) {
    const auto clients = static_cast<double>(script_.options.clients);
    arrivals_.emplace(script_.options.rate / clients, prng_.next(), window.start);
    return;
  }
  while (!ledger_.full() && !cut_off_)
    send(now);
}

void Client::act(Time now) {
  over_ = now >= window_.until;
  while (due() <= now) {
    const Time since = arrivals_->next();
    arrivals_->advance();
    send(since);
  }
}

Time Client::due() const {
  if (!arrivals_ || over_ || ledger_.full() || cut_off_) return time_never;
  return arrivals_->next() < window_.until ? arrivals_->next() : time_never;
}

bool Client::done(Time now) const {
  return now >= window_.until && ledger_.outstanding() == 0;
}

Tally Client::settle() {
  for (; arrivals_ && arrivals_->next() < window_.until; arrivals_->advance()) {
    ++ledger_.tally.not_sent;
    if (is_measured(arrivals_->next())) yield_.latencies.add(window_.until - arrivals_->next());
  }
  return ledger_.tally;
}

void Client::send(Time since) {
  const std::size_t models = script_.headers.requests.size();
  const Stencil& stencil = script_.headers.requests[models > 1 ? prng_.below(models) : 0];
  zmq::message_t header(stencil.size());
  stencil.write(header.data<std::byte>(), ledger_.open(since));
  zmq::message_t body;
  body.copy(script_.body);
  if (!socket_.send(header, true) || !socket_.send(body, false)) {
    cut_off_ = true;
    ledger_.tally.complain("a client has lost its connection");
  }
}

bool Client::pump() {
  for (int i = 0; i < messages_a_turn; ++i) {
    if (!socket_.receive(header_)) return false;
    took(transport::monotonic_now());
  }
  return true;
}

void Client::took(Time now) {
  const Rest rest = socket_.receive_rest(header_);
  if (header_.empty() && rest.frames == 0) {  // the first word on a connection (section 1)
    if (ready_) ledger_.tally.complain("a client's connection was made anew");
    ready_ = true;
    return;
  }
  const auto id = id_of(bytes_of(header_));
  if (!id && is_heartbeat(header_)) return;
  if (!id) return took_other();
  Ledger::Pending* pending = ledger_.find(*id);
  if (pending == nullptr) return ledger_.tally.complain("an answer came that nobody waits for");
  took_part(*pending, rest, now);
}

void Client::took_part(Ledger::Pending& pending, const Rest& rest, Time now) {
  const auto& answer = script_.headers.answer;
  if (!answer[pending.parts].made(bytes_of(header_))) {
    auto error = error_in(header_);
    if (!error) return took_other();
    ledger_.close_with_error(pending, std::move(*error));
    return answered(now);
  }
  if (rest.bytes != (script_.has_body(pending.parts) ? script_.body.size() : 0)) {
    ++ledger_.tally.mangled;
    ledger_.tally.complain("a part of an answer has lost its body");
  }
  if (++pending.parts < answer.size()) return;
  if (is_measured(pending.since)) yield_.latencies.add(now - pending.since);
  ledger_.close(pending);
  answered(now);
}

void Client::took_other() {
  ++ledger_.tally.mangled;
  ledger_.tally.complain("something came that no worker has sent");
}

void Client::answered(Time now) {
  // Nobody else writes it, so this needs no locked instruction.
  yield_.answered.store(yield_.answered.load(std::memory_order_relaxed) + 1,
                        std::memory_order_relaxed);
  // A schedule asks by itself, as soon as due() is seen to have changed.
  if (!arrivals_ && now < window_.until && !cut_off_) send(now);
}

}  // namespace muster::bench
