#include "tools/bench/driver.hpp"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "protocol/check.hpp"
#include "protocol/transport/clock.hpp"
#include "tools/bench/nats_link.hpp"
#include "tools/bench/zmtp_link.hpp"

namespace muster::bench {

namespace {

// How soon a driver whose own clients are done looks whether all are.
constexpr Duration look_again = std::chrono::milliseconds{5};

}  // namespace

Driver::Driver(const BenchOptions& options, Target target, std::uint64_t number)
    : script_(options, target),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
  CHECK(epoll_ >= 0 && timer_ >= 0, "no descriptor left for a driver");
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  CHECK(::epoll_ctl(epoll_, EPOLL_CTL_ADD, timer_, &event) == 0, "a timer can't be watched");
  for (std::uint64_t i = number; i < options.clients; i += options.threads)
    clients_.push_back(std::make_unique<Client>(client_link(i), script_, yield_, i));
  for (std::uint64_t i = number; i < options.workers; i += options.threads)
    workers_.push_back(std::make_unique<Worker>(worker_link(), script_, yield_, i));
  // The others would take them for workers.
  const bool knows_crowd = target == Target::muster || target == Target::router;
  const std::uint64_t crowd = knows_crowd ? options.crowd : 0;
  for (std::uint64_t i = number; i < crowd; i += options.threads)
    workers_.push_back(std::make_unique<Worker>(worker_link(), script_, yield_, i, true));
}

std::unique_ptr<Link> Driver::client_link(std::uint64_t number) {
  if (script_.target == Target::nats) return nats_client(number);
  return dealer(false);
}

std::unique_ptr<Link> Driver::worker_link() {
  if (script_.target == Target::nats) return nats_worker();
  return dealer(script_.target != Target::muster);
}

std::unique_ptr<Link> Driver::dealer(bool enveloped) {
  if (script_.options.link == LinkKind::zmtp) return std::make_unique<ZmtpLink>(enveloped);
  return std::make_unique<Dealer>(context_, enveloped);
}

Driver::~Driver() {
  ::close(timer_);
  ::close(epoll_);
}

Outcome Driver::open(const Endpoints& endpoints, Time deadline) {
  for (const auto& worker : workers_) {
    if (auto connected = worker->connect(endpoints.backend); !connected) return connected;
    watch(*worker);
  }
  for (const auto& client : clients_) {
    if (auto connected = client->connect(endpoints.frontend); !connected) return connected;
    watch(*client);
  }
  while (!all_ready()) {
    const Time now = transport::monotonic_now();
    if (now >= deadline) return failure("not all clients and workers have met the target in time");
    keep_appointments(now);
    turn(deadline);
    if (const std::string why = first_last_words(); !why.empty())
      return failure("a client or a worker has lost its connection" + why);
  }
  return Done{};
}

void Driver::watch(Peer& peer) {
  epoll_event event{.events = peer.news(), .data = {.ptr = &peer}};
  CHECK(::epoll_ctl(epoll_, EPOLL_CTL_ADD, peer.fd(), &event) == 0, "a socket can't be watched");
  to_be_read(peer);
}

bool Driver::all_ready() const {
  const auto ready = [](const auto& peer) { return peer->ready(); };
  return std::ranges::all_of(workers_, ready) && std::ranges::all_of(clients_, ready);
}

std::string Driver::first_last_words() const {
  for (const auto& worker : workers_)
    if (auto why = worker->last_words(); !why.empty()) return why;
  for (const auto& client : clients_)
    if (auto why = client->last_words(); !why.empty()) return why;
  return {};
}

bool Driver::all_done(Time now) const {
  return std::ranges::all_of(clients_, [now](const auto& client) { return client->done(now); });
}

void Driver::run(const Window& window, Time give_up, std::atomic<std::uint64_t>& asking) {
  for (const auto& client : clients_) {
    client->start(window, transport::monotonic_now());
    appoint(*client);
    to_be_read(*client);
  }
  bool done = false;
  while (true) {
    const Time now = transport::monotonic_now();
    keep_appointments(now);
    if (!done && now >= window.until && all_done(now)) {
      done = true;
      --asking;
    }
    // The workers here may still have to answer the clients of others.
    if (asking == 0 || now >= give_up) return;
    turn(done ? now + look_again : now < window.until ? window.until : give_up);
  }
}

Tally Driver::settle() {
  Tally all;
  for (const auto& client : clients_)
    all.add(client->settle());
  for (const auto& worker : workers_)
    all.complain(worker->complaint());
  return all;
}

// ---- the loop ----------------------------------------------------------------------------------

void Driver::appoint(Peer& peer) {
  const Time due = peer.due();
  if (due >= peer.appointed) return;
  appointments_.push({due, &peer});
  peer.appointed = due;
}

void Driver::keep_appointments(Time now) {
  while (!appointments_.empty() && appointments_.top().at <= now) {
    const auto [at, peer] = appointments_.top();
    appointments_.pop();
    if (at != peer->appointed) continue;  // there was an earlier one
    peer->appointed = time_never;
    if (peer->due() <= now) {
      peer->act(now);
      to_be_read(*peer);
    }
    appoint(*peer);
  }
}

void Driver::to_be_read(Peer& peer) {
  if (peer.to_be_read) return;
  peer.to_be_read = true;
  to_read_.push_back(&peer);
}

void Driver::turn(Time deadline) {
  const bool nobody_reads = to_read_.empty();
  if (nobody_reads)
    set_timer(appointments_.empty() ? deadline : std::min(deadline, appointments_.top().at));
  std::array<epoll_event, 64> events;
  const int count =
      ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), nobody_reads ? -1 : 0);
  CHECK(count >= 0 || errno == EINTR, "the system refused to poll");
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (auto* peer = static_cast<Peer*>(event.data.ptr)) {
      to_be_read(*peer);
      peer->hung_up = peer->hung_up || (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    }
  }
  reading_.clear();
  std::swap(reading_, to_read_);
  for (Peer* peer : reading_) {
    peer->to_be_read = false;
    if (peer->pump() || std::exchange(peer->hung_up, false)) to_be_read(*peer);
    appoint(*peer);
  }
}

// Setting it also takes back that it has run out.
void Driver::set_timer(Time at) {
  if (at == timer_at_ && at > transport::monotonic_now()) return;
  const auto us = std::max<Duration::rep>(at.time_since_epoch().count(), 1);
  itimerspec spec{};
  spec.it_value.tv_sec = us / 1'000'000;
  spec.it_value.tv_nsec = us % 1'000'000 * 1000;
  CHECK(::timerfd_settime(timer_, TFD_TIMER_ABSTIME, &spec, nullptr) == 0, "a timer can't be set");
  timer_at_ = at;
}

}  // namespace muster::bench
