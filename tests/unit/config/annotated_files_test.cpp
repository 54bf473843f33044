// The annotated files are the manual: each has every key of its program, at the code's default, and
// no other; and names every flag that stands for a key.

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "config/programs.hpp"
#include "tests/support/source_folder.hpp"
#include "tests/unit/config/config_bench.hpp"

namespace muster::config {
namespace {

using test::faults_of;
using test::Lines;

const std::string folder = muster::test::source_folder() + "/config";

template <class Loaded>
void expect_defaults(Result<Loaded, ConfigFaults> (*load)(const Sources&),
                     const std::string& path) {
  const auto defaults = load({});
  const auto from_file = load({.file = path, .environment = {}, .settings = {}});
  ASSERT_EQ(faults_of(from_file), Lines{});  // a key that the code does not know is a fault
  ASSERT_EQ(defaults.value().values.size(), from_file.value().values.size());
  for (std::size_t i = 0; i < defaults.value().values.size(); ++i) {
    const EffectiveValue& built_in = defaults.value().values[i];
    const EffectiveValue& annotated = from_file.value().values[i];
    EXPECT_EQ(built_in.value, annotated.value) << built_in.key;
    EXPECT_TRUE(annotated.origin.starts_with(path)) << built_in.key << " is missing";
  }
}

TEST(AnnotatedFiles, BrokerHasEveryKeyAtItsDefault) {
  expect_defaults(load_broker, folder + "/broker.toml");
}

TEST(AnnotatedFiles, AgentHasEveryKeyAtItsDefault) {
  expect_defaults(load_agent, folder + "/agent.toml");
}

TEST(AnnotatedFiles, MusterHasEveryKeyAtItsDefault) {
  expect_defaults(load_cli, folder + "/muster.toml");
}

std::string content(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// The flags of --help but those that all programs have.
Lines own_flags(const std::string& help) {
  Lines flags;
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) {
    const std::string flag = line.substr(0, line.find(' ', 2));
    if (flag.starts_with("  --") && flag.find("config") == std::string::npos && flag != "  --set" &&
        flag != "  --version") {
      flags.push_back(flag.substr(2));
    }
  }
  return flags;
}

void expect_flags(const std::string& help, const std::string& path, std::size_t count) {
  const Lines flags = own_flags(help);
  EXPECT_EQ(flags.size(), count);
  const std::string text = content(path);
  for (const std::string& flag : flags) {
    EXPECT_NE(text.find("Flag: " + flag), std::string::npos) << flag << " in " << path;
  }
}

TEST(AnnotatedFiles, NameEveryFlag) {
  std::ostringstream broker_help, agent_help, err;
  EXPECT_EQ(configure_broker({{"--help"}, {}, broker_help, err}).error(), exit_ok);
  EXPECT_EQ(configure_agent({{"--help"}, {}, agent_help, err}).error(), exit_ok);
  expect_flags(broker_help.str(), folder + "/broker.toml", 4);
  expect_flags(agent_help.str(), folder + "/agent.toml", 7);
}

}  // namespace
}  // namespace muster::config
