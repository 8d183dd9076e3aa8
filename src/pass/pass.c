/* pass.c - one pass over rows: puts the operations in order and chooses the path of each batch. */
#include "pass.h"

#include "parts.h"
#include "size.h"
#include "status.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Says so where the tile that a run began with cannot be had on this device. */
static void log_other_tile(fgmm_device *device, const fg_shape *shape, const char *wanted)
{
    char used[FG_TILE_TEXT_BYTES], line[3 * FG_TILE_TEXT_BYTES];
    fg_tile tile;
    if (fg_tile_read(&tile, shape, device, wanted)) return;
    fg_shape_describe(shape, used, sizeof used);
    snprintf(line, sizeof line, "tile \"%s\" is none of this device's; going on with \"%s\"", wanted, used);
    fg_device_log(device, line);
}

/* All parts that every batch may need. */
static fgmm_status create_parts(fg_pass *pass)
{
    fgmm_status status = FGMM_OK;
    fgmm_device *device = pass->device;
    const fg_shape *s = &pass->shape;
    FG_TRY(fg_packed_create(&pass->packed, device, s));
    FG_TRY(fg_whitening_create(&pass->whitening, device, s));
    FG_TRY(fg_sparse_create(&pass->sparse, device, s));
    FG_TRY(fg_transpose_create(&pass->transpose, device, s));
    FG_TRY(fg_totals_create(&pass->totals, device, s));
    FG_TRY(fg_moments_create(&pass->moments, device, s));
done:
    return status;
}

fgmm_status fg_pass_create_unchecked(fg_pass **out, fgmm_device *device, const fg_pass_options *options)
{
    fgmm_status status = FGMM_OK;
    fg_pass *pass = NULL;
    *out = NULL;
    FG_TRY(FG_ALLOC(&pass, 1, "pass"));
    pass->device = device;
    pass->choice.wanted = options->assignment == FG_ASSIGN_HARD ? FGMM_PATH_SPARSE : options->path;
    FG_TRY(fg_shape_init(&pass->shape, device, options));
    pass->choice.is_dense = pass->choice.wanted == FGMM_PATH_DENSE && pass->shape.matrices == 0;
    if (options->tile_text) log_other_tile(device, &pass->shape, options->tile_text);
    if (pass->shape.backend->has_lane_masks && !options->tile)
        FG_TRY(fg_lanes_check(&pass->shape.tile.lanes, device, pass->shape.tile.vw));
    FG_TRY(create_parts(pass));
    pass->packed.row_facts = options->row_facts;
    *out = pass;
    pass = NULL;
done:
    fg_pass_free(pass);
    return status;
}

void fg_pass_free(fg_pass *pass)
{
    if (!pass) return;
    fg_sparse_free(&pass->sparse);
    fg_transpose_free(&pass->transpose);
    fg_totals_free(&pass->totals);
    fg_deferred_free(&pass->deferred);
    fg_dense_free(&pass->dense);
    fg_fused_free(&pass->fused);
    fg_precise_free(&pass->precise);
    fg_moments_free(&pass->moments);
    fg_whitening_free(&pass->whitening);
    fg_packed_free(&pass->packed);
    free(pass);
}

fg_inputs fg_pass_inputs(const fg_pass *pass, const fg_rows *rows)
{
    return (fg_inputs){.device = pass->device,
                       .shape = &pass->shape,
                       .parameters = &pass->packed,
                       .rows = rows,
                       .shift = pass->packed.shift};
}

fgmm_status fg_pass_responsibilities(fg_pass *pass, const fg_rows *rows, float cutoff)
{
    fgmm_status status = FGMM_OK;
    const fg_inputs in = fg_pass_inputs(pass, rows);
    fg_inputs ready;
    fg_rows white;
    FG_TRY(fg_whitening_run(&pass->whitening, &in, &ready, &white));
    FG_TRY(fg_sparse_run(&pass->sparse, &ready, pass->transpose.column_counts, cutoff));
done:
    return status;
}

size_t fg_pass_default_batch_rows(const fgmm_device *device, const fg_pass_options *options)
{
    const uint64_t k = options->k, d = options->d;
    const int has_factors = fg_density_of(options->covariance)->has_factors;
    /* The work of a batch, 2 n K D (full: n K D^2), is that of one launch. Bytes of rows and of lists: a CPU's stay
     * near its caches; a GPU that is given few rows at a time waits for launches, so its share of memory decides, some
     * tens of MiB on a small card and 256 on a large one. */
    const fg_device_facts *facts = fg_device_facts_of(device);
    const int is_cpu = facts->kind == FGMM_DEVICE_CPU;
    const double share = fmin(fmax((double)facts->global_bytes / 256, 0x1p25), 0x1p28);
    const double work = fg_device_launch_work(device), row_bytes = is_cpu ? 0x1p25 : share;
    const double list_bytes = is_cpu ? 0x1p23 : share;
    const double capacity = k < 64 || fg_covariance_matrices(options->covariance, k) ? (double)k : 64.0;
    double rows = work / ((has_factors ? fmax((double)d, 2.0) : 2.0) * (double)k * (double)d);
    const double by_bytes = row_bytes / ((double)d * (double)fgmm_type_bytes(options->type));
    double by_lists = list_bytes / (8 * capacity);
    /* What launches cost a batch, some 0.1 ms, is much where a row is little work; such lists are hardly ever used. */
    if (is_cpu)
        by_lists = fmax(by_lists, fmin(list_bytes * 4 / (8 * capacity), 0x1p29 / (2.0 * (double)k * (double)d)));
    if (rows > by_bytes) rows = by_bytes;
    if (rows > by_lists) rows = by_lists;
    size_t power = 256;
    while (power * 2 <= rows && power < (size_t)1 << 18) power *= 2;
    return power;
}

