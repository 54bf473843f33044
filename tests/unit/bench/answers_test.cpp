// What makes a run count: headers that are what they should be, and an answer to every request.

#include <gtest/gtest.h>

#include "protocol/codec.hpp"
#include "tools/bench/figures.hpp"
#include "tools/bench/ledger.hpp"
#include "tools/bench/stencil.hpp"

namespace muster::bench {
namespace {

constexpr std::uint64_t large_id = 0x0102'0304'0506'0708;

std::vector<std::byte> written(const Stencil& stencil, std::uint64_t id) {
  std::vector<std::byte> bytes(stencil.size());
  stencil.write(bytes.data(), id);
  return bytes;
}

Frame frame_of(const std::vector<std::byte>& bytes) {
  return Frame{std::span<const std::byte>{bytes}};
}

// ---- stencils ---------------------------------------------------------------------------------

TEST(BenchStencil, WritesWhatTheCodecReads) {
  const Headers headers = make_headers("bench", 2, 3);
  Decoder decoder{WireLimits{}};
  const auto request = decoder.from_client(frame_of(written(headers.requests[1], large_id)), {});
  ASSERT_TRUE(request);
  const auto& asked = std::get<Request>(request.value().message);
  EXPECT_EQ(asked.id, WireId{large_id});
  EXPECT_EQ(asked.model, model_name("bench", 1));
  EXPECT_TRUE(asked.options.stream);

  ASSERT_EQ(headers.answer.size(), 4u);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto part = decoder.to_client(frame_of(written(headers.answer[i], large_id + i)), {});
    ASSERT_TRUE(part);
    const auto& chunk = std::get<Chunk>(part.value().message);
    EXPECT_EQ(chunk.id, WireId{large_id + i});
    EXPECT_EQ(chunk.seq, i);
    EXPECT_EQ(chunk.meta.status.has_value(), i == 0);
  }
  const auto last = decoder.to_client(frame_of(written(headers.answer[3], 0)), {});
  ASSERT_TRUE(last);
  EXPECT_EQ(std::get<Final>(last.value().message).seq, 3u);
}

TEST(BenchStencil, AnAnswerInOnePartIsAFinalToARequestWithoutStream) {
  const Headers headers = make_headers("bench", 1, 0);
  Decoder decoder{WireLimits{}};
  const auto request = decoder.from_client(frame_of(written(headers.requests[0], 1)), {});
  ASSERT_TRUE(request);
  EXPECT_FALSE(std::get<Request>(request.value().message).options.stream);
  ASSERT_EQ(headers.answer.size(), 1u);
  const auto part = decoder.to_client(frame_of(written(headers.answer[0], 1)), {});
  ASSERT_TRUE(part);
  EXPECT_EQ(std::get<Final>(part.value().message).meta.status, 200u);
}

TEST(BenchStencil, FindsTheIdWhereItStands) {
  const Headers headers = make_headers("bench", 1, 0);
  const auto request = written(headers.requests[0], large_id);
  const auto final = written(headers.answer[0], large_id);
  EXPECT_EQ(id_of(request), large_id);
  EXPECT_EQ(id_of(final), large_id);
  EXPECT_EQ(id_of_request(request), large_id);
  EXPECT_EQ(id_of_request(final), std::nullopt);
  const Frame error = encode(Error{WireId{5}, ErrorCode::no_worker, "none", {}});
  EXPECT_EQ(id_of(error.bytes()), 5u);
  EXPECT_EQ(id_of(encode(Reregister{}).bytes()), std::nullopt);
  for (std::size_t size = 0; size < 12; ++size)
    EXPECT_EQ(id_of(std::span{request}.first(size)), std::nullopt);
}

TEST(BenchStencil, KnowsItsOwnWhateverTheIdAndNothingElse) {
  const Headers headers = make_headers("bench", 1, 2);
  const Stencil& first = headers.answer[0];
  const auto bytes = written(first, large_id);
  EXPECT_TRUE(first.made(bytes));
  EXPECT_TRUE(first.made(written(first, 0)));
  EXPECT_FALSE(headers.answer[1].made(bytes));
  EXPECT_FALSE(first.made(std::span{bytes}.first(bytes.size() - 1)));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto changed = bytes;
    changed[i] ^= std::byte{1};
    const bool in_the_id = i > 3 && i < 12;
    EXPECT_EQ(first.made(changed), in_the_id) << i;
  }
}

// ---- the ledger -------------------------------------------------------------------------------

TEST(BenchLedger, FindsWhatIsOpenByItsId) {
  Ledger ledger(2);
  const std::uint64_t one = ledger.open(Time{Duration{10}});
  const std::uint64_t two = ledger.open(Time{Duration{20}});
  EXPECT_NE(one, two);
  EXPECT_TRUE(ledger.full());
  ASSERT_NE(ledger.find(two), nullptr);
  EXPECT_EQ(ledger.find(two)->since, Time{Duration{20}});
  ledger.close(*ledger.find(one));
  EXPECT_EQ(ledger.outstanding(), 1u);
  EXPECT_FALSE(ledger.full());
  EXPECT_EQ(ledger.tally.sent, 2u);
  EXPECT_EQ(ledger.tally.answered, 1u);
  EXPECT_EQ(ledger.tally.unasked, 0u);
}

TEST(BenchLedger, CountsAnswersToNothing) {
  Ledger ledger(1);
  EXPECT_EQ(ledger.find(0), nullptr);
  EXPECT_EQ(ledger.find(7), nullptr);
  const std::uint64_t first = ledger.open(Time{});
  ledger.close(*ledger.find(first));
  EXPECT_EQ(ledger.find(first), nullptr);  // a second answer
  const std::uint64_t second = ledger.open(Time{});
  EXPECT_NE(first, second);
  EXPECT_EQ(ledger.find(first), nullptr);  // ... also where its place is taken again
  EXPECT_NE(ledger.find(second), nullptr);
  EXPECT_EQ(ledger.tally.unasked, 4u);
}

TEST(BenchLedger, ATallyNamesWhatIsWrong) {
  Tally tally;
  EXPECT_EQ(problems_of(tally), (std::vector<std::string>{"nothing was sent"}));
  Ledger ledger(3);
  ledger.close(*ledger.find(ledger.open(Time{})));
  tally.add(ledger.tally);
  EXPECT_TRUE(problems_of(tally).empty());

  ledger.close_with_error(*ledger.find(ledger.open(Time{})), "NO_WORKER: none");
  ledger.close_with_error(*ledger.find(ledger.open(Time{})), "NO_WORKER: again none");
  (void)ledger.open(Time{});
  (void)ledger.find(99);
  ledger.tally.mangled = 3;
  tally.add(ledger.tally);
  EXPECT_EQ(
      problems_of(tally),
      (std::vector<std::string>{"1 requests were never answered", "2 requests ended with an ERROR",
                                "1 answers came to what nobody had asked",
                                "3 parts of answers were not what the workers have sent",
                                "the first of it: NO_WORKER: none"}));
}

}  // namespace
}  // namespace muster::bench
