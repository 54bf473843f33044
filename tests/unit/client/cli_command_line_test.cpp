// The command line of `muster`, and the configuration behind it.

#include "tools/cli/command_line.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/support/source_folder.hpp"
#include "tests/unit/config/config_bench.hpp"

namespace muster::cli {
namespace {

using config::test::TemporaryFile;
using Arguments = std::vector<std::string>;
using Environment = std::map<std::string, std::string>;

template <class Options>
Options parse(const Arguments& arguments, const Environment& environment = {}) {
  auto parsed = parse_command_line(arguments, environment);
  if (const auto* stopped = std::get_if<Stopped>(&parsed)) {
    ADD_FAILURE() << stopped->out << stopped->err;
    return {};
  }
  const auto* options = std::get_if<Options>(&std::get<Command>(parsed));
  if (options == nullptr) {
    ADD_FAILURE() << "another command";
    return {};
  }
  return *options;
}

Stopped stopped(const Arguments& arguments, const Environment& environment = {}) {
  auto parsed = parse_command_line(arguments, environment);
  const auto* stop = std::get_if<Stopped>(&parsed);
  if (stop == nullptr) {
    ADD_FAILURE() << "was taken";
    return {};
  }
  return *stop;
}

// The sentence on what is wrong.
std::string complaint(const Arguments& arguments, const Environment& environment = {}) {
  const Stopped stop = stopped(arguments, environment);
  EXPECT_EQ(stop.exit_code, ExitCode::usage);
  EXPECT_EQ(stop.out, "");
  return stop.err;
}

// ---- commands and their flags -----------------------------------------------------------------

TEST(CliCommandLine, ReadsAQuestionWithAllItsOptions) {
  const auto ask = parse<AskOptions>(
      {"ask", "--model", "llama", "--system", "Be short.", "--max-tokens", "7", "--temperature",
       "0.5", "--timeout", "90s", "--no-stream", "--json", "--broker", "tcp://there:1", "Why?"});
  EXPECT_EQ(ask.model, "llama");
  EXPECT_EQ(ask.system, "Be short.");
  EXPECT_EQ(ask.max_tokens, 7u);
  EXPECT_EQ(ask.temperature, 0.5);
  EXPECT_EQ(ask.broker.timeout, client::Milliseconds{90'000});
  EXPECT_FALSE(ask.stream);
  EXPECT_TRUE(ask.json);
  EXPECT_FALSE(ask.completion);
  EXPECT_EQ(ask.broker.endpoint, "tcp://there:1");
  EXPECT_EQ(ask.prompt, "Why?");
}

TEST(CliCommandLine, HasDefaults) {
  const auto ask = parse<AskOptions>({"ask", "-"});
  EXPECT_EQ(ask.prompt, "-");
  EXPECT_TRUE(ask.stream);
  EXPECT_FALSE(ask.max_tokens);
  EXPECT_FALSE(ask.temperature);
  EXPECT_FALSE(ask.broker.timeout);
  EXPECT_EQ(ask.broker.endpoint, "tcp://127.0.0.1:5555");
  EXPECT_EQ(ask.model, "");
}

TEST(CliCommandLine, TakesTheSharedFlagsBeforeAndBehindTheCommand) {
  EXPECT_EQ(parse<ModelsOptions>({"--broker", "ipc://a", "models"}).broker.endpoint, "ipc://a");
  EXPECT_EQ(parse<WorkersOptions>({"workers", "-b", "ipc://a"}).broker.endpoint, "ipc://a");
  EXPECT_EQ(parse<StatusOptions>({"-b", "ipc://a", "status", "-b", "ipc://b"}).broker.endpoint,
            "ipc://b");
  EXPECT_TRUE(parse<StatusOptions>({"status", "--json"}).json);
}

TEST(CliCommandLine, ReadsOrders) {
  const auto drain = parse<DrainOptions>({"drain", "gpu7:8000", "--wait", "--reason", "new driver",
                                          "--timeout", "20m", "-b", "ipc://a"});
  EXPECT_EQ(drain.worker, "gpu7:8000");
  EXPECT_TRUE(drain.wait);
  EXPECT_EQ(drain.reason, "new driver");
  EXPECT_EQ(drain.broker.timeout, client::Milliseconds{1'200'000});
  EXPECT_EQ(drain.broker.endpoint, "ipc://a");
  const auto plain = parse<DrainOptions>({"drain", "gpu7:8000"});
  EXPECT_FALSE(plain.wait);
  EXPECT_EQ(plain.reason, "");
  EXPECT_EQ(parse<UndrainOptions>({"undrain", "a"}).worker, "a");
  EXPECT_EQ(parse<RemoveOptions>({"remove", "a", "--broker=ipc://a"}).broker.endpoint, "ipc://a");
  EXPECT_TRUE(parse<RefreshOptions>({"refresh", "--json"}).json);
  const auto why = parse<WhyOptions>({"why", "--model", "llama", "--json"});
  EXPECT_EQ(why.model, "llama");
  EXPECT_TRUE(why.json);
  EXPECT_EQ(parse<WhyOptions>({"why"}).model, "");
}

TEST(CliCommandLine, TheNameOfACommandIsAQuestionLikeAnyOther) {
  EXPECT_EQ(parse<AskOptions>({"ask", "status"}).prompt, "status");
  EXPECT_EQ(parse<AskOptions>({"ask", "--", "--x="}).prompt, "--x=");
}

TEST(CliCommandLine, SaysWhatIsWrongAndWhereToLook) {
  const std::pair<Arguments, std::string> wrong[] = {
      {{},
       "name a command: ask, models, workers, status, why, refresh, drain, undrain or remove; see "
       "muster --help"},
      {{"drain"}, "which worker? `muster workers` shows their names; see muster drain --help"},
      {{"undrain", "--timeout", "3s"},
       "which worker? `muster workers` shows their names; see muster undrain --help"},
      {{"remove", "a", "b"}, "\"b\" is one word too many; see muster remove --help"},
      {{"drain", "a", "--wiat"},
       "there is no flag \"--wiat\"; did you mean --wait? See muster drain --help"},
      {{"why", "llama"}, "\"llama\" is one word too many; see muster why --help"},
      {{"dance"}, "there is no command \"dance\"; see muster --help"},
      {{"--dance"}, "there is no flag \"--dance\"; see muster --help"},
      {{"--borker", "x", "status"},
       "there is no flag \"--borker\"; did you mean --broker? See muster status --help"},
      {{"ask", "--modl=x", "y"},
       "there is no flag \"--modl\"; did you mean --model? See muster ask --help"},
      {{"models", "x"}, "\"x\" is one word too many; see muster models --help"},
      {{"models", "workers"}, "\"workers\" is one word too many; see muster models --help"},
      {{"ask", "why", "not"},
       "\"not\" is one word too many: put quotes around the question; see muster ask --help"},
      {{"ask"},
       "there is no question: write it in quotes, or - to read it from standard input; see muster "
       "ask --help"},
      {{"--broker"}, "--broker wants one value; see muster --help"},
      {{"ask", "--max-tokens", "0", "x"},
       "--max-tokens: \"0\" is no whole number above 0; see muster ask --help"},
      {{"ask", "--max-tokens", "2.5", "x"},
       "--max-tokens: \"2.5\" is no whole number above 0; see muster ask --help"},
      {{"ask", "--temperature", "-1", "x"},
       "--temperature: \"-1\" is no number from 0 on; see muster ask --help"},
      {{"ask", "--temperature", "inf", "x"},
       "--temperature: \"inf\" is no number from 0 on; see muster ask --help"},
      {{"ask", "--completion", "--system", "s", "x"},
       "--system excludes --completion; see muster ask --help"},
      {{"--set", "x", "status"},
       "--set takes SECTION.KEY=VALUE, like --set client.timeout=30s; found \"x\"; see muster "
       "status --help"},
  };
  for (const auto& [arguments, sentence] : wrong)
    EXPECT_EQ(complaint(arguments), "muster: " + sentence + "\n");
}

TEST(CliCommandLine, HelpsWithExamplesKeysAndExitCodes) {
  const Stopped help = stopped({"--help"});
  EXPECT_EQ(help.exit_code, ExitCode::ok);
  for (const char* part :
       {"[OPTIONS] [COMMAND]", "\nCommands:", "Exit codes:", "Examples:", "--config FILE",
        "--set SECTION.KEY=VALUE", "client.timeout", "(\"0s\")", "MUSTER_BROKER"}) {
    EXPECT_NE(help.out.find(part), std::string::npos) << part;
  }
  std::string all = help.out;
  for (const char* command :
       {"ask", "models", "workers", "status", "why", "refresh", "drain", "undrain", "remove"}) {
    EXPECT_NE(help.out.find(std::string{"\n  "} + command + " "), std::string::npos) << command;
    const Stopped own = stopped({command, "--help"});
    EXPECT_EQ(own.exit_code, ExitCode::ok);
    EXPECT_NE(own.out.find(std::string{"muster "} + command), std::string::npos);
    EXPECT_NE(own.out.find("Examples:"), std::string::npos);
    all += own.out;
  }
  std::istringstream lines(all);
  for (std::string line; std::getline(lines, line);)
    EXPECT_LE(line.size(), 100u) << line;
  EXPECT_EQ(stopped({"--version"}).out, "muster " MUSTER_VERSION "\n");
}

// ---- configuration ----------------------------------------------------------------------------

TEST(CliConfiguration, FlagsOverEnvironmentOverFileOverDefault) {
  const TemporaryFile file(
      "[client]\nbroker = \"tcp://file:1\"\ntimeout = \"7s\"\n[ask]\nmodel = \"in-file\"\n");
  Arguments arguments = {"--config", file.path(), "ask", "Why?"};
  auto ask = parse<AskOptions>(arguments);
  EXPECT_EQ(ask.broker.endpoint, "tcp://file:1");
  EXPECT_EQ(ask.broker.timeout, client::Milliseconds{7000});
  EXPECT_EQ(ask.model, "in-file");

  const Environment environment = {{"MUSTER_BROKER", "tcp://short:1"},
                                   {"MUSTER_CLIENT__TIMEOUT", "8s"},
                                   {"MUSTER_ASK__MODEL", "in-environment"}};
  ask = parse<AskOptions>(arguments, environment);
  EXPECT_EQ(ask.broker.endpoint, "tcp://short:1");
  EXPECT_EQ(ask.broker.timeout, client::Milliseconds{8000});
  EXPECT_EQ(ask.model, "in-environment");

  for (const char* more : {"--broker=tcp://flag:1", "--set=client.timeout=9s", "--model=flag"})
    arguments.emplace_back(more);
  ask = parse<AskOptions>(arguments, environment);
  EXPECT_EQ(ask.broker.endpoint, "tcp://flag:1");
  EXPECT_EQ(ask.broker.timeout, client::Milliseconds{9000});
  EXPECT_EQ(ask.model, "flag");
}

TEST(CliConfiguration, TheLastOnTheCommandLineWins) {
  EXPECT_EQ(parse<AskOptions>({"ask", "--model", "a", "--set", "ask.model=b", "x"}).model, "b");
  EXPECT_EQ(parse<AskOptions>({"ask", "--set", "ask.model=b", "--model", "a", "x"}).model, "a");
  EXPECT_EQ(parse<AskOptions>({"--set", "ask.model=b", "ask", "--model=", "x"}).model, "");
}

TEST(CliConfiguration, NoTimeIsWhatIsUsual) {
  const Environment environment = {{"MUSTER_CLIENT__TIMEOUT", "8s"}};
  EXPECT_FALSE(parse<StatusOptions>({"status", "--timeout", "0s"}, environment).broker.timeout);
  EXPECT_EQ(parse<StatusOptions>({"status", "--timeout", "0.1ms"}).broker.timeout,
            client::Milliseconds{1});
}

TEST(CliConfiguration, EveryFaultIsTold) {
  const TemporaryFile file("[client]\nborker = \"tcp://a:1\"\n");
  EXPECT_EQ(complaint({"--config", file.path(), "--timeout", "30", "status"},
                      {{"MUSTER_ASK__MODLE", "x"}}),
            "muster: " + file.path() +
                ":2:1: client.borker: there is no such key; did you mean client.broker?\n"
                "muster: environment variable MUSTER_ASK__MODLE: ask.modle: there is no such key; "
                "did you mean MUSTER_ASK__MODEL?\n"
                "muster: --timeout: client.timeout: found \"30\" without a unit; write \"30s\" or "
                "what else is meant: a text like \"250ms\", \"3s\", \"5m\" or \"1h\"\n"
                "muster: the configuration is wrong; nothing was asked\n");
}

TEST(CliConfiguration, IsCheckedAndPrintedWithoutACommand) {
  const Stopped right = stopped({"--check-config"});
  EXPECT_EQ(right.exit_code, ExitCode::ok);
  EXPECT_EQ(right.out, "muster: the configuration is right\n");
  EXPECT_NE(complaint({"--check-config", "--broker", "x"}).find("client.broker"),
            std::string::npos);
  const Stopped printed = stopped({"--print-config", "--broker", "ipc:///run/m"});
  EXPECT_EQ(printed.exit_code, ExitCode::ok);
  EXPECT_TRUE(
      printed.out.starts_with("[client]\n"
                              "broker = \"ipc:///run/m\"                 # --broker\n"
                              "timeout = \"0s\"                          # default\n"))
      << printed.out;
}

TEST(CliConfiguration, TheAnnotatedFileNamesEveryFlag) {
  std::ifstream in(test::source_folder() + "/config/muster.toml");
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  for (const char* flag : {"--broker", "--timeout", "--model"})
    EXPECT_NE(text.find(std::string{"Flag: "} + flag + "\n"), std::string::npos) << flag;
}

}  // namespace
}  // namespace muster::cli
