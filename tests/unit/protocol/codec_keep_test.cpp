// What a decoder leaves out where it is told to keep only what routes: the fields that the two ends
// need, and not the checks.

#include <gtest/gtest.h>

#include "protocol/codec.hpp"
#include "tests/support/left_out.hpp"
#include "tests/unit/protocol/decode_support.hpp"
#include "tests/unit/protocol/samples.hpp"

namespace muster {
namespace {

using namespace wire_bytes;  // NOLINT: the test is about bytes
using test::without_what_ends_need;

TEST(CodecKeep, WhatRoutesIsAllButWhatTheEndsNeed) {
  Decoder decoder{WireLimits{}, Decoder::Keep::what_routes};
  for (const FromClient& message : samples::from_client()) {
    const auto decoded = decoder.from_client(encode(message), {});
    ASSERT_TRUE(decoded.ok()) << decoded.error().what;
    EXPECT_EQ(decoded.value().message, without_what_ends_need(message));
  }
  for (const FromWorker& message : samples::from_worker()) {
    const auto decoded = decoder.from_worker(encode(message), {});
    ASSERT_TRUE(decoded.ok()) << decoded.error().what;
    EXPECT_EQ(decoded.value().message, without_what_ends_need(message));
  }
}

TEST(CodecKeep, WhatIsLeftOutIsCheckedAlike) {
  Decoder all{WireLimits{}};
  Decoder routes{WireLimits{}, Decoder::Keep::what_routes};
  for (const char* key : {"path", "type", "headers", "trace"}) {
    for (const std::string& value :
         {num(1), str("\xff"), arr({}), map({{"a", num(1)}}), map({{"a", str("\xff")}}),
          map({{"\xff", str("a")}}), str("fine"), map({{"a", str("fine")}}), nil()}) {
      const Frame header{request(map({{key, value}}))};
      const auto wanted = all.from_client(header, {});
      const auto got = routes.from_client(header, {});
      ASSERT_EQ(got.ok(), wanted.ok()) << key;
      if (wanted.ok()) continue;
      EXPECT_EQ(got.error().reason, wanted.error().reason);
      EXPECT_EQ(got.error().what, wanted.error().what);
    }
  }
}

}  // namespace
}  // namespace muster
