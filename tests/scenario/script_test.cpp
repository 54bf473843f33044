// The interpreter of dialogues by itself: that it understands what it should, says where it does
// not, and that a dialogue can fail.

#include "tests/scenario/script.hpp"

#include <gtest/gtest.h>

#include <array>

#include "protocol/codec.hpp"
#include "tests/scenario/difference.hpp"
#include "tests/scenario/messages.hpp"

namespace muster::scenario {
namespace {

const std::string top = "# Shows something (docs/protocol.md, section 4).\n\n";

Played play_lines(const std::string& lines) {
  return play(top + lines);
}

TEST(Script, OneThatHoldsComesBackAsItWas) {
  const std::string script = top +
                             "w1 REGISTER worker=A models=[m] slots=1 state=ready\n"
                             "  -> w1 REGISTERED\n"
                             "\n"
                             "# Somebody asks.\n"
                             "c1/7 REQUEST m stream timeout=30s \"the body\"   # and waits\n"
                             "  -> w1/a1 REQUEST m timeout=30s stream \"the body\"\n"
                             "c1/8 REQUEST m\n"
                             "  (nothing)\n"
                             "pass 30s alive=w1\n"
                             "  @30s -> c1/7 ERROR WORKER_TIMEOUT reason=running retryable=false "
                             "worker=A\n"
                             "  @30s -> w1/a1 CANCEL\n";
  const Played played = play(script);
  EXPECT_FALSE(played.fault);
  EXPECT_EQ(played.text, script);
}

TEST(Script, WhatTheBrokerDidStandsInThePlaceOfWhatWasExpected) {
  const Played played = play_lines(
      "c1/7 REQUEST m\n"
      "  -> w1/a1 REQUEST m\n"
      "  -> and much more\n"
      "# A comment stays.\n"
      "\n"
      "c1/7 CANCEL\n");
  EXPECT_FALSE(played.fault);
  EXPECT_EQ(played.text, top +
                             "c1/7 REQUEST m\n"
                             "  -> c1/7 ERROR NO_WORKER reason=unknown_model retryable=false\n"
                             "# A comment stays.\n"
                             "\n"
                             "c1/7 CANCEL\n"
                             "  (nothing)\n");
}

TEST(Script, EachFaultIsToldWithItsLine) {
  const std::array<std::pair<const char*, const char*>, 27> cases = {{
      {"nonsense", "'nonsense' is neither a peer"},
      {"c REQUEST m", "'c' is neither a peer"},
      {"c1/x REQUEST m", "'c1/x' is neither a peer"},
      {"c1/7 REQEUST m", "there is no message 'REQEUST'; REQUEST is near"},
      {"c1/7 REQUEST m timout=1s", "REQUEST has no field 'timout'; timeout is near"},
      {"c1 REQUEST m", "REQUEST has an id"},
      {"c1/7 HEARTBEAT", "HEARTBEAT has no id"},
      {"c1/7 REQUEST", "a word is missing"},
      {"c1/7 REQUEST m timeout=1x", "'1x' is no value"},
      {"c1/7 REQUEST m \"open", "a text has no closing quote"},
      {"c1/7 REQUEST m require={zone b}", "a '=' is missing"},
      {"c1/7 CANCEL now", "a '\"' is missing"},
      {"w1/a1 ERROR BROKEN \"no\"", "'BROKEN' is no code of section 5"},
      {"c1 bytes 9", "'9' is no byte"},
      {"c1 gone away", "nothing is expected after this: away"},
      {"w1 unreachable today", "nothing is expected after this: today"},
      {"pass 3", "'3' is no duration"},
      {"pass 3s slowly", "'slowly' is neither unread nor alive"},
      {"pass 3s alive=c1", "only workers can be alive"},
      {"broker queue.depth=1", "did you mean queue.depth_max?"},
      {"broker queue.depth_max=-1", "queue.depth_max"},
      {"reload limits.frames_max=8", "the limits: they stay"},
      {"show everything", "'everything' is none of"},
      {"repeat 2 pass", "a word is missing"},
      {"stop within 2s", "'stop within' is followed by =2s"},
      {"stop soon", "nothing is expected after this: soon"},
      {" stop", "indented by two blanks"},
  }};
  for (const auto& [line, what] : cases) {
    const Played played = play_lines(std::string{"c2 HEARTBEAT\n"} + line + "\n");
    ASSERT_TRUE(played.fault) << line;
    EXPECT_EQ(played.fault->line, 4u) << line;
    EXPECT_NE(played.fault->what.find(what), std::string::npos)
        << line << ": " << played.fault->what;
  }
}

TEST(Script, SaysWhichSectionItIsAbout) {
  for (const char* script : {"", "c1 HEARTBEAT\n", "# It shows something.\n\nc1 HEARTBEAT\n",
                             "# It shows something.\n\n# docs/protocol.md, section 4\n"}) {
    const Played played = play(script);
    ASSERT_TRUE(played.fault) << script;
    EXPECT_EQ(played.fault->line, 1u);
  }
}

TEST(Script, ABrokerThatStartsAnewKnowsNothingAndGivesOtherIds) {
  const Played played = play_lines(
      "w1 REGISTER\n"
      "c1/1 REQUEST m\n"
      "broker\n"
      "c1/2 REQUEST m\n"
      "w1 REGISTER\n"
      "c1/3 REQUEST m\n");
  EXPECT_FALSE(played.fault);
  EXPECT_NE(played.text.find("-> w1/a1 REQUEST m\n"), std::string::npos);
  EXPECT_NE(played.text.find("-> c1/2 ERROR NO_WORKER reason=unknown_model"), std::string::npos);
  EXPECT_NE(played.text.find("-> w1/a1001 REQUEST m\n"), std::string::npos);
}

TEST(Script, WhatIsToldCanBeChosen) {
  const std::string lines =
      "w1 REGISTER\n"
      "w1 bytes c1\n"
      "c1/7 QUERY none\n"
      "pass 1s\n";
  const std::string few = play_lines(lines).text;
  for (const char* part : {"note:", "liveness=", "\"there is no query", "HEARTBEAT", "93 01 22"})
    EXPECT_EQ(few.find(part), std::string::npos) << part << " in\n" << few;
  const std::string all = play_lines("show notes terms sentences heartbeats bytes\n" + lines).text;
  for (const char* part :
       {"note: A registered: ready", "note: fault malformed of w1 (A): The", "liveness=3",
        "\"there is no query", "@1s -> w1 HEARTBEAT grant=0", "93 01 22"})
    EXPECT_NE(all.find(part), std::string::npos) << part << " in\n" << all;
}

TEST(Script, OfAnAnswerItShowsWhatIsPicked) {
  const Played played = play_lines(
      "w1 REGISTER worker=A labels={zone=b}\n"
      "c1/1 QUERY workers | worker labels.zone gone\n"
      "c1/2 QUERY stats | requests errors.NO_WORKER\n");
  EXPECT_NE(played.text.find("       worker=A labels.zone=b gone is absent\n"), std::string::npos);
  EXPECT_NE(played.text.find("       requests=0 errors.NO_WORKER is absent\n"), std::string::npos);
}

TEST(Script, AWorkerRepeatsWhatItSaidLast) {
  const Played played = play_lines(
      "w1 REGISTER slots=3 why=\"as ever\"\n"
      "w1 HEARTBEAT queue_length=4\n"
      "pass 2s alive=[w1]\n"
      "c1/1 QUERY workers | slots queue_length why heard\n");
  EXPECT_NE(played.text.find("slots=3 queue_length=4 why=\"as ever\" heard=0s\n"),
            std::string::npos)
      << played.text;
}

TEST(Literal, IsShownAsItCanBeSaid) {
  for (const char* text : {"m",
                           "gpu7:8000",
                           "/v1/chat",
                           "\"two words\"",
                           "\"\"",
                           "\"a1\"",
                           "\"true\"",
                           "\"30s\"",
                           "\"7\"",
                           "\"\\\"\\\\\\n\\xff\"",
                           "\"x\"*8000",
                           "7",
                           "-7",
                           "18446744073709551615",
                           "0.5",
                           "7.0",
                           "true",
                           "nil",
                           "[]",
                           "[m, [1, {}]]",
                           "{a=1, \"b c\"={d=nil}}"}) {
    LineReader in{text};
    const Value value = in.value();
    EXPECT_FALSE(in.failed()) << text << ": " << (in.failed() ? in.fault() : "");
    EXPECT_EQ(shown(value), text);
  }
}

TEST(Literal, ShortFormsStandForMore) {
  const std::array<std::pair<const char*, Value>, 6> cases = {{
      {"30s", 30'000},
      {"250ms", 250},
      {"a1", first_attempt},
      {"[m9..m11, n]", Value::Array{"m9", "m10", "m11", "n"}},
      {"{l1..l2=x}", Value::Map{{"l1", "x"}, {"l2", "x"}}},
      {"\"ab\"*2", "abab"},
  }};
  for (const auto& [text, value] : cases) {
    LineReader in{text};
    EXPECT_EQ(in.value(), value) << text;
  }
}

// By the decoder: nothing else says that these bytes are what the line says.
TEST(Messages, WhatALineSaysIsWhatTheDecoderReads) {
  Decoder decoder{WireLimits{}};
  LineReader in{"REQUEST m stream timeout=30s require={zone=b} priority=-1 \"one\" \"two\""};
  const Spoken spoken = read_spoken(in, 7, {});
  ASSERT_FALSE(in.failed()) << in.fault();
  EXPECT_EQ(spoken.payload.frame_count(), 2u);
  EXPECT_EQ(spoken.payload.joined(), "onetwo");
  auto decoded = decoder.from_client(Frame{std::string_view{spoken.header}}, spoken.payload);
  ASSERT_TRUE(decoded.ok()) << decoded.error().what;
  Request expected{WireId{7}, "m", {}};
  expected.options.stream = true;
  expected.options.timeout = std::chrono::seconds{30};
  expected.options.require = {{"zone", "b"}};
  expected.options.priority = -1;
  ASSERT_TRUE(std::holds_alternative<Request>(decoded->message));
  EXPECT_EQ(std::get<Request>(decoded->message), expected);
}

TEST(Messages, WhatNobodyCouldReadIsNoHeader) {
  EXPECT_FALSE(take_apart("\xc1"));
  EXPECT_FALSE(take_apart(std::string_view{"\x92\x01\x7f", 3}));
  EXPECT_FALSE(take_apart(std::string_view{"\x92\x01\x02", 3}));  // a CANCEL without its id
  EXPECT_TRUE(take_apart(std::string_view{"\x93\x01\x02\x07", 4}));
}

TEST(Difference, ShowsWhatIsOnlyInOneOfTwoTexts) {
  EXPECT_EQ(difference("a\nb\n", "a\nb\n"), "");
  EXPECT_EQ(difference("1\n2\n3\n4\nold\n6\n7\n8\n9\n", "1\n2\n3\n4\nnew\n6\n7\n8\n9\n"),
            "line 2:\n  2\n  3\n  4\n- old\n+ new\n  6\n  7\n  8\n");
  EXPECT_EQ(difference("a\n", "a\nb\n"), "line 1:\n  a\n+ b\n");
  EXPECT_NE(difference("a", "a\n"), "");
}

}  // namespace
}  // namespace muster::scenario
