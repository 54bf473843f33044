#pragma once

// How much is tried by a test that tries many cases: less under the sanitizers, where each is slow.

namespace muster::test {

#if !defined(__has_feature)
#define MUSTER_HAS_FEATURE(feature) 0
#else
#define MUSTER_HAS_FEATURE(feature) __has_feature(feature)
#endif
inline constexpr bool sanitized =
    MUSTER_HAS_FEATURE(address_sanitizer) || MUSTER_HAS_FEATURE(thread_sanitizer);
#undef MUSTER_HAS_FEATURE

template <class Number>
[[nodiscard]] constexpr Number effort(Number usual, Number when_sanitized) {
  return sanitized ? when_sanitized : usual;
}

}  // namespace muster::test
