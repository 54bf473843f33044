#include "protocol/transport/poller.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <thread>

#include "protocol/transport/clock.hpp"
#include "tests/unit/transport/waiting.hpp"

namespace muster::transport {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A ROUTER, and a DEALER that has its empty first frame.
struct Connected {
  Context context;
  RouterSocket router{context, {}};
  DealerSocket dealer{context, {}};
  Incoming got;

  Connected() {
    const auto endpoint = router.bind("tcp://127.0.0.1:*");
    EXPECT_TRUE(endpoint.ok());
    EXPECT_TRUE(dealer.connect(endpoint.value()).ok());
    EXPECT_TRUE(test::receive_soon(dealer, got, &router));
  }
};

TEST(Poller, NeverReturnsBeforeTheDeadline) {
  Wakeup never;
  Poller poller;
  poller.watch(never.fd());
  for (const Duration wait : {microseconds{1}, microseconds{700}, microseconds{1500}}) {
    const Time now = monotonic_now();
    poller.wait(now, now + wait);
    EXPECT_GE(monotonic_now(), now + wait);
  }
}

TEST(Poller, ADeadlineInThePastDoesNotWait) {
  Wakeup never;
  Poller poller;
  poller.watch(never.fd());
  const Time now = monotonic_now();
  poller.wait(now, now - seconds{3600});
  EXPECT_LT(monotonic_now() - now, seconds{1});
}

TEST(Poller, AnotherThreadEndsAWait) {
  Wakeup wakeup;
  Poller poller;
  poller.watch(wakeup.fd());
  EXPECT_EQ(0, wakeup.take());
  std::thread other([&] {
    wakeup.notify();
    wakeup.notify();
  });
  poller.wait(monotonic_now(), time_never);
  other.join();
  EXPECT_EQ(2, wakeup.take());
  EXPECT_EQ(0, wakeup.take());
}

TEST(Poller, TellsWhichDescriptorIsReadable) {
  Wakeup woken;
  Wakeup other;
  Poller poller;
  poller.watch(woken.fd());
  poller.watch(other.fd());
  EXPECT_TRUE(poller.readable(other.fd())) << "nothing is known before the first wait";
  woken.notify();
  poller.wait(monotonic_now(), time_never);
  EXPECT_TRUE(poller.readable(woken.fd()));
  EXPECT_FALSE(poller.readable(other.fd()));
  EXPECT_EQ(1, woken.take());
  poller.wait(monotonic_now(), monotonic_now());
  EXPECT_FALSE(poller.readable(woken.fd()));
  poller.remove(woken.fd());
  other.notify();
  poller.wait(monotonic_now(), time_never);
  EXPECT_TRUE(poller.readable(other.fd()));
}

TEST(Poller, AMessageEndsAWaitOfWhoHasReadAll) {
  Connected at;
  auto& [context, router, dealer, got] = at;
  Poller poller;
  poller.watch(router);
  for (int i = 0; i < 2000; ++i) {
    ASSERT_FALSE(router.receive(got));
    ASSERT_EQ(Sent::done, dealer.send(Frame{"ping"}, {}));
    const Time start = monotonic_now();
    while (!router.receive(got))
      poller.wait_unread(monotonic_now(), start + test::patience);
    ASSERT_LT(monotonic_now() - start, test::patience);
  }
}

TEST(Poller, TellsWhichSocketHasNews) {
  Connected at;
  auto& [context, router, dealer, got] = at;
  RouterSocket quiet(context, {});
  ASSERT_FALSE(router.receive(got));
  ASSERT_FALSE(quiet.receive(got));
  Poller poller;
  poller.watch(quiet);
  poller.watch(router);
  EXPECT_TRUE(poller.readable(router)) << "before the first wait nothing is known";
  poller.wait_unread(monotonic_now(), monotonic_now());
  EXPECT_FALSE(poller.readable(router));
  ASSERT_EQ(Sent::done, dealer.send(Frame{"ping"}, {}));
  poller.wait_unread(monotonic_now(), monotonic_now() + test::patience);
  EXPECT_TRUE(poller.readable(router));
  EXPECT_FALSE(poller.readable(quiet));
  poller.remove(quiet);
  EXPECT_TRUE(poller.readable(router));
  EXPECT_FALSE(poller.readable(quiet));
  EXPECT_TRUE(router.receive(got));
}

TEST(Poller, AMessageEndsAWaitAndSocketsComeAndGo) {
  Context context;
  RouterSocket router(context, {});
  const auto endpoint = router.bind("tcp://127.0.0.1:*");
  ASSERT_TRUE(endpoint.ok());
  Wakeup never;
  Poller poller;
  poller.watch(never.fd());
  poller.watch(router);
  for (int i = 0; i < 3; ++i) {
    DealerSocket dealer(context, {});
    ASSERT_TRUE(dealer.connect(endpoint.value()).ok());
    poller.watch(dealer);
    Incoming got;
    while (!dealer.receive(got))
      poller.wait(monotonic_now(), monotonic_now() + test::patience);
    EXPECT_TRUE(got.header.empty());
    poller.remove(dealer);
  }
  const Time now = monotonic_now();
  poller.wait(now, now + milliseconds{1});  // none of the closed ones is looked at
}

TEST(Poller, WhatHasCameWhileSendingIsNotSleptOver) {
  // libzmq may take in what has come while it sends; its descriptor does not tell of it then.
  Connected at;
  auto& [context, router, dealer, got] = at;
  Poller poller;
  poller.watch(dealer);
  for (int i = 0; i < 2000; ++i) {
    ASSERT_EQ(Sent::done, dealer.send(Frame{"ping"}, {}));
    ASSERT_TRUE(test::receive_soon(router, got));
    ASSERT_EQ(Sent::done, router.send(got.peer, Frame{"pong"}, {}));
    ASSERT_EQ(Sent::done, dealer.send(Frame{"ping"}, {}));
    const Time start = monotonic_now();
    while (!dealer.receive(got))
      poller.wait(monotonic_now(), start + test::patience);
    ASSERT_LT(monotonic_now() - start, test::patience);
    ASSERT_TRUE(test::receive_soon(router, got));
  }
}

TEST(Signals, TellWhatHasCome) {
  Signals signals;
  EXPECT_EQ(0, signals.take().stops);
  Poller poller;
  poller.watch(signals.fd());
  ASSERT_EQ(0, ::raise(SIGTERM));
  poller.wait(monotonic_now(), time_never);
  EXPECT_EQ(1, signals.take().stops);
  EXPECT_EQ(0, signals.take().stops);
  ASSERT_EQ(0, ::raise(SIGINT));
  ASSERT_EQ(0, ::raise(SIGTERM));
  EXPECT_EQ(2, signals.take().stops);
  ASSERT_EQ(0, ::raise(SIGHUP));
  const Signals::Taken taken = signals.take();
  EXPECT_TRUE(taken.reload);
  EXPECT_EQ(0, taken.stops);
  EXPECT_FALSE(signals.take().reload);
}

}  // namespace
}  // namespace muster::transport
