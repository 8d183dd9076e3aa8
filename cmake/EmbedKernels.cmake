# Turns the files of cl/ into one C file, so that the library needs no files at run time. A kernel file says what it
# needs with lines such as
#   #include "common/rows.cl"
# behind its header comment and before its code, paths from cl/. Every file is embedded once, with the list of all files
# that a program made from it consists of: what it includes, directly or not, each once and before the file that includes
# it, and the file itself at the end. src/device/program.c puts such a list together, each file behind a #line.
#
# As a script (cmake -P), with KERNEL_DIR and OUTPUT set, this writes the C file; with LEAF as well, the text of the
# program made from that file of cl/, as the library would give it to a driver. Included, it gives
# flashgmm_embed_kernels, which declares the rule in the folder that calls it (a generated file is known only there).

if(CMAKE_SCRIPT_MODE_FILE)
  cmake_minimum_required(VERSION 3.22)
endif()

# The names after #include in a kernel file's text. An error where such a line is not understood, or stands behind code.
function(flashgmm_kernel_includes variable name text)
  string(REGEX MATCHALL "(^|\n)[ \t]*#[ \t]*include[^\n]*" lines "${text}")
  set(names "")
  foreach(line IN LISTS lines)
    string(REGEX REPLACE "^\n" "" line "${line}")
    if(NOT line MATCHES "^#include \"([A-Za-z0-9_./]+)\"$")
      message(FATAL_ERROR "cl/${name}: ${line}: need #include \"folder/file\" and nothing else in the line")
    endif()
    list(APPEND names ${CMAKE_MATCH_1})
  endforeach()
  if(names)
    string(REGEX REPLACE "^(.*\n|)#include[^\n]*.*$" "\\1" head "${text}")
    string(REGEX REPLACE "/\\*([^*]|\\*+[^*/])*\\*+/" "" head "${head}")
    string(REGEX REPLACE "#include[^\n]*|[ \t\r\n]" "" head "${head}")
    if(NOT head STREQUAL "")
      message(FATAL_ERROR "cl/${name}: an #include stands behind code; need all of them below the header comment")
    endif()
  endif()
  set(${variable} "${names}" PARENT_SCOPE)
endfunction()

# Appends to the list <variable> the files of a program made from <name>, but those that are in it already. way: the
# files through which the inclusion came.
function(flashgmm_kernel_parts variable folder name way)
  if(name IN_LIST way)
    list(JOIN way " -> " chain)
    message(FATAL_ERROR "cl/${name} includes itself: ${chain} -> ${name}")
  endif()
  if(NOT name IN_LIST ${variable})
    if(NOT EXISTS ${folder}/${name})
      list(POP_BACK way from)
      message(FATAL_ERROR "cl/${from} includes ${name}, which is not in cl/")
    endif()
    file(READ ${folder}/${name} text)
    flashgmm_kernel_includes(names ${name} "${text}")
    list(APPEND way ${name})
    foreach(included IN LISTS names)
      flashgmm_kernel_parts(${variable} ${folder} ${included} "${way}")
    endforeach()
    list(APPEND ${variable} ${name})
  endif()
  set(${variable} "${${variable}}" PARENT_SCOPE)
endfunction()

# A file's text with its #include lines as comments, so that line numbers stay.
function(flashgmm_kernel_text variable folder name)
  file(READ ${folder}/${name} text)
  string(REGEX REPLACE "(^|\n)#include" "\\1//clude" text "${text}")
  set(${variable} "${text}" PARENT_SCOPE)
endfunction()

function(flashgmm_write_program folder leaf output)
  if(NOT EXISTS ${folder}/${leaf})
    message(FATAL_ERROR "LEAF: cl/ has no ${leaf}")
  endif()
  set(program "")
  flashgmm_kernel_parts(parts ${folder} ${leaf} "")
  foreach(part IN LISTS parts)
    flashgmm_kernel_text(text ${folder} ${part})
    string(APPEND program "#line 1 \"${part}\"\n${text}\n")
  endforeach()
  file(WRITE ${output} "${program}")
endfunction()

function(flashgmm_write_table folder output)
  set(arrays "")
  set(table "")
  file(GLOB_RECURSE files RELATIVE ${folder} ${folder}/*.cl ${folder}/*.h)
  list(SORT files)
  foreach(name IN LISTS files)
    string(MAKE_C_IDENTIFIER ${name} symbol)
    flashgmm_kernel_text(text ${folder} ${name})
    string(HEX "${text}" hex)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    set(parts "")
    flashgmm_kernel_parts(parts ${folder} ${name} "")
    set(numbers "")
    foreach(part IN LISTS parts)
      list(FIND files ${part} number)
      string(APPEND numbers "${number},")
    endforeach()
    list(LENGTH parts count)
    string(APPEND arrays "static const unsigned char ${symbol}[] = {${bytes}0};\n"
      "static const unsigned short ${symbol}_parts[] = {${numbers}};\n")
    string(APPEND table "    {\"${name}\", ${symbol}, sizeof ${symbol} - 1, ${symbol}_parts, ${count}},\n")
  endforeach()
  file(WRITE ${output} "/* Made from cl/ by cmake/EmbedKernels.cmake. */\n#include \"kernel_files.h\"\n\n${arrays}\n"
    "const fg_kernel_file fg_kernel_files[] = {\n${table}    {0, 0, 0, 0, 0},\n};\n")
endfunction()

# Sets <variable> to the C file, which defines the table of kernel_files.h.
function(flashgmm_embed_kernels variable)
  set(script ${PROJECT_SOURCE_DIR}/cmake/EmbedKernels.cmake)
  set(folder ${PROJECT_SOURCE_DIR}/cl)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/kernel_files.c)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${folder}/*.cl ${folder}/*.h)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DKERNEL_DIR=${folder} -DOUTPUT=${output} -P ${script}
    DEPENDS ${sources} ${script}
    COMMENT "Embedding cl/" VERBATIM)
  set(${variable} ${output} PARENT_SCOPE)
endfunction()

if(CMAKE_SCRIPT_MODE_FILE)
  if(LEAF)
    flashgmm_write_program(${KERNEL_DIR} ${LEAF} ${OUTPUT})
  else()
    flashgmm_write_table(${KERNEL_DIR} ${OUTPUT})
  endif()
endif()
