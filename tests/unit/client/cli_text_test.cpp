// What `muster` shows to people: numbers, times, tables, and the broker's answers in them.

#include "tools/cli/text.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tools/cli/exit_code.hpp"
#include "tools/cli/views.hpp"

namespace muster::cli {
namespace {

TEST(CliText, SaysTimesAsPeopleDo) {
  EXPECT_EQ(human_duration(0), "0ms");
  EXPECT_EQ(human_duration(999), "999ms");
  EXPECT_EQ(human_duration(3000), "3s");
  EXPECT_EQ(human_duration(3250), "3.2s");
  EXPECT_EQ(human_duration(59'999), "59.9s");
  EXPECT_EQ(human_duration(303'000), "5m 3s");
  EXPECT_EQ(human_duration(3'600'000), "1h");
  EXPECT_EQ(human_duration(11'520'000), "3h 12m");
  EXPECT_EQ(human_duration(187'200'000), "2d 4h");
}

TEST(CliText, GroupsTheDigitsOfACount) {
  EXPECT_EQ(human_count(0), "0");
  EXPECT_EQ(human_count(999), "999");
  EXPECT_EQ(human_count(1000), "1,000");
  EXPECT_EQ(human_count(1234567), "1,234,567");
}

TEST(CliText, LetsNoTextFromOutsideMoveTheCursor) {
  EXPECT_EQ(printable("a\x1b[2Jb\nc\td\x7f"), "a?[2Jb?c?d?");
  EXPECT_EQ(printable("\xc2\x9b"
                      "2J caf\xc3\xa9"),
            "?2J caf\xc3\xa9");
}

TEST(CliText, TakesEscapesOutOfAnAnswerAndLeavesTheRest) {
  EXPECT_EQ(without_escapes("a\x1b]0;title\x07"
                            "b\n\tc"),
            "a]0;title\x07"
            "b\n\tc");
  EXPECT_EQ(without_escapes("\xc2\x9b"
                            "31mred caf\xc3\xa9 \xc2\xa0"),
            "31mred caf\xc3\xa9 \xc2\xa0");
}

TEST(CliText, EscapesWhatJsonLetsStand) {
  EXPECT_EQ(escaped_controls("\"a\xc2\x9b"
                             "2J\xc2\x80\xc2\x9f\x7f caf\xc3\xa9 \xc2\xa0\"\n"),
            "\"a\\u009b2J\\u0080\\u009f\\u007f caf\xc3\xa9 \xc2\xa0\"\n");
  EXPECT_EQ(escaped_controls("\xc2"), "\xc2");
}

TEST(CliText, AlignsColumnsByWhatIsSeen) {
  EXPECT_EQ(table({{"NAME"}, {"COUNT", Align::right}, {"NOTE"}},
                  {{"caf\xc3\xa9", "1"}, {"a-longer-name", "1,000", "x"}}),
            "NAME           COUNT  NOTE\n"
            "caf\xc3\xa9               1\n"
            "a-longer-name  1,000  x\n");
}

TEST(CliText, DropsColumnsThatSayNothingAndTitlesThatAreNone) {
  EXPECT_EQ(table({{"A"}, {"B", Align::left, true}, {"C"}}, {{"1", "", "3"}}), "A  C\n1  3\n");
  EXPECT_EQ(table({{}, {}}, {{"key", "value"}}), "key  value\n");
}

// ---- what the broker knows --------------------------------------------------------------------

TEST(CliViews, ShowsModels) {
  EXPECT_EQ(models_view(R"({"models":[
    {"name":"llama","aliases":["big","l"],"workers":2,"ready":1,"free_slots":12,"queued":0,
     "context_length":131072},
    {"name":"echo","aliases":[],"workers":1,"ready":1,"free_slots":4,"queued":3}]})"),
            "MODEL  ALIASES  WORKERS  READY  FREE SLOTS  QUEUED  CONTEXT\n"
            "llama  big, l         2      1          12       0  131,072\n"
            "echo                  1      1           4       3\n");
}

TEST(CliViews, ShowsEachWorkersStateTruthfully) {
  const std::string view = workers_view(R"({"workers":[
    {"worker":"w1","state":"ready","suspect":false,"broken":false,"models":["llama","echo"],
     "slots":8,"in_flight":3,"queue_length":1,"speed":2.5,"idle":0,"served":1200,"failed":2,
     "heard":300,"labels":{},"version":"0.1.0"},
    {"worker":"w2","state":"ready","suspect":true,"broken":true,"models":["llama"],"slots":8,
     "in_flight":0,"queue_length":0,"speed":1.0,"idle":61000,"served":0,"failed":0,"heard":1700,
     "version":""},
    {"worker":"w3","state":"gone","suspect":false,"broken":false,"models":["llama"],"slots":8,
     "in_flight":0,"queue_length":0,"speed":1.0,"idle":0,"served":5,"failed":1,"version":"",
     "gone":3250,"reason":"expired"}]})");
  EXPECT_EQ(
      view,
      "WORKER  STATE                   MODELS       SLOTS  QUEUE  SPEED   IDLE  SERVED  FAILED  "
      "HEARD  VERSION  WHY\n"
      "w1      ready                   llama, echo    3/8      1    2.5          1,200       2  "
      "300ms  0.1.0\n"
      "w2      ready, broken, suspect  llama          0/8      0      1  1m 1s       0       0   "
      "1.7s\n"
      "w3      gone for 3.2s           llama                          1              5       1     "
      "             expired\n");
}

TEST(CliViews, ShowsWhyAWorkerIsInItsStateWhereOneSaysSo) {
  const std::string long_why = "http://127.0.0.1:8000 " + std::string(300, 'x') + " says 503";
  const std::string view = workers_view(
      R"({"workers":[{"worker":"w1","state":"ready"},{"worker":"w2","state":"starting","why":")" +
      long_why + R"("},{"worker":"w3","state":"draining","why":"it was told to stop\n"}]})");
  EXPECT_TRUE(view.substr(0, view.find('\n')).ends_with("  WHY")) << view;
  EXPECT_NE(view.find("  " + long_why + "\n"), std::string::npos) << view;
  EXPECT_NE(view.find("  it was told to stop?\n"), std::string::npos) << view;
  EXPECT_EQ(workers_view(R"({"workers":[{"worker":"w1","state":"ready"}]})").find("WHY"),
            std::string::npos);
}

