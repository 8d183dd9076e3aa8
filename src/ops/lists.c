/* lists.c - enqueues cl/cpu/transpose.cl, or for the group backend cl/gpu/transpose.cl: lists by row become lists by
 * component, in a fixed order. The vector backend's responsibilities have counted already. */
#include "parts.h"

#include "size.h"
#include "status.h"

enum { SCAN_ACROSS = 16 }; /* components that a group of scan_blocks has (cl/gpu/transpose.cl) */

/* Group backend: a block is a work-group that walks its rows as many at a time as it has items. Bins take no more than
 * 16 numbers a row, as much as short lists. The others: rows are in as many parts as there were workers. */
static uint32_t block_rows(const fg_shape *s)
{
    return (uint32_t)fg_round_up(fg_ceil_div((uint64_t)s->k + 1, 16), s->tile.local);
}

static uint64_t plan(fg_lists *lists, const fg_shape *s)
{
    lists->block_rows = s->backend == FGMM_BACKEND_GPU_WORKGROUP ? block_rows(s) : 0;
    lists->blocks =
        s->backend == FGMM_BACKEND_GPU_WORKGROUP ? (uint32_t)fg_ceil_div(s->batch_rows, lists->block_rows) : s->workers;
    return s->k + (uint64_t)s->batch_rows * s->capacity / s->tile.chunk; /* most chunks */
}

uint64_t fg_lists_bytes(fg_pass *pass)
{
    const fg_shape *s = &pass->shape;
    const uint64_t chunks = plan(&pass->lists, s), firsts = s->backend == FGMM_BACKEND_GPU_WORKGROUP ? 2 : 1;
    const uint64_t sorted = (uint64_t)s->batch_rows * s->capacity * (sizeof(cl_uint) + sizeof(float));
    return sizeof(cl_uint) * ((pass->lists.blocks + firsts) * ((uint64_t)s->k + 1) + 3 * chunks) + sorted +
           2 * sizeof(fg_list_counts); /* for the device and for the host */
}

fgmm_status fg_lists_create(fg_pass *pass)
{
    fgmm_status status = FGMM_OK;
    fg_lists *lists = &pass->lists;
    const fg_shape *s = &pass->shape;
    size_t bytes, chunks;
    const uint64_t most = plan(lists, s);
    FG_CHECK(most <= INT32_MAX, FGMM_MEMORY, "chunks of a batch = %llu; at most %d", (unsigned long long)most,
             INT32_MAX);
    lists->max_chunks = (uint32_t)most;
    FG_TRY(fg_size_product3(&bytes, lists->blocks, (uint64_t)s->k + 1, sizeof(cl_uint), "bins"));
    FG_TRY(fg_buffer_create(&lists->bins, pass->device, bytes, FG_BUFFER_DEVICE, "bins"));
    chunks = sizeof(cl_uint) * lists->max_chunks;
    FG_TRY(fg_buffer_create(&lists->chunk_component, pass->device, chunks, FG_BUFFER_DEVICE, "chunks"));
    FG_TRY(fg_buffer_create(&lists->chunk_first, pass->device, chunks, FG_BUFFER_DEVICE, "chunks"));
    FG_TRY(fg_buffer_create(&lists->chunk_end, pass->device, chunks, FG_BUFFER_DEVICE, "chunks"));
    FG_TRY(fg_buffer_create(&lists->component_chunk, pass->device, sizeof(cl_uint) * ((size_t)s->k + 1),
                            FG_BUFFER_DEVICE, "chunks"));
    FG_TRY(fg_size_product3(&bytes, s->batch_rows, s->capacity, sizeof(float), "sorted lists"));
    FG_TRY(fg_buffer_create(&lists->sorted_rows, pass->device, bytes, FG_BUFFER_DEVICE, "sorted lists"));
    FG_TRY(fg_buffer_create(&lists->sorted_values, pass->device, bytes, FG_BUFFER_DEVICE, "sorted lists"));
    FG_TRY(fg_buffer_create(&lists->counters, pass->device, sizeof(fg_list_counts), FG_BUFFER_DEVICE, "counters"));
    FG_TRY(fg_answer_create(&lists->counts_found, pass->device, sizeof(fg_list_counts), "counters"));
    if (s->backend == FGMM_BACKEND_GPU_WORKGROUP) {
        FG_TRY(fg_buffer_create(&lists->component_first, pass->device, sizeof(cl_uint) * ((size_t)s->k + 1),
                                FG_BUFFER_DEVICE, "first places"));
    }
done:
    return status;
}

/* Entries of each block of rows by component: a work-group of `local` a block. */
static fgmm_status count_entries(fg_pass *pass, cl_uint n, size_t global, size_t local)
{
    const fg_shape *s = &pass->shape;
    const fg_lists *lists = &pass->lists;
    const fg_argument arguments[] = {
        FG_ARG_VALUE(n),
        FG_ARG_VALUE(lists->block_rows),
        FG_ARG_VALUE(s->k),
        FG_ARG_VALUE(s->capacity),
        FG_ARG_BUFFER(lists->counts),
        FG_ARG_BUFFER(lists->components),
        FG_ARG_BUFFER(lists->bins),
    };
    return FG_LAUNCH(pass, pass->count, arguments, 1, &global, &local);
}

