# cmake --install: the programs with their manual pages, the client library for programs outside
# this tree (find_package(Muster), or pkg-config muster), the annotated configurations, the docs.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(MUSTER_PROGRAMS muster muster-agent muster-broker)
install(TARGETS ${MUSTER_PROGRAMS} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# The library's own rooms in one archive: what is installed is muster/client.hpp and this. Its user
# links libzmq besides, and needs no other header.
add_library(muster_client_archive STATIC
  $<TARGET_OBJECTS:muster_client> $<TARGET_OBJECTS:muster_client_core>
  $<TARGET_OBJECTS:muster_transport> $<TARGET_OBJECTS:muster_protocol>)
set_target_properties(muster_client_archive PROPERTIES
  OUTPUT_NAME muster_client EXPORT_NAME client LINKER_LANGUAGE CXX)
target_compile_features(muster_client_archive INTERFACE cxx_std_20)
target_include_directories(muster_client_archive INTERFACE
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(muster_client_archive INTERFACE
  $<INSTALL_INTERFACE:PkgConfig::libzmq> $<INSTALL_INTERFACE:Threads::Threads>)
install(TARGETS muster_client_archive EXPORT MusterTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/client/include/muster
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

set(MUSTER_CMAKE_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/Muster)
install(EXPORT MusterTargets NAMESPACE Muster:: DESTINATION ${MUSTER_CMAKE_FOLDER})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/MusterConfig.cmake.in
  ${PROJECT_BINARY_DIR}/MusterConfig.cmake INSTALL_DESTINATION ${MUSTER_CMAKE_FOLDER})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/MusterConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/MusterConfig.cmake
  ${PROJECT_BINARY_DIR}/MusterConfigVersion.cmake DESTINATION ${MUSTER_CMAKE_FOLDER})
# From where it lies, so that an installed copy can be moved.
file(RELATIVE_PATH MUSTER_LIBDIR_TO_INCLUDE
  /${CMAKE_INSTALL_LIBDIR}/pkgconfig /${CMAKE_INSTALL_INCLUDEDIR})
configure_file(${CMAKE_CURRENT_LIST_DIR}/muster.pc.in ${PROJECT_BINARY_DIR}/muster.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/muster.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# Manual pages are what --help says.
find_program(HELP2MAN_PROGRAM help2man)
if(HELP2MAN_PROGRAM)
  foreach(program ${MUSTER_PROGRAMS})
    set(page ${PROJECT_BINARY_DIR}/man/${program}.1)
    add_custom_command(OUTPUT ${page}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/man
      COMMAND ${HELP2MAN_PROGRAM} --no-info --output=${page} $<TARGET_FILE:${program}>
      DEPENDS ${program} VERBATIM)
    list(APPEND MUSTER_PAGES ${page})
  endforeach()
  add_custom_target(muster_man ALL DEPENDS ${MUSTER_PAGES})
  install(FILES ${MUSTER_PAGES} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
else()
  message(STATUS "No help2man: there will be no manual pages")
endif()

file(GLOB MUSTER_CONFIGURATIONS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/config/*.toml)
install(FILES ${MUSTER_CONFIGURATIONS} DESTINATION ${CMAKE_INSTALL_DOCDIR}/config)
install(FILES ${PROJECT_SOURCE_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs DESTINATION ${CMAKE_INSTALL_DOCDIR})
