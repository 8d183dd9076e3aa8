/* dense.c - the dense path: rows whose responsibilities are not sparse, a tile at a time. Its
 * buffers and program are made when a batch first needs them. */
#include "parts.h"

#include "size.h"
#include "status.h"

#include <stdlib.h>

/* Most multiplications and additions of a launch: below 100 ms on a small device. */
static const uint64_t launch_work = (uint64_t)1 << 33;

uint64_t fg_block_floats(const fg_shape *s)
{
    const uint64_t block = s->tile.block, vw = s->tile.vw;
    return fg_round_up(block * (s->backend->row_pitch(s) + vw + s->padded_k) + 2 * fg_round_up(block, vw), 64);
}

static void plan(fg_dense *dense, const fg_shape *s)
{
    const uint32_t block = s->tile.block;
    const fg_dense_launches *launches = s->backend->dense;
    const uint64_t by_bytes = launches->tile_bytes / (sizeof(float) * fg_max_u64(s->padded_k, s->row_stride));
    const uint64_t rows = fg_min_u64(by_bytes, launch_work / (2 * (uint64_t)s->padded_k * s->d));
    const uint64_t most = fg_min_u64(FG_DENSE_MOST_ROWS, fg_round_up(s->batch_rows, block));
    dense->tile_rows = (uint32_t)fg_max_u64(block, fg_min_u64(rows, most) / block * block);
    /* with few products rows are split as well */
    const uint64_t wanted = fg_ceil_div(4 * (uint64_t)s->workers, launches->product_count(s));
    const uint64_t splits = fg_max_u64(1, fg_min_u64(wanted, dense->tile_rows / 256));
    dense->split_rows = (uint32_t)fg_ceil_div(dense->tile_rows, splits);
    dense->splits = (uint32_t)fg_ceil_div(dense->tile_rows, dense->split_rows);
    dense->scratch_floats = fg_block_floats(s);
}

uint64_t fg_dense_bytes(fg_pass *pass)
{
    fg_dense *dense = &pass->dense;
    const fg_shape *s = &pass->shape;
    plan(dense, s);
    const uint64_t blocks = fg_ceil_div(dense->tile_rows, s->tile.block);
    const uint64_t scratch = s->backend->dense->scratch_floats(s);
    const uint64_t floats =
        (uint64_t)dense->tile_rows * (s->backend->dense->y_stride(s) + (uint64_t)s->padded_k) + scratch;
    return sizeof(float) * floats + sizeof(cl_uint) * blocks +
           fg_partial_sums_bytes(s, (uint32_t)blocks, dense->splits);
}

static fgmm_status create_buffers(fg_pass *pass)
{
    fgmm_status status = FGMM_OK;
    fg_dense *dense = &pass->dense;
    fgmm_device *device = pass->device;
    const fg_shape *s = &pass->shape;
    const uint64_t blocks = fg_ceil_div(dense->tile_rows, s->tile.block);
    size_t bytes;
    FG_TRY(fg_size_product3(&bytes, dense->tile_rows, s->backend->dense->y_stride(s), sizeof(float), "dense rows"));
    FG_TRY(fg_buffer_create(&dense->y, device, bytes, FG_BUFFER_DEVICE, "dense rows"));
    FG_TRY(fg_size_product3(&bytes, dense->tile_rows, s->padded_k, sizeof(float), "dense responsibilities"));
    FG_TRY(fg_buffer_create(&dense->r, device, bytes, FG_BUFFER_DEVICE, "dense responsibilities"));
    FG_TRY(fg_buffer_create(&dense->survivors, device, sizeof(cl_uint) * blocks, FG_BUFFER_DEVICE, "dense counts"));
    if (s->backend->dense->scratch_floats(s) > 0) {
        FG_TRY(fg_size_product(&bytes, s->backend->dense->scratch_floats(s), sizeof(float), "dense scratch"));
        FG_TRY(fg_buffer_create(&dense->scratch, device, bytes, FG_BUFFER_DEVICE, "dense scratch"));
    }
done:
    return status;
}

fgmm_status fg_dense_create(fg_pass *pass)
{
    fgmm_status status = FGMM_OK;
    fg_dense *dense = &pass->dense;
    if (dense->responsibilities) return FGMM_OK;
    plan(dense, &pass->shape);
    FG_TRY(create_buffers(pass));
    FG_TRY(fg_partial_sums_create(&dense->sums, pass, (uint32_t)fg_ceil_div(dense->tile_rows, pass->shape.tile.block),
                                  dense->splits));
    FG_TRY(pass->shape.backend->dense->get_kernels(pass));
done:
    if (status != FGMM_OK) fg_dense_free(dense);
    return status;
}

void fg_dense_free(fg_dense *dense)
{
    fg_buffer_free(dense->y);
    fg_buffer_free(dense->r);
    fg_buffer_free(dense->survivors);
    fg_buffer_free(dense->scratch);
    fg_partial_sums_free(&dense->sums);
    *dense = (fg_dense){0};
}

static fgmm_status count_survivors(const fg_pass *pass, uint32_t rows, uint64_t *survivors)
{
    fgmm_status status = FGMM_OK;
    const size_t blocks = (size_t)fg_ceil_div(rows, pass->shape.tile.block);
    cl_uint *counts = NULL;
    FG_TRY(FG_ALLOC(&counts, blocks, "dense counts"));
    FG_TRY(fg_buffer_read(pass->dense.survivors, 0, counts, sizeof(cl_uint) * blocks));
    for (size_t i = 0; i < blocks; i++) *survivors += counts[i];
done:
    free(counts);
    return status;
}

fgmm_status fg_dense_normalise(fg_pass *pass, const fg_rows *rows, const fg_dense_span *span, uint64_t *survivors)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(pass->shape.backend->dense->normalise(pass, rows, span));
    if (survivors) FG_TRY(count_survivors(pass, span->count, survivors));
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

fgmm_status fg_dense_run(fg_pass *pass, const fg_rows *rows, const fg_dense_span *span, uint64_t *survivors)
{
    fgmm_status status = FGMM_OK;
    fg_dense *dense = &pass->dense;
    FG_TRY(fg_dense_create(pass));
    const fg_dense_launches *launches = pass->shape.backend->dense;
    const uint32_t most = launches->most_tile_rows ? launches->most_tile_rows : dense->tile_rows;
    for (uint32_t done_rows = 0, pending = 0; done_rows < span->count;) {
        const uint32_t n = (uint32_t)fg_min_u64(dense->tile_rows, span->count - done_rows);
        const fg_dense_span tile = {span->use_list, span->first + done_rows, n};
        if (pending == 0) FG_TRY(zero_sums(dense));
        FG_TRY(fg_dense_normalise(pass, rows, &tile, survivors));
        FG_TRY(launches->multiply(pass, n));
        done_rows += n;
        pending += n;
        if (pending + dense->tile_rows <= most && done_rows < span->count) continue;
        const uint32_t largest = (uint32_t)fg_min_u64(pending, dense->tile_rows);
        FG_TRY(fg_partial_sums_combine(&dense->sums, pass, (uint32_t)fg_ceil_div(largest, pass->shape.tile.block),
                                       (uint32_t)fg_ceil_div(largest, dense->split_rows)));
        pending = 0;
    }
done:
    return status;
}
