/* dense.c - enqueues cl/{cpu,gpu}/dense.cl: rows whose responsibilities are not sparse, a tile at a time. Its
 * buffers and program are made when a batch first needs them. */
#include "parts.h"

#include "size.h"
#include "status.h"

#include <stdlib.h>

/* Bytes of responsibilities, and of rows, in a tile: they are written and read once by neighbouring kernels and should
 * meet in the last cache level that all cores share. GPUs need more rows to be busy. */
enum { TILE_BYTES = 8 << 20, GROUP_TILE_BYTES = 32 << 20, MOST_TILE_ROWS = 8192 };

/* Most multiplications and additions of a launch: below 100 ms on a small device. */
static const uint64_t launch_work = (uint64_t)1 << 33;

/* What has a partial product each, not counting splits: a panel, or a group of the group backend. */
static uint64_t product_count(const fg_shape *s)
{
    return s->backend == FGMM_BACKEND_GPU_WORKGROUP ? s->panels * fg_ceil_div(s->d, s->tile.rows) : s->panels;
}

/* Floats of a row of y: the vector backend keeps groups of vectors, the last one filled up. */
static uint32_t y_stride(const fg_shape *s)
{
    if (s->backend == FGMM_BACKEND_GPU_WORKGROUP) return s->row_stride;
    const uint32_t group = fg_shape_dense_v(s) * s->tile.vw;
    return (uint32_t)fg_round_up(s->row_stride, group);
}

uint64_t fg_block_floats(const fg_shape *s)
{
    const uint64_t block = s->tile.block, vw = s->tile.vw;
    return fg_round_up(block * (fg_shape_row_pitch(s) + vw + s->padded_k) + 2 * fg_round_up(block, vw), 64);
}

static void plan(fg_dense *dense, const fg_shape *s)
{
    const uint32_t block = s->tile.block;
    const uint64_t bytes = s->backend == FGMM_BACKEND_GPU_WORKGROUP ? GROUP_TILE_BYTES : TILE_BYTES;
    const uint64_t by_bytes = bytes / (sizeof(float) * fg_max_u64(s->padded_k, s->row_stride));
    const uint64_t rows = fg_min_u64(by_bytes, launch_work / (2 * (uint64_t)s->padded_k * s->d));
    const uint64_t most = fg_min_u64(MOST_TILE_ROWS, fg_round_up(s->batch_rows, block));
    dense->tile_rows = (uint32_t)fg_max_u64(block, fg_min_u64(rows, most) / block * block);
    /* with few products rows are split as well */
    const uint64_t wanted = fg_ceil_div(4 * (uint64_t)s->workers, product_count(s));
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
    const uint64_t scratch = s->backend == FGMM_BACKEND_CPU_SIMD ? s->workers * dense->scratch_floats : 0;
    const uint64_t floats = (uint64_t)dense->tile_rows * (y_stride(s) + (uint64_t)s->padded_k) + scratch;
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
    FG_TRY(fg_size_product3(&bytes, dense->tile_rows, y_stride(s), sizeof(float), "dense rows"));
    FG_TRY(fg_buffer_create(&dense->y, device, bytes, FG_BUFFER_DEVICE, "dense rows"));
    FG_TRY(fg_size_product3(&bytes, dense->tile_rows, s->padded_k, sizeof(float), "dense responsibilities"));
    FG_TRY(fg_buffer_create(&dense->r, device, bytes, FG_BUFFER_DEVICE, "dense responsibilities"));
    FG_TRY(fg_buffer_create(&dense->survivors, device, sizeof(cl_uint) * blocks, FG_BUFFER_DEVICE, "dense counts"));
    if (s->backend == FGMM_BACKEND_CPU_SIMD) {
        FG_TRY(fg_size_product3(&bytes, s->workers, dense->scratch_floats, sizeof(float), "dense scratch"));
        FG_TRY(fg_buffer_create(&dense->scratch, device, bytes, FG_BUFFER_DEVICE, "dense scratch"));
    }
done:
    return status;
}

