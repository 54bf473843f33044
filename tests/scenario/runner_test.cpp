// The program `scenario`: what it does to files, and how it ends.

#include "tests/scenario/runner.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "tests/support/temporary_file.hpp"

namespace muster::scenario {
namespace {

const std::string top = "# Shows something (docs/protocol.md, section 4).\n\n";
const std::string holding = top + "c1/7 CANCEL\n  (nothing)\n";
const std::string differing = top + "c1/7 CANCEL\n  -> c1/7 ERROR CANCELLED retryable=false\n";
const std::string faulty = top + "c1/7 CANCLE\n  (nothing)\n";

using test::TemporaryFile;

struct Ran {
  int code = -1;
  std::string out;
  std::string err;
};

Ran run_with(const std::vector<std::string>& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  const int code = run(arguments, out, err);
  return {code, out.str(), err.str()};
}

TEST(Runner, ADialogueThatHoldsIsNoWordWorth) {
  const TemporaryFile file{holding};
  const Ran ran = run_with({file.path()});
  EXPECT_EQ(ran.code, all_hold);
  EXPECT_EQ(ran.out + ran.err, "");
}

TEST(Runner, OneThatDoesNotFailsWithTheDifferenceAndStaysAsItIs) {
  const TemporaryFile file{differing};
  const Ran ran = run_with({file.path()});
  EXPECT_EQ(ran.code, one_differs);
  EXPECT_NE(ran.out.find("-   -> c1/7 ERROR CANCELLED retryable=false\n+   (nothing)\n"),
            std::string::npos)
      << ran.out;
  EXPECT_EQ(file.content(), differing);
}

TEST(Runner, RewritingMakesItHold) {
  const TemporaryFile file{differing};
  const Ran ran = run_with({"--rewrite", file.path()});
  EXPECT_EQ(ran.code, all_hold);
  EXPECT_EQ(ran.out, file.path() + ": rewritten\n");
  EXPECT_EQ(file.content(), holding);
  EXPECT_EQ(run_with({file.path()}).code, all_hold);
}

TEST(Runner, WhatIsNotUnderstoodIsToldWithFileAndLineAndNeverRewritten) {
  const TemporaryFile file{faulty};
  const Ran ran = run_with({"--rewrite", file.path()});
  EXPECT_EQ(ran.code, not_understood);
  EXPECT_EQ(ran.err, file.path() + ":3: there is no message 'CANCLE'; CANCEL is near\n");
  EXPECT_EQ(file.content(), faulty);
}

TEST(Runner, OfSeveralTheWorstCounts) {
  const TemporaryFile good{holding};
  const TemporaryFile bad{differing};
  const TemporaryFile worse{faulty};
  EXPECT_EQ(run_with({bad.path(), good.path()}).code, one_differs);
  EXPECT_EQ(run_with({worse.path(), bad.path(), good.path()}).code, not_understood);
}

TEST(Runner, SaysHowItIsUsed) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{}, {"--rewrite"}, {"--rewrit", "a.txt"}, {"CMakeLists.txt"}}) {
    const Ran ran = run_with(arguments);
    EXPECT_EQ(ran.code, not_understood);
    EXPECT_NE(ran.err.find("usage: scenario"), std::string::npos);
  }
  const Ran ran = run_with({"/nowhere/none.txt"});
  EXPECT_EQ(ran.code, not_understood);
  EXPECT_EQ(ran.err, "/nowhere/none.txt: can't be read\n");
}

}  // namespace
}  // namespace muster::scenario
