# Turns every file of cl/ into bytes of one C file, so that the library needs no files at run time.
# As a script (cmake -P) it writes the C file; included, it gives flashgmm_embed_kernels, which declares the rule in the
# folder that calls it (a generated file is known only there).
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

# Sets <variable> to the C file, which defines the table of kernel_files.h.
function(flashgmm_embed_kernels variable)
  set(script ${PROJECT_SOURCE_DIR}/cmake/EmbedKernels.cmake)
  set(folder ${PROJECT_SOURCE_DIR}/cl)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/kernel_files.c)
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cl ${folder}/*.h)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DKERNEL_DIR=${folder} -DOUTPUT=${output} -P ${script}
    DEPENDS ${sources} ${script}
    COMMENT "Embedding cl/" VERBATIM)
  set(${variable} ${output} PARENT_SCOPE)
endfunction()
