#include "tests/scenario/script.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "config/configuration_loader.hpp"
#include "config/units.hpp"
#include "tests/scenario/stage.hpp"

namespace muster::scenario {
namespace {

constexpr std::string_view indent = "  ";
constexpr std::uint64_t repeats_max = 10'000;

// c1, c1/7, w1 or w1/a1.
struct Speaker {
  bool is_worker = false;
  std::uint32_t connection = 0;
  std::optional<std::uint64_t> id;
};

std::optional<Speaker> speaker_of(std::string_view word) {
  if (!word.starts_with('c') && !word.starts_with('w')) return std::nullopt;
  Speaker speaker{.is_worker = word[0] == 'w'};
  const char* const end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data() + 1, end, speaker.connection);
  if (error != std::errc{}) return std::nullopt;
  if (stop == end) return speaker;
  const std::string_view id = word.substr(static_cast<std::size_t>(stop - word.data()));
  if (!id.starts_with('/')) return std::nullopt;
  if (speaker.is_worker) {
    speaker.id = attempt_id(id.substr(1));
    if (speaker.id) return speaker;
  }
  std::uint64_t number = 0;
  const auto [id_stop, id_error] = std::from_chars(id.data() + 1, end, number);
  if (id_error != std::errc{} || id_stop != end) return std::nullopt;
  speaker.id = number;
  return speaker;
}

class Player {
 public:
  // Does what one line says.
  void perform(LineReader& in);
  // What the broker did since the last call; empty where the line was no event.
  [[nodiscard]] Lines take();

 private:
  void client_speaks(LineReader& in, const Speaker& speaker);
  void worker_speaks(LineReader& in, const Speaker& speaker);
  // What a worker need not say: how it registers where nothing is said of that, and what its last
  // HEARTBEAT or REGISTER said.
  [[nodiscard]] Value::Map defaults_of(std::string_view message, std::uint32_t worker) const;
  void remember(std::uint32_t worker, std::string_view bytes);
  void beat(std::uint32_t worker);
  void read_picks(LineReader& in);
  void start(LineReader& in);
  void reload(LineReader& in);
  [[nodiscard]] std::optional<broker::ControllerOptions> read_options(LineReader& in,
                                                                      std::uint64_t* seed);
  void stop(LineReader& in);
  void set_shown(LineReader& in, bool on);
  void pass(LineReader& in);
  void repeat(LineReader& in);
  void give(LineReader& in, broker::Event event);
  Duration read_duration(LineReader& in);
  void finish(LineReader& in);

