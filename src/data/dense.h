/* dense.h - rows of one size that follow a header without gaps: what .npy and .fbin have in common. */
#ifndef FG_DENSE_H
#define FG_DENSE_H

#include "input.h"
#include "source.h"

typedef struct fg_dense_layout {
    uint64_t rows, dims; /* as the header says, unchecked */
    fgmm_type type;
    uint64_t offset; /* of the first row */
} fg_dense_layout;

/* Where the last row ends. Errors: DATA (no rows, no columns), FORMAT (does not fit 64 bits). */
fgmm_status fg_dense_end(uint64_t *end, const fg_dense_layout *layout, const char *path);

/* Makes the source when the file's size is exactly what the layout says; owns the input, also on failure.
 * Errors: as fg_dense_end; FORMAT (fewer rows than promised, trailing bytes). */
fgmm_status fg_dense_open(fgmm_source **source, fg_input *input, const fg_dense_layout *layout, const char *format);

#endif
