#include "tools/cli/broker.hpp"

#include <poll.h>

#include <array>
#include <memory>

#include "tools/cli/mailbox.hpp"
#include "tools/cli/text.hpp"

namespace muster::cli {

namespace {

constexpr client::Milliseconds quiet_max{1000};
constexpr client::Milliseconds quiet_max_refresh{3000};  // it waits for workers, for an interval

enum class Woken : std::uint8_t { by_answer, by_interrupt, by_time };

// A `timeout` of -1 is none.
Woken wait(int answer, int interrupt, int timeout_ms) {
  while (true) {
    std::array<pollfd, 2> fds{{{answer, POLLIN, 0}, {interrupt, POLLIN, 0}}};
    const int ready = ::poll(fds.data(), fds.size(), timeout_ms);
    if (fds[1].revents != 0 && ready > 0) return Woken::by_interrupt;
    if (fds[0].revents != 0 && ready > 0) return Woken::by_answer;
    if (ready == 0) return Woken::by_time;
  }
}

}  // namespace

client::QueryEnd ask_broker(client::Client& client, const std::string& endpoint,
                            const client::QuerySpec& query, const Interrupt& interrupt) {
  // Shared: after an interruption the callback still comes, when the client ends.
  const auto answers = std::make_shared<Mailbox<client::QueryEnd>>();
  client.query(query, [answers](const client::QueryEnd& end) { answers->put(end); });

  const client::Milliseconds quiet_for = query.name == "refresh" ? quiet_max_refresh : quiet_max;
  Woken woken = wait(answers->fd(), interrupt.fd(), static_cast<int>(quiet_for.count()));
  if (woken == Woken::by_time && query.timeout > quiet_for) {
    complain("no broker answers at " + endpoint + " yet; trying for " +
             human_duration((query.timeout - quiet_for).count()) + " more");
  }
  if (woken == Woken::by_time) woken = wait(answers->fd(), interrupt.fd(), -1);
  if (woken == Woken::by_answer) return answers->take().front();

  client::QueryEnd cancelled;
  cancelled.error.kind = client::ErrorKind::cancelled;
  cancelled.error.name = "CANCELLED";
  cancelled.error.message = "interrupted while waiting for the broker";
  return cancelled;
}

ExitCode failed(const client::RequestError& error) {
  if (error.kind != client::ErrorKind::cancelled) complain(describe(error));
  return exit_code_for(error);
}

}  // namespace muster::cli
