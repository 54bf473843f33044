// The Agent's requests and the jobs that they are at the model server.

#include <algorithm>
#include <iterator>
#include <utility>

#include "protocol/check.hpp"
#include "worker_agent/core/agent.hpp"
#include "worker_agent/core/header_fit.hpp"

namespace muster::agent {
namespace {

using State = BrokerSession::State;

RequestNote story(const RequestInHand& request, std::string_view end, Time now) {
  return {.session = request.session,
          .id = request.id,
          .model = request.model,
          .request_id = request.request_id,
          .end = std::string{end},
          .took = now - request.received,
          .chunks = request.chunks};
}

}  // namespace

// ---- from the broker ---------------------------------------------------------------------------

void Agent::on_request(Peer& peer, Request&& request, Payload&& body, Time now,
                       std::vector<Action>& out) {
  // What comes after the end of a session is lost with it, and the broker knows.
  if (phase_ == Phase::leaving || peer.session.state() == State::dismissed) return;
  const BrokerId id{request.id.value};
  const auto refuse = [&](ErrorCode code, std::string sentence) {
    say_error(peer, id, code, std::move(sentence));
  };
  if (requests_.find(peer.id, id) != nullptr)
    return say_malformed(peer, id,
                         "A request with this id is in hand already; each attempt needs a new id.");
  switch (profile_.state()) {
    case WorkerState::draining:
      return refuse(ErrorCode::refused, "The worker is draining and takes no new requests.");
    case WorkerState::starting:
      return refuse(ErrorCode::server_gone, "The model server is not up yet.");
    case WorkerState::unhealthy:
      return refuse(ErrorCode::server_gone, "The model server does not answer.");
    case WorkerState::ready:
      break;
  }
  if (!profile_.serves(request.model))
    return refuse(ErrorCode::unknown_model,
                  "This worker does not serve the model \"" + request.model + "\".");
  // Not only what it was granted last: a grant that was lowered just now is nobody else's yet.
  const std::uint64_t held = profile_.grants().held(peer.id.value);
  if (requests_.count(peer.id) >= held || requests_.count() >= profile_.slots())
    return refuse(ErrorCode::refused, "All slots of the worker are taken.");

  const JobId job{next_job_++};
  requests_.add({.session = peer.id,
                 .id = id,
                 .job = job,
                 .model = request.model,
                 .request_id = request.options.request_id,
                 .stream = request.options.stream,
                 .received = now,
                 .give_up_at = now + request.options.timeout.value_or(lonely_timeout)});
  out.push_back(
      StartJob{job, std::move(request.model), std::move(request.options), std::move(body)});
}

void Agent::on_cancel(Peer& peer, BrokerId id, Time now, std::vector<Action>& out) {
  if (phase_ == Phase::leaving || peer.session.state() == State::dismissed) return;
  if (const RequestInHand* request = requests_.find(peer.id, id)) {
    cut(peer, request->job, ErrorCode::cancelled, "The request was cancelled.", {}, now, out);
    return;
  }
  // Its answer may be waiting here still; in any case the broker waits for a word that frees its
  // slot (section 4).
  peer.outbox.discard(id);
  say_error(peer, id, ErrorCode::cancelled, "The request was cancelled; it was not in hand.");
}

// ---- from the model server ---------------------------------------------------------------------

void Agent::on(PartMade&& event, Time now, std::vector<Action>& out) {
  RequestInHand* request = requests_.find(event.job);
  if (request == nullptr) return;  // stopped in the meantime
  Peer& peer = peer_of(request->session);
  profile_.progressed();
  if (!request->stream)
    return cut(peer, event.job, ErrorCode::worker_failed,
               "The model server answered in parts where one piece was asked for.", {}, now, out);

  Chunk chunk{.id = WireId{request->id.value}, .seq = request->chunks, .meta = {}};
  if (request->chunks == 0) {
    request->status = event.meta.status;
    request->type = event.meta.type;
    chunk.meta = std::move(event.meta);
    chunk.meta.worker = profile_.name();
  }
  ++request->chunks;
  if (std::string why = say_part(peer, {std::move(chunk), std::move(event.bytes)}); !why.empty())
    cut(peer, event.job, ErrorCode::worker_failed, std::move(why), {}, now, out);
}

void Agent::on(JobEnded&& event, Time now, std::vector<Action>& out) {
  RequestInHand* request = requests_.find(event.job);
  if (request == nullptr) return;
  Peer& peer = peer_of(request->session);
  profile_.progressed();

  Final final{.id = WireId{request->id.value}, .seq = request->chunks, .meta = {}};
  final.meta = std::move(event.meta);
  if (!final.meta.status) final.meta.status = request->status;
  if (final.meta.type.empty()) final.meta.type = request->type;
  final.meta.worker = profile_.name();
  if (std::string why = say_part(peer, {std::move(final), std::move(event.rest)}); !why.empty())
    return cut(peer, event.job, ErrorCode::worker_failed, std::move(why), {}, now, out);
  out.push_back(story(requests_.remove(event.job), "FINAL", now));
}

void Agent::on(JobBroke&& event, Time now, std::vector<Action>& out) {
  RequestInHand* request = requests_.find(event.job);
  if (request == nullptr) return;
  Peer& peer = peer_of(request->session);
  const BrokerId id = request->id;
  out.push_back(story(requests_.remove(event.job), error_name(event.code), now));
  say_error(peer, id, event.code, std::move(event.message), std::move(event.meta),
            std::move(event.body));
}

// ---- ends --------------------------------------------------------------------------------------

// While its broker is away nobody cancels a request that is out of time.
void Agent::give_up_late(Peer& peer, Time now, std::vector<Action>& out) {
  if (now < requests_.earliest_give_up(peer.id)) return;
  for (const JobId job : requests_.jobs(peer.id))
    if (requests_.find(job)->give_up_at <= now)
      cut(peer, job, ErrorCode::worker_timeout,
          "The request's time ran out while its broker could not be reached.", reason::running, now,
          out);
}

void Agent::stop_jobs(const std::vector<JobId>& jobs, std::vector<Action>& out) {
  for (const JobId job : jobs) {
    out.push_back(StopJob{job});
    requests_.remove(job);
  }
}

void Agent::cut(Peer& peer, JobId job, ErrorCode code, std::string sentence,
                std::string_view reason, Time now, std::vector<Action>& out) {
  out.push_back(StopJob{job});
  const RequestInHand request = requests_.remove(job);
  out.push_back(story(request, error_name(code), now));
  // The parts that wait are of no use to anybody any more, and their room is.
  peer.outbox.discard(request.id);
  ErrorMeta meta;
  meta.reason = reason;
  say_error(peer, request.id, code, std::move(sentence), std::move(meta));
}

// Of an id that is in hand, it does not end the request.
void Agent::say_malformed(Peer& peer, BrokerId id, std::string sentence) {
  ErrorMeta meta;
  meta.duplicate = requests_.find(peer.id, id) != nullptr;
  say_error(peer, id, ErrorCode::bad_request, std::move(sentence), std::move(meta));
}

// Its body is the first to go where the broker does not take it, or there is no room to keep it.
void Agent::say_error(Peer& peer, BrokerId id, ErrorCode code, std::string sentence, ErrorMeta meta,
                      Payload body) {
  meta.worker = profile_.name();
  const WireLimits& limits = peer.session.terms().limits;
  Outgoing error{Error{WireId{id.value}, code, std::move(sentence), std::move(meta)},
                 std::move(body)};
  if (error.payload.bytes() > payload_bytes_max(limits) || !peer.outbox.has_room(error))
    error.payload = {};
  fit_header(error.message, error.payload.bytes(), limits);
  // Dropped where a broker goes on asking and never reads (outbox.hpp).
  static_cast<void>(peer.outbox.push(std::move(error)));
}

std::string Agent::say_part(Peer& peer, Outgoing&& part) {
  const WireLimits& limits = peer.session.terms().limits;
  const std::size_t bytes = part.payload.bytes();
  const std::size_t bytes_max = payload_bytes_max(limits);
  if (bytes > bytes_max)
    return "The answer has a piece of " + std::to_string(bytes) +
           " bytes, and the broker takes at most " + std::to_string(bytes_max) + " in one.";
  fit_header(part.message, bytes, limits);
  if (!peer.outbox.has_room(part))
    return "The broker could not be reached for so long that the answers waiting for it are over " +
           std::to_string(held_bytes_max) + " bytes.";
  CHECK(peer.outbox.push(std::move(part)), "an outbox with room takes nothing");
  return {};
}

// Everything that the broker asked for and has not been told the end of (section 6); what is worked
// on first, so that where not all can be told, it is. Never more than a broker may have at one
// worker.
std::vector<BrokerId> Agent::active(const Peer& peer) const {
  std::vector<BrokerId> ids = requests_.ids(peer.id);
  std::vector<BrokerId> ended = peer.outbox.unanswered();
  ended.erase(std::unique(ended.begin(), ended.end()), ended.end());
  const std::vector<BrokerId> in_hand = ids;  // in order
  std::set_difference(ended.begin(), ended.end(), in_hand.begin(), in_hand.end(),
                      std::back_inserter(ids));
  if (ids.size() > slots_max) ids.resize(slots_max);
  return ids;
}

}  // namespace muster::agent
