/* fused.c - enqueues cl/cpu/fused.cl: rows go straight into sums that stay in the L2 cache, whole batches of such
 * mixtures or dense ones. Its buffers and program are made when the first batch comes. */
#include "parts.h"

#include "size.h"
#include "status.h"

#include <math.h>
#include <stdlib.h>

/* Rows whose sums are float: enough ranges for all workers, and no more rows than float sums bear. Joining the ranges'
 * sums costs K D additions each, so that there are fewer where these are many. */
enum { LEAST_RANGE_ROWS = 512, MOST_RANGE_ROWS = 2048, MANY_SUMS = 1 << 16 };
/* Of a launch, so that it stays below 100 ms on a small device: rows at some 100 ns, multiplications and additions. */
static const double launch_rows = 0x1p18, launch_work = 0x1p33;
/* A block of rows goes as single entries while these cost less than its products: a vector of responsibilities costs a
 * row DENSE_WORK instructions and D, an entry ENTRY_WORK and ENTRY_VECTOR for each vector of the row (measured with 16
 * lanes, sums in the L2 cache). */
enum { DENSE_WORK = 28, ENTRY_WORK = 24, ENTRY_VECTOR = 8 };

static uint32_t most_entries(const fg_shape *s)
{
    const uint64_t vw = s->tile.vw;
    const uint64_t dense = s->padded_k / vw * (DENSE_WORK + (uint64_t)s->d);
    const uint64_t entry = ENTRY_WORK + ENTRY_VECTOR * (s->row_stride / vw);
    return (uint32_t)(s->tile.block * dense / entry);
}

static void plan(fg_fused *fused, const fg_shape *s)
{
    const uint32_t block = s->tile.block;
    const uint64_t ranges = (uint64_t)s->padded_k * s->d < MANY_SUMS ? 2 * (uint64_t)s->workers : s->workers;
    const uint64_t even = fg_ceil_div(s->batch_rows, ranges);
    const uint64_t rows = fg_max_u64(LEAST_RANGE_ROWS, fg_min_u64(MOST_RANGE_ROWS, even));
    fused->range_rows = (uint32_t)fg_round_up(rows, block);
    fused->ranges = (uint32_t)fg_ceil_div(s->batch_rows, fused->range_rows);
    /* entries: their number, those of one row more, and what fills up whole vectors */
    const uint64_t room = fg_round_up((uint64_t)most_entries(s) + s->padded_k + s->tile.vw, s->tile.vw);
    fused->scratch_floats =
        fg_block_floats(s) + fg_round_up(fg_max_u64((uint64_t)block * s->padded_k, 3 * room), s->tile.vw);
}

uint64_t fg_fused_most_entries(const fg_pass *pass, uint64_t rows)
{
    return rows * most_entries(&pass->shape) / pass->shape.tile.block;
}

uint64_t fg_fused_bytes(fg_pass *pass)
{
    const fg_shape *s = &pass->shape;
    fg_fused *fused = &pass->fused;
    if (!s->is_fused && !s->has_fused_dense) return 0;
    plan(fused, s);
    return sizeof(float) * s->workers * fused->scratch_floats + sizeof(cl_uint) * fused->ranges +
           fg_partial_sums_bytes(s, fused->ranges, fused->ranges);
}

static fgmm_status create(fg_pass *pass)
{
    fgmm_status status = FGMM_OK;
    fg_fused *fused = &pass->fused;
    const fg_shape *s = &pass->shape;
    size_t bytes;
    plan(fused, s);
    FG_TRY(fg_size_product3(&bytes, s->workers, fused->scratch_floats, sizeof(float), "scratch"));
    FG_TRY(fg_buffer_create(&fused->scratch, pass->device, bytes, FG_BUFFER_DEVICE, "scratch"));
    FG_TRY(fg_buffer_create(&fused->survivors, pass->device, sizeof(cl_uint) * fused->ranges, FG_BUFFER_DEVICE,
                            "dense counts"));
    FG_TRY(fg_partial_sums_create(&fused->sums, pass, fused->ranges, fused->ranges));
    FG_TRY(fg_program_kernel(&fused->accumulate, pass->device, &pass->shape, FG_PROGRAM_FUSED, "direct_accumulate"));
done:
    if (status != FGMM_OK) fg_fused_free(fused);
    return status;
}

