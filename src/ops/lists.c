/* lists.c - enqueues cl/cpu/transpose.cl, or for the group backend cl/gpu/transpose.cl: lists by row become lists by
 * component, in a fixed order. The vector backend's responsibilities have counted already. */
#include "parts.h"

#include "size.h"
#include "status.h"

static uint64_t plan(fg_lists *lists, const fg_shape *s)
{
    lists->block_rows = s->backend->transpose->block_rows(s);
    lists->blocks = s->backend->transpose->blocks(s);
    return s->k + (uint64_t)s->batch_rows * s->capacity / s->tile.chunk; /* most chunks */
}

uint64_t fg_lists_bytes(fg_pass *pass)
{
    const fg_shape *s = &pass->shape;
    const uint64_t chunks = plan(&pass->lists, s), firsts = s->backend->transpose->has_firsts ? 2 : 1;
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
    if (s->backend->transpose->has_firsts) {
        FG_TRY(fg_buffer_create(&lists->component_first, pass->device, sizeof(cl_uint) * ((size_t)s->k + 1),
                                FG_BUFFER_DEVICE, "first places"));
    }
done:
    return status;
}

fgmm_status fg_lists_sort(fg_pass *pass, size_t rows)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(pass->shape.backend->transpose->run(pass, rows));
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