uint64_t fg_pass_bytes(fgmm_device *device, const fg_pass_options *options)
{
    fg_shape s;
    if (fg_shape_init(&s, device, options) != FGMM_OK) return 0; /* creating it says what is wrong */
    return fg_packed_bytes(&s) + fg_whitening_bytes(&s) + fg_sparse_bytes(&s) + fg_transpose_bytes(&s) +
           fg_totals_bytes(&s) + fg_moments_bytes(&s) + fg_paths_bytes(&s);
}

uint64_t fg_pass_host_bytes(fgmm_device *device, const fg_pass_options *options, int is_evaluation)
{
    fg_shape s;
    if (fg_shape_init(&s, device, options) != FGMM_OK) return 0;
    return fg_packed_host_bytes(&s) + fg_moments_host_bytes(&s) + (is_evaluation ? fg_evaluate_host_bytes(&s) : 0);
}

fgmm_status fg_pass_load(fg_pass *pass, const fg_parameters *parameters, const float *shift)
{
    fgmm_status status = FGMM_OK;
    fg_triangle triangle = {0};
    if (fg_density_of(pass->shape.covariance)->whitens_rows) {
        FG_TRY(fg_triangle_make(&triangle, parameters->covariances, parameters->d, 1));
        FG_TRY(fg_whitening_load(&pass->whitening, &pass->shape, &triangle));
    }
    FG_TRY(fg_packed_load(&pass->packed, &pass->shape, parameters, shift, &triangle));
    FG_TRY(fg_moments_zero(&pass->moments));
    FG_TRY(fg_totals_zero(&pass->totals));
    pass->weight = 0;
    pass->has_weights = 0;
    pass->error_bound_nats = pass->packed.error_bound_nats;
    pass->deferred.count = 0;
    pass->precise.is_used = 0;
done:
    fg_triangle_clear(&triangle);
    return status;
}

int fg_pass_can_recentre(const fg_pass *pass)
{
    return pass->shape.assignment == FG_ASSIGN_SOFT && pass->shape.capacity >= pass->shape.k;
}

fgmm_status fg_pass_recentre(fg_pass *pass, const double *centres, const float *shift)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK(fg_pass_can_recentre(pass), FGMM_INTERNAL, "sums about other centres: %u of %u components fit a list",
             pass->shape.capacity, pass->shape.k);
    if (pass->precise.is_used) return fg_precise_recentre(&pass->precise, &pass->shape, centres, shift);
    FG_TRY(fg_packed_recentre(&pass->packed, pass->device, &pass->shape, centres, shift));
done:
    return status;
}

int fg_pass_can_be_precise(const fg_pass *pass)
{
    return fg_precise_is_possible(&pass->shape, pass->device);
}

fgmm_status fg_pass_be_precise(fg_pass *pass, const fg_parameters *parameters, const float *shift)
{
    return fg_precise_load(&pass->precise, pass->device, &pass->shape, parameters, shift,
                           pass->packed.facts.log_offset);
}

int fg_pass_is_wide(const fg_pass *pass, uint64_t k)
{
    return pass->packed.facts.is_wide[k] != 0;
}

fgmm_status fg_pass_accumulate(fg_pass *pass, const fg_rows *rows)
{
    if (rows->n == 0 || rows->n > pass->shape.batch_rows)
        return fg_fail(FGMM_INTERNAL, "rows of a batch = %zu; need 1..%u", rows->n, pass->shape.batch_rows);
    const fgmm_status status = fg_path_of(pass)->run(pass, rows);
    pass->has_weights = rows->weights != NULL;
    if (status == FGMM_OK) pass->weight += rows->weights ? rows->weight : (double)rows->n;
    return status;
}

int fg_pass_is_dense(const fg_pass *pass)
{
    return pass->choice.is_dense;
}

void fg_pass_set_dense(fg_pass *pass, int is_dense)
{
    if (pass->choice.wanted == FGMM_PATH_AUTO) pass->choice.is_dense = is_dense;
}

void fg_pass_describe(const fg_pass *pass, fg_pass_facts *facts)
{
    const fg_backend *backend = pass->shape.backend;
    const int has_unit = backend->split && fg_path_of(pass)->takes_unit;
    *facts = (fg_pass_facts){.sparse_batches = pass->choice.sparse_batches,
                             .dense_batches = pass->choice.dense_batches,
                             .dense_rows = pass->choice.dense_rows,
                             .error_bound_nats = pass->error_bound_nats,
                             .backend = has_unit ? backend->reported : backend->kernels,
                             .terms = has_unit ? fg_packed_terms(&pass->packed) : 0,
                             .pruning = pass->packed.pruning.is_used ? pass->packed.pruning.method->name : NULL};
    fg_shape_describe(&pass->shape, facts->tile, sizeof facts->tile);
}
