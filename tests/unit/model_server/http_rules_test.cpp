#include "worker_agent/model_server/http_rules.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace muster::agent {
namespace {

TEST(CheckPath, TakesPathsWithQueriesAndEscapes) {
  for (const char* path : {"/", "/v1/chat/completions", "/v1/models?a=b/../c", "/a%20b", "//x",
                           "/v1/.hidden", "/a/...", "/a..b/", "/%2e", "/@host:80/"})
    EXPECT_TRUE(check_path(path).ok()) << path;
}

TEST(CheckPath, RefusesWhatCouldLeaveTheServerOrTheRequestLine) {
  for (const std::string path :
       {"", "v1/models", "http://elsewhere/", "@elsewhere/", "/a b", "/a\r\nHost: x", "/a\tb",
        "/\x7f", "/caf\xc3\xa9", "/a\\b", "/a#b", "/..", "/a/../b", "/a/..", "/%2e%2e/b", "/.%2E/b",
        "/%2E./b", "/a/..?x"})
    EXPECT_FALSE(check_path(path).ok()) << path;
  EXPECT_FALSE(check_path(std::string{"/a\0b", 4}).ok());
}

using Lines = std::vector<std::string>;

RequestOptions with_headers(StringMap headers, std::string type = {}) {
  RequestOptions options;
  options.headers = std::move(headers);
  options.type = std::move(type);
  return options;
}

TEST(RequestHeaders, NameTheTypeFromTheOptionsTheHeadersOrByDefault) {
  EXPECT_EQ(request_headers(with_headers({}, "text/x"), true, "").value(),
            (Lines{"Content-Type: text/x"}));
  EXPECT_EQ(request_headers(with_headers({{"content-type", "text/y"}}, "text/x"), true, "").value(),
            (Lines{"Content-Type: text/x"}));
  EXPECT_EQ(request_headers(with_headers({{"content-type", "text/y"}}), true, "").value(),
            (Lines{"content-type: text/y"}));
  EXPECT_EQ(request_headers(with_headers({}), true, "").value(),
            (Lines{"Content-Type: application/json"}));
  EXPECT_EQ(request_headers(with_headers({}), false, "").value(), Lines{});
}

TEST(RequestHeaders, AddTheKeyUnlessTheClientBroughtItsOwn) {
  EXPECT_EQ(request_headers(with_headers({}), false, "k").value(),
            (Lines{"Authorization: Bearer k"}));
  EXPECT_EQ(request_headers(with_headers({{"AUTHORIZATION", "Basic x"}}), false, "k").value(),
            (Lines{"AUTHORIZATION: Basic x"}));
}

TEST(RequestHeaders, LeaveOutThoseOfOneHop) {
  for (const char* name : {"Host", "CONTENT-LENGTH", "connection", "Keep-Alive", "TE", "Trailer",
                           "Transfer-Encoding", "Upgrade", "Expect", "Proxy-Connection"})
    EXPECT_EQ(request_headers(with_headers({{name, "x"}}), false, "").value(), Lines{}) << name;
}

TEST(RequestHeaders, WithoutAValueAreStillSent) {
  EXPECT_EQ(request_headers(with_headers({{"X", ""}, {"Y", "  "}}), false, "").value(),
            (Lines{"X;", "Y;"}));
}

TEST(RequestHeaders, ThatCouldSmuggleAreRefused) {
  for (const auto& [name, value] : StringMap{{"X", "a\r\nb"},
                                             {"Y", "a\nb"},
                                             {"Z", std::string{"a\0b", 3}},
                                             {"X: y", "a"},
                                             {"", "a"},
                                             {"X\r\n", "a"},
                                             {"caf\xc3\xa9", "a"}})
    EXPECT_FALSE(request_headers(with_headers({{name, value}}), false, "").ok()) << name;
  EXPECT_FALSE(request_headers(with_headers({}, "a\r\nb"), true, "").ok());
  EXPECT_TRUE(request_headers(with_headers({{"X", "a\tb \xc3\xa9"}}), false, "").ok());
}

TEST(MediaType, IsLowerCaseAndWithoutParameters) {
  EXPECT_EQ(media_type("Text/Event-Stream ; charset=utf-8"), "text/event-stream");
  EXPECT_EQ(media_type("text/event-stream"), "text/event-stream");
  EXPECT_EQ(media_type(""), "");
  EXPECT_EQ(media_type(" ;x"), "");
}

}  // namespace
}  // namespace muster::agent
