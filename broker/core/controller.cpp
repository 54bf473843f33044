#include "broker/core/controller.hpp"

#include "broker/core/dispatcher.hpp"
#include "broker/core/invariants.hpp"
#include "broker/core/queries.hpp"
#include "broker/core/worker_sessions.hpp"
#include "protocol/check.hpp"

namespace muster::broker {
namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

}  // namespace

class Controller::Impl {
 public:
  Impl(const ControllerOptions& options, const Birth& birth, Time now)
      : options_(options),
        instance_(birth.instance),
        started_(now),
        now_(now),
        dispatcher_(options_, workers_, requests_, waiting_, counters_, birth.first_id, birth.seed),
        timeout_handler_(requests_, dispatcher_),
        sessions_(options_, birth.instance, workers_, requests_, waiting_, dispatcher_,
                  timeout_handler_, counters_, now) {}

  void step(Event&& event, Time now, std::vector<Action>& out) {
    CHECK(now >= now_, "time went back");
    now_ = now;
    Step step{now, out};
    std::visit(Overloaded{
                   [&](ClientSaid& e) { client_said(std::move(e), step); },
                   [&](ClientFault& e) { client_fault(e, step); },
                   [&](ClientUnreachable& e) { client_unreachable(e, step); },
                   [&](WorkerSaid& e) { sessions_.said(std::move(e), step); },
                   [&](WorkerFault& e) { sessions_.fault(e, step); },
                   [&](WorkerUnreachable& e) { sessions_.unreachable(e, step); },
                   [&](ForeignPeer& e) {
                     ++(e.on_backend ? counters_.foreign_workers : counters_.foreign_clients);
                   },
                   [&](Tick& e) { tick(e, step); },
                   [&](Reconfigured& e) { reconfigure(std::move(e.options)); },
                   [&](Stop&) { stop(step); },
               },
               event);
  }

  [[nodiscard]] Time next_deadline() const {
    return std::min(sessions_.next_deadline(), requests_.next_deadline());
  }

  [[nodiscard]] bool idle() const { return requests_.unanswered_count() == 0; }

  void check() const {
    broker::check_invariants(workers_, requests_, waiting_, dispatcher_.no_worker(), now_);
  }

 private:
  void client_said(ClientSaid&& event, Step& step) {
    std::visit(Overloaded{
                   [&](Request& m) {
                     request(event.from, std::move(m), std::move(event.header),
                             std::move(event.payload), step);
                   },
                   [&](Cancel& m) { cancel(event.from, m, step); },
                   [&](ClientHeartbeat&) { greet(event.from, step); },
                   [&](Query& m) { query(event.from, m, step); },
               },
               event.message);
  }

  void request(ClientConnection from, Request&& message, Header&& header, Payload&& payload,
               Step& step) {
    ++counters_.requests;
    if (is_outstanding(from, message.id)) return reject_duplicate(from, message.id, step);
    if (stopping_) {
      return dispatcher_.reject(
          from, message.id,
          {ErrorCode::shutting_down, {}, true, "the broker is stopping; ask another, or later"},
          step);
    }
    dispatcher_.accept(from, std::move(message), std::move(header), std::move(payload), step);
  }

  void cancel(ClientConnection from, const Cancel& message, Step& step) {
    PendingRequest* request = requests_.find(from, ClientRequestId{message.id.value});
    if (request == nullptr) return;
    ++counters_.cancels;
    dispatcher_.fail(*request,
                     {ErrorCode::cancelled, {}, false, "the client has cancelled the request"},
                     true, step);
  }

  void greet(ClientConnection from, Step& step) {
    BrokerTerms terms = sessions_.terms();
    terms.draining = stopping_;
    step.out.push_back(SendToClient{from, ClientTerms{std::move(terms)}});
  }

