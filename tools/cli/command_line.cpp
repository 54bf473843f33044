// The one file of the room that knows CLI11.

#include "tools/cli/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>

#include "config/fault.hpp"
#include "config/programs.hpp"
#include "config/schemas.hpp"
#include "protocol/check.hpp"

namespace muster::cli {

namespace {

constexpr const char* exit_codes = R"(Exit codes:
  0    ok
  1    failed: the broker can't be reached, or the worker or its model server failed
  2    the command line or the configuration is wrong, or it is not clear which model is meant
  3    no worker serves the model
  4    overloaded, or over a rate limit
  5    timed out
  130  cancelled with Ctrl-C, or nobody reads the answer any more)";

constexpr const char* examples = R"(Examples:
  muster ask "Why is the sky blue?"
  muster workers
  muster why --model llama
  muster drain gpu7:8000 --wait
  muster --broker tcp://10.0.0.7:5555 status
  muster --config muster.toml --print-config

`muster COMMAND --help` says more of each command.)";

constexpr const char* ask_examples = R"(Examples:
  muster ask "Why is the sky blue?"
  muster ask --model llama --system "Answer in French." --max-tokens 100 "Who are you?"
  echo "Once upon a time" | muster ask --model stories260K --completion -

The answer is printed as it comes. Ctrl-C cancels it, here and at the worker. Without --timeout it
may take 10 minutes, or what the broker allows; a broker that is not there is given 5 seconds.)";

constexpr const char* models_examples = R"(Examples:
  muster models
  muster models --json | jq -r '.models[].name'

WORKERS is how many serve the model, READY how many of them take requests. FREE SLOTS is how many
requests these could begin now, QUEUED how many wait for a slot. `muster ask --model` takes an alias
as well as a name.)";

constexpr const char* workers_examples = R"(Examples:
  muster workers
  muster workers --json | jq '.workers[] | select(.state != "ready")'

SLOTS is how many requests the worker has of this broker, and how many it takes at once. QUEUE is
how many it has besides. IDLE is how long it has had nothing to do, HEARD how long ago it was last
heard of. WHY is what a worker says of itself where it is not ready, or why it is gone: those that
have gone within the last hour are shown, too. Beside its STATE a worker may be

  broken     its connection is gone: it gets nothing until it is back
  suspect    nothing was heard of it for one and a half heartbeats: it is chosen last
  stalled    it has work in hand and makes no progress: it is chosen last
  put aside  its model server failed several times in a row: it gets nothing for a while, and then
             one request to try it with)";

constexpr const char* status_examples = R"(Examples:
  muster status
  muster --broker tcp://10.0.0.7:5555 status --json | jq .errors

What is counted is counted from the broker's start: `errors` that clients were sent, by name, and
`faults`, which are messages that could not be read, by who sent them and by what was wrong.)";

constexpr const char* refresh_examples = R"(Examples:
  muster refresh
  muster refresh --json | jq '.workers[] | select(.stalled)'

The broker asks every worker how it is, and answers when all have told, or after a heartbeat
interval. What is shown is what `muster workers` shows.)";

constexpr const char* why_examples = R"(Examples:
  muster why
  muster why --model llama
  muster why --json | jq '.models[] | select(.workers | any(.eligible) | not) | .model'

For each model, whether a request for it could go to each of its workers now, YES or NO, and why.)";

constexpr const char* drain_examples = R"(Examples:
  muster drain gpu7:8000
  muster drain gpu7:8000 --wait --reason "new driver"
  muster drain gpu7:8000 --wait --timeout 20m && ssh gpu7 sudo reboot

The worker finishes what it has in hand and takes nothing new, from this broker or any other, until
`muster undrain` or its restart. With --wait the command ends with 0 when it has nothing in hand any
more or is gone, and with 5 when that takes longer than --timeout, or 5 minutes; then it goes on
draining.)";

constexpr const char* undrain_examples = R"(Examples:
  muster undrain gpu7:8000

Takes `muster drain` back: the worker takes requests again.)";

constexpr const char* remove_examples = R"(Examples:
  muster remove gpu7:8000

Ends the worker's session at this broker at once. What it has in hand goes to other workers where
that is possible, and ends with WORKER_LOST otherwise. Its agent does not come back to this broker
by itself. `muster drain` takes a worker out of service in good order.)";

constexpr const char* shared_help =
    "--broker, --timeout, --config and --set are taken too: see muster --help.";

std::string footer() {
  CliOptions defaults;
  return std::string{examples} + "\n\n" +
         config::keys_help(config::cli_schema(defaults), "ask.model is MUSTER_ASK__MODEL") +
         "\nMUSTER_BROKER is short for MUSTER_CLIENT__BROKER. Durations are written \"250ms\", "
         "\"3s\", \"5m\", \"1h\".\n\n" +
         exit_codes;
}

// What is wrong with a text that is to be a number, or nothing. CLI11's own words for one out of
// range print every digit of the largest double.
std::string tokens_complaint(const std::string& text) {
  std::uint64_t tokens = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, tokens);
  if (read.ec == std::errc{} && read.ptr == end && tokens > 0) return {};
  return "\"" + text + "\" is no whole number above 0";
}

