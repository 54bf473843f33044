// What the allocator is told before it gives out its first byte. With mimalloc alone: it is not
// linked in where another is.
//
// A broker's memory is mostly bodies that come and go: on pages of 4 KiB each body of many MiB
// costs thousands of page faults, and thousands of small ones keep the table of addresses busy. So
// mimalloc is to ask for pages of 2 MiB: of those that an administrator has set aside
// (vm.nr_hugepages), if there are any, or else transparent ones, where these are not set to
// `never`. It keeps such memory for the next body instead of giving it back page by page.
// MIMALLOC_LARGE_OS_PAGES=0 in the environment has the last word.

#include <mimalloc.h>

namespace {

void ask_for_large_pages(int, char**, char**) {
  mi_option_set_enabled_default(mi_option_large_os_pages, true);
}

// With glibc this runs before the libraries are initialised, which allocate: a constructor would
// come after them.
[[gnu::section(".preinit_array"), gnu::used]] void (*before_all)(int, char**,
                                                                 char**) = ask_for_large_pages;

}  // namespace
