#include "tests/scenario/stage.hpp"

#include "config/units.hpp"
#include "protocol/check.hpp"

namespace muster::scenario {
namespace {

// More Ticks than this in one stretch of time are wanted without end.
constexpr int ticks_max = 100'000;
constexpr std::uint64_t ids_a_start = 1000;
constexpr std::uint64_t first_instance = 77;

}  // namespace

void Stage::start(const broker::ControllerOptions& options, std::uint64_t seed) {
  options_ = options;
  const broker::Birth birth{.instance = Instance{first_instance + starts_},
                            .first_id = BrokerId{first_attempt + ids_a_start * starts_},
                            .seed = seed};
  ++starts_;
  controller_ = std::make_unique<broker::Controller>(options_, birth, now_);
  decoder_ = std::make_unique<Decoder>(options_.limits, Decoder::Keep::what_routes);
}

void Stage::reload(const broker::ControllerOptions& options) {
  options_ = options;
  give(broker::Reconfigured{options});
}

void Stage::client_says(ClientConnection from, Spoken&& spoken) {
  Frame header{std::string_view{spoken.header}};
  auto decoded = decoder_->from_client(header, spoken.payload);
  if (!decoded) return give(broker::ClientFault{from, std::move(decoded.error())});
  give(broker::ClientSaid{from,
                          std::move(decoded->message),
                          {std::move(header), decoded->id},
                          std::move(spoken.payload)});
}

bool Stage::worker_says(WorkerConnection from, Spoken&& spoken) {
  Frame header{std::string_view{spoken.header}};
  auto decoded = decoder_->from_worker(header, spoken.payload);
  if (!decoded) {
    give(broker::WorkerFault{from, std::move(decoded.error())});
    return false;
  }
  give(broker::WorkerSaid{from,
                          std::move(decoded->message),
                          {std::move(header), decoded->id},
                          std::move(spoken.payload)});
  return true;
}

void Stage::give(broker::Event event) {
  const bool unasked = std::holds_alternative<broker::Tick>(event);
  std::vector<broker::Action> actions;
  controller_->step(std::move(event), now_, actions);
  controller_->check_invariants();
  const std::string when = passing_ ? "@" + config::format_duration(now_ - began_) + " " : "";
  for (broker::Action& action : actions) {
    for (std::string& line : teller_.tell(action, unasked))
      lines_.push_back(when + std::move(line));
  }
}

void Stage::pass(Duration duration, bool all_read, const std::function<void()>& beat) {
  const Time end = now_ + duration;
  Time next_beat = now_ + options_.heartbeat_interval;
  passing_ = true;
  for (int ticks = 0;; ++ticks) {
    CHECK(ticks < ticks_max, "the Controller wants Ticks without end");
    const Time wanted = std::max(now_, std::min(controller_->next_deadline(), next_beat));
    if (wanted > end) break;
    now_ = wanted;
    if (now_ == next_beat) {
      beat();
      next_beat += options_.heartbeat_interval;
    }
    give(broker::Tick{.backend_empty = all_read, .frontend_empty = all_read});
  }
  now_ = end;
  passing_ = false;
}

}  // namespace muster::scenario
