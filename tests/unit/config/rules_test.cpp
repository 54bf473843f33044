#include "config/rules.hpp"

#include <gtest/gtest.h>

namespace muster::config {
namespace {

TEST(Rules, WhereASocketCanBeBound) {
  for (const char* text :
       {"tcp://127.0.0.1:5555", "tcp://*:5555", "tcp://127.0.0.1:*", "tcp://127.0.0.1:0",
        "tcp://[::1]:5555", "tcp://eth0:1", "ipc:///run/m", "ipc://relative"}) {
    EXPECT_EQ(bind_endpoint_rule(text), std::nullopt) << text;
  }
  for (const char* text :
       {"", "tcp://", "tcp://127.0.0.1", "tcp://:5555", "tcp://a:65536", "tcp://a:-1",
        "tcp://a:", "tcp://a:5x", "127.0.0.1:5555", "udp://a:1", "inproc://a", "ipc://",
        "tcp://a b:1", "tcp://::1:5555", "TCP://a:1", "tcp://a:1\n"}) {
    EXPECT_NE(bind_endpoint_rule(text), std::nullopt) << text;
  }
  EXPECT_NE(bind_endpoint_rule("ipc:///" + std::string(107, 'x')), std::nullopt);
}

TEST(Rules, WhereOneCanConnect) {
  for (const char* text : {"tcp://broker.example:5556", "tcp://[fe80::1]:5556", "ipc:///run/m"}) {
    EXPECT_EQ(connect_endpoint_rule(text), std::nullopt) << text;
    EXPECT_EQ(frontend_rule(text), std::nullopt) << text;
  }
  for (const char* text : {"tcp://*:5556", "tcp://a:*", "tcp://a:0", "tcp://a", ""}) {
    EXPECT_NE(connect_endpoint_rule(text), std::nullopt) << text;
    EXPECT_NE(frontend_rule(text), std::nullopt) << text;
  }
}

TEST(Rules, SayWhichSideOfABrokerIsMeant) {
  EXPECT_NE(connect_endpoint_rule("")->find("backend"), std::string::npos);
  EXPECT_NE(frontend_rule("")->find("frontend"), std::string::npos);
}

TEST(Rules, Urls) {
  for (const char* text : {"", "http://127.0.0.1:8000", "https://host/api", "http://[::1]:8000"}) {
    EXPECT_EQ(url_or_empty_rule(text), std::nullopt) << text;
  }
  for (const char* text :
       {"127.0.0.1:8000", "http://", "http:///v1", "ftp://x", "http://a b", "http://:80"}) {
    EXPECT_NE(url_or_empty_rule(text), std::nullopt) << text;
  }
  EXPECT_NE(url_or_empty_rule("http://" + std::string(2048, 'x')), std::nullopt);
}

TEST(Rules, Paths) {
  EXPECT_EQ(path_or_empty_rule("/var/log/muster.log"), std::nullopt);
  EXPECT_EQ(path_or_empty_rule(""), std::nullopt);
  EXPECT_NE(path_or_empty_rule(std::string("a\0b", 3)), std::nullopt);
  EXPECT_NE(path_or_empty_rule(std::string(4097, 'x')), std::nullopt);
}

}  // namespace
}  // namespace muster::config
