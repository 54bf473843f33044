// Liveness (docs/protocol.md, section 7): Ticks, silence, PROBEs, and what is lost by it.

#include <algorithm>

#include "tests/support/naive_controller.hpp"

namespace muster::test {

using namespace broker;
using namespace naive;

// A silence counts as of the last moment at which all that had arrived was read; but an expiry time
// ago at the latest, so that a flood delays judgement and does not prevent it. After a pause of the
// broker's own nobody is judged for an interval.
void NaiveController::on(const Tick& event) {
  constexpr Duration pause_min = std::chrono::milliseconds{100};
  ticks_ = looks_at_refreshes_ = true;
  all_read_ = event.backend_empty;
  const Duration interval = options_.heartbeat_interval;
  if (now_ - last_tick_ > std::max<Duration>(interval * 3 / 2, pause_min))
    judge_from_ = now_ + interval;
  last_tick_ = now_;
  const Time at_least = now_ - options_.expiry();
  read_backend_ = event.backend_empty ? now_ : std::max(read_backend_, at_least);
  read_frontend_ = event.frontend_empty ? now_ : std::max(read_frontend_, at_least);
  while (!reads_.empty() && reads_.front().tick + interval * 2 < now_)
    reads_.pop_front();
  reads_.push_back({now_, read_backend_, read_frontend_});
  look_for_doubt();
  for (auto& [name, worker] : workers_) {
    if (now_ < worker.heartbeat_at) continue;
    worker.heartbeat_at = now_ + interval;
    if (!worker.broken) owe(heartbeat_text(worker));
  }
}

void NaiveController::on(const ForeignPeer& event) {
  ++counts_[event.on_backend ? "faults.workers.foreign_routing_id"
                             : "faults.clients.foreign_routing_id"];
}

std::string NaiveController::heartbeat_text(const Worker& worker) const {
  std::uint64_t queued = 0;
  for (const std::string& name : names_of(worker))
    queued += waiting(name);
  return text_of(SendToWorker{
      worker.connection,
      BrokerHeartbeat{.grant = worker.grant, .in_flight = in_flight(worker), .queued = queued}});
}

// Any message is a sign of life. True: it was suspect.
bool NaiveController::heard(Worker& worker) {
  worker.last_heard = last_sign_ = now_;
  if (doubts_) {
    doubts_ = false;
    spare_until_ = now_ + options_.expiry();
  }
  return std::exchange(worker.suspect, false);
}

// ---- doubt: all of several are silent at once -------------------------------------------------

void NaiveController::look_for_doubt() {
  const Duration overdue = options_.heartbeat_interval * 3 / 2;
  const Duration silence = read_backend_ - last_sign_;
  const auto with_the_others = [&](const Worker& worker) {
    return !worker.broken && last_sign_ - worker.last_heard < overdue;
  };
  const auto together = std::ranges::count_if(
      workers_, [&](const auto& entry) { return with_the_others(entry.second); });
  if (silence >= options_.expiry() * 2) {
    doubts_ = false;
  } else if (!doubts_ && silence >= overdue && together >= 2) {
    doubts_ = true;
    for (auto& [name, worker] : workers_)
      worker.spared = with_the_others(worker);
  }
  if (std::exchange(doubt_told_, doubts_) == doubts_) return;
  if (doubts_) ++counts_["sessions.all_silent"];
  owe(note_text(doubts_ ? "all workers are silent" : "the silence of all workers is over", ""));
}

Time NaiveController::spared_until(const Worker& worker) const {
  if (!worker.spared) return {};
  return doubts_ ? last_sign_ + options_.expiry() * 2 : spare_until_;
}

// ---- who is suspect, dead, or has lost its name -----------------------------------------------

bool NaiveController::may_be_suspect(const Worker& worker) const {
  return ticks_ && !worker.suspect && now_ >= judge_from_ &&
         read_backend_ - worker.last_heard >= options_.heartbeat_interval * 3 / 2;
}

bool NaiveController::may_expire(const Worker& worker) const {
  return ticks_ && now_ >= judge_from_ && (worker.broken || now_ >= spared_until(worker)) &&
         read_backend_ - worker.last_heard >= options_.expiry();
}

bool NaiveController::may_be_replaced(const Worker& worker) const {
  return ticks_ && std::ranges::any_of(contenders_, [&](const Contender& c) {
           return c.holder == worker.session &&
                  ((worker.broken && all_read_) || read_backend_ >= c.until);
         });
}

// What had been read so long ago.
NaiveController::Read NaiveController::read_before(Duration ago) const {
  Read last{};
  for (const Read& read : reads_)
    if (read.tick + ago <= now_) last = read;
  return last;
}

// At latest an eighth of an interval after its time: by what had been read then.
void NaiveController::check_worker_judged(const Worker& worker) {
  const Duration late = options_.heartbeat_interval / 8;
  if (now_ < judge_from_ + late) return;
  const Duration silence = read_before(late).backend - worker.last_heard;
  const Time spared = std::max(spared_until(worker), spare_until_);
  expect(silence < options_.expiry() || now_ < spared + late,
         worker.said.worker + " is silent for too long and not taken for dead");
  expect(worker.suspect || silence < options_.heartbeat_interval * 3 / 2,
         worker.said.worker + " is overdue and not called suspect");
}

// ---- PROBE ------------------------------------------------------------------------------------

// Not a broken one, and not again within an interval while it has not answered.
void NaiveController::owe_probe(Worker& worker) {
  if (worker.broken) return;
  if (worker.probe && now_ - worker.probe->sent < options_.heartbeat_interval) return;
  const std::string text = to_worker(worker.connection, "PROBE");
  if (owes(text)) return;
  owe(text, [this, session = worker.session](const Action& action) {
    if (Worker* const asked = worker_of(session)) probed(*asked, action);
  });
}

void NaiveController::probed(Worker& worker, const Action& action) {
  const std::uint64_t nonce = std::get<Probe>(std::get<SendToWorker>(action).message).nonce;
  expect(nonce > last_nonce_, "two PROBEs have one nonce");
  last_nonce_ = nonce;
  ++counts_["sessions.probed"];
  worker.probe = {.nonce = nonce, .sent = now_, .bindings = last_binding_};
}

// Section 8: one that has not acknowledged a CANCEL within the expiry time is asked.
void NaiveController::claim_probe(const SendToWorker& send) {
  Worker* const worker = worker_on(send.to);
  const bool rightly =
      worker != nullptr && ticks_ && !worker->broken &&
      (!worker->probe || now_ - worker->probe->sent >= options_.heartbeat_interval) &&
      std::ranges::any_of(requests_, [&](const Request& r) {
        return r.answered && r.at == worker->session && r.ask_at <= now_;
      });
  const SendToWorker copy = send;
  expect(rightly, "nothing asked for this: " + text_of(copy));
  if (worker != nullptr) probed(*worker, copy);
}

// ---- what is lost, and given to another -------------------------------------------------------

void NaiveController::claim_lost(const FailureNote& note) {
  const auto found = std::ranges::find_if(requests_, [&](const Request& r) {
    return !r.answered && r.said.options.request_id == note.request_id;
  });
  const std::string what = text_of(note);
  if (found == requests_.end()) return expect(false, "a note tells of no request: " + what);
  if (found->lost.empty() && note.reason == reason::unreachable && may_move(*found))
    lose(*found, reason::unreachable);
  expect(found->lost == note.reason && may_retry(*found),
         "no rule gives this request to another: " + what);
  put_back(*found);
}

// Section 6, Broken: once all is read, what may be retried and finds a free slot elsewhere.
bool NaiveController::may_move(const Request& request) {
  const Worker* const worker = worker_of(request.at);
  return worker != nullptr && worker->broken && worker->to_move && ticks_ && all_read_ &&
         may_retry(request) && std::ranges::any_of(workers_, [&](const auto& entry) {
           return could_be_given(request, entry.second);
         });
}

// ---- clients ----------------------------------------------------------------------------------

bool NaiveController::client_is_silent(ClientConnection client) const {
  const auto known = clients_.find(client);
  return known != clients_.end() && known->second.ever_beat && now_ >= judge_from_ &&
         read_frontend_ - known->second.last_heard >= options_.expiry() * 2;
}

// Every client that has something outstanding is sent a HEARTBEAT each interval.
void NaiveController::claim_greeting(const SendToClient& send, const ClientTerms& terms) {
  naive::Client& client = clients_[send.to];
  const bool waits = std::ranges::any_of(
      requests_, [&](const Request& r) { return !r.answered && r.client == send.to; });
  const bool due = !client.greeted || now_ - *client.greeted >= options_.heartbeat_interval;
  const BrokerTerms expected{options_.name,
                             broker_,
                             options_.heartbeat_interval,
                             options_.heartbeat_liveness,
                             options_.limits,
                             {},
                             stopping_};
  expect(ticks_ && waits && due && terms.terms == expected,
         "nothing asked for this: " + text_of(send));
  client.greeted = now_;
}

void NaiveController::check_clients() {
  const Duration interval = options_.heartbeat_interval;
  for (auto& [connection, client] : clients_) {
    const std::string who = "client " + std::to_string(connection.value);
    bool waits = false;
    bool waits_for_long = false;
    for (const Request& request : requests_) {
      if (request.answered || request.client != connection) continue;
      waits = true;
      waits_for_long |= request.received + interval <= now_;
    }
    expect(!waits_for_long || (client.greeted && *client.greeted + interval > now_),
           who + " waits and was not sent a HEARTBEAT for an interval");
    expect(!waits || !given_up_.contains(connection), who + " was given up by halves");
    expect(!waits || !client.beats || now_ < judge_from_ + interval ||
               read_before(interval).frontend - client.last_heard < options_.expiry() * 2,
           who + " has fallen silent and is not given up");
    if (!waits && now_ - client.last_heard >= options_.expiry() * 2) client.beats = false;
  }
}

// ---- after a Tick -----------------------------------------------------------------------------

void NaiveController::check_tick() {
  for (auto& [name, worker] : workers_) {
    check_worker_judged(worker);
    expect(!may_be_replaced(worker), name + " did not answer a PROBE and keeps its name");
    if (!all_read_ || !worker.to_move) continue;
    for (const Request& request : requests_) {
      expect(request.at != worker.session || !may_move(request),
             "what " + name + " had when its connection went does not move");
    }
    worker.to_move = false;
  }
  for (Request& request : requests_) {
    std::erase_if(request.avoided, [&](const Request::Avoided& a) { return a.until <= now_; });
    if (request.answered && request.ask_at <= now_) {
      const Worker* const worker = worker_of(request.at);
      expect(worker != nullptr && (worker->broken || worker->probe),
             "a CANCEL was not acknowledged, and its worker not asked");
      request.ask_at = now_ + options_.expiry();
    }
    expect(request.deadline() > now_, "a time has run out: " + text_of(request, started_));
  }
  check_clients();
  if (now_ < stop_at_) return;
  stop_at_ = time_never;
  expect(refreshes_.empty() && std::ranges::all_of(requests_, &Request::answered),
         "a broker that has stopped owes answers");
}

}  // namespace muster::test
