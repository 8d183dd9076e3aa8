# Turns every file of cl/ into bytes of one C file, so that the library needs no files at run time.
# As a script (cmake -P) it writes the C file; included, it declares the rule.
if(CMAKE_SCRIPT_MODE_FILE)
  file(GLOB sources ${KERNEL_DIR}/*.cl ${KERNEL_DIR}/*.h)
  list(SORT sources)
  set(arrays "")
  set(table "")
  foreach(source IN LISTS sources)
    get_filename_component(name ${source} NAME)
    string(MAKE_C_IDENTIFIER ${name} symbol)
    file(READ ${source} hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    string(APPEND arrays "static const unsigned char ${symbol}[] = {${bytes}0};\n")
    string(APPEND table "    {\"${name}\", ${symbol}, sizeof ${symbol} - 1},\n")
  endforeach()
  file(WRITE ${OUTPUT} "/* Made from cl/ by cmake/EmbedKernels.cmake. */\n#include \"kernel_files.h\"\n\n${arrays}\n"
    "const fg_kernel_file fg_kernel_files[] = {\n${table}    {0, 0, 0},\n};\n")
  return()
endif()

file(GLOB FLASHGMM_KERNEL_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/cl/*.cl ${CMAKE_CURRENT_SOURCE_DIR}/cl/*.h)
set(FLASHGMM_KERNEL_C ${CMAKE_BINARY_DIR}/generated/kernel_files.c)
add_custom_command(OUTPUT ${FLASHGMM_KERNEL_C}
  COMMAND ${CMAKE_COMMAND} -DKERNEL_DIR=${CMAKE_CURRENT_SOURCE_DIR}/cl -DOUTPUT=${FLASHGMM_KERNEL_C}
          -P ${CMAKE_CURRENT_LIST_FILE}
  DEPENDS ${FLASHGMM_KERNEL_SOURCES} ${CMAKE_CURRENT_LIST_FILE}
  COMMENT "Embedding cl/" VERBATIM)