TEST(CliViews, ShowsAllThatSpeaksAgainstAWorker) {
  const auto state = [](const std::string& fields) {
    const std::string view =
        workers_view(R"({"workers":[{"worker":"w","state":"ready",)" + fields + "}]}");
    const std::string row = view.substr(view.find("\nw ") + 1);
    return row.substr(8, row.find("  ", 8) - 8);
  };
  EXPECT_EQ(state(R"("stalled":true)"), "ready, stalled");
  EXPECT_EQ(state(R"("ejected":true)"), "ready, put aside");
  EXPECT_EQ(state(R"("ejected":true,"ejected_for":8200)"), "ready, put aside for 8.2s more");
  EXPECT_EQ(state(R"("ejected_for":8200)"), "ready, put aside for 8.2s more");
  EXPECT_EQ(state(R"("ejected_for":0,"ejected":false,"stalled":false)"), "ready");
  EXPECT_EQ(state(R"("ejected":true,"suspect":true,"stalled":true,"broken":true)"),
            "ready, broken, suspect, stalled, put aside");
}

TEST(CliViews, ShowsForWhatReasonAWorkerDrains) {
  const std::string view = workers_view(
      R"({"workers":[{"worker":"w1","state":"draining","drained_reason":"new driver"},
                     {"worker":"w2","state":"draining","drained_reason":"disk","why":"told"}]})");
  EXPECT_NE(view.find("  new driver\n"), std::string::npos) << view;
  EXPECT_NE(view.find("  told; disk\n"), std::string::npos) << view;
}

TEST(CliViews, ExplainsWhoCouldTakeARequest) {
  EXPECT_EQ(why_view(R"({"models":[
    {"model":"llama","queued":1200,"workers":[
      {"worker":"w1","eligible":true,"why":"it is the next: 2 of 8 slots free"},
      {"worker":"gpu7:8000","eligible":false,"why":"it is draining\u001b[2J"}]},
    {"model":"echo","queued":0,"workers":[],"note":"its workers are gone"},
    {"model":"odd"}]})"),
            "llama, 1,200 waiting\n"
            "  w1         YES  it is the next: 2 of 8 slots free\n"
            "  gpu7:8000  NO   it is draining?[2J\n"
            "\n"
            "echo\n"
            "  its workers are gone\n"
            "\n"
            "odd\n"
            "  no worker serves it\n");
}

TEST(CliViews, FindsOneWorker) {
  const char* json = R"({"workers":[{"worker":"w1","state":"draining","in_flight":3},
                                    {"worker":"w2","state":"gone","gone":5}]})";
  const auto first = find_worker(json, "w1");
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->gone);
  EXPECT_EQ(first->state, "draining");
  EXPECT_EQ(first->in_flight, 3u);
  ASSERT_TRUE(find_worker(json, "w2"));
  EXPECT_TRUE(find_worker(json, "w2")->gone);
  EXPECT_FALSE(find_worker(json, "w3"));
  EXPECT_FALSE(find_worker("nonsense", "w1"));
}

TEST(CliViews, AWorkersNameCannotForgeARow) {
  const std::string view =
      workers_view(R"({"workers":[{"worker":"a\nfake ready","state":"ready"}]})");
  EXPECT_EQ(std::count(view.begin(), view.end(), '\n'), 2);
}

TEST(CliViews, SaysSoWhereThereIsNothing) {
  EXPECT_NE(models_view(R"({"models":[]})").find("No model"), std::string::npos);
  EXPECT_NE(workers_view(R"({"workers":[]})").find("No worker"), std::string::npos);
  EXPECT_FALSE(status_view("{}").empty());
  // Whatever a broker of another version says, it is no reason to fall over.
  for (const char* odd : {"", "[]", "3", "null", R"({"models":3,"workers":[1,"x",null]})"}) {
    EXPECT_FALSE(models_view(odd).empty());
    EXPECT_FALSE(workers_view(odd).empty());
    EXPECT_FALSE(status_view(odd).empty());
    EXPECT_FALSE(why_view(odd).empty());
  }
}

