#include "config/schema.hpp"

#include <gtest/gtest.h>

#include "config/configuration_loader.hpp"
#include "config/schemas.hpp"

namespace muster::config {
namespace {

TEST(EditDistance, CountsTheStepsFromOneToTheOther) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("abc", "abc"), 0u);
  EXPECT_EQ(edit_distance("abc", "abx"), 1u);
  EXPECT_EQ(edit_distance("abc", "abcd"), 1u);
  EXPECT_EQ(edit_distance("abc", "acb"), 1u) << "two neighbours swapped are one mistake";
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), edit_distance("sitting", "kitten"));
}

class BrokerSchema : public testing::Test {
 protected:
  LoadedBroker loaded;
  Schema schema = broker_schema(loaded.options, loaded.log);
};

TEST_F(BrokerSchema, NearestKey) {
  EXPECT_EQ(schema.nearest_key("hearbeat.interval"), "heartbeat.interval");
  EXPECT_EQ(schema.nearest_key("heartbeat.intreval"), "heartbeat.interval");
  EXPECT_EQ(schema.nearest_key("log.lvl"), "log.level");
  EXPECT_EQ(schema.nearest_key("limits.frames_bytes_max"), "limits.frame_bytes_max");
  EXPECT_EQ(schema.nearest_key("level"), "log.level") << "the right name without its section";
  EXPECT_EQ(schema.nearest_key("broker.policy"), "routing.policy") << "or in another one";
  EXPECT_EQ(schema.nearest_key("broker.colour"), "");
  EXPECT_EQ(schema.nearest_key(std::string(100'000, 'x')), "");
}

TEST_F(BrokerSchema, NearestSection) {
  EXPECT_EQ(schema.nearest_section("heartbeats"), "heartbeat");
  EXPECT_EQ(schema.nearest_section("limit"), "limits");
  EXPECT_EQ(schema.nearest_section("colours"), "");
}

TEST_F(BrokerSchema, Sections) {
  EXPECT_TRUE(schema.is_section("log"));
  EXPECT_FALSE(schema.is_section("lo"));
  EXPECT_FALSE(schema.is_section("log.level"));
  EXPECT_FALSE(schema.is_section(""));
}

TEST_F(BrokerSchema, EveryKeyHasASectionAndSaysWhatItIs) {
  for (const Key& key : schema.keys) {
    EXPECT_NE(key.path.find('.'), std::string::npos) << key.path;
    EXPECT_FALSE(key.doc.empty()) << key.path;
    EXPECT_EQ(schema.find(key.path), &key) << "twice: " << key.path;
  }
}

}  // namespace
}  // namespace muster::config
