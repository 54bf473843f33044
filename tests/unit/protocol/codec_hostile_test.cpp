// Headers made to hurt: lengths that lie, nesting without end, messages cut off and mutated. None
// may crash the codec, stall it, or make it allocate by what they claim.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "protocol/codec.hpp"
#include "protocol/prng.hpp"
#include "tests/support/effort.hpp"
#include "tests/unit/protocol/allocation_counter.hpp"
#include "tests/unit/protocol/samples.hpp"
#include "tests/unit/protocol/wire_bytes.hpp"

namespace muster {
namespace {

using namespace wire_bytes;  // NOLINT: the test is about bytes

// One decoder for all four ways.
class AllWays {
 public:
  // How many of the four took the message; every fault must say something.
  int decode(const Frame& header, const Payload& payload = {}) {
    int taken = 0;
    const auto look = [&](const auto& decoded) {
      if (decoded.ok()) {
        ++taken;
        return;
      }
      EXPECT_FALSE(decoded.error().what.empty());
      EXPECT_LT(static_cast<std::size_t>(decoded.error().reason), fault_reason_count);
    };
    look(decoder_.from_client(header, payload));
    look(decoder_.from_worker(header, payload));
    look(decoder_.to_client(header, payload));
    look(decoder_.to_worker(header, payload));
    return taken;
  }

