// What is wrong with a file, in which words, at which place; and that all of it is told at once.

#include <gtest/gtest.h>

#include "config/toml_text.hpp"
#include "tests/unit/config/config_bench.hpp"

namespace muster::config {
namespace {

using test::agent_faults;
using test::broker_faults;
using test::Lines;

TEST(FileFaults, NoneInAnEmptyFile) {
  EXPECT_EQ(broker_faults(""), Lines{});
  EXPECT_EQ(agent_faults("# nothing\n"), Lines{});
  EXPECT_EQ(broker_faults("\xef\xbb\xbf[log]\r\nlevel = \"debug\"\r\n"), Lines{});
}

TEST(FileFaults, UnknownKeyNamesTheNearest) {
  EXPECT_EQ(broker_faults("[heartbeat]\n  intreval = \"1s\"\n"),
            Lines{"file:2:3: heartbeat.intreval: there is no such key; did you mean "
                  "heartbeat.interval?"});
  EXPECT_EQ(broker_faults("[heartbeat]\ncolour = 1\n"),
            Lines{"file:2:1: heartbeat.colour: there is no such key; [heartbeat] has interval, "
                  "liveness"});
  EXPECT_EQ(broker_faults("level = \"info\"\n"),
            Lines{"file:1:1: level: there is no such key; did you mean log.level?"});
  EXPECT_EQ(
      broker_faults("colour = 1\n"),
      Lines{"file:1:1: colour: there is no such key; the sections are [broker], [heartbeat], "
            "[routing], [requests], [queue], [no_worker], [ejection], [worker], [limits], [log]"});
}

TEST(FileFaults, UnknownSectionIsToldOnce) {
  EXPECT_EQ(broker_faults("[heartbeats]\ninterval = \"1s\"\nliveness = 3\n"),
            Lines{"file:1:2: heartbeats: there is no such section; did you mean [heartbeat]?"});
  EXPECT_EQ(broker_faults("[worker]\nname = \"x\"\n").size(), 1u) << "a key of the agent's file";
}

TEST(FileFaults, SectionAndKeyConfused) {
  EXPECT_EQ(broker_faults("heartbeat = 5\n"),
            Lines{"file:1:1: heartbeat: found the number 5; this is a section: write [heartbeat] "
                  "and its keys below"});
  EXPECT_EQ(broker_faults("[[heartbeat]]\n").size(), 1u);
  EXPECT_EQ(broker_faults("[log.level]\na = 1\n"),
            Lines{"file:1:1: log.level: found a table; allowed is one of \"trace\" \"debug\" "
                  "\"info\" \"warning\" \"error\" \"fatal\""});
}

TEST(FileFaults, ADotBetweenQuotesIsNoSection) {
  EXPECT_EQ(
      broker_faults("\"log.level\" = \"debug\"\n"),
      Lines{"file:1:1: \"log.level\": there is no such key; no key has a dot between quotes"});
  EXPECT_EQ(broker_faults("log.level = \"debug\"\n"), Lines{}) << "without quotes it is one";
  EXPECT_EQ(broker_faults("log = { level = \"debug\" }\n"), Lines{});
}

TEST(FileFaults, WrongTypeAndRange) {
  EXPECT_EQ(broker_faults("[broker]\nio_threads = 65\n"),
            Lines{"file:2:14: broker.io_threads: found the number 65; allowed is a whole number, 1 "
                  "to 64"});
  EXPECT_EQ(broker_faults("[heartbeat]\ninterval = \"9ms\"\nliveness = 101\n"),
            (Lines{"file:2:12: heartbeat.interval: found 9ms; allowed is 10ms to 1m",
                   "file:3:12: heartbeat.liveness: found 101; allowed is 2 to 100"}));
  EXPECT_EQ(broker_faults("[queue]\ndepth_max = -1\n"),
            Lines{"file:2:13: queue.depth_max: found the number -1; allowed is a whole number"});
  EXPECT_EQ(agent_faults("[worker]\nslots = 4097\nspeed = 0\n"),
            (Lines{"file:2:9: worker.slots: found the number 4097; allowed is \"auto\" or a whole "
                   "number, 1 to 4096",
                   "file:3:9: worker.speed: found the number 0; allowed is a number, 0.001 to "
                   "1000000.0"}));
  EXPECT_EQ(agent_faults("[server]\nkind = \"fastchat\"\n"),
            Lines{"file:2:8: server.kind: found \"fastchat\"; allowed is one of \"openai\" "
                  "\"echo\""});
}

TEST(FileFaults, AnElementHasAPlaceOfItsOwn) {
  EXPECT_EQ(broker_faults("[broker]\nfrontend = [\n  \"tcp://*:1\",\n  \"tcp://nowhere\" ]\n"),
            Lines{"file:4:3: broker.frontend[1]: found \"tcp://nowhere\"; allowed is an address to "
                  "listen on, \"tcp://ADDRESS:PORT\" (ADDRESS * is every interface) or "
                  "\"ipc:///PATH\""});
  EXPECT_EQ(agent_faults("[worker.labels]\ngpu = 1\n"),
            Lines{"file:2:7: worker.labels.gpu: found the number 1; allowed is a text in quotes"});
  EXPECT_EQ(
      agent_faults("[[worker.models]]\nname = \"a\"\nalias = [\"b\"]\n"),
      Lines{"file:3:1: worker.models[0].alias: a model has no such key; it has name, aliases, "
            "context_length, modalities and operations"});
}

TEST(FileFaults, ValuesThatDoNotFitTogether) {
  EXPECT_EQ(broker_faults("[requests]\ntimeout_max = \"5m\"\ntimeout = \"10m\"\n"),
            Lines{"file:3:11: requests.timeout: found 10m, more than requests.timeout_max, which "
                  "is 5m; lower the one or raise the other"});
  EXPECT_EQ(broker_faults("[requests]\ntimeout_max = \"5m\"\n"),
            Lines{"default: requests.timeout: found 10m, more than requests.timeout_max, which is "
                  "5m; lower the one or raise the other"});
}

TEST(FileFaults, WhatFollowsFromAnotherFaultIsNotTold) {
  EXPECT_EQ(broker_faults("[requests]\ntimeout_max = \"never\"\ntimeout = \"2h\"\n").size(), 1u)
      << "2h is only too long for the default of the key that is at fault";
}

TEST(FileFaults, AllAtOnceFromTheTopDown) {
  const Lines faults = broker_faults(
      "[log]\nlevel = \"loud\"\nformat = 1\n"
      "[broker]\nnam = \"x\"\nio_threads = 0\n"
      "[heartbeat]\ninterval = 5\nliveness = 1\n"
      "[limits]\nheader_bytes_max = \"1MiB\"\nmessage_bytes_max = \"512KiB\"\n");
  Lines places;
  for (const std::string& fault : faults)
    places.push_back(fault.substr(0, fault.find(": ")));
  EXPECT_EQ(places, (Lines{"file:2:9", "file:3:10", "file:5:1", "file:6:14", "file:8:12",
                           "file:9:12", "file:11:20", "default"}));
  EXPECT_EQ(faults.back().find("limits.frame_bytes_max"), 9u) << faults.back();
}

TEST(FileFaults, BrokenTomlHasAPlaceToo) {
  const Lines faults = broker_faults("[log]\nlevel = \"debug\nformat = 1\n");
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_TRUE(faults[0].starts_with("file:2:15: this is not TOML: ")) << faults[0];
  EXPECT_TRUE(broker_faults("[log]\nlevel = 1\nlevel = 2\n").at(0).starts_with("file:3:"));
  EXPECT_TRUE(broker_faults("[log]\n[log]\n").at(0).starts_with("file:2:"));
  EXPECT_TRUE(broker_faults("[log]\nlevel = \xff\n").at(0).starts_with("file:2:"));
}

TEST(FileFaults, ColumnsCountCharacters) {
  EXPECT_TRUE(broker_faults("log = { file = \"\u00e9\u00e9\", level = 1 }\n")
                  .at(0)
                  .starts_with("file:1:30: log.level"));
}

// ---- files that are none, and absurd ones ------------------------------------------------------

TEST(HostileFiles, WhatCannotBeRead) {
  const auto faults = [](const std::string& path) {
    return test::faults_of(load_broker({.file = path, .environment = {}, .settings = {}}));
  };
  const std::string advice = "; --config takes the path of a TOML file of at most 1 MiB";
  EXPECT_EQ(
      faults("/tmp/no/such.toml"),
      Lines{"/tmp/no/such.toml: the file cannot be read: No such file or directory" + advice});
  EXPECT_EQ(faults("/tmp"), Lines{"/tmp: the file cannot be read: Is a directory" + advice});
  EXPECT_EQ(faults("").size(), 1u);
  EXPECT_EQ(faults("/dev/zero"),
            Lines{"/dev/zero: the file cannot be read: it is larger than 1 MiB" + advice});
}

TEST(HostileFiles, TheLimitIsExact) {
  EXPECT_EQ(broker_faults("#" + std::string(file_bytes_max - 1, 'x')), Lines{});
  EXPECT_EQ(broker_faults("#" + std::string(file_bytes_max, 'x')).size(), 1u);
}

TEST(HostileFiles, AFlawInEveryLineIsToldAHundredTimes) {
  std::string text = "[log]\n";
  for (int i = 0; i < 50'000; ++i)
    text += "key" + std::to_string(i) + " = 1\n";
  const Lines faults = broker_faults(text);
  ASSERT_EQ(faults.size(), faults_max + 1);
  EXPECT_NE(faults.back().find("there are more faults than these"), std::string::npos);
}

TEST(HostileFiles, KeysOfEndlesslyManyPartsAreRefused) {
  std::string key = "a";
  for (int i = 0; i < 200'000; ++i)
    key += ".a";
  EXPECT_EQ(broker_faults("# a.b\n" + key + " = 1\n"),
            Lines{"file:2:32: a key has more than 16 parts"});
  EXPECT_EQ(broker_faults("[" + key + "]\n").size(), 1u);
  EXPECT_EQ(broker_faults("log = {" + key + " = 1}\n").size(), 1u);
  EXPECT_EQ(broker_faults("log = { file = \"\"\"\"a\"\"\"\", " + key + " = 1}\n"),
            Lines{"file:1:58: a key has more than 16 parts"})
      << "quotes before the closing three";
}

TEST(HostileFiles, DotsInTextsAndCommentsAreNoParts) {
  const std::string dots(100, '.');
  EXPECT_EQ(broker_faults("# " + dots + "\n[log]\nfile = \"" + dots + "\\\"" + dots + "\"\n"),
            Lines{});
  EXPECT_EQ(broker_faults("[log]\nfile = '" + dots + "\\'\n"), Lines{});
  EXPECT_EQ(broker_faults("[log]\nfile = '''" + dots + "'" + dots + "'''\n"), Lines{});
}

TEST(HostileFiles, NestingWithoutEnd) {
  EXPECT_EQ(broker_faults("[log]\nfile = " + std::string(100'000, '[') + "\n").size(), 1u);
  EXPECT_EQ(broker_faults("[log]\nfile = " + std::string(100, '[') + std::string(100, ']') + "\n"),
            Lines{"file:2:8: log.file: found an array; allowed is a text in quotes"});
}

TEST(HostileFiles, WhatIsShownIsCutAndEscaped) {
  const Lines faults = broker_faults("[log]\nlevel = \"\\u001b[31m" + std::string(5000, 'x') +
                                     "\"\n" + std::string(5000, 'k') + " = 1\n\"\\n\" = 1\n");
  ASSERT_EQ(faults.size(), 3u);
  for (const std::string& fault : faults) {
    EXPECT_LT(fault.size(), 300u);
    EXPECT_EQ(fault.find('\x1b'), std::string::npos);
    EXPECT_EQ(fault.find('\n'), std::string::npos);
  }
  EXPECT_NE(faults[0].find("\\u001b[31mxxx"), std::string::npos) << faults[0];
}

}  // namespace
}  // namespace muster::config