  Stage stage_;
  bool started_ = false;
  std::vector<config::Setting> settings_;  // of the broker that is on the stage
  bool event_ = false;
  // The body of each worker's next HEARTBEAT.
  std::map<std::uint32_t, Value::Map> beats_;
};

// ---- who speaks --------------------------------------------------------------------------------

void Player::perform(LineReader& in) {
  const std::string first = in.word();
  const std::optional<Speaker> speaker = speaker_of(first);
  if (!std::exchange(started_, true) && first != "broker") {
    LineReader nothing{""};
    start(nothing);
  }
  if (speaker && speaker->is_worker) {
    worker_speaks(in, *speaker);
  } else if (speaker) {
    client_speaks(in, *speaker);
  } else if (first == "broker") {
    start(in);
  } else if (first == "reload") {
    reload(in);
  } else if (first == "show" || first == "hide") {
    set_shown(in, first == "show");
  } else if (first == "pass") {
    pass(in);
  } else if (first == "freeze") {
    stage_.freeze(read_duration(in));
    finish(in);
  } else if (first == "tick") {
    const bool unread = in.take_word("unread");
    give(in, broker::Tick{.backend_empty = !unread, .frontend_empty = !unread});
  } else if (first == "stop") {
    stop(in);
  } else if (first == "repeat") {
    repeat(in);
  } else {
    in.fail("'" + first +
            "' is neither a peer (c1, c1/7, w1, w1/a1) nor one of broker, reload, show, "
            "hide, pass, freeze, tick, stop and repeat");
  }
  if (!stage_.unreadable().empty()) in.fail("no peer can read it: " + stage_.unreadable());
}

void Player::client_speaks(LineReader& in, const Speaker& speaker) {
  const ClientConnection from{speaker.connection};
  if (in.take_word("gone")) return give(in, broker::ClientUnreachable{from, false});
  if (in.take_word("cut_off")) return give(in, broker::ClientUnreachable{from, true});
  if (in.take_word("foreign")) return give(in, broker::ForeignPeer{.on_backend = false});
  Spoken spoken = read_spoken(in, speaker.id, {});
  read_picks(in);
  finish(in);
  if (in.failed()) return;
  event_ = true;
  stage_.client_says(from, std::move(spoken));
}

void Player::worker_speaks(LineReader& in, const Speaker& speaker) {
  const WorkerConnection from{speaker.connection};
  if (in.take_word("foreign")) return give(in, broker::ForeignPeer{.on_backend = true});
  if (in.take_word("unreachable")) {
    std::optional<BrokerId> undelivered;
    if (speaker.id) undelivered = BrokerId{*speaker.id};
    return give(in, broker::WorkerUnreachable{from, undelivered});
  }
  const std::string says{in.next_word()};
  Spoken spoken = read_spoken(in, speaker.id, defaults_of(says, speaker.connection));
  finish(in);
  if (in.failed()) return;
  event_ = true;
  const std::string header = spoken.header;
  const bool readable = stage_.worker_says(from, std::move(spoken));
  if (readable && (says == "REGISTER" || says == "HEARTBEAT")) remember(speaker.connection, header);
}

Value::Map Player::defaults_of(std::string_view message, std::uint32_t worker) const {
  if (message == "REGISTER" || message == "STATUS") {
    return {{"worker", "A"},
            {"instance", 1},
            {"models", Value::Array{"m"}},
            {"slots", 1},
            {"state", "ready"}};
  }
  if (message != "HEARTBEAT") return {};
  const auto last = beats_.find(worker);
  if (last != beats_.end()) return last->second;
  return {{"slots", 1}, {"grant", 0}, {"queue_length", 0}, {"state", "ready"}};
}

void Player::remember(std::uint32_t worker, std::string_view bytes) {
  constexpr std::array told = {std::string_view{"slots"},         std::string_view{"grant"},
                               std::string_view{"queue_length"},  std::string_view{"state"},
                               std::string_view{"why"},           std::string_view{"progress"},
                               std::string_view{"kv_cache_usage"}};
  Value::Map body = {{"grant", 0}, {"queue_length", 0}};
  const std::optional<Header> header = take_apart(bytes);
  for (const auto& field : *header->elements.back().second.map()) {
    if (std::ranges::find(told, field.first) == told.end()) continue;
    std::erase_if(body, [&](const auto& member) { return member.first == field.first; });
    body.push_back(field);
  }
  beats_[worker] = std::move(body);
}

void Player::beat(std::uint32_t worker) {
  LineReader heartbeat{"HEARTBEAT"};
  stage_.worker_says(WorkerConnection{worker},
                     read_spoken(heartbeat, {}, defaults_of("HEARTBEAT", worker)));
}

// "QUERY workers | worker state": of the answer only these.
void Player::read_picks(LineReader& in) {
  stage_.show().picks.clear();
  if (!in.take('|')) return;
  while (!in.failed() && !in.at_end())
    stage_.show().picks.push_back(in.word());
}

// ---- time, and the broker itself ---------------------------------------------------------------

// "broker queue.depth_max=1 seed=3": what is not named has the default of config/broker.toml.
void Player::start(LineReader& in) {
  settings_.clear();
  std::uint64_t seed = 1;
  if (const auto options = read_options(in, &seed)) stage_.start(*options, seed);
}

// "reload queue.depth_max=2": what is not named stays.
void Player::reload(LineReader& in) {
  const auto options = read_options(in, nullptr);
  if (!options) return;
  const broker::ControllerOptions& now = stage_.options();
  if (options->name != now.name || options->limits != now.limits ||
      options->heartbeat_interval != now.heartbeat_interval ||
      options->heartbeat_liveness != now.heartbeat_liveness) {
    return in.fail("peers were told the name, the heartbeat and the limits: they stay");
  }
  event_ = true;
  stage_.reload(*options);
}

std::optional<broker::ControllerOptions> Player::read_options(LineReader& in, std::uint64_t* seed) {
  while (!in.failed() && !in.at_end()) {
    const std::string key = in.word();
    if (!in.take('=')) in.fail("'" + key + "' is no setting; one is written key=value");
    if (seed != nullptr && key == "seed") {
      *seed = in.number();
    } else {
      settings_.push_back({.key = key, .value = in.word(), .said = "broker"});
    }
  }
  if (in.failed()) return std::nullopt;
  // Dialogues begin long after the start of a broker, unless they are about it.
  auto settings = settings_;
  settings.insert(settings.begin(),
                  {.key = "no_worker.restart_grace", .value = "0s", .said = "broker"});
  const auto loaded = config::load_broker({.file = {}, .environment = {}, .settings = settings});
  if (loaded) return loaded.value().options.controller;
  in.fail(loaded.error().front().text());
  return std::nullopt;
}

// "stop within=2s": so long may what is outstanding still take; else it ends at once.
void Player::stop(LineReader& in) {
  Duration within{};
  if (in.take_word("within")) {
    if (!in.take('=')) in.fail("'stop within' is followed by =2s");
    within = read_duration(in);
  }
  give(in, broker::Stop{.within = within});
}

void Player::set_shown(LineReader& in, bool on) {
  while (!in.failed() && !in.at_end()) {
    Show& show = stage_.show();
    const std::array<std::pair<std::string_view, bool*>, 5> parts = {
        {{"heartbeats", &show.heartbeats},
         {"notes", &show.notes},
         {"sentences", &show.sentences},
         {"terms", &show.terms},
         {"bytes", &show.bytes}}};
    const std::string what = in.word();
    const auto found = std::ranges::find(parts, what, &std::pair<std::string_view, bool*>::first);
    if (found == parts.end()) {
      return in.fail("'" + what + "' is none of heartbeats, notes, sentences, terms and bytes");
    }
    *found->second = on;
  }
}

// "pass 3s alive=[w1, w2] unread"
void Player::pass(LineReader& in) {
  const Duration duration = read_duration(in);
  bool unread = false;
  std::vector<std::uint32_t> alive;
  while (!in.failed() && !in.at_end()) {
    const std::string word = in.word();
    if (word == "unread") {
      unread = true;
    } else if (word == "alive" && in.take('=')) {
      const Value value = in.value();
      const Value::Array names = value.array() != nullptr ? *value.array() : Value::Array{value};
      for (const Value& name : names) {
        const auto speaker = speaker_of(name.string_or(""));
        if (!speaker || !speaker->is_worker) return in.fail("only workers can be alive");
        alive.push_back(speaker->connection);
      }
    } else {
      in.fail("'" + word + "' is neither unread nor alive=[w1, w2]");
    }
  }
  if (in.failed()) return;
  event_ = true;
  stage_.pass(duration, !unread, [&] {
    for (const std::uint32_t worker : alive)
      beat(worker);
  });
}

void Player::repeat(LineReader& in) {
  const std::uint64_t times = in.number();
  if (times > repeats_max) in.fail("more than " + std::to_string(repeats_max) + " times");
  const std::string line{in.rest()};
  for (std::uint64_t i = 0; i < times && !in.failed(); ++i) {
    LineReader again{line};
    perform(again);
    if (again.failed()) in.fail(again.fault());
  }
}

void Player::give(LineReader& in, broker::Event event) {
  finish(in);
  if (in.failed()) return;
  event_ = true;
  stage_.give(std::move(event));
}

Duration Player::read_duration(LineReader& in) {
  const std::string word = in.word();
  const auto duration = config::parse_duration(word);
  if (!duration) in.fail("'" + word + "' is no duration such as 250ms or 3s");
  return duration.value_or(Duration{});
}

// The line has said what it can say.
void Player::finish(LineReader& in) {
  if (!in.failed() && !in.at_end()) {
    in.fail("nothing is expected after this: " + std::string{in.rest()});
  }
}

Lines Player::take() {
  Lines lines = stage_.take();
  if (std::exchange(event_, false) && lines.empty()) lines.emplace_back("(nothing)");
  return lines;
}

// Whether the comment at the top says which rule this is about.
bool cites_a_section(std::string_view script) {
  const std::string_view top = script.substr(0, script.find("\n\n"));
  const std::size_t page = top.find("docs/protocol.md");
  return top.starts_with("# ") && page != std::string_view::npos &&
         top.find("section", page) != std::string_view::npos;
}

}  // namespace

Played play(std::string_view script) {
  Played played;
  if (!cites_a_section(script)) {
    played.fault = {1,
                    "a dialogue opens with a comment that says what it shows and cites "
                    "docs/protocol.md, section N"};
    return played;
  }
  Player player;
  std::size_t number = 0;
  while (!script.empty()) {
    const std::size_t end = std::min(script.find('\n'), script.size());
    const std::string_view line = script.substr(0, end);
    script.remove_prefix(std::min(end + 1, script.size()));
    ++number;
    if (line.starts_with(indent)) continue;
    if (line.starts_with(' ')) {
      played.fault = {number, "what the broker did is indented by two blanks, all else by none"};
      return played;
    }
    played.text += std::string{line} + "\n";
    LineReader in{line};
    if (in.at_end()) continue;
    player.perform(in);
    if (in.failed()) {
      played.fault = {number, in.fault()};
      return played;
    }
    for (const std::string& done : player.take())
      played.text += std::string{indent} + done + "\n";
  }
  return played;
}

}  // namespace muster::scenario
