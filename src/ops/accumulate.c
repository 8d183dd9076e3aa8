/* accumulate.c - enqueues cl/{cpu,gpu}/accumulate.cl and cl/common/combine.cl: sorted entries and log-normalisers into
 * the running statistics, and fetches those as doubles. */
#include "parts.h"

#include "size.h"
#include "status.h"

#include <stdlib.h>

enum { LAUNCH_ELEMENTS = 1 << 28 };

static uint32_t s2_count(const fg_shape *s)
{
    return s->is_diag_s2 ? s->d : s->matrices ? 0 : 1; /* matrices are apart (moments.c) */
}

static uint32_t partial_floats(const fg_shape *s)
{
    const uint32_t second = s->is_diag_s2 || s->matrices ? s->row_stride : 1; /* matrices: low parts of the sums */
    return (uint32_t)fg_round_up(s->row_stride + second + 1 + (s->matrices > 0), s->tile.vw);
}

uint64_t fg_accumulate_bytes(fg_pass *pass)
{
    const fg_shape *s = &pass->shape;
    const uint64_t totals = 1 + (uint64_t)s->k * ((uint64_t)s->d + s2_count(s) + 1);
    const uint64_t chunks = s->k + (uint64_t)s->batch_rows * s->capacity / s->tile.chunk;
    return sizeof(double) * (totals + fg_ceil_div(s->batch_rows, FG_SUM_BLOCK)) +
           sizeof(float) * chunks * partial_floats(s);
}

fgmm_status fg_accumulate_create(fg_pass *pass)
{
    fgmm_status status = FGMM_OK;
    fg_totals *t = &pass->totals;
    const fg_shape *s = &pass->shape;
    size_t bytes, per_component;
    FG_TRY(fg_size_product(&per_component, s->k, (uint64_t)s->d + s2_count(s) + 1, "statistics"));
    t->count = 1 + per_component;
    t->partial = partial_floats(s);
    FG_TRY(fg_size_product(&bytes, t->count, sizeof(double), "statistics"));
    FG_TRY(fg_buffer_create(&t->totals, pass->device, bytes, FG_BUFFER_DEVICE, "statistics"));
    FG_TRY(fg_buffer_create(&t->row_sums, pass->device, sizeof(double) * fg_ceil_div(s->batch_rows, FG_SUM_BLOCK),
                            FG_BUFFER_DEVICE, "row sums"));
    FG_TRY(fg_size_product3(&bytes, pass->lists.max_chunks, t->partial, sizeof(float), "partial sums"));
    FG_TRY(fg_buffer_create(&t->partials, pass->device, bytes, FG_BUFFER_DEVICE, "partial sums"));
    FG_TRY(fg_common_kernel(&pass->combine_chunks, pass->device, s->backend, s->tile.vw, "combine_chunks"));
    FG_TRY(fg_common_kernel(&pass->sum_rows, pass->device, s->backend, s->tile.vw, "sum_rows"));
    FG_TRY(fg_common_kernel(&pass->combine_rows, pass->device, s->backend, s->tile.vw, "combine_rows"));
done:
    return status;
}

/* Chunks into partials, so many elements of rows to a launch that it stays below 100 ms on one core (some 5e9 a
 * second). */
