/* dense.c - enqueues cl/dense_{vector,group}.cl: rows whose responsibilities are not sparse, a tile at a time. Its
 * buffers and program are made when a batch first needs them. */
#include "ops.h"

#include "size.h"
#include "status.h"

#include <stdlib.h>

/* Bytes of responsibilities, and of rows, in a tile: they are written and read once by neighbouring kernels and should
 * meet in the last cache level that all cores share. GPUs need more rows to be busy. */
enum { TILE_BYTES = 8 << 20, GROUP_TILE_BYTES = 32 << 20, MOST_TILE_ROWS = 8192, COMBINE_LOCAL = 64 };

static uint32_t element_count(const fg_shape *s)
{
    return s->is_diag_s2 ? 2 * s->d : s->d;
}

/* What has a partial product each, not counting splits: work-items, or groups of the group family. */
static uint64_t product_count(const fg_shape *s)
{
    if (s->family == FGMM_KERNEL_GROUP) return s->strips * fg_ceil_div(s->d, s->tile.rows);
    return fg_ceil_div(s->padded_k, s->tile.dense_k) * fg_ceil_div(s->row_stride / s->tile.vw, s->tile.dense_v);
}

static void plan(fg_dense *dense, const fg_shape *s)
{
    const uint32_t block = s->tile.block;
    const uint64_t bytes = s->family == FGMM_KERNEL_GROUP ? GROUP_TILE_BYTES : TILE_BYTES;
    const uint64_t rows = bytes / (sizeof(float) * fg_max_u64(s->padded_k, s->row_stride));
    const uint64_t most = fg_min_u64(MOST_TILE_ROWS, fg_round_up(s->batch_rows, block));
    dense->tile_rows = (uint32_t)fg_max_u64(block, fg_min_u64(rows, most) / block * block);
    /* with few products rows are split as well */
    const uint64_t wanted = fg_ceil_div(4 * (uint64_t)s->workers, product_count(s));
    const uint64_t splits = fg_max_u64(1, fg_min_u64(wanted, dense->tile_rows / 256));
    dense->split_rows = (uint32_t)fg_ceil_div(dense->tile_rows, splits);
    dense->splits = (uint32_t)fg_ceil_div(dense->tile_rows, dense->split_rows);
    dense->l_stride = s->padded_k + s->tile.vw;
    dense->scratch_floats = (uint32_t)fg_round_up((uint64_t)block * (s->tile.vw + 1 + dense->l_stride), 64);
}

uint64_t fg_dense_bytes(fg_pass *pass)
{
    fg_dense *dense = &pass->dense;
    const fg_shape *s = &pass->shape;
    plan(dense, s);
    const uint64_t blocks = fg_ceil_div(dense->tile_rows, s->tile.block);
    const uint64_t stride = (uint64_t)s->row_stride * (s->is_diag_s2 ? 2 : 1);
    const uint64_t scratch = s->family == FGMM_KERNEL_VECTOR ? (uint64_t)s->workers * dense->scratch_floats : 0;
    const uint64_t floats = (uint64_t)dense->tile_rows * (s->row_stride + (uint64_t)s->padded_k) +
                            blocks * 2 * s->padded_k + dense->splits * (uint64_t)s->padded_k * stride + scratch;
    return sizeof(float) * floats + sizeof(cl_uint) * blocks + sizeof(double) * s->padded_k;
}

static fgmm_status create_buffers(fg_dense *dense, fgmm_device *device, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    const uint64_t blocks = fg_ceil_div(dense->tile_rows, s->tile.block);
    const uint64_t stride = (uint64_t)s->row_stride * (s->is_diag_s2 ? 2 : 1);
    size_t bytes;
    FG_TRY(fg_size_product3(&bytes, dense->tile_rows, s->row_stride, sizeof(float), "dense rows"));
    FG_TRY(fg_buffer_create(&dense->y, device, bytes, FG_BUFFER_DEVICE, "dense rows"));
    FG_TRY(fg_size_product3(&bytes, dense->tile_rows, s->padded_k, sizeof(float), "dense responsibilities"));
    FG_TRY(fg_buffer_create(&dense->r, device, bytes, FG_BUFFER_DEVICE, "dense responsibilities"));
    FG_TRY(fg_size_product3(&bytes, blocks * 2, s->padded_k, sizeof(float), "dense sums"));
    FG_TRY(fg_buffer_create(&dense->block_sums, device, bytes, FG_BUFFER_DEVICE, "dense sums"));
    FG_TRY(fg_buffer_create(&dense->survivors, device, sizeof(cl_uint) * blocks, FG_BUFFER_DEVICE, "dense counts"));
    FG_TRY(fg_buffer_create(&dense->tile_weights, device, sizeof(double) * s->padded_k, FG_BUFFER_DEVICE,
                            "dense weights"));
    FG_TRY(fg_size_product3(&bytes, (uint64_t)dense->splits * s->padded_k, stride, sizeof(float), "dense products"));
    FG_TRY(fg_buffer_create(&dense->partials, device, bytes, FG_BUFFER_DEVICE, "dense products"));
    if (s->family == FGMM_KERNEL_VECTOR) {
        FG_TRY(fg_size_product3(&bytes, s->workers, dense->scratch_floats, sizeof(float), "dense scratch"));
        FG_TRY(fg_buffer_create(&dense->scratch, device, bytes, FG_BUFFER_DEVICE, "dense scratch"));
    }
done:
    return status;
}

