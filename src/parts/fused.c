/* fused.c - enqueues cl/cpu/fused.cl: rows go straight into sums that stay in the L2 cache, whole batches of such
 * mixtures or dense ones. Its buffers and program are made when the first batch comes. */
#include "dense_path.h"

#include "arguments/fused.h"
#include "buffers.h"
#include "size.h"
#include "status.h"

#include <math.h>

/* Rows whose sums are float: enough ranges for all workers, and no more rows than float sums bear. Joining the ranges'
 * sums costs K D additions each, so that there are fewer where these are many. */
enum { LEAST_RANGE_ROWS = 512, MOST_RANGE_ROWS = 2048, MANY_SUMS = 1 << 16 };
/* A row takes as long as so many multiplications and additions, at least: some 100 ns. */
enum { ROW_WORK = 1 << 15 };
/* A block of rows is summed by single nonzeros while these cost less than its products: a vector of responsibilities
 * costs a row DENSE_WORK instructions and D, a nonzero NONZERO_WORK and NONZERO_VECTOR for each vector of the row
 * (measured with 16 lanes, sums in the L2 cache). */
enum { DENSE_WORK = 28, NONZERO_WORK = 24, NONZERO_VECTOR = 8 };

static uint32_t most_nonzeros(const fg_shape *s)
{
    const uint64_t vw = s->tile.vw;
    const uint64_t dense = s->padded_k / vw * (DENSE_WORK + (uint64_t)s->d);
    const uint64_t nonzero = NONZERO_WORK + NONZERO_VECTOR * (s->row_stride / vw);
    return (uint32_t)(s->tile.block * dense / nonzero);
}

static fg_fused_plan plan_of(const fg_shape *s)
{
    fg_fused_plan plan;
    const uint32_t block = s->tile.block;
    const uint64_t ranges = (uint64_t)s->padded_k * s->d < MANY_SUMS ? 2 * (uint64_t)s->workers : s->workers;
    const uint64_t even = fg_ceil_div(s->batch_rows, ranges);
    const uint64_t rows = fg_max_u64(LEAST_RANGE_ROWS, fg_min_u64(MOST_RANGE_ROWS, even));
    plan.range_rows = (uint32_t)fg_round_up(rows, block);
    plan.ranges = (uint32_t)fg_ceil_div(s->batch_rows, plan.range_rows);
    /* nonzeros: their number, those of one row more, and what fills up whole vectors */
    const uint64_t most = fg_round_up((uint64_t)most_nonzeros(s) + s->padded_k + s->tile.vw, s->tile.vw);
    plan.scratch_floats =
        fg_block_floats(s) + fg_round_up(fg_max_u64((uint64_t)block * s->padded_k, 3 * most), s->tile.vw);
    return plan;
}

static uint64_t scratch_bytes(const fg_shape *s)
{
    return sizeof(float) * s->workers * plan_of(s).scratch_floats;
}

static uint64_t survivor_bytes(const fg_shape *s)
{
    return sizeof(cl_uint) * plan_of(s).ranges;
}

static const fg_buffer_row rows[] = {
    {offsetof(fg_fused, scratch), "scratch", scratch_bytes},
    {offsetof(fg_fused, survivors), "dense counts", survivor_bytes},
};
static const fg_buffer_list buffers = FG_BUFFER_LIST(rows);

uint64_t fg_fused_most_nonzeros(const fg_shape *s, uint64_t n)
{
    return n * most_nonzeros(s) / s->tile.block;
}

uint64_t fg_fused_bytes(const fg_shape *s)
{
    if (!s->is_fused && !s->has_fused_dense) return 0;
    const uint32_t ranges = plan_of(s).ranges;
    return fg_buffers_bytes(&buffers, s) + fg_partial_sums_bytes(s, ranges, ranges);
}

static fgmm_status create(fg_fused *fused, fgmm_device *device, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    fused->plan = plan_of(s);
    FG_TRY(fg_buffers_create(fused, &buffers, device, s));
    FG_TRY(fg_partial_sums_create(&fused->sums, device, s, fused->plan.ranges, fused->plan.ranges));
    FG_TRY(fg_program_kernel(&fused->accumulate, device, s, FG_PROGRAM_FUSED, "fused_accumulate"));
done:
    if (status != FGMM_OK) fg_fused_free(fused);
    return status;
}

void fg_fused_free(fg_fused *fused)
{
    fg_buffers_free(fused, &buffers);
    fg_partial_sums_free(&fused->sums);
    *fused = (fg_fused){0};
}

FG_ARGUMENTS(fused, FUSED_ARGUMENTS)

/* Ranges first..end-1 of a batch into their sums. */
static fgmm_status sum_ranges(const fg_fused *fused, const fg_inputs *in, const fg_buffer *logz, cl_uint first_range,
                              cl_uint end_range)
{
    const fg_shape *s = in->shape;
    const fg_packed *p = in->parameters;
    const fg_weight_arguments weights = fg_weight_arguments_of(in->rows);
    const fused_arguments arguments = {
        FG_ROW_MEMBERS(in),
        FG_WEIGHT_MEMBERS(weights),
        .n = (cl_uint)in->rows->n,
        .range_rows = fused->plan.range_rows,
        .first_range = first_range,
        .end_range = end_range,
        .shift = p->shift,
        FG_PACKED_MEMBERS(p),
        .normaliser = p->normaliser,
        .width = p->width,
        .means = p->means,
        .panels = s->panels,
        .cutoff = s->cutoff,
        .most_nonzeros = most_nonzeros(s),
        .scratch = fused->scratch,
        .scratch_floats = fused->plan.scratch_floats,
        .logz = logz,
        .partial_weights = fused->sums.weights,
        .partials = fused->sums.products,
        .survivors = fused->survivors,
        .dims = s->d,
        .is_hard = s->assignment == FG_ASSIGN_HARD,
    };
    const size_t workers = s->workers, one = 1;
    return launch_fused(in->device, fused->accumulate, &arguments, 1, &workers, &one);
}

/* Ranges of a launch: whole rounds of workers. */
static uint32_t ranges_of_launch(const fg_fused *fused, const fg_shape *s)
{
    const double rows_of_launch = s->launch_work / fmax(ROW_WORK, 4.0 * s->padded_k * s->d);
    return (uint32_t)fg_round_up((uint64_t)ceil(rows_of_launch / fused->plan.range_rows), s->workers);
}

fgmm_status fg_fused_run(fg_fused *fused, const fg_inputs *in, const fg_outputs *out, uint64_t *survivors)
{
    fgmm_status status = FGMM_OK;
    if (!fused->accumulate) FG_TRY(create(fused, in->device, in->shape));
    const uint32_t ranges = (uint32_t)fg_ceil_div(in->rows->n, fused->plan.range_rows);
    const uint32_t most = ranges_of_launch(fused, in->shape);
    for (uint32_t range = 0; range < ranges; range += most)
        FG_TRY(sum_ranges(fused, in, out->logz, range, (uint32_t)fg_min_u64(ranges, (uint64_t)range + most)));
    FG_TRY(fg_partial_sums_combine(&fused->sums, in, out->totals, ranges, ranges));
    if (survivors) FG_TRY(fg_counts_add(survivors, fused->survivors, ranges));
done:
    return status;
}
