// The one file that knows CLI11.

#include "tools/bench/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <sstream>

#include "config/units.hpp"
#include "protocol/message.hpp"
#include "tools/bench/script.hpp"
#include "tools/bench/target_process.hpp"

namespace muster::bench {

namespace {

constexpr std::uint64_t clients_max = 10'000;
constexpr std::uint64_t workers_max = 1'000;
constexpr std::uint64_t crowd_max = 100'000;
constexpr std::uint64_t bulk_max = 100;
constexpr std::uint64_t outstanding_max = 1'000'000;  // of all clients together, too
constexpr std::uint64_t parts_max = 10'000;
constexpr std::uint64_t models_max = 256;  // as many as one worker may name
constexpr std::uint64_t threads_max = 64;
constexpr std::uint64_t runs_max = 1'000;
constexpr std::uint64_t body_max = std::uint64_t{64} * 1024 * 1024;
constexpr std::uint64_t any_max = std::uint64_t{1} << 53;
constexpr double rate_max = 10'000'000;
constexpr Duration duration_min = std::chrono::milliseconds{10};
constexpr Duration run_max = std::chrono::hours{24};

constexpr const char* notes = R"(What is measured:
  Clients and workers of one DEALER socket each, all in this process, speak to one target at a time
  over TCP on loopback. The target is a process of its own, so that its CPU time is measured alone:
    muster  the muster-broker beside this program, with limits that refuse nothing
    proxy   zmq_proxy of libzmq between a ROUTER and a DEALER, for the same messages
    router  a bare loop between two ROUTERs that gives each message to the next worker in turn
    nats    a NATS server, where nats-server is installed, and was NATS's C client (libnats) when
            this program was built: request and reply, a queue group of workers, the same bytes
  CPU/REQUEST is the target's CPU time (USER and SYSTEM), SWITCHES its context switches a request,
  OTHERS the share of the machine that neither the target nor this program has used: where it is
  not near 0, look at CPU/REQUEST and not at the throughput.
  A latency counts from when its request was sent; with --rate from when it was to be sent.
  Clients and workers are played through libzmq, as by users' programs. Of messages that come one by
  one that takes more of the machine than a target does, and their latencies are then those of this
  program: with --link zmtp it writes and reads what they say by itself.
  Each answer is held against what the worker has sent, and all must come.

Examples:
  muster-bench
  muster-bench --clients 1 --outstanding 1 --workers 1 --target muster
  muster-bench --target all --clients 8 --outstanding 32 --workers 4 --svg run.svg
  muster-bench --rate 20000 --duration 30s --body 4KiB --json run.json
  muster-bench --link zmtp --clients 100 --outstanding 10 --parts 500 --part-interval 20ms
  muster-bench --rate 2000 --bulk 2 --bulk-body 64MiB --target muster

Exit codes:
  0  ok
  1  a run could not be made, or answers were missing, wrong or ERRORs
  2  the command line is wrong)";

// CLI11's own words for a number out of range print every digit of the largest one.
template <class Number>
CLI::Option* add_number(CLI::App& app, const std::string& flag, Number& option, Number min,
                        Number max, const std::string& help) {
  return app.add_option(flag, option, help)
      ->check([min, max](const std::string& text) -> std::string {
        Number number{};
        const char* end = text.data() + text.size();
        const auto parsed = std::from_chars(text.data(), end, number);
        const bool whole = parsed.ec == std::errc{} && parsed.ptr == end;
        if (whole && number >= min && number <= max) return {};
        std::ostringstream sentence;
        sentence << std::fixed;
        sentence.precision(0);
        sentence << '"' << text << "\" is no number from " << min << " to " << max;
        return sentence.str();
      })
      ->option_text("N");
}

void add_duration(CLI::App& app, const std::string& flag, Duration& option, Duration min,
                  const std::string& help) {
  app.add_option_function<std::string>(
         flag,
         [&option](const std::string& text) {
           option = config::parse_duration(text).value_or(option);
         },
         help)
      ->check([min](const std::string& text) -> std::string {
        const auto duration = config::parse_duration(text);
        if (duration && *duration >= min && *duration <= run_max) return {};
        return "\"" + text + "\" is no duration from " + config::format_duration(min) + " to " +
               config::format_duration(run_max) + ", e.g. 3s";
      })
      ->option_text("DURATION");
}

void add_size(CLI::App& app, const std::string& flag, const std::string& help,
              const std::function<void(std::uint64_t)>& take) {
  app.add_option_function<std::string>(
         flag, [take](const std::string& text) { take(config::parse_size(text).value_or(0)); },
         help)
      ->check([](const std::string& text) -> std::string {
        const auto size = config::parse_size(text);
        if (size && *size <= body_max) return {};
        return "\"" + text + "\" is no size up to " + config::format_size(body_max) +
               ", e.g. 256B or 4KiB";
      })
      ->option_text("SIZE");
}

void add_targets(CLI::App& app, std::vector<std::string>& names) {
  app.add_option("--target", names,
                 "Which, in turn: muster, proxy, router, nats, or all\nthat there are "
                 "(muster,proxy)")
      ->delimiter(',')
      ->check([](const std::string& text) -> std::string {
        if (text == "all" || std::ranges::find(all_targets, text, target_name) != all_targets.end())
          return {};
        return "there is no target \"" + text + "\"; muster, proxy, router and nats there are";
      })
      ->option_text("LIST");
}

void add_load(CLI::App& app, BenchOptions& options) {
  add_number(app, "--clients,-c", options.clients, std::uint64_t{1}, clients_max, "Clients (8)");
  add_number(app, "--outstanding,-o", options.outstanding, std::uint64_t{1}, outstanding_max,
             "Requests that each client has outstanding,\nwith --rate at the most (32)");
  add_number(app, "--workers,-w", options.workers, std::uint64_t{1}, workers_max, "Workers (4)");
  add_number(app, "--slots", options.slots, std::uint64_t{1}, slots_max,
             "Slots of each worker (enough for all requests)");
  add_size(app, "--body",
           "Bytes of a request's body and, without --answer, of\neach part of its answer (256B)",
           [&options](std::uint64_t size) { options.body_bytes = size; });
  add_size(app, "--answer", "Bytes of each part of an answer",
           [&options](std::uint64_t size) { options.answer_bytes = size; });
  add_number(app, "--parts", options.parts, std::uint64_t{0}, parts_max,
             "Parts of an answer; 0 and 1: a FINAL alone,\nN: N CHUNKs and a FINAL (1)");
  add_duration(
      app, "--part-interval", options.part_interval, Duration{0},
      "Time between the parts of an answer, which are then\nmeasured each alone; the first comes "
      "within it (0s:\nall at once)");
  add_number(app, "--models", options.models, std::uint64_t{1}, models_max,
             "Models, asked at random; each worker serves all (1)");
  add_number(app, "--crowd", options.crowd, std::uint64_t{0}, crowd_max,
             "Workers beside these, heard once a second, whom\nnobody asks: of muster, where they "
             "register, and router,\nwhich sends their heartbeats back (0)");
  add_number(app, "--crowd-models", options.crowd_models, std::uint64_t{1}, crowd_max,
             "Models that these serve, one each (1000)");
  add_number(app, "--bulk", options.bulk, std::uint64_t{0}, bulk_max,
             "Clients beside these, each with one request of a large\nbody at a time, and as many "
             "workers for them, on a\nthread of their own: of muster alone (0)");
  add_size(app, "--bulk-body", "Bytes of these bodies (16MiB)",
           [&options](std::uint64_t size) { options.bulk_bytes = size; });
  add_number(app, "--rate", options.rate, 1.0, rate_max,
             "Requests a second, sent when their time has come\nwhatever became of those before; "
             "without it each\nclient asks again when it is answered");
}

void add_course(CLI::App& app, BenchOptions& options, std::vector<std::string>& targets) {
  add_duration(app, "--duration,-d", options.duration, duration_min,
               "How long a run is measured (3s)");
  add_duration(app, "--warm-up", options.warm_up, Duration{0}, "... and how long not yet (1s)");
  add_targets(app, targets);
  add_number(app, "--runs,-n", options.runs, std::uint64_t{1}, runs_max, "Runs of each target (5)");
  add_number(app, "--seed", options.seed, std::uint64_t{0}, any_max,
             "Of the bodies, the models asked and the schedule (1)");
  add_number(app, "--threads", options.threads, std::uint64_t{1}, threads_max,
             "Threads that play clients and workers, each with\nan I/O thread of libzmq, where "
             "that speaks (1)");
  app.add_option_function<std::string>(
         "--link",
         [&options](const std::string& text) {
           options.link = text == "zmtp" ? LinkKind::zmtp : LinkKind::libzmq;
         },
         "Who speaks for clients and workers: libzmq, or this\nprogram by itself (zmtp), which "
         "copies bodies, but\ntakes less of the machine from the target (libzmq)")
      ->check(CLI::IsMember({"libzmq", "zmtp"}))
      ->option_text("KIND");
  app.add_option("--json", options.json, "Write all figures to this file")->option_text("FILE");
  app.add_option("--svg", options.svg, "Write a plot of the latencies to this file")
      ->option_text("FILE");
  app.add_option("--broker-program", options.broker_program,
                 "Another muster-broker than the one "
                 "beside this\nprogram")
      ->option_text("FILE");
  app.add_option("--set", options.settings,
                 "Set a key of the broker's configuration; as often\nas needed")
      ->allow_extra_args(false)
      ->option_text("SECTION.KEY=VALUE");
}

Stopped wrong(const std::string& what) {
  return {exit_usage, {}, "muster-bench: " + what + "; see muster-bench --help\n"};
}

std::optional<Stopped> resolve_targets(const std::vector<std::string>& names,
                                       BenchOptions& options) {
  if (names == std::vector<std::string>{"all"}) {
    options.targets.assign(all_targets.begin(), all_targets.end());
    if (!nats_program() || options.link == LinkKind::zmtp)
      std::erase(options.targets, Target::nats);
    return std::nullopt;
  }
  if (!names.empty()) options.targets.clear();
  for (const std::string& name : names) {
    const auto* target = std::ranges::find(all_targets, name, target_name);
    if (target == all_targets.end()) return wrong("--target names others besides all");
    if (std::ranges::find(options.targets, *target) != options.targets.end())
      return wrong("--target names " + name + " twice");
    options.targets.push_back(*target);
  }
  return std::nullopt;
}

}  // namespace

