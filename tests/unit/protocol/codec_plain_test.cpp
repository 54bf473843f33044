// The messages that are read straight from their bytes, where a decoder keeps only what routes:
// they are read as the Reader reads them, whatever stands in them.

#include "protocol/codec_plain.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <tuple>
#include <vector>

#include "protocol/codec.hpp"
#include "protocol/codec_preamble.hpp"
#include "tests/support/left_out.hpp"
#include "tests/unit/protocol/decode_support.hpp"
#include "tests/unit/protocol/samples.hpp"

namespace muster {
namespace {

using namespace wire_bytes;  // NOLINT: the test is about bytes
using test::without_what_ends_need;

const std::string every_option = map({{"timeout", u16(30'000)},
                                      {"first_timeout", u32(70'000)},
                                      {"idle_timeout", u64(std::uint64_t{1} << 40)},
                                      {"stream", boolean(true)},
                                      {"path", str("/v1/chat/completions")},
                                      {"type", str("application/json")},
                                      {"headers", map({{"accept", str("text/event-stream")}})},
                                      {"request_id", str("r-1")},
                                      {"trace", str("00-0af7651916cd43dd8448eb211c80319c")},
                                      {"session", str("sitzung-\xc3\xa4")},
                                      {"priority", u8(200)},
                                      {"tenant", str("acme")},
                                      {"retry", boolean(false)}});
const std::string every_field_of_meta =
    map({{"status", u16(200)},
         {"type", str("application/json")},
         {"headers", map({{"x-request-id", str("9")}, {"x-empty", str("")}})},
         {"worker", str("gpu7:8000")},
         {"usage", map({{"prompt_tokens", num(12)}, {"total_tokens", u64(1)}})}});

std::string part(std::uint64_t type, const std::string& id, std::uint64_t seq,
                 const std::string& meta) {
  return arr({num(1), num(type), id, num(seq), meta});
}

std::vector<std::string> from_client() {
  return {request(map({})), request(every_option),
          arr({num(1), num(1), u64(std::uint64_t{1} << 40), str(std::string(40, 'm')),
               map({{"stream", boolean(false)}})})};
}

std::vector<std::string> from_worker() {
  return {part(0x11, u64(std::uint64_t{1} << 40), 3, map({})),
          part(0x11, u8(200), 0, every_field_of_meta),
          part(0x12, u64(std::uint64_t{1} << 40), 0, every_field_of_meta),
          part(0x12, num(7), 100, map({}))};
}

template <class Messages>
void expect_read_plainly(const std::vector<std::string>& headers) {
  for (const std::string& header : headers) {
    Messages message;
    EXPECT_TRUE(codec::read_plain(header, WireLimits{}, message)) << header;
  }
}

TEST(CodecPlain, ReadsTheIdThatABrokerGave) {
  constexpr WireId id{std::uint64_t{1} << 40};
  EXPECT_EQ(codec::plain_id_of(from_worker()[0]), id);
  EXPECT_EQ(codec::plain_id_of(from_worker()[2]), id);
  EXPECT_EQ(codec::plain_id_of(from_worker()[1]), std::nullopt);
}

TEST(CodecPlain, ReadsWhatIsMadeOfTheUsualForms) {
  expect_read_plainly<FromClient>(from_client());
  expect_read_plainly<FromWorker>(from_worker());
}

void expect_same_id(const std::string& header) {
  EXPECT_EQ(id_of(Frame{header}), codec::read_preamble(header).id);
}

template <class Messages>
void expect_same(Decoder& all, Decoder& routes, const std::string& bytes,
                 Result<Decoded<Messages>, Fault> (Decoder::*decode)(const Frame&, const Payload&,
                                                                     std::size_t)) {
  expect_same_id(bytes);
  const Frame header{bytes};
  const auto wanted = (all.*decode)(header, {}, 0);
  const auto got = (routes.*decode)(header, {}, 0);
  ASSERT_EQ(got.ok(), wanted.ok());
  if (wanted.ok()) {
    EXPECT_EQ(got.value().message, without_what_ends_need(wanted.value().message));
    EXPECT_EQ(got.value().id, wanted.value().id);
    return;
  }
  EXPECT_EQ(got.error().reason, wanted.error().reason);
  EXPECT_EQ(got.error().what, wanted.error().what);
  EXPECT_EQ(got.error().id, wanted.error().id);
  EXPECT_EQ(got.error().type, wanted.error().type);
}

// Each header with each of its bytes replaced by what leads another form, cut off at each of its
// bytes, and with one too many.
template <class Messages, class Decode>
void expect_same_of_all_near(const std::vector<std::string>& headers, Decode decode) {
  constexpr auto replacements = std::to_array<unsigned char>(
      {0x00, 0x01, 0x05, 0x11, 0x12, 0x7f, 0x80, 0x81, 0x90, 0x94, 0x95, 0x96,
       0xa0, 0xa1, 0xa4, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc7, 0xca, 0xcb, 0xcc,
       0xcd, 0xce, 0xcf, 0xd0, 0xd3, 0xd4, 0xd9, 0xda, 0xdc, 0xde, 0xe0, 0xff});
  WireLimits short_names;
  short_names.name_bytes = 6;
  for (const WireLimits& limits : {WireLimits{}, short_names}) {
    Decoder all{limits};
    Decoder routes{limits, Decoder::Keep::what_routes};
    for (const std::string& header : headers) {
      expect_same<Messages>(all, routes, header, decode);
      expect_same<Messages>(all, routes, header + num(0), decode);
      for (std::size_t i = 0; i < header.size(); ++i) {
        expect_same<Messages>(all, routes, header.substr(0, i), decode);
        std::string changed = header;
        for (const unsigned char byte : replacements) {
          changed[i] = static_cast<char>(byte);
          expect_same<Messages>(all, routes, changed, decode);
          if (testing::Test::HasFailure()) {
            FAIL() << "byte " << i << " as " << int{byte} << " in " << header;
          }
        }
      }
    }
  }
}

TEST(CodecPlain, IsWhatTheReaderMakesOfTheSameBytes) {
  expect_same_of_all_near<FromClient>(from_client(), &Decoder::from_client);
  expect_same_of_all_near<FromWorker>(from_worker(), &Decoder::from_worker);
}

TEST(CodecPlain, NamesAndSizesHaveTheSameLimits) {
  WireLimits limits;
  limits.name_bytes = 6;
  Decoder all{limits};
  Decoder routes{limits, Decoder::Keep::what_routes};
  for (const std::string& name : {str(""), str("sixsix"), str("seven77")}) {
    expect_same<FromClient>(all, routes, arr({num(1), num(1), num(7), name, map({})}),
                            &Decoder::from_client);
    for (const char* key : {"tenant", "session"})
      expect_same<FromClient>(all, routes, request(map({{key, name}})), &Decoder::from_client);
    expect_same<FromWorker>(all, routes, part(0x12, num(7), 0, map({{"worker", name}})),
                            &Decoder::from_worker);
  }

  const std::string header = request(every_option);
  limits = {};
  limits.header_bytes = header.size();
  limits.frame_bytes = 10;
  limits.message_bytes = header.size() + 15;
  limits.frames = 3;
  Decoder sized{limits, Decoder::Keep::what_routes};
  const auto fault = [&](const std::string& bytes, std::initializer_list<std::size_t> frames,
                         std::size_t dropped = 0) -> std::string {
    Payload payload;
    for (const std::size_t size : frames)
      payload.add(Frame{std::string(size, 'x')});
    const auto decoded = sized.from_client(Frame{bytes}, payload, dropped);
    return decoded.ok() ? "" : std::string{fault_name(decoded.error().reason)};
  };
  EXPECT_EQ(fault(header, {10, 5}), "");
  EXPECT_EQ(fault(header, {11}), "frame_too_large");
  EXPECT_EQ(fault(header, {10, 6}), "message_too_large");
  EXPECT_EQ(fault(header, {1, 1, 1}), "too_many_frames");
  EXPECT_EQ(fault(header, {1, 1}, 1), "too_many_frames");
  EXPECT_EQ(fault(arr({num(1), num(1), u8(7), str("tiny"), every_option}), {}), "header_too_large");
}

TEST(CodecPlain, OfFieldsThatComeTwiceTheLastCounts) {
  Decoder all{WireLimits{}};
  Decoder routes{WireLimits{}, Decoder::Keep::what_routes};
  for (const auto& [key, first, second] :
       {std::tuple{"tenant", str("a"), str("")}, std::tuple{"session", str("a"), str("b")},
        std::tuple{"timeout", num(1), num(2)}, std::tuple{"timeout", num(1), nil()},
        std::tuple{"stream", boolean(true), boolean(false)}}) {
    expect_same<FromClient>(all, routes, request(map({{key, first}, {key, second}})),
                            &Decoder::from_client);
  }
  for (const std::string& second : {num(201), nil()}) {
    expect_same<FromWorker>(all, routes,
                            part(0x12, num(7), 0, map({{"status", num(200)}, {"status", second}})),
                            &Decoder::from_worker);
  }
}

TEST(CodecPlain, NumbersBeyondTheirFieldAreLeftToTheReader) {
  Decoder all{WireLimits{}};
  Decoder routes{WireLimits{}, Decoder::Keep::what_routes};
  for (const std::uint64_t number : {std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    for (const char* key : {"priority", "timeout"})
      expect_same<FromClient>(all, routes, request(map({{key, u64(number)}})),
                              &Decoder::from_client);
  }
}

// A broker reads one message after the other into the same place, be it all that was kept of the
// one before, or half of it.
TEST(CodecPlain, NothingIsLeftOfTheMessageBefore) {
  Decoder all{WireLimits{}};
  Decoder decoder{WireLimits{}, Decoder::Keep::what_routes};
  std::vector<std::string> client_headers = from_client();
  for (const FromClient& sample : samples::from_client())
    client_headers.emplace_back(encode(sample).text());
  client_headers.push_back(request(map({{"tenant", str("a")}, {"retry", num(1)}})));
  std::vector<std::string> worker_headers = from_worker();
  for (const FromWorker& sample : samples::from_worker())
    worker_headers.emplace_back(encode(sample).text());
  worker_headers.push_back(part(0x12, num(7), 5, map({{"worker", str("a")}, {"status", str("")}})));

  IdSpan id;
  for (const std::string& before : client_headers) {
    for (const std::string& header : client_headers) {
      const auto wanted = decoder.from_client(Frame{header}, {});
      for (Decoder* earlier : {&all, &decoder}) {
        FromClient message;
        (void)earlier->from_client_into(message, id, Frame{before}, {}, 0);
        const auto fault = decoder.from_client_into(message, id, Frame{header}, {}, 0);
        ASSERT_EQ(!fault, wanted.ok());
        if (wanted.ok()) {
          EXPECT_EQ(message, wanted.value().message);
        }
      }
    }
  }
  for (const std::string& before : worker_headers) {
    for (const std::string& header : worker_headers) {
      const auto wanted = decoder.from_worker(Frame{header}, {});
      for (Decoder* earlier : {&all, &decoder}) {
        FromWorker message;
        (void)earlier->from_worker_into(message, id, Frame{before}, {}, 0);
        const auto fault = decoder.from_worker_into(message, id, Frame{header}, {}, 0);
        ASSERT_EQ(!fault, wanted.ok());
        if (wanted.ok()) {
          EXPECT_EQ(message, wanted.value().message);
        }
      }
    }
  }
}

}  // namespace
}  // namespace muster
