/* transpose.c - sparse responsibilities by component: the buffers for them; the launches are the backend's. */
#include "transpose.h"

#include "buffers.h"
#include "status.h"

uint64_t fg_most_segments(const fg_shape *s, uint64_t rows)
{
    return s->k + rows * s->capacity / s->tile.chunk;
}

static uint64_t component_bytes(const fg_shape *s)
{
    return sizeof(cl_uint) * ((uint64_t)s->k + 1);
}

static uint64_t column_count_bytes(const fg_shape *s)
{
    return s->backend->transpose->blocks(s) * component_bytes(s);
}

static uint64_t first_bytes(const fg_shape *s)
{
    return s->backend->transpose->has_firsts ? component_bytes(s) : 0;
}

static uint64_t segment_bytes(const fg_shape *s)
{
    return sizeof(cl_uint) * fg_most_segments(s, s->batch_rows);
}

static uint64_t nonzero_bytes(const fg_shape *s)
{
    return sizeof(float) * s->batch_rows * (uint64_t)s->capacity; /* as many of a cl_uint */
}

static uint64_t count_bytes(const fg_shape *s)
{
    (void)s;
    return sizeof(fg_transpose_counts);
}

static const fg_buffer_row rows[] = {
    {offsetof(fg_transpose, column_counts), "column counts", column_count_bytes},
    {offsetof(fg_transpose, segment_component), "segments", segment_bytes},
    {offsetof(fg_transpose, segment_first), "segments", segment_bytes},
    {offsetof(fg_transpose, segment_end), "segments", segment_bytes},
    {offsetof(fg_transpose, component_segment), "segments", component_bytes},
    {offsetof(fg_transpose, component_first), "first nonzeros", first_bytes},
    {offsetof(fg_transpose, rows), "sorted nonzeros", nonzero_bytes},
    {offsetof(fg_transpose, values), "sorted nonzeros", nonzero_bytes},
    {offsetof(fg_transpose, counters), "counters", count_bytes},
};
static const fg_buffer_list buffers = FG_BUFFER_LIST(rows);

uint64_t fg_transpose_bytes(const fg_shape *s)
{
    return fg_buffers_bytes(&buffers, s) + count_bytes(s); /* counters, for the host too */
}

fgmm_status fg_transpose_create(fg_transpose *t, fgmm_device *device, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    const uint64_t most = fg_most_segments(s, s->batch_rows);
    FG_CHECK(most <= INT32_MAX, FGMM_MEMORY, "segments of a batch = %llu; at most %d", (unsigned long long)most,
             INT32_MAX);
    FG_TRY(fg_buffers_create(t, &buffers, device, s));
    FG_TRY(fg_answer_create(&t->counts, device, sizeof(fg_transpose_counts), "counters"));
done:
    return status;
}

void fg_transpose_free(fg_transpose *t)
{
    fg_buffers_free(t, &buffers);
    fg_answer_free(t->counts);
    t->counts = NULL;
}

fgmm_status fg_transpose_run(fg_transpose *t, const fg_inputs *in, const fg_sparse *sparse)
{
    fgmm_status status = FGMM_OK;
    const fg_transpose_launches *launches = in->shape->backend->transpose;
    FG_TRY(launches->get_kernels(t, in->device, in->shape));
    FG_TRY(launches->run(t, in, sparse));
    FG_TRY(fg_answer_ask(t->counts, t->counters));
done:
    return status;
}

fgmm_status fg_transpose_wait(const fg_transpose *t, fg_transpose_counts *counts)
{
    return fg_answer_wait(t->counts, counts, sizeof *counts);
}