std::string temperature_complaint(const std::string& text) {
  double temperature = 0;
  if (CLI::detail::lexical_cast(text, temperature) && std::isfinite(temperature) &&
      temperature >= 0) {
    return {};
  }
  return "\"" + text + "\" is no number from 0 on";
}

class Parser {
 public:
  Parser() {
    app_.set_help_flag("-h,--help", "this text");
    app_.set_version_flag("--version", "muster " MUSTER_VERSION, "which version this is");
    app_.get_formatter()->label("SUBCOMMAND", "COMMAND");
    app_.footer(footer());
    app_.require_subcommand(0, 1);
    flags_.add(app_, {"-b,--broker", "client.broker", "ENDPOINT",
                      "the broker's frontend; default: tcp://127.0.0.1:5555"});
    flags_.add(app_, {"--timeout", "client.timeout", "DURATION",
                      "how long it may take, e.g. 500ms, 30s, 5m; default: 10m\n"
                      "for an answer, 5m for drain --wait, 5s for all else"});
    flags_.add_shared(app_);
    add_ask();
    models_command_ = add_show("models", "Which models are served, and by how many workers",
                               models_examples, models_);
    workers_command_ = add_show("workers", "Which workers there are, and how they are",
                                workers_examples, workers_);
    status_command_ =
        add_show("status", "How the broker is, and what it has counted", status_examples, status_);
    add_why();
    refresh_command_ = add_show("refresh", "Ask all workers how they are, then show them",
                                refresh_examples, refresh_);
    add_drain();
    undrain_command_ =
        add_order("undrain", "Let a worker take requests again", undrain_examples, undrain_.worker);
    remove_command_ = add_order("remove", "End a worker's session; others get what it had",
                                remove_examples, remove_.worker);
  }

  std::variant<Command, Stopped> parse(const std::vector<std::string>& arguments,
                                       const std::map<std::string, std::string>& environment) {
    try {
      auto reversed = config::with_empty_values(arguments);
      std::reverse(reversed.begin(), reversed.end());  // as CLI11 wants them
      app_.parse(std::move(reversed));
    } catch (const CLI::ParseError& stop) {
      std::ostringstream out;
      std::ostringstream err;  // CLI11's own words for what is wrong: not used
      if (app_.exit(stop, out, err) == 0) return Stopped{ExitCode::ok, out.str(), {}};
      return wrong(complaint(stop));
    }
    auto line = flags_.command_line();
    if (!line) return wrong(line.error());
    if (app_.get_subcommands().empty() && !line->check_config && !line->print_config) {
      return wrong(
          "name a command: ask, models, workers, status, why, refresh, drain, undrain or remove");
    }
    line->sources.environment = environment;
    std::ostringstream out;
    std::ostringstream err;
    const auto configured = config::configure_cli(*line, out, err);
    if (!configured) {
      return Stopped{static_cast<ExitCode>(configured.error()), out.str(), err.str()};
    }
    return command(configured.value().options);
  }

 private:
  CLI::App* add_command(const std::string& name, const std::string& description,
                        const std::string& notes) {
    CLI::App* command = app_.add_subcommand(name, description);
    command->group("Commands");
    command->fallthrough();  // so that --broker may stand behind the command, too
    command->footer(notes + "\n\n" + shared_help);
    return command;
  }

  void add_ask() {
    ask_command_ = add_command("ask", "Ask a model; print the answer as it comes", ask_examples);
    CLI::App& ask = *ask_command_;
    flags_.add(ask, {"-m,--model", "ask.model", "NAME",
                     "which model; may be left out where only one is served"});
    CLI::Option* system =
        ask.add_option("-s,--system", ask_.system, "what the model is told before the question")
            ->option_text("TEXT");
    ask.add_option("-n,--max-tokens", ask_.max_tokens, "the answer ends after so many tokens")
        ->check(tokens_complaint)
        ->option_text("N");
    ask.add_option("-t,--temperature", ask_.temperature, "0: the likeliest answer; higher: freer")
        ->check(temperature_complaint)
        ->option_text("T");
    ask.add_flag("--completion", ask_.completion,
                 "let the model go on with the text (/v1/completions)\n"
                 "instead of answering it (/v1/chat/completions)")
        ->excludes(system)
        ->option_text(" ");
    ask.add_flag_callback(
        "--no-stream", [this] { ask_.stream = false; },
        "print the answer only when it is complete");
    ask.add_flag("--json", ask_.json,
                 "print the model server's own JSON:\none line an event, or all with --no-stream");
    ask.add_option("question", ask_.prompt, "the question; - reads it from standard input")
        ->required()
        ->option_text("TEXT");
  }

  CLI::App* add_show(const std::string& name, const std::string& description,
                     const std::string& notes, ShowOptions& options) {
    CLI::App* command = add_command(name, description, notes);
    command->add_flag("--json", options.json, "print the broker's own JSON instead of a table");
    return command;
  }

