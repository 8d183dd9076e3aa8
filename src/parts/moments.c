/* moments.c - second moments as matrices, for tied and full covariances. */
#include "matrices.h"

#include "blas_matrices.h"
#include "buffers.h"
#include "size.h"
#include "status.h"
#include "totals.h"

#include <math.h>
#include <stdlib.h>

enum { COMBINE_ITEMS = 64 }; /* of a work-group of cl/common/combine_moments.cl, which has an element each */

static fg_moments_plan plan_of(const fg_shape *s)
{
    const uint64_t wanted = fg_ceil_div(2 * (uint64_t)s->workers, s->matrices);
    const uint32_t bands = s->backend->moments->bands(s, wanted);
    return (fg_moments_plan){bands, (uint32_t)fg_ceil_div(wanted, bands)};
}

static uint64_t sum_count(const fg_shape *s)
{
    return (uint64_t)s->matrices * s->d * s->row_stride;
}

uint64_t fg_moments_host_bytes(const fg_shape *s)
{
    return s->matrices ? sizeof(double) * sum_count(s) : 0;
}

static uint64_t sum_bytes(const fg_shape *s)
{
    return sizeof(double) * sum_count(s);
}

static uint64_t partial_bytes(const fg_shape *s)
{
    const uint32_t splits = plan_of(s).splits;
    return splits > 1 ? splits * sum_bytes(s) : 0;
}

static uint64_t scratch_bytes(const fg_shape *s)
{
    return sizeof(double) * s->backend->moments->scratch_elements(s);
}

static uint64_t gathered_bytes(const fg_shape *s)
{
    return sizeof(float) * fg_blas_gathered_floats(s);
}

static uint64_t product_bytes(const fg_shape *s)
{
    return sizeof(float) * fg_blas_product_floats(s);
}

static const fg_buffer_row rows[] = {
    {offsetof(fg_moments, sums), "second moments", sum_bytes},
    {offsetof(fg_moments, partials), "second moments", partial_bytes},
    {offsetof(fg_moments, scratch), "scratch", scratch_bytes},
    {offsetof(fg_moments, gathered), "gathered rows", gathered_bytes},
    {offsetof(fg_moments, products), "products of segments", product_bytes},
};
static const fg_buffer_list buffers = FG_BUFFER_LIST(rows);

uint64_t fg_moments_bytes(const fg_shape *s)
{
    return s->matrices ? fg_buffers_bytes(&buffers, s) : 0;
}

fgmm_status fg_moments_create(fg_moments *m, fgmm_device *device, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    if (s->matrices == 0) return FGMM_OK;
    const char *wide_kernel = s->backend->moments->wide_kernel;
    m->plan = plan_of(s);
    FG_TRY(fg_buffers_create(m, &buffers, device, s));
    if (m->partials) FG_TRY(fg_program_kernel(&m->combine, device, s, FG_PROGRAM_MATRIX, "combine_moments"));
    FG_TRY(fg_program_kernel(&m->moments, device, s, FG_PROGRAM_MATRIX, "moments"));
    if (wide_kernel) FG_TRY(fg_program_kernel(&m->wide_moments, device, s, FG_PROGRAM_MATRIX, wide_kernel));
    FG_TRY(fg_blas_moments_kernels(m, device, s));
done:
    return status;
}

void fg_moments_free(fg_moments *m)
{
    fg_buffers_free(m, &buffers);
}

fgmm_status fg_moments_zero(const fg_moments *m)
{
    return m->sums ? fg_buffer_zero(m->sums, 0, fg_buffer_bytes(m->sums)) : FGMM_OK;
}

/* All jobs, so many to a launch that it stays short (a nonzero takes D^2 multiplications and additions, half of them
 * twice), but no fewer than keep the device busy. */
static fgmm_status run_jobs(const fg_moments *m, const fg_inputs *in, const fg_transpose *transpose, uint32_t nonzeros)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = in->shape;
    const fg_moments_launches *launches = s->backend->moments;
    const uint64_t jobs = (uint64_t)m->plan.splits * s->matrices * m->plan.bands, least = launches->least_jobs(s);
    const double work = (double)nonzeros * s->d * s->d, share = s->launch_work / fmax(work, 1);
    const uint64_t most = fg_round_up(fg_max_u64((uint64_t)((double)jobs * fmin(share, 1)), 1), least);
    for (uint64_t first = 0; first < jobs; first += most) {
        const fg_moment_jobs part = {m->partials ? m->partials : m->sums, (cl_uint)first,
                                     (cl_uint)fg_min_u64(jobs, first + most)};
        FG_TRY(launches->run(m, in, transpose, &part));
    }
done:
    return status;
}

fgmm_status fg_moments_run(const fg_moments *m, const fg_inputs *in, const fg_transpose *transpose,
                           const fg_transpose_counts *counts)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = in->shape;
    if (s->matrices == 0) return FGMM_OK;
    if (fg_blas_takes_moments(m, in)) return fg_blas_moments(m, in, transpose, counts->segments);
    if (m->partials) FG_TRY(fg_buffer_zero(m->partials, 0, fg_buffer_bytes(m->partials)));
    FG_TRY(run_jobs(m, in, transpose, counts->nonzeros));
    if (m->partials) {
        const cl_ulong elements = sum_count(s);
        const fg_argument combine[] = {
            FG_ARG_VALUE(elements),
            FG_ARG_VALUE(m->plan.splits),
            FG_ARG_BUFFER(m->partials),
            FG_ARG_BUFFER(m->sums),
        };
        const size_t global = (size_t)fg_round_up(elements, COMBINE_ITEMS), local = COMBINE_ITEMS;
        FG_TRY(FG_LAUNCH(in->device, m->combine, combine, 1, &global, &local));
    }
done:
    return status;
}

fgmm_status fg_moments_fetch(const fg_moments *moments, fgmm_device *device, const fg_shape *s, double *s2)
{
    fgmm_status status = FGMM_OK;
    const size_t d = s->d, stride = s->row_stride;
    double *sums = NULL;
    if (s->matrices == 0) return FGMM_OK;
    FG_TRY(FG_ALLOC(&sums, sum_count(s), "second moments"));
    FG_TRY(fg_sums_read(device, moments->sums, sums, (size_t)sum_count(s)));
    for (size_t m = 0; m < s->matrices; m++)
        for (size_t i = 0; i < d; i++)
            for (size_t j = 0; j <= i; j++)
                s2[(m * d + i) * d + j] = s2[(m * d + j) * d + i] = sums[(m * d + i) * stride + j];
done:
    free(sums);
    return status;
}
