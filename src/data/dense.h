/* dense.h - rows of one size that follow a header without gaps: what .npy and .fbin have in common. */
#ifndef FG_DENSE_H
#define FG_DENSE_H

#include "element.h"
#include "input.h"
#include "source.h"

typedef struct fg_dense_layout {
    uint64_t rows, dims; /* as the header says, unchecked */
    fg_element element;
    uint64_t offset; /* of the first row */
    int is_columns;  /* column after column (Fortran order) instead of row after row */
    uint64_t end;    /* where the array must end; 0: with the file */
} fg_dense_layout;

/* Where the last row ends. Errors: DATA (no rows, no columns), FORMAT (does not fit 64 bits). */
fgmm_status fg_dense_end(uint64_t *end, const fg_dense_layout *layout, const char *path);

/* Makes the source when the file's size is exactly what the layout says; owns the input, also on failure. Elements that
 * are no row type's are converted batch by batch.
 * Errors: as fg_dense_end; FORMAT (fewer rows than promised, trailing bytes). While reading: DATA for a number that
 * the row type does not hold, with row and column. */
fgmm_status fg_dense_open(fgmm_source **source, fg_input *input, const fg_dense_layout *layout, const char *format);

/* What a source says of such rows. */
fgmm_source_info fg_dense_info(const fg_dense_layout *layout, const char *format);

/* DATA: element number `at` of the rows from `first` on, which lies at `from`, has no value in the row type. */
fgmm_status fg_dense_refuse(const fg_dense_layout *layout, const char *path, uint64_t first, uint64_t at,
                            const void *from);

#endif