TEST(CliViews, ShowsEveryCounterAlsoThoseItDoesNotKnow) {
  EXPECT_EQ(status_view(R"({"broker":"b1","version":"0.1.0","uptime":11520000,"in_flight":3,
    "requests":1234,"errors":{"NO_WORKER":2,"WORKER_LOST":1},"new_thing":7,"held":true,
    "faults":{"clients":{"malformed":3},"workers":{}}})"),
            "broker         b1\n"
            "version        0.1.0\n"
            "uptime         3h 12m\n"
            "in flight      3\n"
            "requests       1,234\n"
            "errors\n"
            "  NO_WORKER    2\n"
            "  WORKER_LOST  1\n"
            "new thing      7\n"
            "held           yes\n"
            "faults\n"
            "  clients\n"
            "    malformed  3\n"
            "  workers      none\n");
}

TEST(CliViews, GivesTheBrokersJsonAsItIs) {
  EXPECT_EQ(pretty(R"({"b":1,"a":[true,null]})"),
            "{\n  \"b\": 1,\n  \"a\": [\n    true,\n    null\n  ]\n}\n");
}

TEST(CliViews, NoJsonMovesTheCursor) {
  EXPECT_EQ(pretty("{\"why\":\"\xc2\x9b"
                   "2J\\u009b\\u001b\"}"),
            "{\n  \"why\": \"\\u009b2J\\u009b\\u001b\"\n}\n");
}

// ---- errors -----------------------------------------------------------------------------------

client::RequestError broker_error(std::uint32_t code, const char* name) {
  client::RequestError error;
  error.kind = client::ErrorKind::from_broker;
  error.code = code;
  error.name = name;
  error.message = "it did not work";
  return error;
}

TEST(CliErrors, HaveTheDocumentedExitCodes) {
  using client::ErrorKind;
  const auto of_kind = [](ErrorKind kind) {
    client::RequestError error;
    error.kind = kind;
    return exit_code_for(error);
  };
  EXPECT_EQ(of_kind(ErrorKind::none), ExitCode::ok);
  EXPECT_EQ(of_kind(ErrorKind::timed_out), ExitCode::timed_out);
  EXPECT_EQ(of_kind(ErrorKind::connection_lost), ExitCode::failed);
  EXPECT_EQ(of_kind(ErrorKind::unreachable), ExitCode::failed);
  EXPECT_EQ(of_kind(ErrorKind::cancelled), ExitCode::cancelled);
  EXPECT_EQ(of_kind(ErrorKind::overloaded), ExitCode::overloaded);
  EXPECT_EQ(of_kind(ErrorKind::invalid), ExitCode::usage);
  EXPECT_EQ(exit_code_for(broker_error(50005, "NO_WORKER")), ExitCode::no_worker);
  EXPECT_EQ(exit_code_for(broker_error(42903, "OVERLOADED")), ExitCode::overloaded);
  EXPECT_EQ(exit_code_for(broker_error(42901, "RATE_LIMITED")), ExitCode::overloaded);
  EXPECT_EQ(exit_code_for(broker_error(50006, "WORKER_TIMEOUT")), ExitCode::timed_out);
  EXPECT_EQ(exit_code_for(broker_error(49900, "CANCELLED")), ExitCode::cancelled);
  EXPECT_EQ(exit_code_for(broker_error(50007, "WORKER_LOST")), ExitCode::failed);
  EXPECT_EQ(exit_code_for(broker_error(40001, "BAD_REQUEST")), ExitCode::failed);
  EXPECT_EQ(exit_code_for(broker_error(12345, "12345")), ExitCode::failed);
}

TEST(CliErrors, AreOneSentenceWithAllThatIsKnownAndWhereToLook) {
  client::RequestError error = broker_error(50001, "WORKER_FAILED");
  error.reason = "server_cut";
  error.worker = "gpu7:8000";
  error.status = 500;
  error.retry_after = client::Milliseconds{1500};
  error.body = R"({"error":{"message":"out of memory"}})";
  EXPECT_EQ(
      describe(error),
      "WORKER_FAILED: it did not work (reason server_cut, worker gpu7:8000, status 500, retry "
      "after 1.5s, the model server says: out of memory); see `muster workers`");
  error = broker_error(50005, "NO_WORKER");
  error.reason = "unknown_model";
  EXPECT_NE(describe(error).find("`muster models`"), std::string::npos);
  error.reason = "none_live";
  EXPECT_NE(describe(error).find("`muster workers`"), std::string::npos);
  error = {.kind = client::ErrorKind::unreachable, .name = "UNREACHABLE", .retryable = true};
  EXPECT_NE(describe(error).find("check that muster-broker runs"), std::string::npos);
  error.retryable = false;  // something else is there
  EXPECT_EQ(describe(error).find("check that muster-broker runs"), std::string::npos);
}

}  // namespace
}  // namespace muster::cli
