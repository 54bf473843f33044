// What is sent again after its connection, or its broker, is gone.

#include <algorithm>
#include <utility>

#include "client/core/client_core.hpp"

namespace muster::client {

WireId ClientCore::wire_id(ClientRequestId id, const Outstanding& entry) {
  return {id.value | entry.repeats << repeat_shift};
}

// What has this id on the wire now: not what had it before it was sent again.
ClientCore::Table::iterator ClientCore::find(WireId id) {
  const auto entry = outstanding_.find(ClientRequestId{id.value & (first_repeat - 1)});
  if (entry == outstanding_.end() || wire_id(entry->first, entry->second) != id) {
    return outstanding_.end();
  }
  return entry;
}

// ---- keeping ----------------------------------------------------------------------------------

// Whether what is sent now stays here as well, so that it can be sent again.
bool ClientCore::keep(Outstanding& entry) {
  if (!entry.repeatable || entry.repeats == repeats_max) return false;
  const std::uint64_t bytes = header_bytes_bound(entry.message) + entry.body.bytes();
  if (bytes > options_.retry_bytes_max - std::min(kept_bytes_, options_.retry_bytes_max)) {
    return false;
  }
  entry.kept = bytes;
  kept_bytes_ += bytes;
  return true;
}

void ClientCore::count_out(Outstanding& entry) {
  kept_bytes_ -= std::exchange(entry.kept, 0);
}

// It can't be sent again any more.
void ClientCore::let_go(Outstanding& entry) {
  count_out(entry);
  entry.message = {};
  entry.body = {};
}

// ---- losing -----------------------------------------------------------------------------------

// No answer to what was sent will come. `cancel`: it may have slipped onto another connection.
void ClientCore::lose_connection(const std::string& why, bool cancel, Time now, Actions& out) {
  if (sent_count_ + parked_count_ == 0) return;
  for (auto next = outstanding_.begin(); next != outstanding_.end();) {
    const auto place = next++;
    auto& [id, entry] = *place;
    if (entry.stage == Stage::unsent) continue;
    if (cancel) cancel_at_broker(id, entry, out);
    if (entry.kept == 0 || entry.due <= now) {
      end(place,
          entry.stage == Stage::parked ? entry.broker_said
                                       : conclude(EndKind::connection_lost, why, true),
          out);
      continue;
    }
    if (!entry.query && entry.stage == Stage::sent) out.emplace_back(SendsAgain{id, why});
    take_back(id, entry);
  }
}

// It waits for a connection, as it did before it was sent.
void ClientCore::take_back(ClientRequestId id, Outstanding& entry) {
  count_out(entry);
  enter(Stage::unsent, id, entry);
  ++entry.repeats;
  set_deadline(id, entry, entry.due);
}

// A broker that is gone within the expiry time has been silent for that long one beat later.
void ClientCore::park(Table::iterator place, Conclusion&& said, Time now, Actions& out) {
  auto& [id, entry] = *place;
  enter(Stage::parked, id, entry);
  entry.broker_said = std::move(said);
  set_deadline(id, entry, std::min(entry.due, now + options_.expiry() + beat()));
  if (!entry.query) {
    out.emplace_back(SendsAgain{id, "the broker at " + options_.broker + " is stopping"});
  }
}

}  // namespace muster::client
