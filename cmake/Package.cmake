# What `cmake --install` leaves: headers, the libraries, the program, documents, flashgmm.pc and a CMake package with the
# targets flashgmm::flashgmm (shared where there is a shared one) and flashgmm::flashgmm_static.
include(CMakePackageConfigHelpers)

install(DIRECTORY include/flashgmm DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(TARGET flashgmm_cli)
  install(TARGETS flashgmm_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(TARGETS flashgmm_check RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR})
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.c" PATTERN demo EXCLUDE)

# ---- CMake package: one export set per library, because only the static one passes its dependencies on ----
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/flashgmm)
if(TARGET flashgmm_shared)
  set_target_properties(flashgmm_shared PROPERTIES EXPORT_NAME flashgmm)
endif()
foreach(kind IN LISTS FLASHGMM_KINDS)
  install(TARGETS flashgmm_${kind} EXPORT flashgmm-${kind}
    RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT flashgmm-${kind} NAMESPACE flashgmm:: DESTINATION ${package_dir})
endforeach()
# Where the build found HDF5: the first of its libraries; the others are its own dependencies.
set(hdf5_folder "")
if(FLASHGMM_HAS_HDF5)
  list(GET HDF5_C_LIBRARIES 0 hdf5_library)
  get_filename_component(hdf5_folder "${hdf5_library}" DIRECTORY)
endif()
configure_package_config_file(cmake/flashgmm-config.cmake.in ${PROJECT_BINARY_DIR}/flashgmm-config.cmake
  INSTALL_DESTINATION ${package_dir})
# Before 1.0 a new minor version may change the ABI, as the SONAME says.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/flashgmm-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/flashgmm-config.cmake ${PROJECT_BINARY_DIR}/flashgmm-config-version.cmake
  cmake/flashgmm-cjson.cmake DESTINATION ${package_dir})

# ---- pkg-config: relative to the file, so that an installation can be moved ----
set(pc_requires "OpenCL libcjson")
set(pc_libs "-lm ${CMAKE_THREAD_LIBS_INIT}")
foreach(library IN LISTS CMAKE_DL_LIBS)
  string(APPEND pc_libs " -l${library}")
endforeach()
if(FLASHGMM_HAS_HDF5)
  string(REPLACE ";" " " hdf5_libraries "${HDF5_C_LIBRARIES}")
  string(APPEND pc_libs " ${hdf5_libraries}")
endif()
if(FLASHGMM_HAS_CLBLAST)
  string(APPEND pc_libs " -lclblast")
endif()
if(FLASHGMM_HAS_ZLIB)
  string(APPEND pc_libs " -lz")
endif()
# With a static library alone, everybody needs what is otherwise printed with --static only.
if(TARGET flashgmm_shared)
  set(pc_requires_name Requires.private)
  set(pc_libs_private "Libs.private: ${pc_libs}")
else()
  set(pc_requires_name Requires)
  set(pc_libs_public " ${pc_libs}")
endif()
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(pc_prefix "${CMAKE_INSTALL_PREFIX}")
else()
  file(RELATIVE_PATH pc_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  set(pc_prefix "\${pcfiledir}/${pc_to_prefix}")
endif()
foreach(folder INCLUDEDIR LIBDIR)
  set(pc_${folder} "\${prefix}/${CMAKE_INSTALL_${folder}}")
  if(IS_ABSOLUTE "${CMAKE_INSTALL_${folder}}")
    set(pc_${folder} "${CMAKE_INSTALL_${folder}}")
  endif()
endforeach()
configure_file(cmake/flashgmm.pc.in ${PROJECT_BINARY_DIR}/flashgmm.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/flashgmm.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