void fg_fused_free(fg_fused *fused)
{
    fg_buffer_free(fused->scratch);
    fg_buffer_free(fused->survivors);
    fg_partial_sums_free(&fused->sums);
    *fused = (fg_fused){0};
}

/* Ranges first..end-1 of a batch into their sums. */
static fgmm_status sum_ranges(fg_pass *pass, const fg_rows *rows, cl_uint first_range, cl_uint end_range)
{
    const fg_shape *s = &pass->shape;
    const fg_packed *p = &pass->packed;
    const fg_fused *fused = &pass->fused;
    const cl_ulong first = rows->offset_bytes / fgmm_type_bytes(s->type);
    const cl_uint n = (cl_uint)rows->n;
    const cl_uint most = most_entries(s), is_best = s->assignment == FG_ASSIGN_HARD;
    const fg_weight_arguments weights = fg_weight_arguments_of(rows);
    const fg_argument arguments[] = {
        FG_ARG_BUFFER(rows->buffer),
        FG_ARG_VALUE(first),
        FG_ARG_BUFFER(weights.buffer),
        FG_ARG_VALUE(weights.first),
        FG_ARG_VALUE(weights.has_weights),
        FG_ARG_VALUE(n),
        FG_ARG_VALUE(fused->range_rows),
        FG_ARG_VALUE(first_range),
        FG_ARG_VALUE(end_range),
        FG_ARG_BUFFER(p->shift),
        FG_ARG_BUFFER(p->packed),
        FG_ARG_BUFFER(p->scale),
        FG_ARG_BUFFER(p->offset),
        FG_ARG_BUFFER(p->is_exact),
        FG_ARG_BUFFER(p->normaliser),
        FG_ARG_BUFFER(p->width),
        FG_ARG_BUFFER(p->means),
        FG_ARG_VALUE(s->panels),
        FG_ARG_VALUE(s->cutoff),
        FG_ARG_VALUE(most),
        FG_ARG_BUFFER(fused->scratch),
        FG_ARG_VALUE(fused->scratch_floats),
        FG_ARG_BUFFER(pass->lists.logz),
        FG_ARG_BUFFER(fused->sums.weights),
        FG_ARG_BUFFER(fused->sums.products),
        FG_ARG_BUFFER(fused->survivors),
        FG_ARG_VALUE(s->d),
        FG_ARG_VALUE(is_best),
    };
    const size_t workers = s->workers, one = 1;
    return FG_LAUNCH(pass, fused->accumulate, arguments, 1, &workers, &one);
}

static fgmm_status count_survivors(const fg_fused *fused, uint32_t ranges, uint64_t *survivors)
{
    fgmm_status status = FGMM_OK;
    cl_uint *counts = NULL;
    FG_TRY(FG_ALLOC(&counts, ranges, "dense counts"));
    FG_TRY(fg_buffer_read(fused->survivors, 0, counts, sizeof(cl_uint) * ranges));
    for (uint32_t i = 0; i < ranges; i++) *survivors += counts[i];
done:
    free(counts);
    return status;
}

/* Ranges of a launch: whole rounds of workers. */
static uint32_t ranges_of_launch(const fg_fused *fused, const fg_shape *s)
{
    const double rows = fmin(launch_rows, launch_work / (4.0 * s->padded_k * s->d));
    return (uint32_t)fg_round_up((uint64_t)ceil(rows / fused->range_rows), s->workers);
}

fgmm_status fg_fused_run(fg_pass *pass, const fg_rows *rows, uint64_t *survivors)
{
    fgmm_status status = FGMM_OK;
    const fg_fused *fused = &pass->fused;
    if (!fused->accumulate) FG_TRY(create(pass));
    const uint32_t ranges = (uint32_t)fg_ceil_div(rows->n, fused->range_rows);
    const uint32_t most = ranges_of_launch(fused, &pass->shape);
    for (uint32_t range = 0; range < ranges; range += most)
        FG_TRY(sum_ranges(pass, rows, range, (uint32_t)fg_min_u64(ranges, (uint64_t)range + most)));
    FG_TRY(fg_partial_sums_combine(&fused->sums, pass, ranges, ranges));
    if (survivors) FG_TRY(count_survivors(fused, ranges, survivors));
done:
    return status;
}
