#include "tests/sim/ask_checker.hpp"

#include <algorithm>

#include "tests/sim/trace.hpp"
#include "tests/sim/violation.hpp"

namespace muster::sim {
namespace {

std::string named(Nonce nonce) {
  return "request " + std::to_string(nonce) + " of the simulation";
}

}  // namespace

Nonce AskChecker::asked(HostId client, bool stream, Time due) {
  outstanding_[++last_] = {.client = client, .stream = stream, .due = due};
  return last_;
}

void AskChecker::part(Nonce nonce, std::uint64_t seq, std::string_view bytes) {
  const auto found = outstanding_.find(nonce);
  MUST(found != outstanding_.end(), named(nonce) + " gets a part after its end");
  Asked& asked = found->second;
  MUST(asked.stream, named(nonce) + " gets a part that it did not ask for");
  MUST(seq == asked.parts, named(nonce) + " gets part " + std::to_string(seq) + " after " +
                               std::to_string(asked.parts) + " parts");
  if (seq == 0) asked.worker = worker_of(bytes);
  MUST(bytes == part_of(nonce, seq, asked.worker), named(nonce) + " gets \"" + std::string{bytes} +
                                                       "\" as part " + std::to_string(seq) +
                                                       ", of an answer of " + asked.worker);
  ++asked.parts;
}

void AskChecker::ended(Nonce nonce, const client::RequestEnded& end, Time now) {
  const auto found = outstanding_.find(nonce);
  MUST(found != outstanding_.end(), named(nonce) + " ends twice");
  const Asked& asked = found->second;
  MUST(now <= asked.due,
       named(nonce) + " ends " + seconds(now - asked.due) + " s later than it may");
  MUST(end.parts == asked.parts, named(nonce) + " ends after another number of parts");
  if (end.conclusion.kind == client::EndKind::answered) {
    ++answered_;
    const std::string bytes = end.bytes.joined();
    const std::string worker{asked.parts == 0 ? worker_of(bytes) : asked.worker};
    MUST(bytes == end_of(nonce, asked.parts, worker),
         named(nonce) + " ends with \"" + bytes + "\" after " + std::to_string(asked.parts) +
             " parts of " + worker);
  }
  ++ended_;
  outstanding_.erase(found);
}

void AskChecker::excuse(HostId client, Duration late) {
  for (auto& [nonce, asked] : outstanding_)
    if (asked.client == client) asked.due += late;
}

void AskChecker::forget(HostId client) {
  std::erase_if(outstanding_, [&](const auto& entry) { return entry.second.client == client; });
}

std::string AskChecker::story() const {
  std::string text;
  for (const auto& [nonce, asked] : outstanding_)
    text += "  " + named(nonce) + " has no end, " + std::to_string(asked.parts) +
            " parts have come, due at " + seconds(asked.due) + "\n";
  return text;
}

}  // namespace muster::sim
