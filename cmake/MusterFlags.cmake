# The flags that every target of the project is built with, and the tools that make builds quick.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

set(MUSTER_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them (empty: none)")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # So that what one clone has compiled serves another.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=true ${CCACHE_PROGRAM})
endif()

add_library(muster_flags INTERFACE)
target_include_directories(muster_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(muster_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wconversion
  -Wno-sign-conversion -Wno-missing-field-initializers -Werror)
# gcc 12 sees uninitialized members in every std::variant that it optimises hard or instruments.
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND (CMAKE_BUILD_TYPE OR MUSTER_SANITIZE))
  target_compile_options(muster_flags INTERFACE -Wno-maybe-uninitialized)
endif()
target_compile_definitions(muster_flags INTERFACE MUSTER_VERSION="${PROJECT_VERSION}")

find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  target_link_options(muster_flags INTERFACE -fuse-ld=mold)
endif()

if(MUSTER_SANITIZE)
  target_compile_options(muster_flags INTERFACE
    -fsanitize=${MUSTER_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(muster_flags INTERFACE -fsanitize=${MUSTER_SANITIZE})
endif()

# The sanitizer presets, and tools/test in a new tree, compile all sources of a target as one, which
# takes a quarter of the time.
# A source whose own names others of its target have too is named behind ALONE, and stays by itself.
# Not by CMAKE_UNITY_BUILD: that writes absolute paths, so that no clone finds in the ccache what
# another has compiled.
option(MUSTER_AS_ONE "Compile all sources of a target as one" OFF)

# muster_sources(variable name SOURCES ... [ALONE ...]): what a target of these sources compiles.
function(muster_sources variable name)
  cmake_parse_arguments(ARG "" "" "SOURCES;ALONE" ${ARGN})
  set(united ${ARG_SOURCES})
  list(REMOVE_ITEM united ${ARG_ALONE})
  list(LENGTH united count)
  if(NOT MUSTER_AS_ONE OR count LESS 2)
    set(${variable} ${ARG_SOURCES} PARENT_SCOPE)
    return()
  endif()
  set(text "")
  foreach(source ${united})
    cmake_path(ABSOLUTE_PATH source)
    file(RELATIVE_PATH source ${CMAKE_CURRENT_BINARY_DIR} ${source})
    string(APPEND text "#include \"${source}\"\n")
  endforeach()
  set(one ${CMAKE_CURRENT_BINARY_DIR}/${name}_as_one.cpp)
  file(CONFIGURE OUTPUT ${one} CONTENT "${text}" @ONLY)  # written only where it changes
  set(${variable} ${one} ${ARG_ALONE} PARENT_SCOPE)
endfunction()

# muster_library(name SOURCES ... [ALONE ...] LINK ...): a static library of one room of the house.
# What it links is what it may include: the table in docs/architecture.md, held by tests/lint.
function(muster_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;ALONE;LINK" ${ARGN})
  if(ARG_SOURCES)
    muster_sources(sources ${name} SOURCES ${ARG_SOURCES} ALONE ${ARG_ALONE})
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC muster_flags ${ARG_LINK})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE muster_flags ${ARG_LINK})
  endif()
endfunction()

# muster_program(name SOURCES ... LINK ...): an executable in build/<preset>/bin.
function(muster_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE muster_flags ${ARG_LINK})
endfunction()
