/* seeding.c - k-means++ on the device: cl/common/seeding.cl. */
#include "seeding.h"

#include "arguments/seeding.h"
#include "backend.h"
#include "size.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { MOST_ITEMS = 256 };                                                 /* of a work-group */
static const uint64_t most_rows = (uint64_t)UINT32_MAX * FG_SEEDING_BLOCK; /* kernels number blocks in 32 bits */

struct fg_seeding {
    fgmm_device *device;
    uint32_t d, padded; /* padded: candidates, rounded up to FG_SEEDING_CANDIDATES */
    uint32_t blocks;
    size_t local;
    fg_buffer *rows, *candidates, *weights, *least, *distances, *potentials; /* layouts: cl/common/seeding.cl */
    float *host_block, *host_candidates, *host_potentials;
    cl_kernel measure, choose;
};

static fgmm_status make_buffer(fg_buffer **buffer, fg_seeding *s, uint64_t a, uint64_t b, const char *what)
{
    fgmm_status status = FGMM_OK;
    size_t bytes;
    FG_TRY(fg_size_product3(&bytes, a, b, sizeof(float), what));
    FG_TRY(fg_buffer_create(buffer, s->device, bytes, FG_BUFFER_DEVICE, what));
done:
    return status;
}

fgmm_status fg_seeding_create(fg_seeding **seeding, fgmm_device *device, uint64_t rows, uint64_t d, uint32_t candidates)
{
    fgmm_status status = FGMM_OK;
    fg_seeding *s = NULL;
    *seeding = NULL;
    FG_CHECK(d <= UINT32_MAX, FGMM_ARGUMENT, "dims = %llu; need at most %u", (unsigned long long)d, UINT32_MAX);
    FG_CHECK(rows <= most_rows, FGMM_ARGUMENT, "rows of a sample = %llu; need at most %llu", (unsigned long long)rows,
             (unsigned long long)most_rows);
    FG_TRY(FG_ALLOC(&s, 1, "seeding"));
    s->device = device;
    s->d = (uint32_t)d;
    s->padded = (uint32_t)fg_round_up(candidates, FG_SEEDING_CANDIDATES);
    s->blocks = (uint32_t)fg_ceil_div(rows, FG_SEEDING_BLOCK);
    const fg_search_launches *launches = fg_backend_of(device)->search;
    s->local = launches->items(fg_device_facts_of(device), MOST_ITEMS);
    FG_TRY(launches->seeding_kernel(&s->measure, device, s->local, "seeding_try"));
    FG_TRY(launches->seeding_kernel(&s->choose, device, s->local, "seeding_choose"));
    FG_TRY(make_buffer(&s->rows, s, (uint64_t)s->blocks * FG_SEEDING_BLOCK, d, "sample rows"));
    FG_TRY(make_buffer(&s->candidates, s, d, s->padded, "candidates"));
    FG_TRY(make_buffer(&s->weights, s, s->blocks, FG_SEEDING_BLOCK, "weights"));
    FG_TRY(make_buffer(&s->least, s, s->blocks, FG_SEEDING_BLOCK, "least distances"));
    FG_TRY(make_buffer(&s->distances, s, s->padded, (uint64_t)s->blocks * FG_SEEDING_BLOCK, "candidate distances"));
    FG_TRY(make_buffer(&s->potentials, s, s->blocks, s->padded, "potentials"));
    FG_TRY(FG_ALLOC(&s->host_block, d * FG_SEEDING_BLOCK, "a block of rows"));
    FG_TRY(FG_ALLOC(&s->host_candidates, d * s->padded, "candidates"));
    FG_TRY(FG_ALLOC(&s->host_potentials, (uint64_t)s->blocks * s->padded, "potentials"));
    *seeding = s;
    s = NULL;
done:
    fg_seeding_free(s);
    return status;
}

void fg_seeding_free(fg_seeding *s)
{
    if (!s) return;
    fg_buffer_free(s->rows);
    fg_buffer_free(s->candidates);
    fg_buffer_free(s->weights);
    fg_buffer_free(s->least);
    fg_buffer_free(s->distances);
    fg_buffer_free(s->potentials);
    free(s->host_block);
    free(s->host_candidates);
    free(s->host_potentials);
    free(s);
}

uint64_t fg_seeding_blocks(const fg_seeding *s)
{
    return s->blocks;
}

