// What workers say of the requests that they have (docs/protocol.md, sections 4, 5 and 11), and
// what is thought of a worker for it (the last table: put aside, stalled).

#include <algorithm>

#include "tests/support/naive_controller.hpp"

namespace muster::test {

using namespace broker;
using namespace naive;

// A broker drops what comes for an id that has had its end, or from a worker that has it not.
NaiveController::Request* NaiveController::held_by(const Worker& worker, std::uint64_t id) {
  Request* const request = attempt(id);
  return request != nullptr && request->at == worker.session ? request : nullptr;
}

// Nothing but the id changes (section 3).
void NaiveController::pass_on(Request& request, const WorkerSaid& event, Then then) {
  owe(relay_text(request.client, request.id, behind_id(event.header), event.payload),
      std::move(then));
}

void NaiveController::says(Worker& worker, const WorkerSaid& event, const Chunk& chunk) {
  Request* const request = held_by(worker, chunk.id.value);
  if (request == nullptr) {
    ++counts_["dropped.late"];
    return;
  }
  gets_done(worker);
  if (request->answered) {
    ++counts_["dropped.late"];
    return;
  }
  if (!request->said.options.stream || chunk.seq != request->parts)
    return break_stream(worker, *request, false);
  pass_on(*request, event, [this, request](const Action&) {
    ++counts_["chunks"];
    ++request->parts;
    if (request->idle_timeout > Duration::zero())
      request->idle_until = now_ + request->idle_timeout;
  });
}

void NaiveController::says(Worker& worker, const WorkerSaid& event, const Final& final) {
  Request* const request = held_by(worker, final.id.value);
  if (request == nullptr) {
    ++counts_["dropped.late"];
    return;
  }
  gets_done(worker);
  worker.failures_in_row = 0;
  if (worker.aside) {
    owe(note_text("taken_back", worker.said.worker));
    worker.aside = false;
  }
  if (request->answered) return erase(*request);
  if (final.seq != request->parts) return break_stream(worker, *request, true);
  ++worker.served;
  pass_on(*request, event, [this, request](const Action&) {
    ++counts_["answered"];
    end(*request, "FINAL", true);
  });
}

void NaiveController::says(Worker& worker, const WorkerSaid& event, const Error& error) {
  Request* const request = held_by(worker, error.id.value);
  if (request == nullptr) {
    ++counts_["dropped.late"];
    return;
  }
  if (error.meta.duplicate) {  // whatever its code, it ends nothing and frees no slot (section 4)
    if (!request->answered) return break_stream(worker, *request, false);
    ++counts_["dropped.late"];
    return;
  }
  if (error.code == ErrorCode::server_gone) return says_server_gone(worker, *request, error);
  // What the model server itself has said.
  if (error.code == ErrorCode::worker_failed && error.meta.status) {
    gets_done(worker);
    if (*error.meta.status >= 500) fails(worker);
  }
  if (request->answered) return erase(*request);
  if (error.code == ErrorCode::refused) return refuses(worker, *request, error);
  ++worker.failed;
  pass_on(*request, event, [this, request, error](const Action&) {
    count_error(error.code, error.meta.reason);
    end(*request, error_name(error.code), true);
  });
}

// Section 5: it counts as unhealthy until its next HEARTBEAT, and the request as lost with it.
void NaiveController::says_server_gone(Worker& worker, Request& request, const Error& error) {
  if (worker.said.state == WorkerState::ready) {
    worker.said.state = WorkerState::unhealthy;
    worker.said.why = error.message;
  }
  lose(request, reason::server_gone);
}

// Section 5: placed again in front, which is no retry; after a CHUNK it breaks the stream.
void NaiveController::refuses(Worker& worker, Request& request, const Error&) {
  if (request.parts > 0) return break_stream(worker, request, true);
  ++counts_["dropped.refused"];
  ++worker.refused;
  avoid(request, worker.session);
  place_again(request);
}

// Section 4, what a broker does about a worker that does otherwise.
void NaiveController::break_stream(Worker& worker, Request& request, bool slot_free) {
  ++worker.failed;
  owe_end(request, ErrorCode::worker_lost, reason::stream_broken, true, slot_free);
}

// Section 11.
void NaiveController::on(const WorkerFault& event) {
  const Fault& fault = event.fault;
  constexpr std::uint64_t chunk_type = 0x11;
  constexpr std::uint64_t final_type = 0x12;
  constexpr std::uint64_t error_type = 0x13;
  constexpr std::uint64_t register_type = 0x21;
  constexpr std::uint64_t registers_max = 8;
  constexpr std::uint64_t malformed_max = 10;
  ++counts_["faults.workers." + std::string{fault_name(fault.reason)}];
  Worker* const worker = worker_on(event.from);
  owe(text_of(FaultNote{.from_worker = true,
                        .connection = event.from.value,
                        .worker = worker != nullptr ? worker->said.worker : "",
                        .fault = fault}));
  if (worker == nullptr) {
    ++counts_["dropped.unbound"];
    if (fault.type != register_type) return owe_reregister(event.from);
    if (++told(event.from).registers <= registers_max) dismiss(event.from, ErrorCode::bad_request);
    return;
  }
  heard(*worker);
  if (fault.reason == FaultReason::unknown_type) return;
  const bool slot_free = fault.type == final_type || fault.type == error_type;
  if (fault.id && (slot_free || fault.type == chunk_type)) {
    Request* const request = held_by(*worker, fault.id->value);
    if (request != nullptr && !request->answered)
      break_stream(*worker, *request, slot_free);
    else if (request != nullptr && slot_free)
      erase(*request);
  }
  if (now_ - worker->malformed_since > options_.expiry()) {
    worker->malformed_since = now_;
    worker->malformed = 0;
  }
  if (++worker->malformed > malformed_max) dismiss(event.from, ErrorCode::bad_request);
}

// ---- what is thought of a worker --------------------------------------------------------------

void NaiveController::gets_done(Worker& worker) {
  worker.progressed = now_;
  worker.fruitless = {};
  if (!worker.stalled) return;
  worker.stalled = false;
  owe(note_text("goes_on", worker.said.worker));
}

// Its model server has failed: so many times in a row put it aside, but never more than a share of
// any model's workers.
void NaiveController::fails(Worker& worker) {
  ++worker.failures_in_row;
  if (worker.aside) {
    worker.aside_until = now_ + options_.ejection_duration;
    return;
  }
  if (options_.ejection_failures == 0 || worker.failures_in_row < options_.ejection_failures)
    return;
  const std::set<std::string> names = names_of(worker);
  if (!std::ranges::all_of(names, [&](const auto& name) { return share_holds(name, 1); })) return;
  worker.aside = true;
  worker.aside_until = now_ + options_.ejection_duration;
  ++counts_["sessions.ejected"];
  owe(note_text("put_aside", worker.said.worker));
}

// With so many more aside.
bool NaiveController::share_holds(const std::string& model, std::uint64_t more) const {
  std::uint64_t serving = 0;
  std::uint64_t aside = more;
  for (const auto& [name, worker] : workers_) {
    if (!serves(worker, model)) continue;
    ++serving;
    aside += worker.aside ? 1 : 0;
  }
  return static_cast<double>(aside) <= options_.ejection_share_max * static_cast<double>(serving);
}

// Too few others are left: the one that would be tried first is taken back.
void NaiveController::claim_taken_back(Worker& worker) {
  const std::set<std::string> names = names_of(worker);
  const bool rightly = std::ranges::any_of(names, [&](const std::string& model) {
    return !share_holds(model, 0) && std::ranges::none_of(workers_, [&](const auto& entry) {
      const Worker& other = entry.second;
      return other.aside && serves(other, model) && other.aside_until < worker.aside_until;
    });
  });
  expect(worker.aside && rightly, worker.said.worker + " is taken back, and nothing asked for it");
  worker.aside = false;
}

void NaiveController::check_share() {
  if (!share_is_as_it_was_) return;
  for (const auto& [name, worker] : workers_) {
    for (const std::string& model : names_of(worker))
      expect(share_holds(model, 0), "more workers of " + model + " are put aside than may be");
  }
}

}  // namespace muster::test
