/* dense.c - the dense path: rows whose responsibilities are not sparse, a tile at a time. Its buffers and program are
 * made when a batch first needs them; the launches are the backend's. */
#include "dense_path.h"

#include "buffers.h"
#include "size.h"
#include "status.h"

#include <stdlib.h>

/* Most multiplications and additions of a tile's product, or what a launch may take where that is less. Tiles decide
 * about rounding, so this is the same for all backends, and below the budget that each sets for its launches. */
static const uint64_t tile_work = (uint64_t)1 << 33;

uint64_t fg_block_floats(const fg_shape *s)
{
    const uint64_t block = s->tile.block, vw = s->tile.vw;
    return fg_round_up(block * (s->backend->row_pitch(s) + vw + s->padded_k) + 2 * fg_round_up(block, vw), 64);
}

fg_dense_plan fg_dense_plan_of(const fg_shape *s)
{
    fg_dense_plan plan;
    const uint32_t block = s->tile.block;
    const fg_dense_launches *launches = s->backend->dense;
    const uint64_t by_bytes = launches->tile_bytes / (sizeof(float) * fg_max_u64(s->padded_k, s->row_stride));
    const uint64_t work = fg_min_u64(tile_work, (uint64_t)s->launch_work);
    const uint64_t rows = fg_min_u64(by_bytes, work / (2 * (uint64_t)s->padded_k * s->d));
    const uint64_t most = fg_min_u64(FG_DENSE_MOST_ROWS, fg_round_up(s->batch_rows, block));
    plan.tile_rows = (uint32_t)fg_max_u64(block, fg_min_u64(rows, most) / block * block);
    /* with few products rows are split as well */
    const uint64_t wanted = fg_ceil_div(4 * (uint64_t)s->workers, launches->product_count(s));
    const uint64_t splits = fg_max_u64(1, fg_min_u64(wanted, plan.tile_rows / 256));
    plan.split_rows = (uint32_t)fg_ceil_div(plan.tile_rows, splits);
    plan.splits = (uint32_t)fg_ceil_div(plan.tile_rows, plan.split_rows);
    return plan;
}

/* Blocks of a tile. */
static uint32_t block_count(const fg_shape *s)
{
    return (uint32_t)fg_ceil_div(fg_dense_plan_of(s).tile_rows, s->tile.block);
}

static uint64_t y_bytes(const fg_shape *s)
{
    return sizeof(float) * (uint64_t)fg_dense_plan_of(s).tile_rows * s->backend->dense->y_stride(s);
}

static uint64_t r_bytes(const fg_shape *s)
{
    return sizeof(float) * (uint64_t)fg_dense_plan_of(s).tile_rows * s->padded_k;
}

static uint64_t survivor_bytes(const fg_shape *s)
{
    return sizeof(cl_uint) * block_count(s);
}

static uint64_t scratch_bytes(const fg_shape *s)
{
    return sizeof(float) * s->backend->dense->scratch_floats(s);
}

static const fg_buffer_row rows[] = {
    {offsetof(fg_dense, y), "dense rows", y_bytes},
    {offsetof(fg_dense, r), "dense responsibilities", r_bytes},
    {offsetof(fg_dense, survivors), "dense counts", survivor_bytes},
    {offsetof(fg_dense, scratch), "dense scratch", scratch_bytes},
};
static const fg_buffer_list buffers = FG_BUFFER_LIST(rows);

uint64_t fg_dense_bytes(const fg_shape *s)
{
    return fg_buffers_bytes(&buffers, s) + fg_partial_sums_bytes(s, block_count(s), fg_dense_plan_of(s).splits);
}

fgmm_status fg_dense_create(fg_dense *dense, fgmm_device *device, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    if (dense->responsibilities) return FGMM_OK;
    dense->plan = fg_dense_plan_of(s);
    FG_TRY(fg_buffers_create(dense, &buffers, device, s));
    FG_TRY(fg_partial_sums_create(&dense->sums, device, s, block_count(s), dense->plan.splits));
    FG_TRY(s->backend->dense->get_kernels(dense, device, s));
done:
    if (status != FGMM_OK) fg_dense_free(dense);
    return status;
}

void fg_dense_free(fg_dense *dense)
{
    fg_buffers_free(dense, &buffers);
    fg_partial_sums_free(&dense->sums);
    *dense = (fg_dense){0};
}

fgmm_status fg_counts_add(uint64_t *sum, const fg_buffer *counts, uint64_t n)
{
    fgmm_status status = FGMM_OK;
    cl_uint *values = NULL;
    FG_TRY(FG_ALLOC(&values, n, "dense counts"));
    FG_TRY(fg_buffer_read(counts, 0, values, sizeof *values * (size_t)n));
    for (uint64_t i = 0; i < n; i++) *sum += values[i];
done:
    free(values);
    return status;
}

fgmm_status fg_dense_normalise(fg_dense *dense, const fg_inputs *in, const fg_dense_span *span, const fg_buffer *logz,
                               uint64_t *survivors)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(in->shape->backend->dense->normalise(dense, in, span, logz));
    if (survivors) FG_TRY(fg_counts_add(survivors, dense->survivors, fg_ceil_div(span->count, in->shape->tile.block)));
done:
    return status;
}

static fgmm_status zero_sums(const fg_dense *dense)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fg_buffer_zero(dense->sums.weights, 0, fg_buffer_bytes(dense->sums.weights)));
    FG_TRY(fg_buffer_zero(dense->sums.products, 0, fg_buffer_bytes(dense->sums.products)));
done:
    return status;
}

fgmm_status fg_dense_run(fg_dense *dense, const fg_inputs *in, const fg_dense_span *span, const fg_outputs *out,
                         uint64_t *survivors)
{
    fgmm_status status = FGMM_OK;
    const fg_dense_launches *launches = in->shape->backend->dense;
    FG_TRY(fg_dense_create(dense, in->device, in->shape));
    const fg_dense_plan *plan = &dense->plan;
    const uint32_t most = launches->most_tile_rows ? launches->most_tile_rows : plan->tile_rows;
    for (uint32_t done_rows = 0, pending = 0; done_rows < span->count;) {
        const uint32_t n = (uint32_t)fg_min_u64(plan->tile_rows, span->count - done_rows);
        const fg_dense_span tile = {span->list, span->use_list, span->first + done_rows, n};
        if (pending == 0) FG_TRY(zero_sums(dense));
        FG_TRY(fg_dense_normalise(dense, in, &tile, out->logz, survivors));
        FG_TRY(launches->multiply(dense, in, n));
        done_rows += n;
        pending += n;
        if (pending + plan->tile_rows <= most && done_rows < span->count) continue;
        const uint32_t largest = (uint32_t)fg_min_u64(pending, plan->tile_rows);
        FG_TRY(fg_partial_sums_combine(&dense->sums, in, out->totals,
                                       (uint32_t)fg_ceil_div(largest, in->shape->tile.block),
                                       (uint32_t)fg_ceil_div(largest, plan->split_rows)));
        pending = 0;
    }
done:
    return status;
}
