# Every library that the project stands on. All are Debian packages; tools/test installs them.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(libzmq REQUIRED IMPORTED_TARGET libzmq>=4.3.4)  # cppzmq is headers beside it
pkg_check_modules(libcurl REQUIRED IMPORTED_TARGET libcurl>=7.85)
find_package(msgpackc-cxx REQUIRED CONFIG NAMES msgpack msgpackc-cxx)
find_package(tomlplusplus REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS log thread filesystem)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(GTest REQUIRED)

# The broker's allocator, where it is installed: what a request takes is allocated on one thread and
# let go on another, which costs glibc's more (docs/performance.md). Sanitizers bring their own.
set(MUSTER_ALLOCATOR "")
if(NOT MUSTER_SANITIZE)
  find_package(mimalloc QUIET CONFIG)
  if(mimalloc_FOUND)
    set(MUSTER_ALLOCATOR mimalloc)
  endif()
  message(STATUS "Allocator of muster-broker: ${MUSTER_ALLOCATOR} (none named: libc's)")
endif()
