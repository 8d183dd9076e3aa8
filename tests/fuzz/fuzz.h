/* fuzz.h - what a fuzz target provides: libFuzzer's entry, and seeds for driver.c.
 *
 * With libFuzzer: build with clang, -fsanitize=fuzzer,address, without driver.c. Without: driver.c is main. */
#ifndef FG_FUZZ_H
#define FG_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Must return 0; a defect is a crash or an abort(). */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

/* Writes seed number `index` to bytes (capacity) and returns its size; 0: there is no such seed. */
size_t fuzz_seed(size_t index, uint8_t *bytes, size_t capacity);

#endif
