# What `cmake --install` leaves: headers, both libraries, the program, flashgmm.pc and a CMake package.
include(CMakePackageConfigHelpers)
install(DIRECTORY include/flashgmm DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS flashgmm_shared flashgmm_static EXPORT flashgmm
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET flashgmm_cli)
  install(TARGETS flashgmm_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
