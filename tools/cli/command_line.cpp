// The one file that knows CLI11.

#include "tools/cli/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "config/units.hpp"

namespace muster::cli {

namespace {

constexpr const char* exit_codes = R"(Exit codes:
  0    ok
  1    failed: the broker can't be reached, or the worker or its model server failed
  2    the command line is wrong, or it is not clear which model is meant
  3    no worker serves the model
  4    overloaded, or over a rate limit
  5    timed out
  130  cancelled with Ctrl-C, or nobody reads the answer any more)";

constexpr const char* examples = R"(Examples:
  muster ask "Why is the sky blue?"
  muster workers
  muster --broker tcp://10.0.0.7:5555 status

`muster COMMAND --help` says more of each command.)";

constexpr const char* ask_examples = R"(Examples:
  muster ask "Why is the sky blue?"
  muster ask --model llama --system "Answer in French." --max-tokens 100 "Who are you?"
  echo "Once upon a time" | muster ask --model stories260K --completion -

The answer is printed as it comes. Ctrl-C cancels it, here and at the worker. Without --timeout it
may take 10 minutes, or what the broker allows; a broker that is not there is given
5 seconds.)";

constexpr const char* models_examples = R"(Examples:
  muster models
  muster models --json | jq -r '.models[].name')";

constexpr const char* workers_examples = R"(Examples:
  muster workers
  muster workers --json | jq '.workers[] | select(.state != "ready")'

SLOTS is how many requests the worker has of this broker, and how many it takes at once. QUEUE is
how many it has besides. IDLE is how long it has had nothing to do, HEARD how long ago it was last
heard of. Workers that have gone within the last hour are shown with the reason.)";

constexpr const char* status_examples = R"(Examples:
  muster status
  muster --broker tcp://10.0.0.7:5555 status --json | jq .errors)";

constexpr const char* connection_help =
    "--broker ENDPOINT and --timeout DURATION are taken too: see muster --help.";

CLI::App* add_command(CLI::App& app, const std::string& name, const std::string& description,
                      const std::string& notes) {
  CLI::App* command = app.add_subcommand(name, description);
  command->fallthrough();  // so that --broker may stand behind the command, too
  command->footer(notes + "\n\n" + connection_help);
  return command;
}

// CLI11's own words for a number out of range print every digit of the largest double.
std::string number_complaint(const std::string& text, double min, const std::string& allowed) {
  double number = 0;
  if (CLI::detail::lexical_cast(text, number) && number >= min) return {};
  return "\"" + text + "\" is no number " + allowed;
}

CLI::App* add_ask(CLI::App& app, AskOptions& options) {
  CLI::App* ask =
      add_command(app, "ask", "Ask a model; print the answer as it comes", ask_examples);
  ask->add_option("--model,-m", options.model,
                  "Which model; may be left out where only one is served")
      ->option_text("NAME");
  CLI::Option* system =
      ask->add_option("--system,-s", options.system, "What the model is told before the question")
          ->option_text("TEXT");
  ask->add_option("--max-tokens,-n", options.max_tokens, "The answer ends after so many tokens")
      ->check([](const std::string& text) { return number_complaint(text, 1, "above 0"); })
      ->option_text("N");
  ask->add_option("--temperature,-t", options.temperature, "0: the likeliest answer; higher: freer")
      ->check([](const std::string& text) { return number_complaint(text, 0, "from 0 on"); })
      ->option_text("T");
  ask->add_flag("--completion", options.completion,
                "Let the model go on with the text (/v1/completions)\n"
                "instead of answering it (/v1/chat/completions)")
      ->excludes(system)
      ->option_text(" ");
  ask->add_flag_callback(
      "--no-stream", [&options] { options.stream = false; },
      "Print the answer only when it is complete");
  ask->add_flag("--json", options.json,
                "Print the model server's own JSON:\none line an event, or all with --no-stream");
  ask->add_option("question", options.prompt, "The question; - reads it from standard input")
      ->required()
      ->option_text("TEXT");
  return ask;
}

CLI::App* add_show(CLI::App& app, const std::string& name, const std::string& description,
                   const std::string& notes, ShowOptions& options) {
  CLI::App* command = add_command(app, name, description, notes);
  command->add_flag("--json", options.json, "Print the broker's own JSON instead of a table");
  return command;
}

void add_broker(CLI::App& app, BrokerChoice& broker, std::string& timeout) {
  app.add_option("--broker,-b", broker.endpoint,
                 "The broker's frontend; where it is left out,\n"
                 "MUSTER_BROKER from the environment, or tcp://127.0.0.1:5555")
      ->envname("MUSTER_BROKER")
      ->option_text("ENDPOINT");
  app.add_option("--timeout", timeout,
                 "How long to wait, e.g. 500ms, 30s, 5m:\n"
                 "for an answer (10m), or for what the broker knows (5s)")
      ->check([](const std::string& text) -> std::string {
        const auto duration = config::parse_duration(text);
        if (duration && *duration >= std::chrono::milliseconds{1}) return {};
        return "\"" + text + "\" is no duration; a number and ms, s, m or h is, e.g. 30s";
      })
      ->option_text("DURATION");
}

// One sentence, and where the right words are to be found.
std::string complaint(const CLI::App& app, const CLI::ParseError& fault) {
  const auto commands = app.get_subcommands();
  const auto strange = app.remaining();
  std::string what = fault.what();
  if (commands.empty() && !strange.empty()) what = "there is no command \"" + strange[0] + "\"";
  const std::string help = commands.empty() ? "muster" : "muster " + commands[0]->get_name();
  return "muster: " + what + "; see " + help + " --help\n";
}

}  // namespace

std::variant<Command, Stopped> parse_command_line(std::vector<std::string> arguments) {
  CLI::App app{"Asks models through a Muster broker, and shows what the broker knows.", "muster"};
  app.footer(std::string{examples} + "\n\n" + exit_codes);
  app.set_version_flag("--version", "muster " MUSTER_VERSION);
  app.require_subcommand(1);

  BrokerChoice broker;
  std::string timeout;
  add_broker(app, broker, timeout);
  AskOptions ask;
  ModelsOptions models;
  WorkersOptions workers;
  StatusOptions status;
  const CLI::App* ask_command = add_ask(app, ask);
  const CLI::App* models_command = add_show(
      app, "models", "Which models are served, and by how many workers", models_examples, models);
  const CLI::App* workers_command = add_show(
      app, "workers", "Which workers there are, and how they are", workers_examples, workers);
  add_show(app, "status", "How the broker is, and what it has counted", status_examples, status);

  try {
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& stop) {
    std::ostringstream out;
    std::ostringstream err;  // CLI11's own words for what is wrong: not used
    if (app.exit(stop, out, err) == 0) return Stopped{ExitCode::ok, out.str(), {}};
    return Stopped{ExitCode::usage, {}, complaint(app, stop)};
  }

  if (const auto duration = config::parse_duration(timeout)) {
    broker.timeout = std::chrono::ceil<client::Milliseconds>(*duration);
  }
  const auto with_broker = [&](auto options) {
    options.broker = broker;
    return Command{std::move(options)};
  };
  if (ask_command->parsed()) return with_broker(std::move(ask));
  if (models_command->parsed()) return with_broker(models);
  if (workers_command->parsed()) return with_broker(workers);
  return with_broker(status);
}

}  // namespace muster::cli