fgmm_status fg_seeding_write(fg_seeding *s, uint64_t block, const float *x, const float *weights, uint64_t n)
{
    fgmm_status status = FGMM_OK;
    const size_t d = s->d, bytes = d * FG_SEEDING_BLOCK * sizeof(float);
    float least[FG_SEEDING_BLOCK], weight[FG_SEEDING_BLOCK];
    for (size_t i = 0; i < FG_SEEDING_BLOCK; i++) {
        least[i] = i < n ? FLT_MAX : 0.0f;
        weight[i] = i >= n ? 0.0f : weights ? weights[i] : 1.0f;
        for (size_t j = 0; j < d; j++) s->host_block[j * FG_SEEDING_BLOCK + i] = i < n ? x[i * d + j] : 0.0f;
    }
    FG_TRY(fg_buffer_write(s->rows, (size_t)block * bytes, s->host_block, bytes));
    FG_TRY(fg_buffer_write(s->weights, (size_t)block * sizeof weight, weight, sizeof weight));
    FG_TRY(fg_buffer_write(s->least, (size_t)block * sizeof least, least, sizeof least));
done:
    return status;
}

/* Blocks of a launch that takes block_work multiplications and additions for each. */
static cl_uint blocks_of_launch(const fg_seeding *s, double block_work)
{
    return (cl_uint)fmin(fmax(fg_device_launch_work(s->device) / block_work, 1), s->blocks);
}

FG_ARGUMENTS(try, SEEDING_TRY_ARGUMENTS)

/* Distances of all rows to the candidates that were written, and potentials. */
static fgmm_status measure(const fg_seeding *s)
{
    fgmm_status status = FGMM_OK;
    const double block_work = (double)FG_DIFFERENCE_WORK * FG_SEEDING_BLOCK * s->padded * s->d;
    const cl_uint most = blocks_of_launch(s, block_work);
    for (cl_uint first = 0, count; first < s->blocks; first += count) {
        count = (cl_uint)fg_min_u64(most, s->blocks - first);
        const try_arguments arguments = {
            .rows = s->rows,
            .candidates = s->candidates,
            .weights = s->weights,
            .least = s->least,
            .distances = s->distances,
            .potentials = s->potentials,
            .d = s->d,
            .padded = s->padded,
            .first_block = first,
            .blocks = s->blocks,
        };
        const size_t global[] = {count * s->local, s->padded / FG_SEEDING_CANDIDATES}, local[] = {s->local, 1};
        FG_TRY(launch_try(s->device, s->measure, &arguments, 2, global, local));
    }
done:
    return status;
}

fgmm_status fg_seeding_try(fg_seeding *s, const float *candidates, uint32_t c, float *potentials)
{
    fgmm_status status = FGMM_OK;
    for (size_t t = 0; t < c; t++)
        for (size_t j = 0; j < s->d; j++) s->host_candidates[j * s->padded + t] = candidates[t * s->d + j];
    FG_TRY(fg_buffer_write(s->candidates, 0, s->host_candidates, (size_t)s->d * s->padded * sizeof(float)));
    FG_TRY(measure(s));
    FG_TRY(fg_buffer_read(s->potentials, 0, s->host_potentials, (size_t)s->blocks * s->padded * sizeof(float)));
    for (size_t b = 0; b < s->blocks; b++)
        for (uint32_t t = 0; t < c; t++) potentials[b * c + t] = s->host_potentials[b * s->padded + t];
done:
    return status;
}

fgmm_status fg_seeding_take(fg_seeding *s, uint32_t t)
{
    fgmm_status status = FGMM_OK;
    const cl_uint most = blocks_of_launch(s, (double)FG_DIFFERENCE_WORK * FG_SEEDING_BLOCK);
    for (cl_uint first = 0, count; first < s->blocks; first += count) {
        count = (cl_uint)fg_min_u64(most, s->blocks - first);
        const fg_argument arguments[] = {FG_ARG_BUFFER(s->least), FG_ARG_BUFFER(s->distances), FG_ARG_VALUE(t),
                                         FG_ARG_VALUE(first), FG_ARG_VALUE(s->blocks)};
        const size_t global = count * s->local;
        FG_TRY(FG_LAUNCH(s->device, s->choose, arguments, 1, &global, &s->local));
    }
done:
    return status;
}

fgmm_status fg_seeding_least(const fg_seeding *s, uint64_t block, float *least)
{
    const size_t bytes = FG_SEEDING_BLOCK * sizeof(float);
    return fg_buffer_read(s->least, (size_t)block * bytes, least, bytes);
}
