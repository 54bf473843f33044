#include "tools/bench/client.hpp"

#include <utility>
#include <variant>

#include "protocol/check.hpp"
#include "protocol/transport/clock.hpp"

namespace muster::bench {

namespace {

// An ERROR's code, sentence and reason; nothing where it is no ERROR.
std::optional<std::string> error_in(std::span<const std::byte> header) {
  const auto decoded = Decoder{WireLimits{}}.to_client(Frame{header}, {});
  if (!decoded) return std::nullopt;
  const auto* error = std::get_if<Error>(&decoded.value().message);
  if (error == nullptr) return std::nullopt;
  std::string sentence = std::string{error_name(error->code)} + ": " + error->message;
  if (!error->meta.reason.empty()) sentence += " (" + error->meta.reason + ")";
  return sentence;
}

// What a broker says by itself, once an interval, to whom it owes an answer.
bool is_heartbeat(std::span<const std::byte> header) {
  const auto decoded = Decoder{WireLimits{}}.to_client(Frame{header}, {});
  return decoded && std::holds_alternative<ClientTerms>(decoded.value().message);
}

}  // namespace

Client::Client(std::unique_ptr<Link> link, Script& script, Yield& yield, std::uint64_t number)
    : link_(std::move(link)),
      script_(script),
      yield_(yield),
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
  link_->flush();
}

void Client::act(Time now) {
  over_ = now >= window_.until;
  while (due() <= now) {
    const Time since = arrivals_->next();
    arrivals_->advance();
    send(since);
  }
  link_->flush();
}

Time Client::due() const {
  if (!arrivals_ || over_ || ledger_.full() || cut_off_) return time_never;
  return arrivals_->next() < window_.until ? arrivals_->next() : time_never;
}

bool Client::done(Time now) const {
  return now >= window_.until && (ledger_.outstanding() == 0 || cut_off_);
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
  if (!link_->send(header, &script_.body)) lost_connection();
}

void Client::lost_connection() {
  if (std::exchange(cut_off_, true)) return;
  ledger_.tally.complain("a client has lost its connection" + link_->last_words());
}

bool Client::pump() {
  Received message;
  bool more = true;
  for (int i = 0; more && i < messages_a_turn; ++i) {
    more = link_->receive(message);
    if (more) took(message, transport::monotonic_now());
  }
  link_->flush();
  if (!more && !link_->last_words().empty()) lost_connection();
  return more;
}

void Client::took(const Received& message, Time now) {
  if (message.is_hello()) {
    if (ready_) ledger_.tally.complain("a client's connection was made anew");
    ready_ = true;
    return;
  }
  const auto id = id_of(message.header);
  if (!id && is_heartbeat(message.header)) return;
  if (!id) return took_other();
  Ledger::Pending* pending = ledger_.find(*id);
  if (pending == nullptr) return ledger_.tally.complain("an answer came that nobody waits for");
  took_part(*pending, message, now);
}

void Client::took_part(Ledger::Pending& pending, const Received& part, Time now) {
  const auto& answer = script_.headers.answer;
  if (!answer[pending.parts].made(part.header)) {
    auto error = error_in(part.header);
    if (!error) return took_other();
    ledger_.close_with_error(pending, std::move(*error));
    return answered(now);
  }
  if (part.bytes != (script_.has_body(pending.parts) ? script_.answer_body.size() : 0)) {
    ++ledger_.tally.mangled;
    ledger_.tally.complain("a part of an answer has lost its body");
  } else if (script_.paced() && part.frames > 0) {
    const Time sent = time_in(part.body);
    if (is_measured(sent)) yield_.part_latencies.add(now - sent);
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
