#include "config/command_line.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "config/programs.hpp"
#include "tests/unit/config/config_bench.hpp"

namespace muster::config {
namespace {

using test::Lines;
using test::TemporaryFile;

struct Said {
  int code = -1;  // -1: configured, the program would run
  std::string out;
  std::string err;
  LoadedAgent agent;
};

Said run_agent(const Lines& arguments, const std::map<std::string, std::string>& environment = {}) {
  std::ostringstream out;
  std::ostringstream err;
  auto configured = configure_agent({arguments, environment, out, err});
  Said said;
  if (configured) {
    said.agent = std::move(configured).value();
  } else {
    said.code = configured.error();
  }
  said.out = out.str();
  said.err = err.str();
  return said;
}

TEST(CommandLine, FlagsAreKeys) {
  const Said said = run_agent({"--name", "gpu7", "--broker", "tcp://a:1", "--broker=tcp://b:2",
                               "--demo", "--model", "m", "--slots", "4", "--log-level", "debug",
                               "--set", "worker.speed=2", "--set", "worker.labels.gpu=h=100"});
  ASSERT_EQ(said.code, -1) << said.err;
  EXPECT_EQ(said.agent.options.name, "gpu7");
  EXPECT_EQ(said.agent.options.brokers, (Lines{"tcp://a:1", "tcp://b:2"}));
  EXPECT_EQ(said.agent.server.kind, agent::ModelServerKind::echo);
  EXPECT_EQ(said.agent.options.models.at(0).name, "m");
  EXPECT_EQ(said.agent.options.slots, 4u);
  EXPECT_EQ(said.agent.log.level, log::Level::debug);
  EXPECT_EQ(said.agent.options.speed, 2.0);
  EXPECT_EQ(said.agent.options.labels, (StringMap{{"gpu", "h=100"}}));
  EXPECT_EQ(said.out + said.err, "");
}

// The worker's name that these arguments give.
std::string name_by(const Lines& arguments) {
  const Said said = run_agent(arguments);
  return said.code == -1 ? said.agent.options.name : said.err;
}

TEST(CommandLine, TheOrderIsKept) {
  EXPECT_EQ(name_by({"--name", "a", "--set", "worker.name=b"}), "b");
  EXPECT_EQ(name_by({"--set", "worker.name=b", "--name", "a"}), "a");
  EXPECT_EQ(run_agent({"--demo", "--set", "server.kind=openai"}).agent.server.kind,
            agent::ModelServerKind::openai);
}

TEST(CommandLine, ValuesArriveAsTheyAre) {
  EXPECT_EQ(name_by({"--name=", "--broker", "tcp://a:1"}), "");
  EXPECT_EQ(name_by({"--name", ""}), "");
  EXPECT_EQ(name_by({"--name", "-x"}), "-x");
  EXPECT_EQ(name_by({"--name", "{}"}), "{}");
  EXPECT_EQ(name_by({"--name", "[a]"}), "[a]");
  EXPECT_EQ(run_agent({"--model", R"([{ name = "a", aliases = ["b", "c"] }])"})
                .agent.options.models.at(0)
                .aliases,
            (Lines{"b", "c"}));
}

TEST(CommandLine, WhatIsNoFlag) {
  const Said said = run_agent({"--broke", "tcp://a:1"});
  EXPECT_EQ(said.code, exit_configuration);
  EXPECT_EQ(said.out, "");
  EXPECT_EQ(said.err,
            "muster-agent: there is no flag \"--broke\"; did you mean --broker?\n"
            "muster-agent: --help shows what there is\n");
  EXPECT_EQ(run_agent({"--colour=red"}).err.substr(0, 41) + "\n",
            "muster-agent: there is no flag \"--colour\"\n");
  EXPECT_EQ(run_agent({"stray"}).err.substr(0, 50),
            "muster-agent: found \"stray\", which belongs to no f");
  EXPECT_EQ(run_agent({"--name", "a", "b"}).code, exit_configuration) << "one value a flag";
}

TEST(CommandLine, FlagsWithoutTheirValue) {
  for (const Lines& arguments :
       {Lines{"--name"}, Lines{"--config"}, Lines{"--set"}, Lines{"--set", "log.level"},
        Lines{"--set", "=x"}, Lines{"--config", "a", "--config", "b"}}) {
    const Said said = run_agent(arguments);
    EXPECT_EQ(said.code, exit_configuration) << arguments[0];
    EXPECT_TRUE(said.err.starts_with("muster-agent: --")) << said.err;
  }
  EXPECT_TRUE(run_agent({"--set", "log.level"})
                  .err.starts_with("muster-agent: --set takes SECTION.KEY=VALUE, like --set "
                                   "log.level=debug; found \"log.level\"\n"));
}

TEST(CommandLine, FaultsAreWrittenOneALine) {
  const Said said = run_agent({"--slots", "0", "--set", "worker.nam=x"});
  EXPECT_EQ(said.code, exit_configuration);
  EXPECT_EQ(said.err,
            "muster-agent: --slots: worker.slots: found the number 0; allowed is \"auto\" or a "
            "whole number, 1 to 4096\n"
            "muster-agent: --set: worker.nam: there is no such key; did you mean worker.name?\n"
            "muster-agent: the configuration is wrong; nothing was started\n");
}

TEST(CommandLine, CheckConfig) {
  const TemporaryFile good("[worker]\nslots = 5\n");
  const Said right = run_agent({"--config", good.path(), "--check-config"});
  EXPECT_EQ(right.code, exit_ok);
  EXPECT_EQ(right.out, "muster-agent: the configuration is right\n");
  const TemporaryFile bad("[worker]\nslots = 0\n");
  const Said wrong = run_agent({"--config", bad.path(), "--check-config"});
  EXPECT_EQ(wrong.code, exit_configuration);
  EXPECT_TRUE(wrong.err.starts_with("muster-agent: " + bad.path() + ":2:9: worker.slots: "))
      << wrong.err;
}

TEST(CommandLine, PrintConfig) {
  const TemporaryFile file("[worker]\nslots = 5\n");
  const Said said = run_agent({"--config", file.path(), "--print-config", "--name", "a"},
                              {{"MUSTER_LOG__LEVEL", "error"}});
  EXPECT_EQ(said.code, exit_ok);
  for (const std::string& line :
       {"\nslots = 5                               # " + file.path() + ":2:9\n",
        std::string("\nname = \"a\"                              # --name\n"),
        std::string("\nlevel = \"error\"                         # environment variable "
                    "MUSTER_LOG__LEVEL\n"),
        std::string("\nkind = \"openai\"                         # default\n")}) {
    EXPECT_NE(said.out.find(line), std::string::npos) << line << "in\n" << said.out;
  }
}

TEST(CommandLine, VersionAndHelp) {
  const Said version = run_agent({"--version"});
  EXPECT_EQ(version.code, exit_ok);
  EXPECT_EQ(version.out, "muster-agent " MUSTER_VERSION "\n");
  const Said help = run_agent({"--help"});
  EXPECT_EQ(help.code, exit_ok);
  EXPECT_EQ(help.err, "");
  for (const char* part : {"--broker ENDPOINT", "--config FILE", "--set SECTION.KEY=VALUE",
                           "Examples:", "worker.drain_timeout", "Exit codes:", "(\"5m\")"}) {
    EXPECT_NE(help.out.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(run_agent({"-h"}).out, help.out);
  std::istringstream lines(help.out);
  for (std::string line; std::getline(lines, line);)
    EXPECT_LE(line.size(), 100u) << line;
}

TEST(CommandLine, TheBrokerHasFlagsOfItsOwn) {
  std::ostringstream out;
  std::ostringstream err;
  auto configured = configure_broker({{"--name", "b", "--frontend", "tcp://127.0.0.1:*",
                                       "--backend", "tcp://127.0.0.1:0", "--log-level", "error"},
                                      {},
                                      out,
                                      err});
  ASSERT_TRUE(configured.ok()) << err.str();
  const LoadedBroker& loaded = configured.value();
  EXPECT_EQ(loaded.options.controller.name, "b");
  EXPECT_EQ(loaded.options.frontend, Lines{"tcp://127.0.0.1:*"});
  EXPECT_EQ(loaded.options.backend, Lines{"tcp://127.0.0.1:0"});
  EXPECT_EQ(loaded.log.level, log::Level::error);
}

TEST(CommandLine, TheProcessGivesItsMusterVariables) {
  ::setenv("MUSTER_LOG__LEVEL", "debug=x", 1);
  const auto environment = muster_environment();
  ::unsetenv("MUSTER_LOG__LEVEL");
  EXPECT_EQ(environment.at("MUSTER_LOG__LEVEL"), "debug=x");
  for (const auto& [name, value] : environment)
    EXPECT_TRUE(name.starts_with("MUSTER_")) << name;
}

}  // namespace
}  // namespace muster::config
