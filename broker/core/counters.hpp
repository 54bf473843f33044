#pragma once

// What the broker has counted since it started: `stats` tells all of it (docs/protocol.md, section
// 9).

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/action.hpp"
#include "protocol/codec.hpp"
#include "protocol/error_code.hpp"

namespace muster::broker {

struct Counters {
  std::uint64_t requests = 0;                 // every REQUEST with an id, whatever became of it
  std::uint64_t finals = 0;                   // answers passed on whole
  std::uint64_t chunks = 0;                   // parts passed on
  std::uint64_t cancels = 0;                  // CANCELs of requests that were outstanding
  std::map<ErrorCode, std::uint64_t> errors;  // ERRORs sent to clients, by code of section 5
  std::uint64_t other_errors = 0;             // ... and with codes that workers made up
  std::map<std::string, std::uint64_t, std::less<>>
      reasons;  // ... by the listed words of section 5

  std::uint64_t retried = 0;          // lost with their workers, and placed again
  std::uint64_t refused = 0;          // REFUSED by workers, placed again
  std::uint64_t late = 0;             // parts for requests that had ended: dropped
  std::uint64_t unbound = 0;          // messages from connections without a session: dropped
  std::uint64_t clients_gone = 0;     // clients that could not be reached while something was owed
  std::uint64_t clients_silent = 0;   // clients given up because their heartbeats stayed away
  std::uint64_t clients_cut_off = 0;  // clients given up because they took nothing

  std::uint64_t registered = 0;  // sessions begun
  std::uint64_t resumed = 0;
  std::uint64_t expired = 0;
  std::uint64_t all_silent = 0;  // times that all workers fell silent together
  std::uint64_t broken = 0;
  std::uint64_t deregistered = 0;
  std::uint64_t dismissed = 0;  // DISMISSes sent
  std::uint64_t probes = 0;     // PROBEs sent
  std::uint64_t put_aside = 0;  // workers, for failures of their model servers
  std::uint64_t stalled = 0;    // workers that got nothing done
  std::uint64_t orphans = 0;    // ids that a worker works on and nobody waits for

  std::array<std::uint64_t, fault_reason_count> client_faults{};
  std::array<std::uint64_t, fault_reason_count> worker_faults{};
  std::uint64_t foreign_clients = 0;  // messages of peers that chose a routing id of their own
  std::uint64_t foreign_workers = 0;
  std::uint64_t hasty_workers = 0;  // REGISTERs beyond what a connection may send: dropped

  void count_error(ErrorCode code, std::string_view reason) {
    ++(is_listed(code) ? errors[code] : other_errors);
    if (reason::is_listed(reason)) ++reasons[std::string{reason}];
  }
};

// What every part of the core needs at a step: when it is, and where to say what is to be done.
struct Step {
  Time now;
  std::vector<Action>& out;
};

}  // namespace muster::broker