static fgmm_status sum_chunks(fg_pass *pass, const fg_rows *rows, cl_uint chunks)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = &pass->shape;
    const fg_lists *lists = &pass->lists;
    const cl_ulong first = rows->offset_bytes / fgmm_type_bytes(s->type);
    const uint64_t most = fg_max_u64(1, LAUNCH_ELEMENTS / ((uint64_t)s->tile.chunk * s->d));
    for (cl_uint first_chunk = 0; first_chunk < chunks;) {
        const cl_uint count = (cl_uint)fg_min_u64(most, chunks - first_chunk);
        const fg_argument arguments[] = {
            FG_ARG_BUFFER(rows->buffer),           FG_ARG_VALUE(first),
            FG_ARG_BUFFER(pass->packed.shift),     FG_ARG_BUFFER(fg_packed_centres(&pass->packed)),
            FG_ARG_BUFFER(lists->chunk_component), FG_ARG_BUFFER(lists->chunk_first),
            FG_ARG_BUFFER(lists->chunk_end),       FG_ARG_BUFFER(lists->sorted_rows),
            FG_ARG_BUFFER(lists->sorted_values),   FG_ARG_VALUE(first_chunk),
            FG_ARG_BUFFER(pass->packed.is_wide),   FG_ARG_BUFFER(pass->totals.partials),
            FG_ARG_BUFFER(lists->counters),
        };
        const size_t local = s->sum_items, global = count * local;
        FG_TRY(FG_LAUNCH(pass, pass->accumulate, arguments, 1, &global, &local));
        first_chunk += count;
    }
done:
    return status;
}

fgmm_status fg_accumulate_run(fg_pass *pass, const fg_rows *rows, uint32_t chunks)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = &pass->shape;
    if (chunks == 0) return FGMM_OK;
    const cl_uint s2_kind = fg_shape_s2_kind(s);
    const fg_argument combine[] = {
        FG_ARG_VALUE(s->k),
        FG_ARG_BUFFER(pass->lists.component_chunk),
        FG_ARG_BUFFER(pass->totals.partials),
        FG_ARG_BUFFER(pass->totals.totals),
        FG_ARG_VALUE(s->d),
        FG_ARG_VALUE(s2_kind),
    };
    const size_t local = s->sum_items, global = s->k * local;
    FG_TRY(fg_program_kernel_once(&pass->accumulate, pass->device, &pass->shape, FG_PROGRAM_SPARSE, "accumulate"));
    FG_TRY(sum_chunks(pass, rows, chunks));
    FG_TRY(FG_LAUNCH(pass, pass->combine_chunks, combine, 1, &global, &local));
done:
    return status;
}

fgmm_status fg_accumulate_rows(fg_pass *pass, const fg_rows *rows)
{
    fgmm_status status = FGMM_OK;
    const fg_totals *t = &pass->totals;
    const cl_uint n = (cl_uint)rows->n, blocks = (cl_uint)fg_ceil_div(rows->n, FG_SUM_BLOCK);
    const fg_argument sums[] = {FG_ARG_VALUE(n), FG_ARG_BUFFER(pass->lists.logz), FG_ARG_BUFFER(t->row_sums)};
    const fg_argument total[] = {FG_ARG_VALUE(blocks), FG_ARG_BUFFER(t->row_sums), FG_ARG_BUFFER(t->totals)};
    const size_t local = pass->shape.sum_items, global = blocks * local;
    FG_TRY(fg_weights_scale_rows(pass, rows));
    FG_TRY(FG_LAUNCH(pass, pass->sum_rows, sums, 1, &global, &local));
    FG_TRY(FG_LAUNCH(pass, pass->combine_rows, total, 1, &local, &local));
done:
    return status;
}

fgmm_status fg_sums_read(const fg_pass *pass, const fg_buffer *sums, double *values, size_t count)
{
    fgmm_status status = FGMM_OK;
    float *pairs = NULL;
    if (fg_device_facts_of(pass->device)->has_fp64) return fg_buffer_read(sums, 0, values, count * sizeof(double));
    FG_TRY(FG_ALLOC(&pairs, 2 * (uint64_t)count, "statistics"));
    FG_TRY(fg_buffer_read(sums, 0, pairs, count * 2 * sizeof(float)));
    for (size_t i = 0; i < count; i++) values[i] = (double)pairs[2 * i] + (double)pairs[2 * i + 1];
done:
    free(pairs);
    return status;
}

fgmm_status fg_accumulate_fetch(fg_pass *pass, double *totals)
{
    return fg_sums_read(pass, pass->totals.totals, totals, pass->totals.count);
}
