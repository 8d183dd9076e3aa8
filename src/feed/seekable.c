/* seekable.c - reads rows that come in order only into a keeper (data/keep.h). */
#include "seekable.h"

#include "dense.h"
#include "keep.h"
#include "memory_plan.h"
#include "reading.h"
#include "size.h"

#include <stdlib.h>

enum { CHUNK_BYTES = 1 << 20, LIMIT_SHARE = 4 };

static fgmm_status keep_all(fg_keeper *keeper, uint64_t *count, fgmm_source *source, int are_weights,
                            fg_progress *progress)
{
    fgmm_status status = FGMM_OK;
    unsigned char *rows = NULL;
    size_t row_bytes;
    FG_TRY(fg_size_product(&row_bytes, source->info.dims, fgmm_type_bytes(source->info.type), "a row"));
    const uint64_t capacity = fg_max_u64(1, CHUNK_BYTES / row_bytes);
    FG_TRY(fg_alloc((void **)&rows, capacity, row_bytes, "a chunk of rows"));
    FG_TRY(fgmm_source_rewind(source));
    fg_progress_iteration(progress, FGMM_PHASE_FIRST_PASS, 1, 1, source->info.rows);
    for (uint64_t n = capacity; n == capacity; *count += n) {
        FG_TRY(fg_rows_fill(source, rows, capacity, &n));
        /* what is kept has lost its place in the file */
        if (!are_weights) FG_TRY(fg_rows_check_given(source, rows, n, *count, fg_most_value(source->info.type)));
        FG_TRY(fg_keeper_add(keeper, rows, n * row_bytes));
        FG_TRY(fg_progress_rows(progress, n));
    }
done:
    free(rows);
    return status;
}

fgmm_status fg_seekable_rows(fgmm_source **kept, fgmm_source *source, int are_weights, uint64_t memory_limit_bytes,
                             fg_progress *progress)
{
    fgmm_status status = FGMM_OK;
    fg_keeper keeper;
    fg_input *input;
    uint64_t rows = 0;
    *kept = NULL;
    if (!source || fg_reading_is_seekable(source)) return FGMM_OK;
    fg_keeper_begin(&keeper, source->info.format, fg_memory_plan_limit(memory_limit_bytes) / LIMIT_SHARE);
    FG_TRY(keep_all(&keeper, &rows, source, are_weights, progress));
    FG_TRY(fg_keeper_finish(&input, &keeper));
    const fg_dense_layout layout = {
        .rows = rows, .dims = source->info.dims, .element = fg_element_of_type(source->info.type)};
    status = fg_dense_open(kept, input, &layout, source->info.format);
done:
    fg_keeper_clear(&keeper);
    return status;
}
