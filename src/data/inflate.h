/* inflate.h - deflated bytes, as compressed members of ZIP archives are, in sequence and in bounded memory. */
#ifndef FG_INFLATE_H
#define FG_INFLATE_H

#include "input.h"

typedef struct fg_inflater fg_inflater;

/* Unpacks the raw deflate stream (RFC 1951) of `packed` bytes from `at` on, which must come to exactly `bytes`. Borrows
 * the input. Errors, which do not say where: FORMAT (no such stream is that short), UNSUPPORTED (built without zlib),
 * MEMORY. */
fgmm_status fg_inflater_create(fg_inflater **inflater, const fg_input *input, uint64_t at, uint64_t packed,
                               uint64_t bytes);
void fg_inflater_free(fg_inflater *inflater);

/* Back to the first byte. */
void fg_inflater_rewind(fg_inflater *inflater);

/* The next `count` bytes; with the last one the stream must end. Errors: FORMAT (damaged, another size), IO. */
fgmm_status fg_inflater_read(fg_inflater *inflater, void *bytes, uint64_t count);

#endif