fgmm_status fg_dense_create(fg_pass *pass)
{
    fgmm_status status = FGMM_OK;
    fg_dense *dense = &pass->dense;
    if (dense->combine) return FGMM_OK;
    plan(dense, &pass->shape);
    FG_TRY(create_buffers(dense, pass->device, &pass->shape));
    if (pass->shape.family == FGMM_KERNEL_GROUP) FG_TRY(fg_pass_kernel(&dense->densities, pass, 1, "dense_densities"));
    FG_TRY(fg_pass_kernel(&dense->responsibilities, pass, 1, "dense_responsibilities"));
    FG_TRY(fg_pass_kernel(&dense->accumulate, pass, 1, "dense_accumulate"));
    FG_TRY(fg_pass_kernel(&dense->combine_weights, pass, 1, "combine_dense_weights"));
    FG_TRY(fg_pass_kernel(&dense->combine, pass, 1, "combine_dense"));
done:
    if (status != FGMM_OK) fg_dense_free(dense);
    return status;
}

void fg_dense_free(fg_dense *dense)
{
    fg_buffer_free(dense->y);
    fg_buffer_free(dense->r);
    fg_buffer_free(dense->block_sums);
    fg_buffer_free(dense->survivors);
    fg_buffer_free(dense->tile_weights);
    fg_buffer_free(dense->partials);
    fg_buffer_free(dense->scratch);
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

static fgmm_status normalise_vector(fg_pass *pass, const fg_rows *rows, const fg_dense_span *span)
{
    const fg_shape *s = &pass->shape;
    const fg_packed *p = &pass->packed;
    const fg_dense *dense = &pass->dense;
    const cl_ulong first = rows->offset_bytes / fgmm_type_bytes(s->type);
    const cl_uint use_list = (cl_uint)span->use_list;
    const fg_argument arguments[] = {
        FG_ARG_BUFFER(rows->buffer),      FG_ARG_VALUE(first),
        FG_ARG_BUFFER(p->shift),          FG_ARG_BUFFER(pass->lists.sorted_rows),
        FG_ARG_VALUE(span->first),        FG_ARG_VALUE(use_list),
        FG_ARG_VALUE(span->count),        FG_ARG_VALUE(dense->tile_rows),
        FG_ARG_BUFFER(p->packed),         FG_ARG_BUFFER(p->scale),
        FG_ARG_BUFFER(p->offset),         FG_ARG_BUFFER(p->is_exact),
        FG_ARG_BUFFER(p->normaliser),     FG_ARG_BUFFER(p->width),
        FG_ARG_VALUE(s->strips),          FG_ARG_VALUE(s->spread),
        FG_ARG_BUFFER(dense->scratch),    FG_ARG_VALUE(dense->scratch_floats),
        FG_ARG_VALUE(dense->l_stride),    FG_ARG_BUFFER(dense->y),
        FG_ARG_BUFFER(dense->r),          FG_ARG_BUFFER(pass->lists.logz),
        FG_ARG_BUFFER(dense->block_sums), FG_ARG_BUFFER(dense->survivors),
    };
    const size_t global = s->workers, one = 1;
    return FG_LAUNCH(pass, dense->responsibilities, arguments, 1, &global, &one);
}

static fgmm_status normalise_group(fg_pass *pass, const fg_rows *rows, const fg_dense_span *span)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = &pass->shape;
    const fg_packed *p = &pass->packed;
    const fg_dense *dense = &pass->dense;
    const cl_ulong first = rows->offset_bytes / fgmm_type_bytes(s->type);
    const cl_uint use_list = (cl_uint)span->use_list;
    const fg_argument densities[] = {
        FG_ARG_BUFFER(rows->buffer), FG_ARG_VALUE(first),
        FG_ARG_BUFFER(p->shift),     FG_ARG_BUFFER(pass->lists.sorted_rows),
        FG_ARG_VALUE(span->first),   FG_ARG_VALUE(use_list),
        FG_ARG_VALUE(span->count),   FG_ARG_VALUE(dense->tile_rows),
        FG_ARG_BUFFER(p->packed),    FG_ARG_BUFFER(p->scale),
        FG_ARG_BUFFER(p->offset),    FG_ARG_BUFFER(p->is_exact),
        FG_ARG_BUFFER(dense->y),     FG_ARG_BUFFER(dense->r),
    };
    const fg_argument normalise[] = {
        FG_ARG_BUFFER(pass->lists.sorted_rows),
        FG_ARG_VALUE(span->first),
        FG_ARG_VALUE(use_list),
        FG_ARG_VALUE(span->count),
        FG_ARG_VALUE(dense->tile_rows),
        FG_ARG_BUFFER(p->normaliser),
        FG_ARG_BUFFER(p->width),
        FG_ARG_VALUE(s->strips),
        FG_ARG_VALUE(s->spread),
        FG_ARG_BUFFER(dense->r),
        FG_ARG_BUFFER(pass->lists.logz),
        FG_ARG_BUFFER(dense->block_sums),
        FG_ARG_BUFFER(dense->survivors),
    };
    const size_t tiles[2] = {(size_t)fg_ceil_div(span->count, s->tile.rows) * s->tile.local, s->strips};
    const size_t local[2] = {s->tile.local, 1};
    const size_t blocks = (size_t)fg_ceil_div(span->count, s->tile.block) * s->tile.local;
    FG_TRY(FG_LAUNCH(pass, dense->densities, densities, 2, tiles, local));
    FG_TRY(FG_LAUNCH(pass, dense->responsibilities, normalise, 1, &blocks, local));
done:
    return status;
}

