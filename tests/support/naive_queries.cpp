// What a broker tells of itself (docs/protocol.md, section 9), against what is known here.

#include <algorithm>

#include "tests/support/naive_controller.hpp"

namespace muster::test {

using namespace broker;
using namespace naive;

void NaiveController::asks(const ClientSaid& event, const Query& query) {
  const ClientConnection from = event.from;
  const std::uint64_t id = query.id.value;
  const bool refreshing = std::ranges::any_of(
      refreshes_, [&](const Refresh& r) { return r.client == from && r.id == id; });
  ErrorMeta meta;
  if (refreshing || outstanding(from, id) != nullptr) {
    meta.duplicate = true;
    return owe(error_text(from, id, ErrorCode::bad_request, meta));
  }
  if (query.name == "refresh") return refreshes(from, id);
  if (query.name == "drain" || query.name == "remove") return orders(event, query);
  static const std::set<std::string> known{"models", "workers", "stats", "why"};
  if (!known.contains(query.name)) return owe(error_text(from, id, ErrorCode::bad_request, meta));
  owe(text_of(SendToClient{from, Answer{query.id, {}}}), [this, query](const Action& action) {
    compare(query.name, std::get<Answer>(std::get<SendToClient>(action).message).result);
  });
}

void NaiveController::orders(const ClientSaid& event, const Query& query) {
  const Value* named = query.args.find("worker");
  const auto found = workers_.find(std::string{named != nullptr ? named->string_or("") : ""});
  const Value* on = query.args.find("on");
  const bool drain = query.name == "drain";
  if (found == workers_.end() ||
      (drain && (on == nullptr || !std::holds_alternative<bool>(on->data())))) {
    return owe(error_text(event.from, query.id.value, ErrorCode::bad_request, {}));
  }
  owe(text_of(SendToClient{event.from, Answer{query.id, {}}}));
  Worker& worker = found->second;
  if (!drain) {
    removed_[worker.said.worker] = worker.said.instance;
    return dismiss(worker.connection, ErrorCode::replaced);
  }
  if (worker.broken)
    worker.drain_owed = on->bool_or(true);
  else
    owe(to_worker(worker.connection, on->bool_or(true) ? "DRAIN on" : "DRAIN off"));
}

void NaiveController::refreshes(ClientConnection client, std::uint64_t id) {
  constexpr std::size_t refreshes_max = 64;
  if (refreshes_.size() >= refreshes_max) {
    ErrorMeta meta;
    meta.reason = reason::outstanding;
    meta.retryable = true;
    meta.retry_after = options_.heartbeat_interval;
    return owe(error_text(client, id, ErrorCode::rate_limited, meta));
  }
  looks_at_refreshes_ = true;
  Refresh refresh{client, id, {}, now_ + options_.heartbeat_interval};
  for (auto& [name, worker] : workers_) {
    if (worker.broken) continue;
    owe_probe(worker);
    refresh.unanswered.insert(worker.session);
  }
  refreshes_.push_back(std::move(refresh));
}

// A refresh that has waited enough is answered with what `workers` gives.
void NaiveController::claim_answer(const SendToClient& send, const Answer& answer) {
  const auto found = std::ranges::find_if(
      refreshes_, [&](const Refresh& r) { return r.client == send.to && r.id == answer.id.value; });
  const bool enough =
      found != refreshes_.end() &&
      (found->unanswered.empty() || now_ >= found->until || stops_ || (ticks_ && now_ >= stop_at_));
  expect(enough, "nothing asked for this: " + text_of(send));
  if (found != refreshes_.end()) refreshes_.erase(found);
  compare("workers", answer.result);
}

void NaiveController::check_refreshes() {
  if (stops_) {
    stop_at_ = time_never;
    expect(refreshes_.empty(), "a broker that has stopped has not answered a refresh");
  }
  if (!looks_at_refreshes_) return;
  for (const Refresh& refresh : refreshes_) {
    expect(!refresh.unanswered.empty() && now_ < refresh.until,
           "a refresh has waited enough and is not answered");
  }
}

// ---- the answers, field by field --------------------------------------------------------------

void NaiveController::compare(const std::string& query, const Value& result) {
  if (query == "workers") compare_workers(result);
  if (query == "models") compare_models(result);
  if (query == "stats") compare_stats(result);
  if (query == "why") compare_why(result);
}

void NaiveController::same(const std::string& what, const Value* found, const Value& expected) {
  const auto text = [](const Value& v) {
    if (const auto* string = v.string()) return *string;
    return v.map() != nullptr || v.array() != nullptr ? "another list or map"
                                                      : std::to_string(v.number_or(-1));
  };
  expect(found != nullptr && *found == expected, "a QUERY tells " + what + " as " +
                                                     (found != nullptr ? text(*found) : "nothing") +
                                                     " where it is " + text(expected));
}

void NaiveController::compare_workers(const Value& result) {
  const Value* rows = result.find("workers");
  if (rows == nullptr || rows->array() == nullptr) return expect(false, "`workers` has no rows");
  std::size_t live = 0;
  std::size_t gone = 0;
  for (const Value& row : *rows->array()) {
    const std::string name{row.find("worker")->string_or("")};
    if (row.find("gone") == nullptr) {
      ++live;
      const auto known = workers_.find(name);
      expect(known != workers_.end(), "`workers` tells of " + name + ", which is not there");
      if (known != workers_.end()) compare_worker(known->second, row);
      continue;
    }
    ++gone;
    const auto known = std::ranges::find(gone_, name, &Gone::name);
    expect(known != gone_.end(), "`workers` tells of " + name + ", which did not go");
    if (known == gone_.end()) continue;
    same("when " + name + " went", row.find("gone"), Value{to_wire_ms(now_ - known->at)});
    same("served of " + name, row.find("served"), Value{known->served});
    same("failed of " + name, row.find("failed"), Value{known->failed});
    expect(row.find("reason")->string_or("").starts_with(known->how), name + " went otherwise");
  }
  std::set<std::string> went;
  for (const Gone& one : gone_)
    if (now_ - one.at <= std::chrono::hours{1}) went.insert(one.name);
  expect(live == workers_.size(), "`workers` leaves out some that are live");
  expect(gone >= went.size(), "`workers` leaves out some that went");
}

void NaiveController::compare_worker(const Worker& worker, const Value& row) {
  const std::string of = " of " + worker.said.worker;
  const bool idle = in_flight(worker) == 0;
  same("state" + of, row.find("state"), Value{state_name(worker.said.state)});
  same("suspect" + of, row.find("suspect"), Value{worker.suspect});
  same("broken" + of, row.find("broken"), Value{worker.broken});
  same("slots" + of, row.find("slots"), Value{worker.said.slots});
  same("in_flight" + of, row.find("in_flight"), Value{in_flight(worker)});
  same("queue_length" + of, row.find("queue_length"), Value{worker.said.queue_length.value_or(0)});
  same("speed" + of, row.find("speed"), Value{worker.said.speed});
  same("idle" + of, row.find("idle"), Value{idle ? to_wire_ms(now_ - worker.idle_since) : 0});
  same("heard" + of, row.find("heard"), Value{to_wire_ms(now_ - worker.last_heard)});
  same("served" + of, row.find("served"), Value{worker.served});
  same("failed" + of, row.find("failed"), Value{worker.failed});
  same("refused" + of, row.find("refused"), Value{worker.refused});
  same("version" + of, row.find("version"), Value{worker.said.version});
  const auto flag = [&](const char* field) {
    const Value* found = row.find(field);
    return found != nullptr && found->bool_or(false);
  };
  expect(flag("stalled") == worker.stalled, "`workers` tells stalled" + of + " otherwise");
  expect(flag("ejected") == worker.aside, "`workers` tells ejected" + of + " otherwise");
  if (worker.aside) {
    same("ejected_for" + of, row.find("ejected_for"),
         Value{to_wire_ms(std::max(worker.aside_until - now_, Duration{}))});
  }
  if (worker.progress) same("progress" + of, row.find("progress"), Value{*worker.progress});
  Value::Map labels;
  for (const auto& [name, value] : worker.said.labels)
    labels.emplace_back(name, Value{value});
  same("labels" + of, row.find("labels"), Value{labels});
}

void NaiveController::compare_models(const Value& result) {
  std::set<std::string> models;
  for (const auto& [name, worker] : workers_)
    for (const ModelDescription& model : worker.said.models)
      models.insert(model.name);
  const Value* rows = result.find("models");
  expect(rows != nullptr && rows->array() != nullptr && rows->array()->size() == models.size(),
         "`models` tells of more or fewer than are served");
  if (rows == nullptr || rows->array() == nullptr) return;
  for (const Value& row : *rows->array()) {
    const std::string model{row.find("name")->string_or("")};
    std::set<std::string> aliases;
    std::uint64_t serving = 0;
    std::uint64_t ready = 0;
    std::uint64_t slots = 0;
    for (const auto& [name, worker] : workers_) {
      bool is_its_name = false;
      for (const ModelDescription& said : worker.said.models) {
        if (said.name != model) continue;
        is_its_name = true;
        for (const std::string& alias : said.aliases)
          if (alias != model) aliases.insert(alias);
      }
      serving += is_its_name ? 1 : 0;
      if (!is_its_name || worker.said.state != WorkerState::ready || worker.broken) continue;
      ++ready;
      slots += free_slots(worker);
    }
    std::uint64_t queued = waiting(model);
    for (const std::string& alias : aliases)
      queued += waiting(alias);
    same("workers of " + model, row.find("workers"), Value{serving});
    same("ready of " + model, row.find("ready"), Value{ready});
    same("free_slots of " + model, row.find("free_slots"), Value{slots});
    same("queued of " + model, row.find("queued"), Value{queued});
  }
}

void NaiveController::compare_stats(const Value& result) {
  std::uint64_t at_workers = 0;
  std::uint64_t queued = 0;
  std::set<ClientConnection> clients;
  for (const Request& request : requests_) {
    at_workers += request.at_worker() ? 1 : 0;
    queued += request.waits() ? 1 : 0;
    if (!request.answered) clients.insert(request.client);
  }
  same("in_flight", result.find("in_flight"), Value{at_workers});
  same("queued", result.find("queued"), Value{queued});
  same("stopping", result.find("stopping"), Value{stopping_});
  same("uptime", result.find("uptime"), Value{to_wire_ms(now_ - started_)});
  same("held_bytes", result.find("held_bytes"), Value{held_bytes()});
  same("clients", result.find("clients"), Value{std::uint64_t{clients.size()}});

  // Every count here is told there, and every one told there other than 0 is one here.
  const auto told = [&](const std::string& path) {
    const Value* at = &result;
    for (std::size_t from = 0; at != nullptr && from <= path.size();) {
      const std::size_t dot = std::min(path.find('.', from), path.size());
      at = at->find(path.substr(from, dot - from));
      from = dot + 1;
    }
    return at;
  };
  for (const auto& [path, count] : counts_)
    same("stats " + path, told(path), Value{count});
  for (const char* group :
       {"errors", "reasons", "sessions", "dropped", "faults.clients", "faults.workers"}) {
    const Value* counts = told(group);
    if (counts == nullptr || counts->map() == nullptr) {
      expect(false, std::string{"stats has no "} + group);
      continue;
    }
    for (const auto& [key, count] : *counts->map()) {
      const std::string path = std::string{group} + "." + key;
      expect(count == Value{0} || counts_.contains(path), "stats counts what was not: " + path);
    }
  }
}

// Whether each worker could be given a request for the model now.
void NaiveController::compare_why(const Value& result) {
  const Value* rows = result.find("models");
  if (rows == nullptr || rows->array() == nullptr) return expect(false, "`why` has no rows");
  for (const Value& row : *rows->array()) {
    const std::string model{row.find("model")->string_or("")};
    same("queued of " + model, row.find("queued"), Value{waiting(model)});
    for (const Value& one : *row.find("workers")->array()) {
      const std::string name{one.find("worker")->string_or("")};
      const auto known = workers_.find(name);
      expect(known != workers_.end() && serves(known->second, model),
             "`why` tells of " + name + ", which does not serve " + model);
      if (known == workers_.end()) continue;
      same("eligible of " + name, one.find("eligible"),
           Value{!stopping_ && may_take(known->second)});
    }
  }
}

}  // namespace muster::test
