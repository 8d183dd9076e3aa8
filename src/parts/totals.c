/* totals.c - enqueues cl/{cpu,gpu}/accumulate.cl and cl/common/combine.cl: nonzeros by component and log-normalisers
 * into the running statistics, and fetches those as doubles. */
#include "totals.h"

#include "arguments/accumulate.h"
#include "buffers.h"
#include "size.h"
#include "status.h"

#include <stdlib.h>

/* An element of a row that is gathered and summed takes as long as so many multiplications and additions (a core
 * gathers some 5e9 a second). */
enum { ELEMENT_WORK = 32 };

static uint32_t s2_count(const fg_shape *s)
{
    return s->is_diag_s2 ? s->d : s->matrices ? 0 : 1; /* matrices are apart (moments.c) */
}

static uint64_t total_count(const fg_shape *s)
{
    return 1 + (uint64_t)s->k * ((uint64_t)s->d + s2_count(s) + 1);
}

/* Of a segment's sums. */
static uint32_t partial_floats(const fg_shape *s)
{
    const uint32_t second = s->is_diag_s2 || s->matrices ? s->row_stride : 1; /* matrices: low parts of the sums */
    return (uint32_t)fg_round_up(s->row_stride + second + 1 + (s->matrices > 0), s->tile.vw);
}

static uint64_t total_bytes(const fg_shape *s)
{
    return sizeof(double) * total_count(s);
}

static uint64_t row_sum_bytes(const fg_shape *s)
{
    return sizeof(double) * fg_ceil_div(s->batch_rows, FG_SUM_BLOCK);
}

static uint64_t partial_bytes(const fg_shape *s)
{
    return sizeof(float) * fg_most_segments(s, s->batch_rows) * partial_floats(s);
}

static const fg_buffer_row rows[] = {
    {offsetof(fg_totals, totals), "statistics", total_bytes},
    {offsetof(fg_totals, row_sums), "row sums", row_sum_bytes},
    {offsetof(fg_totals, partials), "partial sums", partial_bytes},
};
static const fg_buffer_list buffers = FG_BUFFER_LIST(rows);

uint64_t fg_totals_bytes(const fg_shape *s)
{
    return fg_buffers_bytes(&buffers, s);
}

fgmm_status fg_totals_create(fg_totals *t, fgmm_device *device, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fg_buffers_create(t, &buffers, device, s));
    FG_TRY(fg_common_kernel(&t->combine_segments, device, s->backend, s->tile.vw, "combine_segments"));
    FG_TRY(fg_common_kernel(&t->sum_rows, device, s->backend, s->tile.vw, "sum_rows"));
    FG_TRY(fg_common_kernel(&t->combine_rows, device, s->backend, s->tile.vw, "combine_rows"));
done:
    return status;
}

void fg_totals_free(fg_totals *t)
{
    fg_buffers_free(t, &buffers);
}

fgmm_status fg_totals_zero(const fg_totals *t)
{
    return fg_buffer_zero(t->totals, 0, fg_buffer_bytes(t->totals));
}

FG_ARGUMENTS(accumulate, ACCUMULATE_ARGUMENTS)

/* Segments into partials. */
static fgmm_status sum_segments(const fg_totals *t, const fg_inputs *in, const fg_transpose *transpose,
                                cl_uint segments)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = in->shape;
    const fg_packed *p = in->parameters;
    const double elements = (double)s->tile.chunk * s->d;
    const uint64_t most = fg_max_u64(1, (uint64_t)(s->launch_work / ELEMENT_WORK / elements));
    for (cl_uint first_segment = 0; first_segment < segments;) {
        const cl_uint count = (cl_uint)fg_min_u64(most, segments - first_segment);
        const accumulate_arguments arguments = {
            FG_ROW_MEMBERS(in),
            .shift = p->shift,
            .means = fg_packed_centres(p),
            .segment_component = transpose->segment_component,
            FG_SEGMENT_MEMBERS(transpose),
            .first_segment = first_segment,
            .is_wide = p->is_wide,
            .partials = t->partials,
            .counters = transpose->counters,
        };
        const size_t local = s->sum_items, global = count * local;
        FG_TRY(launch_accumulate(in->device, t->accumulate, &arguments, 1, &global, &local));
        first_segment += count;
    }
done:
    return status;
}

fgmm_status fg_totals_add_segments(fg_totals *t, const fg_inputs *in, const fg_transpose *transpose, uint32_t segments)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = in->shape;
    if (segments == 0) return FGMM_OK;
    const cl_uint s2_kind = fg_shape_s2_kind(s);
    const fg_argument combine[] = {
        FG_ARG_VALUE(s->k),         FG_ARG_BUFFER(transpose->component_segment),
        FG_ARG_BUFFER(t->partials), FG_ARG_BUFFER(t->totals),
        FG_ARG_VALUE(s->d),         FG_ARG_VALUE(s2_kind),
    };
    const size_t local = s->sum_items, global = s->k * local;
    FG_TRY(fg_program_kernel_once(&t->accumulate, in->device, s, FG_PROGRAM_SPARSE, "accumulate"));
    FG_TRY(sum_segments(t, in, transpose, segments));
    FG_TRY(FG_LAUNCH(in->device, t->combine_segments, combine, 1, &global, &local));
done:
    return status;
}

fgmm_status fg_totals_add_rows(fg_totals *t, const fg_inputs *in, const fg_buffer *logz)
{
    fgmm_status status = FGMM_OK;
    const cl_uint n = (cl_uint)in->rows->n, blocks = (cl_uint)fg_ceil_div(n, FG_SUM_BLOCK);
    const fg_argument sums[] = {FG_ARG_VALUE(n), FG_ARG_BUFFER(logz), FG_ARG_BUFFER(t->row_sums)};
    const fg_argument total[] = {FG_ARG_VALUE(blocks), FG_ARG_BUFFER(t->row_sums), FG_ARG_BUFFER(t->totals)};
    const size_t local = in->shape->sum_items, global = blocks * local;
    FG_TRY(fg_weigh_rows(&t->weighing, in, logz));
    FG_TRY(FG_LAUNCH(in->device, t->sum_rows, sums, 1, &global, &local));
    FG_TRY(FG_LAUNCH(in->device, t->combine_rows, total, 1, &local, &local));
done:
    return status;
}

fgmm_status fg_sums_read(fgmm_device *device, const fg_buffer *sums, double *values, size_t count)
{
    fgmm_status status = FGMM_OK;
    float *pairs = NULL;
    if (fg_device_facts_of(device)->has_fp64) return fg_buffer_read(sums, 0, values, count * sizeof(double));
    FG_TRY(FG_ALLOC(&pairs, 2 * (uint64_t)count, "statistics"));
    FG_TRY(fg_buffer_read(sums, 0, pairs, count * 2 * sizeof(float)));
    for (size_t i = 0; i < count; i++) values[i] = (double)pairs[2 * i] + (double)pairs[2 * i + 1];
done:
    free(pairs);
    return status;
}

fgmm_status fg_totals_fetch(const fg_totals *t, fgmm_device *device, const fg_shape *s, double *values)
{
    return fg_sums_read(device, t->totals, values, (size_t)total_count(s));
}