  void add_why() {
    CLI::App* why =
        add_show("why", "Which workers could take a request now, and why not the others",
                 why_examples, why_);
    why->add_option("-m,--model", why_.model, "only this model; default: all")->option_text("NAME");
    why_command_ = why;
  }

  // About one worker, which is named.
  CLI::App* add_order(const std::string& name, const std::string& description,
                      const std::string& notes, std::string& worker) {
    CLI::App* command = add_command(name, description, notes);
    command->add_option("worker", worker, "its name, as `muster workers` shows it")
        ->required()
        ->option_text("WORKER");
    orders_.push_back(command);
    return command;
  }

  void add_drain() {
    CLI::App* drain = add_order("drain", "Let a worker finish what it has and take nothing new",
                                drain_examples, drain_.worker);
    drain->add_flag("--wait", drain_.wait, "wait until it has nothing in hand any more")
        ->option_text(" ");
    drain->add_option("--reason", drain_.reason, "why: for the broker's log")->option_text("TEXT");
    drain_command_ = drain;
  }

  Command command(const CliOptions& options) {
    BrokerChoice broker{.endpoint = options.broker};
    if (options.timeout > Duration{0}) {
      broker.timeout = std::chrono::ceil<client::Milliseconds>(options.timeout);
    }
    const auto with_broker = [&](auto command) {
      command.broker = broker;
      return Command{std::move(command)};
    };
    ask_.model = options.model;
    if (ask_command_->parsed()) return with_broker(ask_);
    if (models_command_->parsed()) return with_broker(models_);
    if (workers_command_->parsed()) return with_broker(workers_);
    if (status_command_->parsed()) return with_broker(status_);
    if (why_command_->parsed()) return with_broker(why_);
    if (refresh_command_->parsed()) return with_broker(refresh_);
    if (drain_command_->parsed()) return with_broker(drain_);
    if (undrain_command_->parsed()) return with_broker(undrain_);
    CHECK(remove_command_->parsed(), "a command was parsed that nobody runs");
    return with_broker(remove_);
  }

  // One sentence, and where the right words are to be found.
  Stopped wrong(const std::string& what) const {
    const auto commands = app_.get_subcommands();
    const std::string help = commands.empty() ? "muster" : "muster " + commands[0]->get_name();
    const char* see = what.ends_with('?') ? " See " : "; see ";
    return {ExitCode::usage, {}, "muster: " + what + see + help + " --help\n"};
  }

  std::string complaint(const CLI::ParseError& fault) const {
    const auto commands = app_.get_subcommands();
    std::vector<const CLI::App*> apps(commands.begin(), commands.end());
    apps.push_back(&app_);
    const bool asks = ask_command_->parsed();
    if (const auto strange = app_.remaining(true); !strange.empty()) {
      const std::string& first = strange.front();
      if (first.starts_with('-')) return config::unknown_argument(apps, first);
      if (commands.empty()) return "there is no command " + config::in_quotes(first);
      return config::in_quotes(first) + " is one word too many" +
             (asks ? ": put quotes around the question" : "");
    }
    std::string what = fault.what();
    if (dynamic_cast<const CLI::RequiredError*>(&fault) != nullptr && asks) {
      return "there is no question: write it in quotes, or - to read it from standard input";
    }
    const bool orders = std::any_of(orders_.begin(), orders_.end(),
                                    [](const CLI::App* order) { return order->parsed(); });
    if (dynamic_cast<const CLI::RequiredError*>(&fault) != nullptr && orders) {
      return "which worker? `muster workers` shows their names";
    }
    if (dynamic_cast<const CLI::ArgumentMismatch*>(&fault) != nullptr) {
      return what.substr(0, what.find(':')) + " wants one value";
    }
    return what;
  }

  CLI::App app_{"Asks models through a Muster broker, and shows what the broker knows.", "muster"};
  config::KeyFlags flags_{"client.timeout=30s"};
  CLI::App* ask_command_ = nullptr;
  const CLI::App* models_command_ = nullptr;
  const CLI::App* workers_command_ = nullptr;
  const CLI::App* status_command_ = nullptr;
  const CLI::App* why_command_ = nullptr;
  const CLI::App* refresh_command_ = nullptr;
  const CLI::App* drain_command_ = nullptr;
  const CLI::App* undrain_command_ = nullptr;
  const CLI::App* remove_command_ = nullptr;
  std::vector<const CLI::App*> orders_;  // the last three
  AskOptions ask_;
  ModelsOptions models_;
  WorkersOptions workers_;
  StatusOptions status_;
  WhyOptions why_;
  RefreshOptions refresh_;
  DrainOptions drain_;
  UndrainOptions undrain_;
  RemoveOptions remove_;
};

}  // namespace

std::variant<Command, Stopped> parse_command_line(
    const std::vector<std::string>& arguments,
    const std::map<std::string, std::string>& environment) {
  return Parser().parse(arguments, environment);
}

}  // namespace muster::cli
