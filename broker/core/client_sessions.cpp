#include "broker/core/client_sessions.hpp"

namespace muster::broker {
ClientSessions::Client& ClientSessions::know(ClientConnection client, Time now) {
  const auto [entry, fresh] = clients_.try_emplace(client);
  Client& known = entry->second;
  known.last_heard = now;
  if (fresh) {
    known.look_at = now + options_.heartbeat_interval;
    timers_.arm(client, known.look_at);
  }
  return known;
}

void ClientSessions::heard(ClientConnection client, Time now) {
  if (const auto known = clients_.find(client); known != clients_.end())
    known->second.last_heard = now;
}

void ClientSessions::asks(ClientConnection client, Time now) {
  know(client, now);
}

void ClientSessions::beats(ClientConnection client, Time now) {
  know(client, now).beats = true;
}

void ClientSessions::forget(ClientConnection client) {
  const auto known = clients_.find(client);
  if (known == clients_.end()) return;
  timers_.disarm(client, known->second.look_at);
  clients_.erase(known);
}

ClientSessions::Due ClientSessions::tick(Time now, bool all_read, const InFlightTable& requests) {
  clock_.tick(now, all_read);

  Due due;
  std::vector<ClientConnection> to_look_at;
  while (const auto client = timers_.pop(now))
    to_look_at.push_back(*client);
  for (const ClientConnection client : to_look_at) {
    const auto known = clients_.find(client);
    const bool waits = requests.outstanding(client) > 0;
    const bool silent = now >= clock_.judge_from() &&
                        clock_.silence(known->second.last_heard) >= options_.expiry() * 2;
    if (waits && known->second.beats && silent) due.expired.push_back(client);
    if (silent ? !waits || known->second.beats : !waits && !known->second.beats) {
      clients_.erase(known);
      continue;
    }
    if (waits) due.heartbeat.push_back(client);
    known->second.look_at = now + options_.heartbeat_interval;
    timers_.arm(client, known->second.look_at);
  }
  return due;
}

}  // namespace muster::broker