  void query(ClientConnection from, const Query& message, Step& step) {
    if (is_outstanding(from, message.id)) return reject_duplicate(from, message.id, step);
    const Census census{options_,  workers_,  requests_, waiting_,
                        counters_, instance_, started_,  step.now};
    Value result;
    if (message.name == "models") {
      result = answer_models(census);
    } else if (message.name == "workers") {
      result = answer_workers(census);
    } else if (message.name == "stats") {
      result = answer_stats(census);
    } else {
      return dispatcher_.reject(from, message.id,
                                {ErrorCode::bad_request,
                                 {},
                                 false,
                                 "there is no query \"" + message.name +
                                     "\"; this broker answers models, workers and stats"},
                                step);
    }
    step.out.push_back(SendToClient{from, Answer{message.id, std::move(result)}});
  }

  void client_fault(const ClientFault& event, Step& step) {
    ++counters_.client_faults[static_cast<std::size_t>(event.fault.reason)];
    step.out.push_back(FaultNote{
        .from_worker = false, .connection = event.from.value, .worker = {}, .fault = event.fault});
    // What a later version may say is ignored; what nobody can say is answered where it has an id.
    if (!event.fault.id || event.fault.reason == FaultReason::unknown_type) return;
    dispatcher_.reject(event.from, *event.fault.id,
                       {ErrorCode::bad_request, {}, false, event.fault.what}, step,
                       is_outstanding(event.from, *event.fault.id));
  }

  void client_unreachable(const ClientUnreachable& event, Step& step) {
    const std::vector<PendingRequest*> owed = requests_.of_client(event.client);
    if (event.cut_off) {
      ++counters_.clients_cut_off;
    } else if (!owed.empty()) {
      ++counters_.clients_gone;
    }
    for (PendingRequest* request : owed)
      dispatcher_.abandon(*request, step);
  }

  void tick(const Tick& event, Step& step) {
    sessions_.tick(event.backend_empty, step);
    timeout_handler_.run_deadlines(step);
#ifndef NDEBUG
    check();
#endif
  }

  void reconfigure(ControllerOptions&& options) {
    const bool promised = options.name == options_.name && options.limits == options_.limits &&
                          options.heartbeat_interval == options_.heartbeat_interval &&
                          options.heartbeat_liveness == options_.heartbeat_liveness;
    CHECK(promised, "what workers and clients were told can't change while the broker runs");
    options_ = std::move(options);
    dispatcher_.reconfigured();
  }

  void stop(Step& step) {
    stopping_ = true;
    for (PendingRequest* request : requests_.unanswered()) {
      dispatcher_.fail(*request, {ErrorCode::shutting_down, {}, true, "the broker is stopping"},
                       true, step);
    }
  }

  [[nodiscard]] bool is_outstanding(ClientConnection from, WireId id) {
    return requests_.find(from, ClientRequestId{id.value}) != nullptr;
  }

  void reject_duplicate(ClientConnection from, WireId id, Step& step) {
    dispatcher_.reject(from, id,
                       {ErrorCode::bad_request,
                        {},
                        false,
                        "id " + std::to_string(id.value) +
                            " is still outstanding from this client; the request of that id goes "
                            "on"},
                       step, true);
  }

  ControllerOptions options_;  // the parts hold references to it
  const Instance instance_;
  const Time started_;
  Time now_;
  bool stopping_ = false;
  Counters counters_;
  WorkerRegistry workers_;
  InFlightTable requests_;
  WaitingRoom waiting_;
  Dispatcher dispatcher_;
  WorkerTimeoutHandler timeout_handler_;
  WorkerSessions sessions_;
};

Controller::Controller(const ControllerOptions& options, const Birth& birth, Time now)
    : impl_(std::make_unique<Impl>(options, birth, now)) {}

Controller::~Controller() = default;

void Controller::step(Event&& event, Time now, std::vector<Action>& out) {
  impl_->step(std::move(event), now, out);
}

Time Controller::next_deadline() const {
  return impl_->next_deadline();
}

bool Controller::idle() const {
  return impl_->idle();
}

void Controller::check_invariants() const {
  impl_->check();
}

}  // namespace muster::broker
