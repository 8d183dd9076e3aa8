/* moments.c - enqueues cl/{cpu,gpu}/moments.cl: second moments as matrices, for tied and full covariances. */
#include "parts.h"

#include "size.h"
#include "status.h"

#include <math.h>
#include <stdlib.h>

/* cl/gpu/moments.cl. A band is what has few enough rows of a triangle to keep a worker busy for a while. */
enum { GROUP_TILE = 32, GROUP_ITEMS = 64, BAND_DIMS = 64, COMBINE_LOCAL = 64 };

static void plan(fg_moments *m, const fg_shape *s)
{
    const uint64_t wanted = fg_ceil_div(2 * (uint64_t)s->workers, s->matrices);
    const uint64_t tiles = fg_ceil_div(s->d, GROUP_TILE);
    const int is_group = s->backend == FGMM_BACKEND_GPU_WORKGROUP;
    m->bands = (uint32_t)(is_group ? tiles * (tiles + 1) / 2 : fg_min_u64(wanted, fg_ceil_div(s->d, BAND_DIMS)));
    m->splits = (uint32_t)fg_ceil_div(wanted, m->bands);
}

static uint64_t sum_count(const fg_shape *s)
{
    return (uint64_t)s->matrices * s->d * s->row_stride;
}

/* Wide sums gather doubles. */
static uint64_t scratch_elements(const fg_shape *s)
{
    return s->backend == FGMM_BACKEND_CPU_SIMD ? (uint64_t)s->workers * s->moment_rows * s->row_stride : 0;
}

uint64_t fg_moments_host_bytes(const fg_shape *s)
{
    return s->matrices ? sizeof(double) * sum_count(s) : 0;
}

uint64_t fg_moments_bytes(const fg_shape *s)
{
    fg_moments m = {0};
    if (s->matrices == 0) return 0;
    plan(&m, s);
    return sizeof(double) * sum_count(s) * (m.splits > 1 ? m.splits + 1 : 1) + sizeof(double) * scratch_elements(s);
}

fgmm_status fg_moments_create(fg_pass *pass)
{
    fgmm_status status = FGMM_OK;
    fg_moments *m = &pass->moments;
    const fg_shape *s = &pass->shape;
    size_t bytes;
    if (s->matrices == 0) return FGMM_OK;
    plan(m, s);
    FG_TRY(fg_size_product3(&bytes, s->matrices, s->d, s->row_stride, "second moments"));
    FG_TRY(fg_size_product(&bytes, bytes, sizeof(double), "second moments"));
    FG_TRY(fg_buffer_create(&m->sums, pass->device, bytes, FG_BUFFER_DEVICE, "second moments"));
    if (m->splits > 1) {
        FG_TRY(fg_size_product(&bytes, bytes, m->splits, "second moments"));
        FG_TRY(fg_buffer_create(&m->partials, pass->device, bytes, FG_BUFFER_DEVICE, "second moments"));
        FG_TRY(fg_program_kernel(&m->combine, pass->device, &pass->shape, FG_PROGRAM_MATRIX, "combine_moments"));
    }
    if (scratch_elements(s) > 0)
        FG_TRY(fg_buffer_create(&m->scratch, pass->device, sizeof(double) * (size_t)scratch_elements(s),
                                FG_BUFFER_DEVICE, "scratch"));
    FG_TRY(fg_program_kernel(&m->moments, pass->device, &pass->shape, FG_PROGRAM_MATRIX, "moments"));
done:
    return status;
}

void fg_moments_free(fg_moments *m)
{
    fg_buffer_free(m->sums);
    fg_buffer_free(m->partials);
    fg_buffer_free(m->scratch);
    *m = (fg_moments){0};
}

fgmm_status fg_moments_zero(fg_pass *pass)
{
    const fg_moments *m = &pass->moments;
    return m->sums ? fg_buffer_zero(m->sums, 0, fg_buffer_bytes(m->sums)) : FGMM_OK;
}

/* Jobs first_job .. end_job - 1: a launch. */
static fgmm_status run_vector(fg_pass *pass, const fg_rows *rows, const fg_buffer *out, cl_uint first_job,
                              cl_uint end_job)
{
    const fg_moments *m = &pass->moments;
    const fg_shape *s = &pass->shape;
    const fg_lists *lists = &pass->lists;
    const cl_ulong first = rows->offset_bytes / fgmm_type_bytes(s->type);
    const fg_argument arguments[] = {
        FG_ARG_BUFFER(rows->buffer),
        FG_ARG_VALUE(first),
        FG_ARG_BUFFER(pass->packed.shift),
        FG_ARG_BUFFER(fg_packed_centres(&pass->packed)),
        FG_ARG_BUFFER(pass->packed.is_wide),
        FG_ARG_BUFFER(lists->component_chunk),
        FG_ARG_BUFFER(lists->chunk_first),
        FG_ARG_BUFFER(lists->chunk_end),
        FG_ARG_BUFFER(lists->sorted_rows),
        FG_ARG_BUFFER(lists->sorted_values),
        FG_ARG_VALUE(s->k),
        FG_ARG_VALUE(s->matrices),
        FG_ARG_VALUE(m->bands),
        FG_ARG_VALUE(m->splits),
        FG_ARG_VALUE(first_job),
        FG_ARG_VALUE(end_job),
        FG_ARG_BUFFER(m->scratch),
        FG_ARG_BUFFER(out),
    };
    const size_t global = s->workers, local = 1;
    return FG_LAUNCH(pass, m->moments, arguments, 1, &global, &local);
}

