#include "broker/core/controller.hpp"

#include "broker/core/client_sessions.hpp"
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
        workers_(options_.policy),
        clients_(options_, now),
        dispatcher_(options_, workers_, requests_, waiting_, counters_, birth.first_id, birth.seed,
                    now),
        timeout_handler_(options_, requests_, dispatcher_),
        sessions_(options_, birth.instance, workers_, requests_, waiting_, dispatcher_,
                  timeout_handler_, refreshes_, counters_, now) {}

  void step(Event&& event, Time now, std::vector<Action>& out) {
    CHECK(now >= now_, "time went back");
    now_ = now;
    Step step{now, out};
    std::visit(Overloaded{
                   [&](ClientSaid& e) { client_said(std::move(e), step); },
                   [&](ClientFault& e) { client_fault(e, step); },
                   [&](ClientUnreachable& e) { client_unreachable(e, step); },
                   [&](WorkerSaid& e) { worker_said(std::move(e), step); },
                   [&](WorkerFault& e) { sessions_.fault(e, step); },
                   [&](WorkerUnreachable& e) { sessions_.unreachable(e, step); },
                   [&](ForeignPeer& e) {
                     ++(e.on_backend ? counters_.foreign_workers : counters_.foreign_clients);
                   },
                   [&](Tick& e) { tick(e, step); },
                   [&](Reconfigured& e) { reconfigure(std::move(e.options)); },
                   [&](Stop& e) { stop(e, step); },
               },
               event);
  }

  void foresee(BrokerId attempt) const { requests_.prefetch(attempt); }

  [[nodiscard]] Time next_deadline() const {
    return std::min({sessions_.next_deadline(), requests_.next_deadline(), clients_.next_deadline(),
                     refreshes_.next_deadline(), stop_at_});
  }

  [[nodiscard]] std::size_t at_workers() const { return requests_.at_workers(); }

  [[nodiscard]] bool idle() const {
    return requests_.unanswered_count() == 0 && refreshes_.empty();
  }

  void check() const {
    broker::check_invariants(workers_, requests_, waiting_, dispatcher_.no_worker(), now_);
  }

 private:
  void client_said(ClientSaid&& event, Step& step) {
    clients_.heard(event.from, step.now);
    std::visit(Overloaded{
                   [&](Request& m) {
                     request(event.from, std::move(m), std::move(event.header),
                             std::move(event.payload), step);
                   },
                   [&](Cancel& m) { cancel(event.from, m, step); },
                   [&](ClientHeartbeat&) {
                     clients_.beats(event.from, step.now);
                     greet(event.from, step);
                   },
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
    clients_.asks(from, step.now);
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

  [[nodiscard]] Census census() const {
    return {options_,  workers_, requests_, waiting_, counters_,
            instance_, started_, now_,      stopping_};
  }

  void query(ClientConnection from, const Query& message, Step& step) {
    if (is_outstanding(from, message.id)) return reject_duplicate(from, message.id, step);
    const auto answer = [&](Value result) {
      step.out.push_back(SendToClient{from, Answer{message.id, std::move(result)}});
    };
    if (message.name == "models") return answer(answer_models(census()));
    if (message.name == "workers") return answer(answer_workers(census()));
    if (message.name == "stats") return answer(answer_stats(census()));
    if (message.name == "why") {
      const Value* model = message.args.find("model");
      return answer(answer_why(census(), model != nullptr ? model->string_or("") : ""));
    }
    if (message.name == "refresh") return refresh(from, message.id, step);
    if (message.name == "drain" || message.name == "remove") {
      return order(from, message, step);
    }
    dispatcher_.reject(from, message.id,
                       {ErrorCode::bad_request,
                        {},
                        false,
                        "there is no query \"" + message.name +
                            "\"; this broker answers models, workers, stats, why, refresh, drain "
                            "and remove"},
                       step);
  }

  // `drain` and `remove`.
  void order(ClientConnection from, const Query& message, Step& step) {
    WorkerInfo* worker = worker_of(from, message, step);
    if (worker == nullptr) return;
    const bool remove = message.name == "remove";
    const Value* on = message.args.find("on");
    const Value* why = message.args.find("reason");
    if (!remove && (on == nullptr || !std::holds_alternative<bool>(on->data()))) {
      return dispatcher_.reject(from, message.id,
                                {ErrorCode::bad_request,
                                 {},
                                 false,
                                 "the query drain needs `on`: true, to drain the worker, or false, "
                                 "to have it serve again"},
                                step);
    }
    step.out.push_back(SendToClient{from, Answer{message.id, Value::Map{}}});
    if (remove) return sessions_.remove(*worker, step);
    sessions_.drain(*worker, on->bool_or(true),
                    why != nullptr ? std::string{why->string_or("")} : "", step);
  }

  // Whom an operator's query names; null: it was answered that there is none.
  [[nodiscard]] WorkerInfo* worker_of(ClientConnection from, const Query& message, Step& step) {
    const Value* named = message.args.find("worker");
    const std::string name{named != nullptr ? named->string_or("") : ""};
    if (WorkerInfo* worker = workers_.find(std::string_view{name})) return worker;
    dispatcher_.reject(
        from, message.id,
        {ErrorCode::bad_request,
         {},
         false,
         name.empty()
             ? "the query " + message.name + " needs the name of a worker, in `worker`"
             : "there is no live worker \"" + name + "\"; `workers` tells which there are"},
        step);
    return nullptr;
  }

  void refresh(ClientConnection from, WireId id, Step& step) {
    if (refreshes_.full()) {
      return dispatcher_.reject(from, id,
                                {ErrorCode::rate_limited, reason::outstanding, true,
                                 "as many refreshes are under way as this broker takes at once",
                                 options_.heartbeat_interval},
                                step);
    }
    Refreshes::Refresh refresh{from, id, {}, step.now + options_.heartbeat_interval};
    for (const auto& [name, worker] : workers_.all()) {
      if (worker->broken) continue;
      sessions_.probe(*worker, step);
      refresh.unanswered.insert(worker->session);
    }
    refreshes_.add(std::move(refresh));
    finish_refreshes(step.now, step);
  }

  void finish_refreshes(Time at, Step& step) {
    for (const Refreshes::Refresh& done : refreshes_.take_done(at)) {
      step.out.push_back(SendToClient{done.client, Answer{done.id, answer_workers(census())}});
    }
  }

  void worker_said(WorkerSaid&& event, Step& step) {
    sessions_.said(std::move(event), step);
    if (!refreshes_.empty()) finish_refreshes(step.now, step);
  }

  void client_fault(const ClientFault& event, Step& step) {
    clients_.heard(event.from, step.now);
    ++counters_.client_faults[static_cast<std::size_t>(event.fault.reason)];
    step.out.push_back(FaultNote{.from_worker = false,
                                 .connection = event.from.value,
                                 .worker = {},
                                 .fault = event.fault,
                                 .address = event.address});
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
    clients_.forget(event.client);
    refreshes_.forget(event.client);
  }

  void tick(const Tick& event, Step& step) {
    sessions_.tick(event.backend_empty, step);
    for (const SessionId session : timeout_handler_.run_deadlines(step)) {
      if (WorkerInfo* worker = workers_.find(session)) sessions_.probe(*worker, step);
    }
    tick_clients(event.frontend_empty, step);
    finish_refreshes(step.now, step);
    if (step.now >= stop_at_) end_all(step);
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

  void tick_clients(bool all_read, Step& step) {
    const ClientSessions::Due due = clients_.tick(step.now, all_read, requests_);
    for (const ClientConnection client : due.heartbeat)
      greet(client, step);
    for (const ClientConnection client : due.expired) {
      ++counters_.clients_silent;
      for (PendingRequest* request : requests_.of_client(client))
        dispatcher_.expire_client(*request, step);
    }
  }

  void stop(const Stop& event, Step& step) {
    stopping_ = true;
    stop_at_ = std::min(stop_at_, step.now + event.within);
    if (step.now >= stop_at_) end_all(step);
  }

  // A stopping broker has waited long enough.
  void end_all(Step& step) {
    stop_at_ = time_never;
    for (PendingRequest* request : requests_.unanswered()) {
      dispatcher_.fail(*request, {ErrorCode::shutting_down, {}, true, "the broker is stopping"},
                       true, step);
    }
    finish_refreshes(time_never, step);
  }

  [[nodiscard]] bool is_outstanding(ClientConnection from, WireId id) {
    return requests_.find(from, ClientRequestId{id.value}) != nullptr ||
           refreshes_.outstanding(from, id);
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
  Time stop_at_ = time_never;  // what is outstanding then ends with SHUTTING_DOWN
  Counters counters_;
  WorkerRegistry workers_;
  InFlightTable requests_;
  WaitingRoom waiting_;
  ClientSessions clients_;
  Dispatcher dispatcher_;
  WorkerTimeoutHandler timeout_handler_;
  Refreshes refreshes_;
  WorkerSessions sessions_;
};

Controller::Controller(const ControllerOptions& options, const Birth& birth, Time now)
    : impl_(std::make_unique<Impl>(options, birth, now)) {}

Controller::~Controller() = default;

void Controller::step(Event&& event, Time now, std::vector<Action>& out) {
  impl_->step(std::move(event), now, out);
}

void Controller::foresee(BrokerId attempt) const {
  impl_->foresee(attempt);
}

Time Controller::next_deadline() const {
  return impl_->next_deadline();
}

std::size_t Controller::at_workers() const {
  return impl_->at_workers();
}

bool Controller::idle() const {
  return impl_->idle();
}

void Controller::check_invariants() const {
  impl_->check();
}

}  // namespace muster::broker
