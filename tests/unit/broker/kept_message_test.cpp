#include "broker/core/kept_message.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace muster::broker {
namespace {

struct Case {
  const char* what;
  std::size_t header;
  std::vector<std::size_t> frames;
};

std::string text_of(std::size_t size, char first) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i)
    text[i] = static_cast<char>(first + static_cast<char>(i % 23));
  return text;
}

TEST(KeptMessage, GivesWhatItWasMadeOfAsOftenAsIsWanted) {
  const std::vector<Case> cases = {
      {"no payload", 40, {}},        {"an empty frame", 40, {0}},
      {"one frame", 40, {256}},      {"several", 40, {1, 0, 300, 8192}},
      {"a large one", 40, {10'000}}, {"a large one among small ones", 40, {5, 10'000, 7}},
      {"a large header", 9'000, {5}}};
  for (const auto& [what, header_size, sizes] : cases) {
    const std::string header = text_of(header_size, 'A');
    Payload payload;
    for (std::size_t i = 0; i < sizes.size(); ++i)
      payload.add(Frame{text_of(sizes[i], static_cast<char>('a' + static_cast<char>(i)))});
    const IdSpan id{.offset = 3, .width = 9};
    const KeptMessage kept{Header{Frame{header}, id}, payload};
    for (int i = 0; i < 2; ++i) {
      const auto [given, body] = kept.give();
      EXPECT_EQ(given.frame.text(), header) << what;
      EXPECT_EQ(given.id, id) << what;
      ASSERT_EQ(body.frame_count(), sizes.size()) << what;
      for (std::size_t frame = 0; frame < sizes.size(); ++frame)
        EXPECT_EQ(body.frame(frame).text(), payload.frame(frame).text()) << what;
    }
  }
}

TEST(KeptMessage, IsEmptyOnceItIsLetGo) {
  KeptMessage kept{Header{Frame{"header"}, {}}, Payload{"body"}};
  EXPECT_FALSE(kept.empty());
  kept.let_go();
  EXPECT_TRUE(kept.empty());
  EXPECT_TRUE(KeptMessage{}.empty());
}

}  // namespace
}  // namespace muster::broker
