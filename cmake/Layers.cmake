# Each folder under src/ is one layer: an object library that sees only the headers of the layers below it, so that an
# include against the direction of the arrows does not compile.
#
#   flashgmm_layer(NAME pass SOURCES a.c b.c BELOW device model reference base LIBRARIES ...)
set_property(GLOBAL PROPERTY FLASHGMM_LAYERS "")

function(flashgmm_layer)
  cmake_parse_arguments(LAYER "" "NAME" "SOURCES;BELOW;LIBRARIES" ${ARGN})
  set(target fg_${LAYER_NAME})
  add_library(${target} OBJECT ${LAYER_SOURCES})
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/include)
  target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  foreach(below IN LISTS LAYER_BELOW)
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src/${below})
  endforeach()
  target_link_libraries(${target} PRIVATE flashgmm_warnings ${LAYER_LIBRARIES})
  set_property(GLOBAL APPEND PROPERTY FLASHGMM_LAYERS ${target})
endfunction()
