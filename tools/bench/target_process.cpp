#include "tools/bench/target_process.hpp"

#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "protocol/transport/clock.hpp"
#include "tools/bench/nats_link.hpp"

namespace muster::bench {

namespace {

constexpr Duration start_patience = std::chrono::seconds{10};
constexpr Duration look_again = std::chrono::milliseconds{2};

std::vector<std::string> command_of(Target target, const BenchOptions& options) {
  const std::string self = this_program();
  if (target == Target::proxy || target == Target::router)
    return {self, "--serve", std::string{target_name(target)}};
  if (target == Target::nats)  // -1: a free port
    return {nats_program().value_or("nats-server"), "--addr", "127.0.0.1", "--port", "-1"};
  const std::string beside = self.substr(0, self.rfind('/') + 1) + "muster-broker";
  std::vector<std::string> command = {
      options.broker_program.empty() ? beside : options.broker_program,
      "--frontend",
      "tcp://127.0.0.1:0",
      "--backend",
      "tcp://127.0.0.1:0",
  };
  // The log tells where it listens, at info and in JSON; a request leaves no line there. The limits
  // refuse nothing that can be asked for here.
  for (const char* setting : {"log.level=info", "log.format=json", "queue.depth_max=1000000",
                              "limits.outstanding_per_client_max=10000000",
                              "limits.held_bytes_max=1TiB", "limits.client_backlog=1TiB",
                              "limits.frame_bytes_max=128MiB", "limits.message_bytes_max=128MiB"}) {
    command.insert(command.end(), {"--set", setting});
  }
  for (const std::string& setting : options.settings)
    command.insert(command.end(), {"--set", setting});
  return command;
}

}  // namespace

std::optional<std::string> nats_program() {
  if (!has_nats()) return std::nullopt;
  const char* path = std::getenv("PATH");
  std::string folders = std::string{path != nullptr ? path : ""} + ":/usr/sbin";
  std::istringstream each{folders};
  for (std::string folder; std::getline(each, folder, ':');) {
    std::string program = folder + "/nats-server";
    if (!folder.empty() && ::access(program.c_str(), X_OK) == 0) return program;
  }
  return std::nullopt;
}

// A broker's line, or a bare target's, is JSON; a NATS server's is not.
std::optional<Endpoints> endpoints_in(std::string_view log) {
  constexpr std::string_view nats_line = "Listening for client connections on ";
  while (!log.empty()) {
    const std::size_t end = log.find('\n');
    if (end == std::string_view::npos) return std::nullopt;  // not written to its end yet
    const std::string_view text = log.substr(0, end);
    log.remove_prefix(end + 1);
    if (const auto at = text.find(nats_line); at != std::string_view::npos) {
      const std::string endpoint = "tcp://" + std::string{text.substr(at + nats_line.size())};
      return Endpoints{endpoint, endpoint};
    }
    const auto line = nlohmann::json::parse(text, nullptr, false);
    if (!line.is_object() || line.value("message", "") != "listening") continue;
    return Endpoints{line.value("frontend", ""), line.value("backend", "")};
  }
  return std::nullopt;
}

Result<TargetProcess> start_target(Target target, const BenchOptions& options) {
  const std::vector<std::string> command = command_of(target, options);
  auto process = std::make_unique<ChildProcess>(command);
  const Time by = transport::monotonic_now() + start_patience;
  while (true) {
    const auto ended = process->ended();
    if (auto endpoints = endpoints_in(process->output()); endpoints && !ended)
      return TargetProcess{std::move(process), std::move(*endpoints)};
    if (ended) return failure(command[0] + " ended " + *ended + ": " + process->output());
    if (transport::monotonic_now() >= by) {
      return failure(command[0] +
                     " does not say where it listens; its last words: " + process->last_words());
    }
    std::this_thread::sleep_for(look_again);
  }
}

}  // namespace muster::bench