static fgmm_status run_group(fg_pass *pass, const fg_rows *rows, const fg_buffer *out, cl_uint first_job,
                             cl_uint end_job)
{
    const fg_moments *m = &pass->moments;
    const fg_shape *s = &pass->shape;
    const fg_lists *lists = &pass->lists;
    const cl_ulong first = rows->offset_bytes / fgmm_type_bytes(s->type);
    const fg_argument arguments[] = {
        FG_ARG_BUFFER(rows->buffer),
        FG_ARG_VALUE(first),
        FG_ARG_BUFFER(pass->packed.shift),
        FG_ARG_BUFFER(fg_packed_centres(&pass->packed)),
        FG_ARG_BUFFER(pass->packed.is_wide),
        FG_ARG_BUFFER(lists->component_chunk),
        FG_ARG_BUFFER(lists->chunk_first),
        FG_ARG_BUFFER(lists->chunk_end),
        FG_ARG_BUFFER(lists->sorted_rows),
        FG_ARG_BUFFER(lists->sorted_values),
        FG_ARG_VALUE(s->k),
        FG_ARG_VALUE(s->matrices),
        FG_ARG_VALUE(m->bands),
        FG_ARG_VALUE(m->splits),
        FG_ARG_VALUE(first_job),
        FG_ARG_BUFFER(out),
    };
    const size_t global = (size_t)(end_job - first_job) * GROUP_ITEMS, local = GROUP_ITEMS;
    return FG_LAUNCH(pass, m->moments, arguments, 1, &global, &local);
}

/* All jobs, so many to a launch that it stays short (an entry takes D^2 multiplications and additions, half of them
 * twice), but no fewer than keep the device busy. */
static fgmm_status run_jobs(fg_pass *pass, const fg_rows *rows, const fg_list_counts *counts, const fg_buffer *out)
{
    enum { GROUPS_PER_UNIT = 4 };
    fgmm_status status = FGMM_OK;
    const fg_shape *s = &pass->shape;
    const int is_vector = s->backend == FGMM_BACKEND_CPU_SIMD;
    const uint64_t jobs = (uint64_t)pass->moments.splits * s->matrices * pass->moments.bands;
    const uint64_t least = is_vector ? s->workers : (uint64_t)s->compute_units * GROUPS_PER_UNIT;
    const double work = (double)counts->entries * s->d * s->d, share = s->launch_work / fmax(work, 1);
    const uint64_t most = fg_round_up(fg_max_u64((uint64_t)((double)jobs * fmin(share, 1)), 1), least);
    for (uint64_t first = 0; first < jobs; first += most) {
        const cl_uint end = (cl_uint)fg_min_u64(jobs, first + most);
        FG_TRY((is_vector ? run_vector : run_group)(pass, rows, out, (cl_uint)first, end));
    }
done:
    return status;
}

fgmm_status fg_moments_run(fg_pass *pass, const fg_rows *rows, const fg_list_counts *counts)
{
    fgmm_status status = FGMM_OK;
    const fg_moments *m = &pass->moments;
    const fg_shape *s = &pass->shape;
    if (s->matrices == 0) return FGMM_OK;
    const fg_buffer *out = m->splits > 1 ? m->partials : m->sums;
    if (m->partials) FG_TRY(fg_buffer_zero(m->partials, 0, fg_buffer_bytes(m->partials)));
    FG_TRY(run_jobs(pass, rows, counts, out));
    if (m->splits > 1) {
        const cl_ulong elements = sum_count(s);
        const fg_argument combine[] = {
            FG_ARG_VALUE(elements),
            FG_ARG_VALUE(m->splits),
            FG_ARG_BUFFER(m->partials),
            FG_ARG_BUFFER(m->sums),
        };
        const size_t global = (size_t)fg_round_up(elements, COMBINE_LOCAL), local = COMBINE_LOCAL;
        FG_TRY(FG_LAUNCH(pass, m->combine, combine, 1, &global, &local));
    }
done:
    return status;
}

fgmm_status fg_moments_fetch(fg_pass *pass, double *s2)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = &pass->shape;
    const size_t d = s->d, stride = s->row_stride;
    double *sums = NULL;
    if (s->matrices == 0) return FGMM_OK;
    FG_TRY(FG_ALLOC(&sums, sum_count(s), "second moments"));
    FG_TRY(fg_sums_read(pass, pass->moments.sums, sums, (size_t)sum_count(s)));
    for (size_t m = 0; m < s->matrices; m++)
        for (size_t i = 0; i < d; i++)
            for (size_t j = 0; j <= i; j++)
                s2[(m * d + i) * d + j] = s2[(m * d + j) * d + i] = sums[(m * d + i) * stride + j];
done:
    free(sums);
    return status;
}
