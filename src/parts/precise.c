/* precise.c - enqueues cl/common/precise.cl. */
#include "precise.h"

#include "arguments/precise.h"
#include "buffers.h"
#include "constants.h"
#include "size.h"
#include "status.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A term of a log-density in double precision takes as long as so many multiplications and additions of floats. */
enum { TERM_WORK = 16 };
/* Rows of a launch of sums: each work-item meets all of them. */
enum { SUM_ROWS = 16384, LOCAL = 64 };

int fg_precise_is_possible(const fg_shape *s, const fgmm_device *device)
{
    return s->assignment == FG_ASSIGN_SOFT && s->matrices == 0 && s->k > 1 && s->capacity >= s->k &&
           fg_device_facts_of(device)->has_fp64;
}

static uint64_t elements(const fg_shape *s)
{
    return (uint64_t)s->k * s->d;
}

static uint64_t model_bytes(const fg_shape *s)
{
    return sizeof(double) * (2 * elements(s) + s->k);
}

static uint64_t centre_bytes(const fg_shape *s)
{
    return sizeof(double) * elements(s);
}

static uint64_t sum_bytes(const fg_shape *s)
{
    return sizeof(double) * (2 * elements(s) + s->k);
}

static const fg_buffer_row rows[] = {
    {offsetof(fg_precise, model), "parameters in double precision", model_bytes},
    {offsetof(fg_precise, centres), "centres in double precision", centre_bytes},
    {offsetof(fg_precise, sums), "sums in double precision", sum_bytes},
};
static const fg_buffer_list buffers = FG_BUFFER_LIST(rows);

uint64_t fg_precise_bytes(const fg_shape *s)
{
    const int may_be_used = s->assignment == FG_ASSIGN_SOFT && s->matrices == 0 && s->k > 1 && s->capacity >= s->k;
    return may_be_used ? fg_buffers_bytes(&buffers, s) : 0;
}

void fg_precise_free(fg_precise *p)
{
    fg_buffers_free(p, &buffers);
    *p = (fg_precise){0};
}

static fgmm_status create(fg_precise *p, fgmm_device *device, const fg_shape *s)
{
    fgmm_status status = FGMM_OK;
    char options[64];
    snprintf(options, sizeof options, "-DROW_TYPE=%d -DVW=%u", (int)s->type, s->tile.vw);
    FG_TRY(fg_buffers_create(p, &buffers, device, s));
    FG_TRY(fg_kernel_get(&p->responsibilities, device, "common/precise.cl", options, "precise_responsibilities"));
    FG_TRY(fg_kernel_get(&p->accumulate, device, "common/precise.cl", options, "precise_sums"));
done:
    return status;
}

fgmm_status fg_precise_recentre(fg_precise *p, const fg_shape *s, const double *centres, const float *shift)
{
    fgmm_status status = FGMM_OK;
    double *shifted = NULL;
    FG_TRY(FG_ALLOC(&shifted, elements(s), "centres"));
    for (uint64_t i = 0; i < elements(s); i++) shifted[i] = centres[i] - (double)shift[i % s->d];
    FG_TRY(fg_buffer_write(p->centres, 0, shifted, fg_buffer_bytes(p->centres)));
done:
    free(shifted);
    return status;
}

/* model: as fg_precise. */
static void pack(double *model, const fg_shape *s, const fg_parameters *p, const float *shift, double log_offset)
{
    const uint64_t d = s->d, width = fg_covariance_width(p->covariance, d);
    double *h = model + elements(s), *offsets = h + elements(s);
    for (uint64_t c = 0; c < s->k; c++) {
        offsets[c] = log(p->weights[c]) - log_offset;
        for (uint64_t j = 0; j < d; j++) {
            const double variance = p->covariances[c * width + j % width];
            model[c * d + j] = p->means[c * d + j] - (double)shift[j];
            h[c * d + j] = 0.5 / variance;
            offsets[c] -= 0.5 * (FG_LOG_TWO_PI + log(variance));
        }
    }
}

