// What the allocator is told before it gives out its first byte. With mimalloc alone: it is not
// linked in where another is.
//
// A broker's memory is mostly bodies that come and go: on pages of 4 KiB each body of many MiB
// costs thousands of page faults, and thousands of small ones keep the table of addresses busy. So
// the kernel is asked for large pages, which it gives where transparent huge pages are not set to
// `never`. MIMALLOC_LARGE_OS_PAGES=0 takes that back.

#include <mimalloc.h>

#include <string_view>

namespace {

void ask_for_large_pages(int, char**, char** environment) {
  constexpr std::string_view own_word = "MIMALLOC_LARGE_OS_PAGES=";
  for (char** each = environment; *each != nullptr; ++each)
    if (std::string_view{*each}.starts_with(own_word)) return;
  mi_option_enable(mi_option_large_os_pages);
}

// Runs before the libraries are initialised, which allocate: a constructor would come after them.
// (So early there is no getenv() yet.)
[[gnu::section(".preinit_array"),
  gnu::used]] void (*const before_all)(int, char**, char**) = ask_for_large_pages;

}  // namespace
