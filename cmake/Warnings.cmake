# Warnings for our own code; errors in CI.
add_library(flashgmm_warnings INTERFACE)
target_compile_options(flashgmm_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wcast-qual
  -Wwrite-strings -Wvla -Wformat=2
  # Clang means every assignment by it, gcc what costs time by accident.
  $<$<C_COMPILER_ID:GNU>:-Wdouble-promotion>
  # An options struct is set up by its first members; the rest is zero on purpose.
  -Wno-missing-field-initializers
  $<$<BOOL:${FLASHGMM_WERROR}>:-Werror>)
