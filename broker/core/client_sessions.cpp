#include "broker/core/client_sessions.hpp"

#include <algorithm>

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
  const Duration interval = options_.heartbeat_interval;
  if (now - last_tick_ > std::max<Duration>(interval * 3 / 2, pause_min))
    judge_from_ = now + interval;
  last_tick_ = now;
  read_up_to_ = all_read ? now : std::max(read_up_to_, now - options_.expiry());

  Due due;
  std::vector<ClientConnection> to_look_at;
  while (const auto client = timers_.pop(now))
    to_look_at.push_back(*client);
  for (const ClientConnection client : to_look_at) {
    const auto known = clients_.find(client);
    const bool waits = requests.outstanding(client) > 0;
    const bool silent =
        now >= judge_from_ && read_up_to_ - known->second.last_heard >= options_.expiry();
    if (waits && known->second.beats && silent) due.expired.push_back(client);
    if (silent ? !waits || known->second.beats : !waits && !known->second.beats) {
      clients_.erase(known);
      continue;
    }
    if (waits) due.heartbeat.push_back(client);
    known->second.look_at = now + interval;
    timers_.arm(client, known->second.look_at);
  }
  return due;
}

}  // namespace muster::broker