std::variant<BenchOptions, Serve, Stopped> parse_command_line(std::vector<std::string> arguments) {
  CLI::App app{"Puts load on a Muster broker, measures it, and sets it beside libzmq's own proxy.",
               "muster-bench"};
  app.footer(notes);
  app.set_version_flag("--version", "muster-bench " MUSTER_VERSION);
  BenchOptions options;
  std::vector<std::string> targets;
  add_load(app, options);
  add_course(app, options, targets);
  std::string serve;
  app.add_option("--serve", serve)->group("");  // hidden: for this program itself

  try {
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& stop) {
    std::ostringstream out;
    std::ostringstream err;  // CLI11's own words for what is wrong: not used
    if (app.exit(stop, out, err) == 0) return Stopped{exit_ok, out.str(), {}};
    return wrong(stop.what());
  }
  if (!serve.empty())
    return Serve{serve == target_name(Target::proxy) ? Target::proxy : Target::router};
  if (options.clients * options.outstanding > outstanding_max) {
    return wrong("--clients times --outstanding is above " + std::to_string(outstanding_max));
  }
  if (options.part_interval > Duration{} && options.answer_size() < time_bytes)
    return wrong("--part-interval needs parts of 8 bytes or more, which say when they were sent");
  if (auto stop = resolve_targets(targets, options)) return *stop;
  if (options.link == LinkKind::zmtp &&
      std::ranges::find(options.targets, Target::nats) != options.targets.end())
    return wrong("--link zmtp does not speak to a NATS server: --target must name others");
  if (options.bulk > 0 && options.targets != std::vector{Target::muster})
    return wrong("--bulk needs --target muster alone: no other knows whose worker is whose");
  return options;
}

}  // namespace muster::bench
