# What is needed, what is optional, and what was found.
find_package(OpenCL REQUIRED)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(CJSON REQUIRED IMPORTED_TARGET libcjson)

find_package(HDF5 COMPONENTS C QUIET)
if(HDF5_FOUND)
  # Imported, so that the exported static library only names it: cmake/flashgmm-config.cmake.in makes it anew.
  add_library(flashgmm_hdf5 INTERFACE IMPORTED)
  target_include_directories(flashgmm_hdf5 SYSTEM INTERFACE ${HDF5_C_INCLUDE_DIRS})
  target_link_libraries(flashgmm_hdf5 INTERFACE ${HDF5_C_LIBRARIES})
  target_compile_definitions(flashgmm_hdf5 INTERFACE FG_HAS_HDF5=1)
endif()

find_package(ZLIB QUIET)

# What the benchmark compares with; the library itself uses none of them.
find_package(CLBlast CONFIG QUIET)
pkg_check_modules(OPENBLAS QUIET IMPORTED_TARGET openblas)
find_package(Armadillo QUIET)

macro(flashgmm_report label found detail)
  if(${found})
    message(STATUS "flashgmm: ${label}: yes ${detail}")
  else()
    message(STATUS "flashgmm: ${label}: no ${detail}")
  endif()
endmacro()
flashgmm_report("OpenCL" OpenCL_FOUND "(${OpenCL_LIBRARIES})")
flashgmm_report("cJSON" CJSON_FOUND "(${CJSON_VERSION})")
flashgmm_report("HDF5 (optional, .hdf5 files)" HDF5_FOUND "${HDF5_VERSION}")
flashgmm_report("zlib (optional, compressed .npz)" ZLIB_FOUND "${ZLIB_VERSION_STRING}")
flashgmm_report("CLBlast (optional, benchmark)" CLBlast_FOUND "")
flashgmm_report("OpenBLAS (optional, benchmark)" OPENBLAS_FOUND "${OPENBLAS_VERSION}")
flashgmm_report("Armadillo (optional, benchmark)" ARMADILLO_FOUND "${ARMADILLO_VERSION_STRING}")