fgmm_status fg_dense_normalise(fg_pass *pass, const fg_rows *rows, const fg_dense_span *span, uint64_t *survivors)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(pass->shape.family == FGMM_KERNEL_VECTOR ? normalise_vector(pass, rows, span)
                                                    : normalise_group(pass, rows, span));
    if (survivors) FG_TRY(count_survivors(pass, span->count, survivors));
done:
    return status;
}

/* Adds the normalised tile of n rows to the totals. */
static fgmm_status accumulate_tile(fg_pass *pass, uint32_t n)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = &pass->shape;
    const fg_dense *dense = &pass->dense;
    const fg_packed *p = &pass->packed;
    const cl_uint blocks = (cl_uint)fg_ceil_div(n, s->tile.block), splits = (cl_uint)fg_ceil_div(n, dense->split_rows);
    const fg_argument weights[] = {
        FG_ARG_VALUE(s->k),
        FG_ARG_VALUE(s->padded_k),
        FG_ARG_VALUE(blocks),
        FG_ARG_BUFFER(dense->block_sums),
        FG_ARG_BUFFER(dense->tile_weights),
        FG_ARG_BUFFER(pass->totals.totals),
    };
    const fg_argument product[] = {
        FG_ARG_BUFFER(dense->y),         FG_ARG_BUFFER(dense->r),   FG_ARG_BUFFER(p->means),
        FG_ARG_BUFFER(p->is_exact),      FG_ARG_VALUE(n),           FG_ARG_VALUE(dense->tile_rows),
        FG_ARG_VALUE(dense->split_rows), FG_ARG_VALUE(s->padded_k), FG_ARG_BUFFER(dense->partials),
    };
    const fg_argument combine[] = {
        FG_ARG_VALUE(s->k),
        FG_ARG_VALUE(s->padded_k),
        FG_ARG_VALUE(splits),
        FG_ARG_BUFFER(dense->partials),
        FG_ARG_BUFFER(p->is_exact),
        FG_ARG_VALUE(s->strip),
        FG_ARG_BUFFER(p->means),
        FG_ARG_BUFFER(dense->tile_weights),
        FG_ARG_BUFFER(pass->totals.totals),
    };
    const int is_group = s->family == FGMM_KERNEL_GROUP;
    const size_t width = s->sum_items, components = fg_round_up(s->k, width);
    const size_t local[3] = {is_group ? s->tile.local : 1, 1, 1};
    const size_t tiles[3] = {
        is_group ? s->strips * local[0] : s->padded_k / s->tile.dense_k,
        is_group ? fg_ceil_div(s->d, s->tile.rows) : fg_ceil_div(s->row_stride / s->tile.vw, s->tile.dense_v), splits};
    const size_t elements[2] = {fg_round_up(element_count(s), COMBINE_LOCAL), s->k}, group[2] = {COMBINE_LOCAL, 1};
    FG_TRY(FG_LAUNCH(pass, dense->combine_weights, weights, 1, &components, &width));
    FG_TRY(FG_LAUNCH(pass, dense->accumulate, product, 3, tiles, local));
    FG_TRY(FG_LAUNCH(pass, dense->combine, combine, 2, elements, group));
done:
    return status;
}

fgmm_status fg_dense_run(fg_pass *pass, const fg_rows *rows, const fg_dense_span *span, uint64_t *survivors)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fg_dense_create(pass));
    for (uint32_t done_rows = 0; done_rows < span->count;) {
        const uint32_t n = (uint32_t)fg_min_u64(pass->dense.tile_rows, span->count - done_rows);
        const fg_dense_span tile = {span->use_list, span->first + done_rows, n};
        FG_TRY(fg_dense_normalise(pass, rows, &tile, survivors));
        FG_TRY(accumulate_tile(pass, n));
        done_rows += n;
    }
done:
    return status;
}