static fgmm_status sort_vector(fg_pass *pass, size_t rows)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = &pass->shape;
    const fg_lists *lists = &pass->lists;
    const cl_uint n = (cl_uint)rows;
    const fg_argument scan[] = {
        FG_ARG_VALUE(s->workers),
        FG_ARG_VALUE(s->k),
        FG_ARG_BUFFER(lists->bins),
        FG_ARG_BUFFER(lists->chunk_component),
        FG_ARG_BUFFER(lists->chunk_first),
        FG_ARG_BUFFER(lists->chunk_end),
        FG_ARG_BUFFER(lists->component_chunk),
        FG_ARG_BUFFER(lists->counters),
    };
    const fg_argument scatter[] = {
        FG_ARG_VALUE(n),
        FG_ARG_VALUE(s->k),
        FG_ARG_VALUE(s->capacity),
        FG_ARG_BUFFER(lists->counts),
        FG_ARG_BUFFER(lists->components),
        FG_ARG_BUFFER(lists->values),
        FG_ARG_BUFFER(lists->bins),
        FG_ARG_BUFFER(lists->sorted_rows),
        FG_ARG_BUFFER(lists->sorted_values),
    };
    const size_t global = s->workers, one = 1;
    FG_TRY(FG_LAUNCH(pass, pass->scan, scan, 1, &one, &one));
    FG_TRY(FG_LAUNCH(pass, pass->scatter, scatter, 1, &global, &one));
done:
    return status;
}

static fgmm_status sort_group(fg_pass *pass, size_t rows)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = &pass->shape;
    const fg_lists *lists = &pass->lists;
    const cl_uint n = (cl_uint)rows, blocks = (cl_uint)fg_ceil_div(rows, lists->block_rows);
    const fg_argument scan_blocks[] = {
        FG_ARG_VALUE(blocks),
        FG_ARG_VALUE(s->k),
        FG_ARG_BUFFER(lists->bins),
        FG_ARG_BUFFER(lists->component_first),
    };
    const fg_argument scan[] = {
        FG_ARG_VALUE(s->k),
        FG_ARG_BUFFER(lists->component_first),
        FG_ARG_BUFFER(lists->chunk_component),
        FG_ARG_BUFFER(lists->chunk_first),
        FG_ARG_BUFFER(lists->chunk_end),
        FG_ARG_BUFFER(lists->component_chunk),
        FG_ARG_BUFFER(lists->counters),
    };
    const fg_argument scatter[] = {
        FG_ARG_VALUE(n),
        FG_ARG_VALUE(lists->block_rows),
        FG_ARG_VALUE(s->k),
        FG_ARG_VALUE(s->capacity),
        FG_ARG_BUFFER(lists->counts),
        FG_ARG_BUFFER(lists->components),
        FG_ARG_BUFFER(lists->values),
        FG_ARG_BUFFER(lists->bins),
        FG_ARG_BUFFER(lists->component_first),
        FG_ARG_BUFFER(lists->sorted_rows),
        FG_ARG_BUFFER(lists->sorted_values),
    };
    const size_t local = s->tile.local, global = blocks * local;
    const size_t across = (size_t)fg_ceil_div((uint64_t)s->k + 1, SCAN_ACROSS) * local;
    FG_TRY(count_entries(pass, n, global, local));
    FG_TRY(FG_LAUNCH(pass, pass->scan_blocks, scan_blocks, 1, &across, &local));
    FG_TRY(FG_LAUNCH(pass, pass->scan, scan, 1, &local, &local));
    FG_TRY(FG_LAUNCH(pass, pass->scatter, scatter, 1, &global, &local));
done:
    return status;
}

static fgmm_status get_kernels(fg_pass *pass)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fg_program_kernel_once(&pass->scan, pass->device, &pass->shape, FG_PROGRAM_SPARSE, "scan_entries"));
    FG_TRY(fg_program_kernel_once(&pass->scatter, pass->device, &pass->shape, FG_PROGRAM_SPARSE, "scatter_entries"));
    if (pass->shape.backend != FGMM_BACKEND_GPU_WORKGROUP) return FGMM_OK;
    FG_TRY(fg_program_kernel_once(&pass->count, pass->device, &pass->shape, FG_PROGRAM_SPARSE, "count_entries"));
    FG_TRY(fg_program_kernel_once(&pass->scan_blocks, pass->device, &pass->shape, FG_PROGRAM_SPARSE, "scan_blocks"));
done:
    return status;
}

fgmm_status fg_lists_sort(fg_pass *pass, size_t rows)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(get_kernels(pass));
    FG_TRY(pass->shape.backend == FGMM_BACKEND_CPU_SIMD ? sort_vector(pass, rows) : sort_group(pass, rows));
    FG_TRY(fg_answer_ask(pass->lists.counts_found, pass->lists.counters));
done:
    return status;
}

fgmm_status fg_lists_counts(fg_pass *pass, fg_list_counts *counts)
{
    return fg_answer_wait(pass->lists.counts_found, counts, sizeof *counts);
}

uint32_t fg_lists_most_chunks(const fg_pass *pass, size_t rows)
{
    const fg_shape *s = &pass->shape;
    return (uint32_t)(s->k + (uint64_t)rows * s->capacity / s->tile.chunk);
}
