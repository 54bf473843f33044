#include "worker_agent/model_server/sse_reader.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "protocol/prng.hpp"

namespace muster::agent {
namespace {

struct Read {
  std::vector<std::string> batches;  // what each feed gave, where it gave something
  std::string rest;
  bool within_bound = true;

  [[nodiscard]] std::string events() const {
    std::string all;
    for (const std::string& batch : batches)
      all += batch;
    return all;
  }
};

Read read_in(const std::vector<std::string_view>& pieces) {
  SseReader reader;
  Read read;
  for (const std::string_view piece : pieces) {
    std::string events;
    read.within_bound = reader.feed(piece, events) && read.within_bound;
    if (!events.empty()) read.batches.push_back(events);
  }
  read.rest = reader.take_rest();
  return read;
}

Read byte_by_byte(std::string_view stream) {
  std::vector<std::string_view> pieces;
  for (std::size_t i = 0; i < stream.size(); ++i)
    pieces.push_back(stream.substr(i, 1));
  return read_in(pieces);
}

using Batches = std::vector<std::string>;

TEST(SseReader, GivesEachEventAsSoonAsItsBlankLineIsThere) {
  EXPECT_EQ(byte_by_byte("data: a\n\ndata: b\n\n").batches,
            (Batches{"data: a\n\n", "data: b\n\n"}));
  EXPECT_EQ(byte_by_byte("data: a\r\n\r\ndata: b\r\n\r\n").batches,
            (Batches{"data: a\r\n\r\n", "data: b\r\n\r\n"}));
  EXPECT_EQ(byte_by_byte("data: a\r\rdata: b\r\r").batches,
            (Batches{"data: a\r\r", "data: b\r\r"}));
}

TEST(SseReader, GivesSeveralWholeEventsOfOneReadTogether) {
  const Read read = read_in({"data: a\n\ndata: b\n\ndata: c"});
  EXPECT_EQ(read.batches, (Batches{"data: a\n\ndata: b\n\n"}));
  EXPECT_EQ(read.rest, "data: c");
}

TEST(SseReader, KeepsEventLinesIdsAndComments) {
  const std::string stream = ": ping\n\nevent: x\nid: 7\ndata: a\ndata: b\nretry: 3\n\n";
  EXPECT_EQ(byte_by_byte(stream).batches,
            (Batches{": ping\n\n", "event: x\nid: 7\ndata: a\ndata: b\nretry: 3\n\n"}));
}

TEST(SseReader, WaitsForTheLineFeedOfABlankLine) {
  const Read read = read_in({"data: a\r\n\r", "\ndata: b\r\n\r\n"});
  EXPECT_EQ(read.batches, (Batches{"data: a\r\n\r\ndata: b\r\n\r\n"}));
}

TEST(SseReader, TakesMixedLineEnds) {
  EXPECT_EQ(byte_by_byte("data: a\n\r\nx: 1\r\n\n").batches,
            (Batches{"data: a\n\r\n", "x: 1\r\n\n"}));
  EXPECT_EQ(byte_by_byte("data: a\r\nb\r\rc\n\n").batches, (Batches{"data: a\r\nb\r\r", "c\n\n"}));
  // The lone CR that ends the blank line is known as such by the byte after it.
  EXPECT_EQ(byte_by_byte("data: a\n\rb\n\n").batches, (Batches{"data: a\n\r", "b\n\n"}));
}

TEST(SseReader, LeavesBlankLinesBeforeAnEventWithIt) {
  EXPECT_EQ(byte_by_byte("\n\n\r\ndata: a\n\n\n\ndata: b\n\n").batches,
            (Batches{"\n\n\r\ndata: a\n\n", "\n\ndata: b\n\n"}));
  EXPECT_EQ(byte_by_byte("\n\n\n").rest, "\n\n\n");
}

TEST(SseReader, GivesTheRestThatNoBlankLineEnded) {
  const Read read = read_in({"data: a\n\ndata: [DONE]\n"});
  EXPECT_EQ(read.events(), "data: a\n\n");
  EXPECT_EQ(read.rest, "data: [DONE]\n");
}

TEST(SseReader, IsNewAfterTheRestWasTaken) {
  SseReader reader;
  std::string events;
  EXPECT_TRUE(reader.feed("data: a\r", events));
  EXPECT_EQ(reader.take_rest(), "data: a\r");
  EXPECT_TRUE(reader.feed("\ndata: b\n\n", events));
  EXPECT_EQ(events, "\ndata: b\n\n");
}

TEST(SseReader, RefusesAnEventOverItsBound) {
  SseReader reader{16};
  std::string events;
  EXPECT_TRUE(reader.feed("data: 0123456789", events));
  EXPECT_FALSE(reader.feed("x", events));
  SseReader other{16};
  EXPECT_TRUE(other.feed("data: 0123456789\n\ndata: 0123456789", events));
}

// Where a stream is cut by the reads makes no difference to what is an event, and no byte is lost.
TEST(SseReader, GivesTheSameEventsHoweverTheStreamIsCut) {
  static constexpr std::string_view alphabet[] = {"\n",      "\r", "\r\n",    "a",
                                                  "data: x", ":",  "\xc3\xa9"};
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    Prng prng{seed};
    std::string stream;
    for (std::uint64_t i = 0, n = 1 + prng.below(40); i < n; ++i)
      stream += alphabet[prng.below(std::size(alphabet))];
    const Read whole = byte_by_byte(stream);
    ASSERT_EQ(whole.events() + whole.rest, stream) << "seed " << seed;
    std::vector<std::string_view> pieces;
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t size = 1 + prng.below(6);
      pieces.push_back(std::string_view{stream}.substr(at, size));
      at += pieces.back().size();
    }
    const Read cut = read_in(pieces);
    ASSERT_EQ(cut.events(), whole.events()) << "seed " << seed;
    ASSERT_EQ(cut.rest, whole.rest) << "seed " << seed;
  }
}

}  // namespace
}  // namespace muster::agent
