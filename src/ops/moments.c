/* moments.c - second moments as matrices, for tied and full covariances. */
#include "parts.h"

#include "size.h"
#include "status.h"

#include <math.h>
#include <stdlib.h>

enum { COMBINE_LOCAL = 64 };

static void plan(fg_moments *m, const fg_shape *s)
{
    const uint64_t wanted = fg_ceil_div(2 * (uint64_t)s->workers, s->matrices);
    m->bands = s->backend->moments->bands(s, wanted);
    m->splits = (uint32_t)fg_ceil_div(wanted, m->bands);
}

static uint64_t sum_count(const fg_shape *s)
{
    return (uint64_t)s->matrices * s->d * s->row_stride;
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
    return sizeof(double) * sum_count(s) * (m.splits > 1 ? m.splits + 1 : 1) +
           sizeof(double) * s->backend->moments->scratch_elements(s);
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
    if (s->backend->moments->scratch_elements(s) > 0)
        FG_TRY(fg_buffer_create(&m->scratch, pass->device,
                                sizeof(double) * (size_t)s->backend->moments->scratch_elements(s), FG_BUFFER_DEVICE,
                                "scratch"));
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

/* All jobs, so many to a launch that it stays short (an entry takes D^2 multiplications and additions, half of them
 * twice), but no fewer than keep the device busy. */
static fgmm_status run_jobs(fg_pass *pass, const fg_rows *rows, const fg_list_counts *counts, const fg_buffer *out)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = &pass->shape;
    const fg_moments_launches *launches = s->backend->moments;
    const uint64_t jobs = (uint64_t)pass->moments.splits * s->matrices * pass->moments.bands;
    const uint64_t least = launches->least_jobs(s);
    const double work = (double)counts->entries * s->d * s->d, share = s->launch_work / fmax(work, 1);
    const uint64_t most = fg_round_up(fg_max_u64((uint64_t)((double)jobs * fmin(share, 1)), 1), least);
    for (uint64_t first = 0; first < jobs; first += most) {
        const cl_uint end = (cl_uint)fg_min_u64(jobs, first + most);
        FG_TRY(launches->run(pass, rows, out, (cl_uint)first, end));
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
