#pragma once

// What is to be measured.

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/message.hpp"
#include "protocol/time.hpp"

namespace muster::bench {

enum class Target : std::uint8_t {
  muster,  // this house's broker
  proxy,   // libzmq's own zmq_proxy between a ROUTER and a DEALER: what moving the bytes costs
  router,  // a bare loop between two ROUTERs: what moving them to whom one chooses costs
  nats,    // a NATS server: request and reply, the workers a queue group
};
inline constexpr std::array all_targets = {Target::muster, Target::proxy, Target::router,
                                           Target::nats};
[[nodiscard]] constexpr std::string_view target_name(Target target) {
  switch (target) {
    case Target::muster:
      return "muster";
    case Target::proxy:
      return "proxy";
    case Target::router:
      return "router";
    case Target::nats:
      return "nats";
  }
  return "";
}

// Who speaks for the clients and workers of all targets but NATS.
enum class LinkKind : std::uint8_t {
  libzmq,  // as users' programs do
  zmtp,    // this program by itself, for less than half the cost
};

struct BenchOptions {
  std::uint64_t clients = 8;
  std::uint64_t outstanding = 32;  // each client's window
  std::uint64_t workers = 4;
  std::uint64_t slots = 0;         // of each worker; 0: enough for all that is outstanding
  std::uint64_t body_bytes = 256;  // of the request
  std::optional<std::uint64_t> answer_bytes;  // of each part of its answer; nothing: as many
  std::uint64_t parts = 1;  // 0 and 1: a FINAL with the body; n: n CHUNKs, then FINAL
  // Between the parts of an answer, of which the first comes at a time of its own within it; 0: all
  // at once.
  Duration part_interval{};
  std::uint64_t models = 1;
  std::string kind = "bench";  // how the names of its models and workers start
  // Clients beside these, each with one request at a time, whose body is so large; they have a
  // model, workers and a thread of their own. What they wait is told apart from the others.
  std::uint64_t bulk = 0;
  std::uint64_t bulk_bytes = std::uint64_t{16} * 1024 * 1024;
  // Workers beside these, heard once a second, whom nobody asks; and how many models they serve.
  std::uint64_t crowd = 0;
  std::uint64_t crowd_models = 1000;

  Duration duration = std::chrono::seconds{3};
  Duration warm_up = std::chrono::seconds{1};
  double rate = 0;  // requests a second, all clients together; 0: a closed loop

  std::vector<Target> targets = {Target::muster, Target::proxy};
  std::uint64_t runs = 5;  // of each target, in turn
  std::uint64_t seed = 1;
  std::uint64_t threads = 1;
  LinkKind link = LinkKind::libzmq;

  std::string json;                   // a file; empty: none
  std::string svg;                    // likewise
  std::string broker_program;         // empty: the muster-broker beside this program
  std::vector<std::string> settings;  // SECTION.KEY=VALUE, for the broker

  // CHUNKs in front of an answer's FINAL.
  [[nodiscard]] std::uint64_t chunks() const { return parts < 2 ? 0 : parts; }
  [[nodiscard]] std::uint64_t answer_size() const { return answer_bytes.value_or(body_bytes); }
  // The clients of large bodies, as a load of its own. REQUIRES: bulk > 0.
  [[nodiscard]] BenchOptions bulk_side() const {
    BenchOptions side;
    side.kind = "bulk";
    side.clients = bulk;
    side.outstanding = 1;
    side.workers = bulk;
    side.body_bytes = bulk_bytes;
    side.answer_bytes = 256;
    side.seed = seed;
    side.link = link;
    return side;
  }
  // With `slots` resolved.
  [[nodiscard]] std::uint64_t slots_a_worker() const {
    if (slots > 0) return slots;
    return std::min((clients * outstanding + workers - 1) / workers, slots_max);
  }
};

}  // namespace muster::bench
