# What is needed, what is optional, and what was found. An application that builds this project as a part may have made
# the same targets already.
if(NOT TARGET OpenCL::OpenCL)
  find_package(OpenCL REQUIRED)
endif()
find_package(Threads REQUIRED)
include(flashgmm-cjson)
if(NOT TARGET flashgmm_cjson)
  message(FATAL_ERROR "flashgmm: cJSON is missing: neither a CMake package cJSON nor libcjson of pkg-config "
    "(Debian: libcjson-dev)")
endif()

# flashgmm_optional(VARIABLE SWITCH PACKAGE [ARGUMENT...]) - looks for a package as the switch says (AUTO, ON or OFF) and
# sets the variable to TRUE where it is found and wanted.
macro(flashgmm_optional variable switch package)
  string(TOUPPER "${${switch}}" flashgmm_wish)
  set(${variable} FALSE)
  if(flashgmm_wish STREQUAL "AUTO")
    find_package(${package} ${ARGN} QUIET)
    set(${variable} ${${package}_FOUND})
  elseif(flashgmm_wish MATCHES "^(ON|TRUE|YES|1)$")
    find_package(${package} ${ARGN} REQUIRED)
    set(${variable} TRUE)
  elseif(NOT flashgmm_wish MATCHES "^(OFF|FALSE|NO|0)$")
    message(FATAL_ERROR "${switch} = ${${switch}}; need AUTO, ON or OFF")
  endif()
endmacro()

flashgmm_optional(FLASHGMM_HAS_HDF5 FLASHGMM_HDF5 HDF5 COMPONENTS C)
if(FLASHGMM_HAS_HDF5)
  # Imported, so that the exported static library only names it: cmake/flashgmm-config.cmake.in makes it anew.
  add_library(flashgmm_hdf5 INTERFACE IMPORTED)
  target_include_directories(flashgmm_hdf5 SYSTEM INTERFACE ${HDF5_C_INCLUDE_DIRS})
  target_link_libraries(flashgmm_hdf5 INTERFACE ${HDF5_C_LIBRARIES})
  target_compile_definitions(flashgmm_hdf5 INTERFACE FG_HAS_HDF5=1)
endif()
flashgmm_optional(FLASHGMM_HAS_ZLIB FLASHGMM_ZLIB ZLIB)

macro(flashgmm_report label found detail)
  if(${found})
    message(STATUS "flashgmm: ${label}: yes ${detail}")
  else()
    message(STATUS "flashgmm: ${label}: no")
  endif()
endmacro()
message(STATUS "flashgmm: cJSON: ${flashgmm_cjson_origin}")
flashgmm_report("HDF5 (FLASHGMM_HDF5=${FLASHGMM_HDF5}, .hdf5 files)" FLASHGMM_HAS_HDF5 "${HDF5_VERSION}")
flashgmm_report("zlib (FLASHGMM_ZLIB=${FLASHGMM_ZLIB}, compressed .npz)" FLASHGMM_HAS_ZLIB "${ZLIB_VERSION_STRING}")