 private:
  Decoder decoder_{WireLimits{}};
};

TEST(CodecHostile, claimed_lengths_allocate_nothing) {
  const std::vector<std::string> claims = {
      hex("dd ff ff ff ff"),     // array of 2^32-1
      hex("df ff ff ff ff"),     // map
      hex("db ff ff ff ff"),     // str
      hex("c6 ff ff ff ff"),     // bin
      hex("c9 ff ff ff ff 01"),  // ext
      hex("dc ff ff"),          hex("de ff ff"),    hex("da ff ff"),
      hex("c5 ff ff"),          hex("c8 ff ff 01"),
  };
  const std::string id = num(7);
  for (const auto& claim : claims) {
    const std::vector<std::string> headers = {
        claim,                                                // the header itself
        claim + num(1) + num(1) + id,                         // ... with some items
        hex("93 01 02") + claim,                              // the id
        hex("95 01 01") + id + claim,                         // the model
        hex("95 01 01") + id + str("m") + claim,              // opts
        hex("95 01 01") + id + str("m") + hex("81") + claim,  // a key of opts
        hex("95 01 01") + id + str("m") + hex("81") + str("prefix") + claim,
        hex("95 01 01") + id + str("m") + hex("81") + str("headers") + claim,
        hex("95 01 01") + id + str("m") + hex("81") + str("later") + claim,
        hex("95 01 01") + id + str("m") + hex("80") + claim,  // after what is known
        hex("93 01 21 81") + str("models") + claim,
        hex("93 01 21 81") + str("active") + claim,
        hex("95 01 30") + id + str("q") + claim,  // a Value
        hex("95 01 30") + id + str("q") + hex("81") + str("a") + claim,
        hex("94 01 31") + id + claim,
        claim + std::string(1000, '\xc0'),
    };
    for (const auto& bytes : headers) {
      AllWays decoders;
      const Frame header{bytes};
      reset_allocated();
      const int taken = decoders.decode(header);
      const std::size_t largest = allocated().largest;
      EXPECT_EQ(taken, 0);
      EXPECT_LE(largest, 64 * std::max<std::size_t>(bytes.size(), 64));
    }
  }
}

TEST(CodecHostile, memory_is_bounded_by_what_came) {
  // The most items that fit under the limit, where each becomes as much as it can.
  const auto filled = [](std::string head, std::string_view item, std::size_t room) {
    const std::size_t count = room / item.size();
    head += hex("dd") + big_endian(count, 4);
    for (std::size_t i = 0; i < count; ++i)
      head += item;
    return head;
  };
  const std::size_t room = 65000;
  for (const auto& bytes : {
           filled(hex("95 01 30 07 a1 71"), nil(), room),
           filled(hex("95 01 30 07 a1 71"), hex("90"), room),
           filled(hex("95 01 30 07 a1 71"), hex("81 a0 c0"), room),
           filled(hex("95 01 01 07 a1 6d 81") + str("prefix"), num(1), room),
           filled(hex("93 01 21 81") + str("models"), str("m"), room),
           filled(hex("93 01 21 81") + str("active"), num(1), room),
       }) {
    ASSERT_LE(bytes.size(), WireLimits{}.header_bytes);
    AllWays decoders;
    const Frame header{bytes};
    reset_allocated();
    decoders.decode(header);
    EXPECT_LE(allocated().largest, 200 * bytes.size());
    EXPECT_LE(allocated().total, 1000 * bytes.size());  // four ways, and vectors that double
  }
}

TEST(CodecHostile, the_usual_messages_allocate_little) {
  Decoder decoder{WireLimits{}};
  Request request{WireId{1}, "tiny", {}};
  request.options.stream = true;
  request.options.timeout = std::chrono::seconds{30};
  const Frame asked = encode(request);
  const Frame chunk = encode(Chunk{WireId{1}, 5, {}});
  const Frame final = encode(Final{WireId{1}, 6, {}});
  const Frame heartbeat = encode(WorkerHeartbeat{});
  (void)decoder.from_client(asked, {});  // the tape gets its size
  (void)decoder.from_worker(heartbeat, {});
  const auto cost = [](auto decode) {
    reset_allocated();
    EXPECT_TRUE(decode().ok());
    return allocated().total;
  };
  EXPECT_LE(cost([&] { return decoder.from_client(asked, {}); }), 512u);
  EXPECT_LE(cost([&] { return decoder.from_worker(chunk, {}); }), 512u);
  EXPECT_LE(cost([&] { return decoder.from_worker(final, {}); }), 512u);
  EXPECT_LE(cost([&] { return decoder.from_worker(heartbeat, {}); }), 512u);
}

TEST(CodecHostile, depth_bombs) {
  AllWays decoders;
  for (const std::size_t levels : {17u, 1000u, 60000u}) {
    for (const auto& bomb : {
             std::string(levels, '\x91'),
             nested(levels, num(1)),
             hex("95 01 30 07 a1 71") + nested(levels, num(1)),
             hex("95 01 01 07 a1 6d 81 a5 6c 61 74 65 72") + nested(levels, num(1)),
         }) {
      EXPECT_EQ(decoders.decode(Frame{bomb}), 0);
    }
    std::string maps;
    for (std::size_t i = 0; i < std::min<std::size_t>(levels, 30000); ++i)
      maps += hex("81 a0");
    EXPECT_EQ(decoders.decode(Frame{hex("95 01 30 07 a1 71") + maps + nil()}), 0);
  }
}

TEST(CodecHostile, many_equal_keys_cost_little_time) {
  WireLimits limits;
  limits.header_bytes = 1 << 20;
  Decoder decoder{limits};
  std::string header = hex("94 01 31 07 df") + big_endian(300000, 4);
  for (int i = 0; i < 300000; ++i)
    header += hex("a1 6b 01");
  const Frame frame{header};
  // Quadratic work would take minutes here.
  const auto decoded = decoder.to_client(frame, {});
  ASSERT_TRUE(decoded.ok()) << decoded.error().what;
  EXPECT_EQ(std::get<Answer>(decoded.value().message).result, (Value{Value::Map{{"k", 1}}}));
}

TEST(CodecHostile, a_message_cut_off_anywhere_is_a_fault) {
  AllWays decoders;
  for (const auto& header : samples::headers()) {
    EXPECT_GE(decoders.decode(Frame{header}), 1);
    for (std::size_t size = 0; size < header.size(); ++size)
      EXPECT_EQ(decoders.decode(Frame{std::string_view{header}.substr(0, size)}), 0) << size;
  }
}

// Changes a few bytes: anywhere, but liking those that msgpack makes much of.
std::string mutated(std::string header, Prng& prng) {
  constexpr std::array<unsigned char, 12> special = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0xc0,
                                                     0xc1, 0xc6, 0xcf, 0xdb, 0xdd, 0xff};
  const std::uint64_t changes = 1 + prng.below(4);
  for (std::uint64_t i = 0; i < changes && !header.empty(); ++i) {
    const std::size_t at = prng.below(header.size());
    switch (prng.below(5)) {
      case 0:
        header[at] = static_cast<char>(prng.next());
        break;
      case 1:
        header[at] = static_cast<char>(special[prng.below(special.size())]);
        break;
      case 2:
        header.erase(at, 1 + prng.below(8));
        break;
      case 3:
        header.insert(at, header, prng.below(header.size()), prng.below(16));
        break;
      default:
        header[at] = static_cast<char>(header[at] ^ (1 << prng.below(8)));
    }
  }
  return header;
}

TEST(CodecHostile, mutated_messages) {
  Prng prng{20240607};
  AllWays decoders;
  const auto headers = samples::headers();
  int taken = 0;
  int refused = 0;
  const int rounds = test::effort(100000, 15000);
  for (int round = 0; round < rounds; ++round) {
    const std::string header = mutated(headers[prng.below(headers.size())], prng);
    (decoders.decode(Frame{header}) > 0 ? taken : refused) += 1;
  }
  // Both must have been reached, else the mutations prove nothing.
  EXPECT_GT(taken, rounds / 100);
  EXPECT_GT(refused, rounds / 10);
}

// Whatever was taken can be written and read again as the same message.
TEST(CodecHostile, what_is_taken_can_be_written_again) {
  Prng prng{7};
  Decoder decoder{WireLimits{}};
  std::vector<std::string> headers;
  for (const auto& message : samples::from_worker())
    headers.emplace_back(encode(message).text());
  int compared = 0;
  for (int round = 0; round < test::effort(20000, 4000); ++round) {
    const Frame header{mutated(headers[prng.below(headers.size())], prng)};
    const auto first = decoder.from_worker(header, {});
    if (!first.ok()) continue;
    const auto second = decoder.from_worker(encode(first.value().message), {});
    ASSERT_TRUE(second.ok()) << second.error().what;
    EXPECT_TRUE(first.value().message == second.value().message);
    ++compared;
  }
  EXPECT_GT(compared, test::effort(200, 40));
}

}  // namespace
}  // namespace muster