fgmm_status fg_precise_load(fg_precise *p, fgmm_device *device, const fg_shape *s, const fg_parameters *parameters,
                            const float *shift, double log_offset)
{
    fgmm_status status = FGMM_OK;
    double *model = NULL;
    FG_CHECK(fg_precise_is_possible(s, device), FGMM_INTERNAL, "sums in double precision of K = %u: no such pass",
             s->k);
    FG_TRY(FG_ALLOC(&model, 2 * elements(s) + s->k, "parameters"));
    FG_TRY(create(p, device, s));
    pack(model, s, parameters, shift, log_offset);
    FG_TRY(fg_buffer_write(p->model, 0, model, fg_buffer_bytes(p->model)));
    FG_TRY(fg_precise_recentre(p, s, parameters->means, shift));
    FG_TRY(fg_buffer_zero(p->sums, 0, fg_buffer_bytes(p->sums)));
    p->is_used = 1;
done:
    free(model);
    return status;
}

FG_ARGUMENTS(responsibilities, PRECISE_RESPONSIBILITIES_ARGUMENTS)
FG_ARGUMENTS(sums, PRECISE_SUMS_ARGUMENTS)

static fgmm_status run_responsibilities(const fg_precise *p, const fg_inputs *in, const fg_sparse *sparse)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = in->shape;
    const uint32_t n = (uint32_t)in->rows->n, step = fg_launch_rows(s, TERM_WORK * (double)elements(s), LOCAL);
    for (uint32_t first = 0; first < n; first += step) {
        const uint32_t end = (uint32_t)fg_min_u64(n, (uint64_t)first + step);
        const responsibilities_arguments arguments = {
            FG_PART_MEMBERS(in, first, end),
            .shift = in->shift,
            .row_scale = s->row_scale,
            .dims = s->d,
            .components = s->k,
            .row_capacity = s->capacity,
            .model = p->model,
            .high = sparse->values,
            .low = sparse->components,
            .logz = sparse->logz,
        };
        const size_t local = LOCAL, global = (size_t)fg_round_up(end - first, LOCAL);
        FG_TRY(launch_responsibilities(in->device, p->responsibilities, &arguments, 1, &global, &local));
        if (end == n) break;
    }
done:
    return status;
}

static fgmm_status run_sums(const fg_precise *p, const fg_inputs *in, const fg_sparse *sparse)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = in->shape;
    const fg_weight_arguments weights = fg_weight_arguments_of(in->rows);
    const uint32_t n = (uint32_t)in->rows->n;
    for (uint32_t first = 0; first < n; first += SUM_ROWS) {
        const sums_arguments arguments = {
            FG_PART_MEMBERS(in, first, (uint32_t)fg_min_u64(n, (uint64_t)first + SUM_ROWS)),
            FG_WEIGHT_MEMBERS(weights),
            .shift = in->shift,
            .row_scale = s->row_scale,
            .dims = s->d,
            .row_capacity = s->capacity,
            .centres = p->centres,
            .high = sparse->values,
            .low = sparse->components,
            .sums = p->sums,
        };
        const size_t local[] = {1, 1}, global[] = {s->d + 1, s->k};
        FG_TRY(launch_sums(in->device, p->accumulate, &arguments, 2, global, local));
    }
done:
    return status;
}

fgmm_status fg_precise_run(fg_precise *p, const fg_inputs *in, const fg_sparse *sparse)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(run_responsibilities(p, in, sparse));
    FG_TRY(run_sums(p, in, sparse));
done:
    return status;
}

fgmm_status fg_precise_fetch(const fg_precise *p, const fg_shape *s, double *values)
{
    fgmm_status status = FGMM_OK;
    const uint64_t d = s->d, width = s->is_diag_s2 ? d : 1;
    double *sums = NULL, *s1 = values + s->k, *s2 = s1 + elements(s);
    FG_TRY(FG_ALLOC(&sums, 2 * elements(s) + s->k, "statistics"));
    FG_TRY(fg_buffer_read(p->sums, 0, sums, fg_buffer_bytes(p->sums)));
    for (uint64_t c = 0; c < s->k; c++) {
        const double *from = sums + c * (2 * d + 1);
        values[c] = from[2 * d];
        for (uint64_t i = 0; i < width; i++) s2[c * width + i] = 0;
        for (uint64_t j = 0; j < d; j++) {
            s1[c * d + j] = from[j];
            s2[c * width + j % width] += from[d + j];
        }
    }
done:
    free(sums);
    return status;
}