/* The group backend's diagonal covariances have no product form. */
static int has_differences_only(const fg_shape *s)
{
    return s->backend == FGMM_BACKEND_GPU_WORKGROUP && s->covariance == FGMM_DIAG;
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
    if (pass->shape.backend == FGMM_BACKEND_GPU_WORKGROUP)
        FG_TRY(fg_program_kernel(&dense->densities, pass->device, &pass->shape, FG_PROGRAM_DENSE, "dense_densities"));
    FG_TRY(fg_program_kernel(&dense->responsibilities, pass->device, &pass->shape, FG_PROGRAM_DENSE,
                             "dense_responsibilities"));
    if (pass->shape.backend == FGMM_BACKEND_GPU_WORKGROUP)
        FG_TRY(
            fg_program_kernel(&dense->differences, pass->device, &pass->shape, FG_PROGRAM_DENSE, "dense_differences"));
    if (!has_differences_only(&pass->shape))
        FG_TRY(fg_program_kernel(&dense->accumulate, pass->device, &pass->shape, FG_PROGRAM_DENSE, "dense_accumulate"));
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

static fgmm_status normalise_vector(fg_pass *pass, const fg_rows *rows, const fg_dense_span *span)
{
    const fg_shape *s = &pass->shape;
    const fg_packed *p = &pass->packed;
    const fg_dense *dense = &pass->dense;
    const cl_ulong first = rows->offset_bytes / fgmm_type_bytes(s->type);
    const cl_uint use_list = (cl_uint)span->use_list, batch_rows = (cl_uint)rows->n;
    const fg_weight_arguments weights = fg_weight_arguments_of(rows);
    const fg_argument arguments[] = {
        FG_ARG_BUFFER(rows->buffer),
        FG_ARG_VALUE(first),
        FG_ARG_BUFFER(weights.buffer),
        FG_ARG_VALUE(weights.first),
        FG_ARG_VALUE(weights.has_weights),
        FG_ARG_BUFFER(p->shift),
        FG_ARG_BUFFER(pass->lists.sorted_rows),
        FG_ARG_VALUE(span->first),
        FG_ARG_VALUE(use_list),
        FG_ARG_VALUE(span->count),
        FG_ARG_VALUE(dense->tile_rows),
        FG_ARG_BUFFER(p->packed),
        FG_ARG_BUFFER(p->scale),
        FG_ARG_BUFFER(p->offset),
        FG_ARG_BUFFER(p->is_exact),
        FG_ARG_BUFFER(p->normaliser),
        FG_ARG_BUFFER(p->width),
        FG_ARG_VALUE(s->panels),
        FG_ARG_VALUE(s->cutoff),
        FG_ARG_BUFFER(dense->scratch),
        FG_ARG_VALUE(dense->scratch_floats),
        FG_ARG_BUFFER(dense->y),
        FG_ARG_BUFFER(dense->r),
        FG_ARG_BUFFER(pass->lists.logz),
        FG_ARG_BUFFER(dense->sums.weights),
        FG_ARG_BUFFER(dense->survivors),
        FG_ARG_VALUE(s->d),
        FG_ARG_VALUE(batch_rows),
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
    const fg_weight_arguments weights = fg_weight_arguments_of(rows);
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
        FG_ARG_BUFFER(weights.buffer),
        FG_ARG_VALUE(weights.first),
        FG_ARG_VALUE(weights.has_weights),
        FG_ARG_BUFFER(pass->lists.sorted_rows),
        FG_ARG_VALUE(span->first),
        FG_ARG_VALUE(use_list),
        FG_ARG_VALUE(span->count),
        FG_ARG_VALUE(dense->tile_rows),
        FG_ARG_BUFFER(p->normaliser),
        FG_ARG_BUFFER(p->width),
        FG_ARG_VALUE(s->panels),
        FG_ARG_VALUE(s->cutoff),
        FG_ARG_BUFFER(dense->r),
        FG_ARG_BUFFER(pass->lists.logz),
        FG_ARG_BUFFER(dense->sums.weights),
        FG_ARG_BUFFER(dense->survivors),
    };
    const size_t tiles[2] = {(size_t)fg_ceil_div(span->count, s->tile.rows) * s->tile.local, s->panels};
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
    FG_TRY(pass->shape.backend == FGMM_BACKEND_CPU_SIMD ? normalise_vector(pass, rows, span)
                                                        : normalise_group(pass, rows, span));
    if (survivors) FG_TRY(count_survivors(pass, span->count, survivors));
done:
    return status;
}

/* The normalised tile's rows times their responsibilities: into partials, which the vector backend adds to. */
static fgmm_status multiply_tile(fg_pass *pass, cl_uint n)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = &pass->shape;
    const fg_dense *dense = &pass->dense;
    const fg_packed *p = &pass->packed;
    const fg_argument product[] = {
        FG_ARG_BUFFER(dense->y),
        FG_ARG_BUFFER(dense->r),
        FG_ARG_BUFFER(p->means),
        FG_ARG_BUFFER(p->is_exact),
        FG_ARG_VALUE(n),
        FG_ARG_VALUE(dense->tile_rows),
        FG_ARG_VALUE(dense->split_rows),
        FG_ARG_VALUE(s->padded_k),
        FG_ARG_BUFFER(dense->sums.products),
        FG_ARG_VALUE(s->d), /* vector */
    };
    const int is_group = s->backend == FGMM_BACKEND_GPU_WORKGROUP;
    const size_t given = sizeof product / sizeof product[0] - (is_group ? 1 : 0);
    const size_t local[3] = {is_group ? s->tile.local : 1, 1, 1};
    const size_t tiles[3] = {s->panels * local[0], is_group ? fg_ceil_div(s->d, s->tile.rows) : 1,
                             fg_ceil_div(n, dense->split_rows)};
    if (!has_differences_only(s))
        FG_TRY(fg_kernel_launch(pass->device, dense->accumulate, product, given, 3, tiles, local));
    if (dense->differences && (p->has_exact || has_differences_only(s)))
        FG_TRY(fg_kernel_launch(pass->device, dense->differences, product, given, 3, tiles, local));
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
    /* the vector backend's kernels add to what is there, so that several tiles are combined at once */
    const uint32_t most = pass->shape.backend == FGMM_BACKEND_CPU_SIMD ? MOST_TILE_ROWS : dense->tile_rows;
    for (uint32_t done_rows = 0, pending = 0; done_rows < span->count;) {
        const uint32_t n = (uint32_t)fg_min_u64(dense->tile_rows, span->count - done_rows);
        const fg_dense_span tile = {span->use_list, span->first + done_rows, n};
        if (pending == 0) FG_TRY(zero_sums(dense));
        FG_TRY(fg_dense_normalise(pass, rows, &tile, survivors));
        FG_TRY(multiply_tile(pass, n));
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
