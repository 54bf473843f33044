#include "broker/controller_factory.hpp"

#include <gtest/gtest.h>

#include <set>

#include "protocol/transport/clock.hpp"

namespace muster::broker {
namespace {

const Time start{std::chrono::seconds{1'000'000}};

TEST(ControllerFactory, MakesAControllerThatAnswers) {
  auto made = ControllerFactory(ControllerOptions{}).make();
  ASSERT_TRUE(made.ok());
  std::vector<Action> actions;
  const Time later = transport::monotonic_now();
  made.value()->step(ClientSaid{{1}, Query{{7}, "stats", {}}, Header{Frame{"q"}, {}}, Payload{}},
                     later, actions);
  ASSERT_EQ(1u, actions.size());
  EXPECT_TRUE(std::holds_alternative<SendToClient>(actions[0]));
}

TEST(ControllerFactory, SaysEveryFaultOfItsOptions) {
  ControllerOptions options;
  options.name = "";
  options.heartbeat_interval = Duration{0};
  options.heartbeat_liveness = 0;
  auto made = ControllerFactory(options).make({{1}, {broker_id_min}, 1}, start);
  ASSERT_FALSE(made.ok());
  EXPECT_GE(made.error().size(), 3u);
}

TEST(ControllerFactory, TheSameBirthGivesTheSameController) {
  const Birth birth{{123}, {broker_id_min + 5}, 99};
  const auto terms = [&] {
    auto made = ControllerFactory(ControllerOptions{}).make(birth, start);
    std::vector<Action> actions;
    made.value()->step(ClientSaid{{1}, ClientHeartbeat{}, Header{}, Payload{}}, start, actions);
    return std::get<ClientTerms>(std::get<SendToClient>(actions.at(0)).message);
  };
  EXPECT_EQ(terms(), terms());
  EXPECT_EQ(123u, terms().terms.instance.value);
}

TEST(ControllerFactory, NoTwoBirthsAreAlike) {
  std::set<std::uint64_t> ids;
  std::set<std::uint64_t> seeds;
  for (int i = 0; i < 1000; ++i) {
    const Birth birth = ControllerFactory::new_birth();
    EXPECT_GE(birth.first_id.value, broker_id_min);
    EXPECT_LT(birth.first_id.value, broker_id_start_max);
    EXPECT_LE(birth.instance.value, instance_max);
    ids.insert(birth.first_id.value);
    seeds.insert(birth.seed);
  }
  EXPECT_EQ(1000u, ids.size());
  EXPECT_EQ(1000u, seeds.size());
  EXPECT_GT(*ids.rbegin(), broker_id_start_max / 2) << "drawn from the whole range";
}

}  // namespace
}  // namespace muster::broker
