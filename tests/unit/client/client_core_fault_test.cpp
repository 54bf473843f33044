// What the broker says and the core can't read; and what tells that it is no frontend.

#include "tests/unit/client/core_bench.hpp"

namespace muster::client {
namespace {

using Ids = std::vector<std::uint64_t>;

constexpr std::uint64_t chunk = 0x11;
constexpr std::uint64_t final_ = 0x12;
constexpr std::uint64_t error = 0x13;
constexpr std::uint64_t reregister = 0x23;
constexpr std::uint64_t drain = 0x28;
constexpr std::uint64_t answer = 0x31;

// ---- what can't be read -----------------------------------------------------------------------

TEST(ClientCoreFault, APartThatCannotBeReadBreaksTheStreamAndCancelsTheWork) {
  Bench bench;
  bench.connect();
  bench.ask(1);
  bench.ask(2);
  bench.chunk(1, 0);
  bench.fault(FaultReason::field, chunk, 1);
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].id.value, 1u);
  EXPECT_EQ(bench.ends[0].parts, 1u);
  const Conclusion& broken = bench.ends[0].conclusion;
  EXPECT_EQ(broken.kind, EndKind::from_broker);
  EXPECT_EQ(broken.code, ErrorCode::worker_lost);
  EXPECT_EQ(broken.meta.reason, reason::stream_broken);
  EXPECT_TRUE(broken.meta.retryable);
  EXPECT_EQ(broken.message, "a part of the answer can't be read: It is odd; it must not be");
  EXPECT_EQ(bench.cancels(), Ids{1});
  EXPECT_EQ(bench.core.dropped().faults[static_cast<std::size_t>(FaultReason::field)], 1u);

  bench.chunk(1, 1);  // what was on its way
  EXPECT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.core.outstanding(), 1u);
}

TEST(ClientCoreFault, AnEndThatCannotBeReadIsAnEnd) {
  for (const std::uint64_t type : {final_, error}) {
    Bench bench;
    bench.connect();
    bench.ask(1, {}, false);
    bench.fault(FaultReason::malformed, type, 1);
    ASSERT_EQ(bench.ends.size(), 1u);
    const Conclusion& broken = bench.ends[0].conclusion;
    EXPECT_EQ(broken.code, ErrorCode::worker_lost);
    EXPECT_EQ(broken.meta.reason, reason::stream_broken);
    EXPECT_TRUE(broken.meta.retryable);
    EXPECT_EQ(broken.message, "the end of the answer can't be read: It is odd; it must not be");
    EXPECT_TRUE(bench.cancels().empty()) << "the broker has done with it";
  }
}

TEST(ClientCoreFault, AQueryEndsWithWhatCannotBeRead) {
  for (const std::uint64_t type : {answer, error}) {
    Bench bench;
    bench.connect();
    bench.ask_broker(1);
    bench.fault(FaultReason::unexpected_payload, type, 1);
    ASSERT_EQ(bench.answers.size(), 1u);
    const Conclusion& lost = bench.answers[0].conclusion;
    EXPECT_EQ(lost.kind, EndKind::connection_lost);
    EXPECT_FALSE(lost.meta.retryable);
    EXPECT_EQ(lost.message, "the broker's answer can't be read: It is odd; it must not be");
    EXPECT_TRUE(bench.cancels().empty());
  }
}

TEST(ClientCoreFault, EndsNothingThatItIsNotFor) {
  Bench bench;
  bench.connect();
  bench.ask(1);
  bench.ask_broker(2);
  bench.room = 0;
  bench.ask(3);  // not sent
  for (const std::uint64_t type : {chunk, final_, error, answer})
    bench.fault(FaultReason::field, type, 9);
  EXPECT_EQ(bench.core.dropped().unknown_id, 4u);
  bench.fault(FaultReason::field, answer, 1);
  bench.fault(FaultReason::field, chunk, 2);
  bench.fault(FaultReason::field, final_, 2);
  bench.fault(FaultReason::field, error, 3);
  EXPECT_EQ(bench.core.dropped().unfitting, 4u);
  bench.fault(FaultReason::malformed, final_);  // no id can be read
  bench.fault(FaultReason::malformed);
  bench.fault(FaultReason::wrong_direction, 0x01, 1);  // a REQUEST
  EXPECT_TRUE(bench.ends.empty());
  EXPECT_TRUE(bench.answers.empty());
  EXPECT_EQ(bench.core.outstanding(), 3u);
}

// ---- a backend --------------------------------------------------------------------------------

TEST(ClientCoreFault, ABackendIsToldFromABrokerThatIsSilent) {
  Bench bench;
  bench.connect();
  bench.ask(1);
  bench.ask_broker(2);
  bench.room = 0;
  bench.ask(3);  // not sent
  bench.room = 100;
  bench.fault(FaultReason::wrong_direction, reregister);
  ASSERT_EQ(bench.ends.size(), 2u);
  ASSERT_EQ(bench.answers.size(), 1u);
  for (const Conclusion& said :
       {bench.ends[0].conclusion, bench.ends[1].conclusion, bench.answers[0].conclusion}) {
    EXPECT_EQ(said.kind, EndKind::unreachable);
    EXPECT_FALSE(said.meta.retryable);
    EXPECT_EQ(said.message,
              "what answers at tcp://there:5555 is a broker's backend, where workers connect; "
              "clients connect to its frontend (tcp://127.0.0.1:5555 by default)");
  }
  EXPECT_EQ(bench.core.next_deadline(), time_never);

  bench.sent.clear();
  bench.ask(4);  // it would hear nothing else
  ASSERT_EQ(bench.ends.size(), 3u);
  EXPECT_EQ(bench.ends[2].conclusion.kind, EndKind::unreachable);
  bench.pass(1min);
  EXPECT_TRUE(bench.sent.empty());
  EXPECT_EQ(bench.reopened, 0);

  bench.connect();  // to a broker that was started anew, the right way round
  bench.ask(5);
  bench.final(5);
  EXPECT_EQ(bench.requests(), Ids{5});
  EXPECT_EQ(bench.ends.back().conclusion.kind, EndKind::answered);
}

TEST(ClientCoreFault, AFrontendIsNotTakenForABackend) {
  Bench bench;
  bench.connect();
  bench.ask(1);
  bench.fault(FaultReason::wrong_direction, drain);
  bench.terms();  // only a frontend says that
  bench.fault(FaultReason::wrong_direction, reregister);
  EXPECT_TRUE(bench.ends.empty());
  bench.final(1);
  ASSERT_EQ(bench.ends.size(), 1u);
  EXPECT_EQ(bench.ends[0].conclusion.kind, EndKind::answered);
}

}  // namespace
}  // namespace muster::client
