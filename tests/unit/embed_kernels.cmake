# Tests cmake/EmbedKernels.cmake on kernel files that it makes in WORK: cmake -DSCRIPT=... -DWORK=... -P this file.
cmake_minimum_required(VERSION 3.22)

# put(NAME LINE...) - one kernel file of these lines.
function(put name)
  list(JOIN ARGN "\n" text)
  file(WRITE ${WORK}/cl/${name} "${text}\n")
endfunction()

# A fresh folder whose files nest three deep, and meet in a.cl twice.
function(begin)
  file(REMOVE_RECURSE ${WORK})
  put(common/a.cl "/* a.cl - is included twice */" "int a\\;")
  put(common/b.cl "/* b.cl - says /" " * #include nothing in its comment" " */" "#include \"common/a.cl\"" "" "int b = a[1]\\;")
  put(cpu/leaf.cl "/* leaf.cl */" "#include \"common/b.cl\"" "#include \"common/a.cl\"" "int leaf\\;")
endfunction()

# run(ARGUMENT...) - the script, with result and output in the caller's variables.
macro(run)
  execute_process(COMMAND ${CMAKE_COMMAND} -DKERNEL_DIR=${WORK}/cl -DOUTPUT=${WORK}/out ${ARGN} -P ${SCRIPT}
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  string(REGEX REPLACE "[ \n]+" " " output "${output}") # CMake breaks the lines of its errors
endmacro()

# expect_error(TEXT) - embedding fails, with this text, and leaves no file.
function(expect_error text)
  run()
  string(FIND "${output}" "${text}" at)
  if(result EQUAL 0 OR at EQUAL -1 OR EXISTS ${WORK}/out)
    message(SEND_ERROR "expected the error \"${text}\", got ${result}: ${output}")
  endif()
endfunction()

function(expect_in_output pattern)
  file(READ ${WORK}/out text)
  if(NOT text MATCHES "${pattern}")
    message(SEND_ERROR "no \"${pattern}\" in: ${text}")
  endif()
endfunction()

# Each file once, before what includes it, with its own name and line numbers.
begin()
run(-DLEAF=cpu/leaf.cl)
file(READ ${WORK}/out text)
set(expected "#line 1 \"common/a.cl\"
/* a.cl - is included twice */
int a;

#line 1 \"common/b.cl\"
/* b.cl - says /
 * #include nothing in its comment
 */
//clude \"common/a.cl\"

int b = a[1];

#line 1 \"cpu/leaf.cl\"
/* leaf.cl */
//clude \"common/b.cl\"
//clude \"common/a.cl\"
int leaf;

")
if(NOT text STREQUAL expected)
  message(SEND_ERROR "expected:\n${expected}got:\n${text}")
endif()

# The table has every file once, in order of names, and of each the places of its parts.
run()
expect_in_output("common_a_cl_parts\\[\\] = {0,};")
expect_in_output("common_b_cl_parts\\[\\] = {0,1,};")
expect_in_output("cpu_leaf_cl_parts\\[\\] = {0,1,2,};")
expect_in_output("common_a_cl\\[\\] = {0x2f,0x2a,0x20,0x61,0x2e,") # "/* a."
expect_in_output("{\"cpu/leaf.cl\", cpu_leaf_cl, sizeof cpu_leaf_cl - 1, cpu_leaf_cl_parts, 3},\n    {0,")

begin()
put(gpu/lost.cl "#include \"common/nowhere.cl\"")
expect_error("cl/gpu/lost.cl includes common/nowhere.cl, which is not in cl/")

begin()
put(common/a.cl "#include \"cpu/leaf.cl\"")
expect_error("cl/common/a.cl includes itself: common/a.cl -> cpu/leaf.cl -> common/b.cl -> common/a.cl")

begin()
put(gpu/late.cl "/* late.cl */" "int x\\;" "#include \"common/a.cl\"")
expect_error("cl/gpu/late.cl: an #include stands behind code")

foreach(line "#include <common/a.cl>" "# include \"common/a.cl\"" "  #include \"common/a.cl\"" "#include \"common/a.cl\" /* a */")
  begin()
  put(gpu/odd.cl "${line}")
  expect_error("cl/gpu/odd.cl: ")
endforeach()
