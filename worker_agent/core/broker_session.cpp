#include "worker_agent/core/broker_session.hpp"

#include <algorithm>
#include <utility>

namespace muster::agent {
namespace {

constexpr Duration interval_default = std::chrono::seconds{1};
constexpr std::uint64_t liveness_default = 3;

// What a broker may ask for. Outside of these a worker would heartbeat without pause, or never
// notice a broker's end.
constexpr Duration interval_min = std::chrono::milliseconds{10};
constexpr Duration interval_max = std::chrono::hours{1};
constexpr std::uint64_t liveness_max = 1000;

constexpr Duration backoff_first = std::chrono::seconds{1};

}  // namespace

BrokerSession::BrokerSession(std::string endpoint, std::uint64_t seed, Time now)
    : endpoint_(std::move(endpoint)), prng_(seed), last_heard_(now) {
  terms_.interval = interval_default;
  terms_.liveness = liveness_default;
  retry_at_ = now + next_backoff();
}

Duration BrokerSession::expiry() const {
  return terms_.interval * static_cast<std::int64_t>(terms_.liveness);
}

// There is nobody else to turn to, and what is on its way on a connection is lost with it: a path
// that was cut is given the time in which TCP sends again. Before the first answer nothing is lost.
Duration BrokerSession::patience() const {
  return state_ == State::registered ? expiry() * 2 : expiry();
}

void BrokerSession::begin_registering(Time now) {
  state_ = State::registering;
  register_due_ = true;
  heartbeat_due_ = false;
  heartbeat_at_ = time_never;
  // The answer has the expiry time from here on: after a pause nobody has had to say anything.
  last_heard_ = now;
}

void BrokerSession::connected(Time now) {
  if (state_ == State::left || replaced_) return;
  backoffs_ = 0;
  begin_registering(now);
}

bool BrokerSession::disconnected(Time now) {
  if (state_ != State::registering && state_ != State::registered) return false;
  dial_again(now);
  coming_back_ = true;
  return true;
}

bool BrokerSession::registered(const BrokerTerms& terms, Time now) {
  if (state_ != State::registering || register_due_) return false;
  terms_ = terms;
  terms_.interval = std::clamp(terms_.interval, interval_min, interval_max);
  terms_.liveness = std::clamp(terms_.liveness, std::uint64_t{1}, liveness_max);
  state_ = State::registered;
  outage_told_ = false;
  backoffs_ = 0;
  hurry(now);  // what has changed since the REGISTER was sent
  return true;
}

bool BrokerSession::reregister(Time now) {
  if (state_ != State::registered) return false;
  begin_registering(now);
  return true;
}

void BrokerSession::dismissed(ErrorCode code, Time now) {
  state_ = State::dismissed;
  register_due_ = false;
  heartbeat_due_ = false;
  heartbeat_at_ = time_never;
  replaced_ = code == ErrorCode::replaced;
  retry_at_ = replaced_ ? time_never : now + next_backoff();
}

BrokerSession::Verdict BrokerSession::tick(Time now, bool may_expire) {
  switch (state_) {
    case State::connecting:
      if (now < retry_at_) return Verdict::fine;
      retry_at_ = now + next_backoff();
      coming_back_ = false;
      return Verdict::renew;
    case State::dismissed:
      if (now >= retry_at_) begin_registering(now);
      return Verdict::fine;
    case State::left:
      return Verdict::fine;
    case State::registering:
    case State::registered:
      break;
  }
  if (now > next_deadline() + terms_.interval)
    last_heard_ = std::max(last_heard_, now - patience() + terms_.interval);
  if (may_expire && now >= last_heard_ + patience()) {
    dial_again(now);
    return Verdict::silent;
  }
  if (now >= heartbeat_at_) hurry(now);
  return Verdict::fine;
}

void BrokerSession::dial_again(Time now) {
  state_ = State::connecting;
  coming_back_ = false;
  register_due_ = false;
  heartbeat_due_ = false;
  heartbeat_at_ = time_never;
  backoffs_ = 0;
  retry_at_ = now + next_backoff();
}

Time BrokerSession::next_deadline() const {
  switch (state_) {
    case State::connecting:
    case State::dismissed:
      return retry_at_;
    case State::registering:
      return last_heard_ + patience();
    case State::registered:
      return std::min(last_heard_ + patience(), heartbeat_at_);
    case State::left:
      return time_never;
  }
  return time_never;
}

void BrokerSession::hurry(Time now) {
  if (state_ != State::registered) return;
  heartbeat_due_ = true;
  heartbeat_at_ = now + terms_.interval;
}

void BrokerSession::leave() {
  state_ = State::left;
  register_due_ = false;
  heartbeat_due_ = false;
}

// 1 s, 2 s, 4 s, ... up to the expiry time (section 7), less up to a quarter, so that the workers
// of a broker that comes back do not all come at once.
Duration BrokerSession::next_backoff() {
  const Duration cap = std::max(expiry(), backoff_first);
  Duration wait = backoff_first;
  for (std::uint64_t i = 0; i < backoffs_ && wait < cap; ++i)
    wait *= 2;
  wait = std::min(wait, cap);
  ++backoffs_;
  const auto quarter = static_cast<std::uint64_t>(wait.count()) / 4;
  return wait - Duration{static_cast<std::int64_t>(prng_.below(quarter + 1))};
}

}  // namespace muster::agent
