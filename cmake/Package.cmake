# What `cmake --install` leaves: headers, both libraries, the program, flashgmm.pc and a CMake package with the targets
# flashgmm::flashgmm (shared) and flashgmm::flashgmm_static.
include(CMakePackageConfigHelpers)

install(DIRECTORY include/flashgmm DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(TARGET flashgmm_cli)
  install(TARGETS flashgmm_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

# ---- CMake package: one export set per library, because only the static one passes its dependencies on ----
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/flashgmm)
set_target_properties(flashgmm_shared PROPERTIES EXPORT_NAME flashgmm)
foreach(kind shared static)
  install(TARGETS flashgmm_${kind} EXPORT flashgmm-${kind}
    RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT flashgmm-${kind} NAMESPACE flashgmm:: DESTINATION ${package_dir})
endforeach()
configure_package_config_file(cmake/flashgmm-config.cmake.in ${CMAKE_BINARY_DIR}/flashgmm-config.cmake
  INSTALL_DESTINATION ${package_dir})
# Before 1.0 a new minor version may change the ABI, as the SONAME says.
write_basic_package_version_file(${CMAKE_BINARY_DIR}/flashgmm-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/flashgmm-config.cmake ${CMAKE_BINARY_DIR}/flashgmm-config-version.cmake
  DESTINATION ${package_dir})

# ---- pkg-config: relative to the file, so that an installation can be moved ----
file(RELATIVE_PATH pc_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
set(pc_libs_private "-lm ${CMAKE_THREAD_LIBS_INIT}")
if(HDF5_FOUND)
  string(REPLACE ";" " " hdf5_libraries "${HDF5_C_LIBRARIES}")
  string(APPEND pc_libs_private " ${hdf5_libraries}")
endif()
if(ZLIB_FOUND)
  string(APPEND pc_libs_private " -lz")
endif()
configure_file(cmake/flashgmm.pc.in ${CMAKE_BINARY_DIR}/flashgmm.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/flashgmm.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
