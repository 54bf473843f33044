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
