// What the broker says, and what can't be understood of it.

#include "client/core/client_core.hpp"

#include <algorithm>
#include <utility>

namespace muster::client {

namespace {

// docs/protocol.md, section 3.
constexpr std::uint64_t chunk_type = 0x11;
constexpr std::uint64_t final_type = 0x12;
constexpr std::uint64_t error_type = 0x13;
constexpr std::uint64_t reregister_type = 0x23;
constexpr std::uint64_t answer_type = 0x31;

}  // namespace

void ClientCore::on(BrokerSaid&& event, Time now, Actions& out) {
  silent_since_ = now;
  retry_pause_ = {};
  std::visit([&](auto& message) { heard(std::move(message), std::move(event.payload), now, out); },
             event.message);
}

// ---- messages ---------------------------------------------------------------------------------

// The request or query that a message is for; nothing, counted, where there is none.
ClientCore::Table::iterator ClientCore::find_sent(WireId id) {
  const auto entry = find(id);
  if (entry == outstanding_.end()) {
    ++dropped_.unknown_id;
    return entry;
  }
  if (entry->second.stage == Stage::sent) return entry;
  ++dropped_.unfitting;
  return outstanding_.end();
}

ClientCore::Table::iterator ClientCore::find_sent(WireId id, bool query) {
  const auto entry = find_sent(id);
  if (entry == outstanding_.end() || entry->second.query == query) return entry;
  ++dropped_.unfitting;
  return outstanding_.end();
}

void ClientCore::heard(Chunk&& message, Payload&& payload, Time, Actions& out) {
  const auto entry = find_sent(message.id, false);
  if (entry == outstanding_.end()) return;
  if (!entry->second.stream) {
    cancel_at_broker(entry->first, entry->second, out);
    return break_stream(entry, "the answer came in parts, which was not asked for", out);
  }
  if (message.seq != entry->second.next_seq) {
    cancel_at_broker(entry->first, entry->second, out);
    return break_stream(entry, out_of_turn(entry->second, message.seq), out);
  }
  if (entry->second.next_seq++ == 0) let_go(entry->second);
  out.emplace_back(
      PartArrived{entry->first, message.seq, std::move(message.meta), std::move(payload)});
}

void ClientCore::heard(Final&& message, Payload&& payload, Time, Actions& out) {
  const auto entry = find_sent(message.id, false);
  if (entry == outstanding_.end()) return;
  if (message.seq != entry->second.next_seq) {
    return break_stream(entry, out_of_turn(entry->second, message.seq), out);
  }
  end_request(entry, {}, std::move(message.meta), std::move(payload), out);
}

void ClientCore::heard(Error&& message, Payload&& payload, Time now, Actions& out) {
  if (message.meta.duplicate) {  // it alone ends nothing (section 4)
    ++dropped_.duplicates;
    return;
  }
  const auto entry = find_sent(message.id);
  if (entry == outstanding_.end()) return;
  Conclusion said{EndKind::from_broker, message.code, std::move(message.message),
                  std::move(message.meta)};
  const bool stops = said.code == ErrorCode::shutting_down && said.meta.retryable;
  if (stops && entry->second.kept > 0) return park(entry, std::move(said), now, out);
  if (entry->second.query) return end_query(entry, std::move(said), {}, out);
  end_request(entry, std::move(said), {}, std::move(payload), out);
}

void ClientCore::heard(Answer&& message, Payload&&, Time, Actions& out) {
  const auto entry = find_sent(message.id, true);
  if (entry == outstanding_.end()) return;
  end_query(entry, {}, std::move(message.result), out);
}

void ClientCore::heard(ClientTerms&& message, Payload&&, Time now, Actions& out) {
  broker_interval_ = message.terms.interval;
  heartbeat_at_ = std::min(heartbeat_at_, now + beat());
  limits_ = message.terms.limits;
  const bool news = !std::exchange(limits_told_, true);
  if (news && connected_ && retry_at_ == time_never) send_unsent(now, out);
}

// ---- faults -----------------------------------------------------------------------------------

void ClientCore::on(BrokerFault&& event, Time now, Actions& out) {
  silent_since_ = now;  // any message counts as a sign of life (section 7)
  const Fault& fault = event.fault;
  ++dropped_.faults[static_cast<std::size_t>(fault.reason)];
  // A frontend tells its terms before anything else, and a backend answers whatever a stranger says
  // by REREGISTER (section 6).
  if (fault.type == reregister_type && !limits_told_) return turn_away(out);
  if (!fault.id) return;
  if (fault.type == chunk_type || fault.type == final_type) {
    end_unreadable(find_sent(*fault.id, false), fault, out);
  } else if (fault.type == answer_type) {
    end_unreadable(find_sent(*fault.id, true), fault, out);
  } else if (fault.type == error_type) {
    end_unreadable(find_sent(*fault.id), fault, out);
  }
}

// Its end has come and can't be read, or it can't be whole any more: nothing else is to be waited
// for. Only after a CHUNK does the broker still work on it.
void ClientCore::end_unreadable(Table::iterator entry, const Fault& fault, Actions& out) {
  if (entry == outstanding_.end()) return;
  std::string why = fault.what;
  if (why.ends_with('.')) why.pop_back();
  if (entry->second.query) {
    const std::string sentence = "the broker's answer can't be read: " + why;
    return end_query(entry, conclude(EndKind::connection_lost, sentence), {}, out);
  }
  if (fault.type == chunk_type) cancel_at_broker(entry->first, entry->second, out);
  const char* what = fault.type == chunk_type ? "a part" : "the end";
  break_stream(entry, std::string{what} + " of the answer can't be read: " + why, out);
}

void ClientCore::turn_away(Actions& out) {
  at_backend_ = true;
  cancels_.clear();
  retry_at_ = time_never;
  while (!outstanding_.empty())
    end(outstanding_.begin(), wrong_side(), out);
}

Conclusion ClientCore::wrong_side() const {
  return conclude(EndKind::unreachable,
                  "what answers at " + options_.broker +
                      " is a broker's backend, where workers connect; clients connect to its "
                      "frontend (tcp://127.0.0.1:5555 by default)");
}

std::string ClientCore::out_of_turn(const Outstanding& entry, std::uint64_t seq) {
  return "the broker sent part " + std::to_string(seq) + " of the answer where part " +
         std::to_string(entry.next_seq) + " was due";
}

void ClientCore::break_stream(Table::iterator entry, std::string why, Actions& out) {
  Conclusion broken = conclude(EndKind::from_broker, std::move(why), true);
  broken.code = ErrorCode::worker_lost;
  broken.meta.reason = reason::stream_broken;
  end_request(entry, std::move(broken), {}, {}, out);
}

}  // namespace muster::client
