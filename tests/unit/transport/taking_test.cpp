#include <gtest/gtest.h>

#include <array>
#include <string>

#include "protocol/transport/socket.hpp"
#include "tests/unit/transport/waiting.hpp"

namespace muster::transport {
namespace {

using test::receive_soon;
using test::soon;

// Each as receive() gives it, though several are taken before the first is looked at.
TEST(Socket, MessagesAreTakenFirstAndLookedAtLater) {
  Context context;
  RouterSocket router(context, {.limits = {.message_bytes = 5000, .frames = 4}});
  const auto endpoint = router.bind("tcp://127.0.0.1:*");
  ASSERT_TRUE(endpoint.ok());
  DealerSocket dealer(context, {});
  ASSERT_TRUE(dealer.connect(endpoint.value()).ok());
  Incoming first;
  ASSERT_TRUE(receive_soon(dealer, first, &router));
  constexpr auto frames = std::to_array<std::size_t>({0, 1, 3, 3, 6});
  constexpr auto frame_bytes = std::to_array<std::size_t>({0, 100, 100, 4000, 100});
  for (std::size_t i = 0; i < frames.size(); ++i) {
    Payload payload;
    for (std::size_t k = 0; k < frames[i]; ++k)
      payload.add(Frame{std::string(frame_bytes[i], 'x')});
    ASSERT_EQ(Sent::done, dealer.send(Frame{std::string(50, 'h')}, std::move(payload)));
  }
  std::array<Incoming, frames.size()> got;
  for (Incoming& one : got)
    ASSERT_TRUE(soon([&] { return router.take(one); }));
  Incoming none;
  EXPECT_FALSE(router.take(none));
  for (Incoming& one : got)
    one.arrived();

  // The last is over in frames with its fourth; the one before in bytes with its second.
  constexpr auto kept = std::to_array<std::size_t>({0, 1, 3, 2, 4});
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(std::string(50, 'h'), got[i].header.text());
    EXPECT_EQ(kept[i], got[i].payload.frame_count()) << i;
    EXPECT_EQ(frames[i] - kept[i], got[i].dropped_frames) << i;
    EXPECT_EQ(kept[i] * frame_bytes[i], got[i].payload.bytes()) << i;
  }
}

}  // namespace
}  // namespace muster::transport
