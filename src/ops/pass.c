/* pass.c - one pass over rows: puts the operations in order and chooses the path of each batch. */
#include "pass.h"

#include "parts.h"
#include "size.h"
#include "statistics_layout.h"
#include "status.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A batch is dense when more than this share of its rows overflowed their lists, and while its rows keep more than
 * SPARSE_ENTRIES components each. To list, sort and gather an entry costs about as much as dense_cost components of the
 * dense path: DENSE_COST for its elements, and on CPUs ENTRY_COST / D for the entry itself (measured: 20 at D = 128).
 */
static const double dense_share = 0.25;
/* fg_cholesky_loss, by dimension, from which on second moments are summed wide: variances then are off by some
 * 4 x 2^-24 in float (docs/math.md, "Wide sums"). */
static const double most_float_loss = 4;
enum { DENSE_COST = 8, SPARSE_ENTRIES = 48 };

/* A component with less than so many rows holds one, which is its mean. */
static const double one_row = 1.5;

/* Says so where the tile that a run began with cannot be had on this device. */
static void note_other_tile(fgmm_device *device, const fg_shape *shape, const char *wanted)
{
    char used[FG_TILE_TEXT_BYTES], line[3 * FG_TILE_TEXT_BYTES];
    fg_tile tile;
    if (fg_tile_read(&tile, shape, device, wanted)) return;
    fg_shape_describe(shape, used, sizeof used);
    snprintf(line, sizeof line, "tile \"%s\" is none of this device's; going on with \"%s\"", wanted, used);
    fg_device_log(device, line);
}

fgmm_status fg_pass_create_unchecked(fg_pass **out, fgmm_device *device, const fg_pass_options *options)
{
    fgmm_status status = FGMM_OK;
    fg_pass *pass = NULL;
    *out = NULL;
    FG_TRY(FG_ALLOC(&pass, 1, "pass"));
    pass->device = device;
    pass->path = options->assignment == FG_ASSIGN_HARD ? FGMM_PATH_SPARSE : options->path;
    FG_TRY(fg_shape_init(&pass->shape, device, options));
    pass->is_dense = pass->path == FGMM_PATH_DENSE && pass->shape.matrices == 0;
    if (options->tile_text) note_other_tile(device, &pass->shape, options->tile_text);
    if (pass->shape.backend->has_lane_masks && !options->tile)
        FG_TRY(fg_lanes_probe(&pass->shape.tile.lanes, device, pass->shape.tile.vw));
    FG_TRY(fg_packed_create(&pass->packed, device, &pass->shape));
    pass->packed.row_facts = options->row_facts;
    FG_TRY(fg_whitening_create(pass));
    FG_TRY(fg_responsibilities_create(pass));
    FG_TRY(fg_lists_create(pass));
    FG_TRY(fg_accumulate_create(pass));
    FG_TRY(fg_moments_create(pass));
    *out = pass;
    pass = NULL;
done:
    fg_pass_free(pass);
    return status;
}

void fg_pass_free(fg_pass *pass)
{
    if (!pass) return;
    fg_lists *lists = &pass->lists;
    fg_buffer *const buffers[] = {
        lists->logz,           lists->counts,          lists->components, lists->values,          lists->bins,
        lists->chunk_first,    lists->chunk_component, lists->chunk_end,  lists->component_chunk, lists->sorted_rows,
        lists->counters,       lists->sorted_values,   lists->scratch,    pass->totals.totals,    pass->totals.row_sums,
        pass->totals.partials, lists->component_first,
    };
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) fg_buffer_free(buffers[i]);
    fg_answer_free(lists->counts_found);
    fg_deferred_free(&pass->deferred);
    fg_dense_free(&pass->dense);
    fg_fused_free(&pass->fused);
    fg_moments_free(&pass->moments);
    fg_whitening_free(&pass->whitening);
    fg_packed_free(&pass->packed);
    free(pass);
}

size_t fg_pass_default_batch_rows(const fgmm_device *device, const fg_pass_options *options)
{
    const uint64_t k = options->k, d = options->d;
    const int is_full = options->covariance == FGMM_FULL;
    /* Work of a launch, 2 n K D (full: n K D^2), so that it stays far below 100 ms (a CPU core makes some 1e11 a
     * second, a small GPU 1e12). Bytes of rows and of lists: a CPU's stay near its caches; a GPU that is given few rows
     * at a time waits for launches, so its share of memory decides, some tens of MiB on a small card and 256 on a large
     * one. */
    const fg_device_facts *facts = fg_device_facts_of(device);
    const int is_cpu = facts->kind == FGMM_DEVICE_CPU;
    const double share = fmin(fmax((double)facts->global_bytes / 256, 0x1p25), 0x1p28);
    const double work = is_cpu ? 0x1p33 : 0x1p36, row_bytes = is_cpu ? 0x1p25 : share;
    const double list_bytes = is_cpu ? 0x1p23 : share;
    const double capacity = k < 64 || fg_covariance_matrices(options->covariance, k) ? (double)k : 64.0;
    double rows = work / ((is_full ? fmax((double)d, 2.0) : 2.0) * (double)k * (double)d);
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
    fg_pass planned = {0};
    if (fg_shape_init(&planned.shape, device, options) != FGMM_OK) return 0; /* creating it says what is wrong */
    const int has_dense = options->assignment == FG_ASSIGN_SOFT && planned.shape.matrices == 0;
    const uint64_t matrices = fg_whitening_bytes(&planned.shape) + fg_moments_bytes(&planned.shape);
    const uint64_t dense = has_dense ? fg_dense_bytes(&planned) + fg_deferred_bytes(&planned) : 0;
    return fg_packed_bytes(&planned.shape) + fg_responsibilities_bytes(&planned) + fg_lists_bytes(&planned) +
           fg_accumulate_bytes(&planned) + fg_fused_bytes(&planned) + matrices + dense;
}

uint64_t fg_pass_host_bytes(fgmm_device *device, const fg_pass_options *options, int is_evaluation)
{
    fg_pass planned = {0};
    if (fg_shape_init(&planned.shape, device, options) != FGMM_OK) return 0;
    return fg_packed_host_bytes(&planned.shape) + fg_moments_host_bytes(&planned.shape) +
           (is_evaluation ? fg_evaluate_host_bytes(&planned) : 0);
}

fgmm_status fg_pass_load(fg_pass *pass, const fg_parameters *parameters, const float *shift)
{
    fgmm_status status = FGMM_OK;
    fg_triangle triangle = {0};
    if (pass->shape.covariance == FGMM_TIED) {
        FG_TRY(fg_triangle_make(&triangle, parameters->covariances, parameters->d, 1));
        FG_TRY(fg_whitening_load(pass, &triangle));
    }
    FG_TRY(fg_packed_load(&pass->packed, &pass->shape, parameters, shift, &triangle));
    FG_TRY(fg_moments_zero(pass));
    FG_TRY(fg_buffer_zero(pass->totals.totals, 0, pass->totals.count * sizeof(double)));
    pass->weight = 0;
    pass->has_weights = 0;
    pass->error_bound_nats = pass->packed.error_bound_nats;
    pass->deferred.count = 0;
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
    FG_TRY(fg_packed_recentre(&pass->packed, pass->device, &pass->shape, centres, shift));
done:
    return status;
}

int fg_sums_are_wide(double loss, uint64_t d)
{
    return !(loss <= most_float_loss * (double)d);
}

int fg_pass_is_wide(const fg_pass *pass, uint64_t k)
{
    return pass->packed.facts.is_wide[k] != 0;
}

/* Is the dense path the cheaper one for rows that keep `entries` components each? */
static int prefers_dense(const fg_pass *pass, double entries)
{
    const fg_shape *s = &pass->shape;
    const double entry_cost = s->backend->dims_of_entry / s->d;
    return entries > SPARSE_ENTRIES || entries * (DENSE_COST + entry_cost) > s->k;
}

/* All rows by the dense path. survivors: as fg_dense_normalise. */
static fgmm_status sum_dense(fg_pass *pass, const fg_rows *rows, uint64_t *survivors)
{
    fgmm_status status = FGMM_OK;
    const fg_dense_span span = {0, 0, (uint32_t)rows->n};
    FG_TRY(pass->shape.has_fused_dense ? fg_fused_run(pass, rows, survivors)
                                       : fg_dense_run(pass, rows, &span, survivors));
    FG_TRY(fg_accumulate_rows(pass, rows));
done:
    return status;
}

/* Rows set aside into the sums. */
static fgmm_status sum_deferred(fg_pass *pass)
{
    fgmm_status status = FGMM_OK;
    const fg_rows rows = fg_deferred_rows(&pass->deferred);
    if (rows.n == 0) return FGMM_OK;
    FG_TRY(sum_dense(pass, &rows, NULL));
    pass->deferred.count = 0;
done:
    return status;
}

/* Rows that overflowed their lists: few are set aside, more than there is room for are summed at once. */
static fgmm_status sum_overflowed(fg_pass *pass, const fg_rows *rows, const fg_list_counts *counts)
{
    const fg_dense_span span = {1, counts->entries, counts->dense_rows};
    return pass->deferred.count + span.count <= fg_deferred_capacity(pass)
               ? fg_deferred_add(pass, rows, span.first, span.count)
               : fg_dense_run(pass, rows, &span, NULL);
}

static fgmm_status accumulate_sparse(fg_pass *pass, const fg_rows *rows)
{
    fgmm_status status = FGMM_OK;
    fg_list_counts counts;
    const double n = (double)rows->n;
    FG_TRY(fg_responsibilities_run(pass, rows));
    FG_TRY(fg_weights_scale_entries(pass, rows));
    FG_TRY(fg_lists_sort(pass, rows->n));
    if (pass->shape.backend->awaits_counts) {
        FG_TRY(fg_lists_counts(pass, &counts));
        FG_TRY(fg_accumulate_run(pass, rows, counts.chunks));
    } else { /* a GPU sums meanwhile, for as many chunks as there may be, and has work when the numbers have come */
        FG_TRY(fg_accumulate_run(pass, rows, fg_lists_most_chunks(pass, rows->n)));
        FG_TRY(fg_lists_counts(pass, &counts));
    }
    FG_TRY(fg_moments_run(pass, rows, &counts));
    if (counts.dense_rows > 0) FG_TRY(sum_overflowed(pass, rows, &counts));
    FG_TRY(fg_accumulate_rows(pass, rows));
    if (pass->deferred.count > fg_deferred_capacity(pass) / 2)
        FG_TRY(sum_deferred(pass)); /* the batch's logz are used up by now */
    pass->sparse_batches++;
    pass->dense_rows += counts.dense_rows;
    if (pass->path == FGMM_PATH_AUTO && pass->shape.matrices == 0 && !pass->packed.is_recentred)
        pass->is_dense = counts.dense_rows > dense_share * n || prefers_dense(pass, counts.entries / n);
done:
    return status;
}

static fgmm_status accumulate_dense(fg_pass *pass, const fg_rows *rows)
{
    fgmm_status status = FGMM_OK;
    uint64_t survivors = 0;
    FG_TRY(sum_dense(pass, rows, &survivors));
    pass->dense_batches++;
    pass->dense_rows += rows->n;
    if (pass->path == FGMM_PATH_AUTO) pass->is_dense = prefers_dense(pass, (double)survivors / (double)rows->n);
done:
    return status;
}

/* Straight into sums, unless upper bounds spare most of the products: only lists know them. */
static int takes_fused(const fg_pass *pass)
{
    return pass->shape.is_fused && !pass->packed.pruning.is_used && !pass->packed.is_recentred;
}

/* Sums about other centres take lists, which sum differences. */
static int takes_dense(const fg_pass *pass)
{
    return pass->is_dense && pass->shape.assignment == FG_ASSIGN_SOFT && !pass->packed.is_recentred;
}

static fgmm_status accumulate_fused(fg_pass *pass, const fg_rows *rows)
{
    fgmm_status status = FGMM_OK;
    uint64_t survivors = 0;
    FG_TRY(fg_fused_run(pass, rows, &survivors));
    FG_TRY(fg_accumulate_rows(pass, rows));
    if (survivors <= fg_fused_most_entries(pass, rows->n)) {
        pass->sparse_batches++;
    } else {
        pass->dense_batches++;
        pass->dense_rows += rows->n;
    }
done:
    return status;
}

fgmm_status fg_pass_accumulate(fg_pass *pass, const fg_rows *rows)
{
    if (rows->n == 0 || rows->n > pass->shape.batch_rows)
        return fg_fail(FGMM_INTERNAL, "rows of a batch = %zu; need 1..%u", rows->n, pass->shape.batch_rows);
    fgmm_status status = takes_fused(pass)   ? accumulate_fused(pass, rows)
                         : takes_dense(pass) ? accumulate_dense(pass, rows)
                                             : accumulate_sparse(pass, rows);
    pass->has_weights = rows->weights != NULL;
    if (status == FGMM_OK) pass->weight += rows->weights ? rows->weight : (double)rows->n;
    return status;
}

/* S2 += e S1'^T + S1' e^T + N e e^T, for a component's matrix. */
static void move_matrix(double *matrix, const double *e, const double *s1, double weight, size_t d)
{
    for (size_t i = 0; i < d; i++)
        for (size_t j = 0; j < d; j++) matrix[i * d + j] += e[i] * s1[j] + s1[i] * e[j] + weight * e[i] * e[j];
}

/* Of a component whose second moments are one number or one per dimension, s2. */
static void move_component(double *s1, double *s2, const double *e, double weight, const fg_shape *s)
{
    double sum = *s2;
    for (size_t d = 0; d < s->d; d++) {
        const double first = s1[d], move = 2 * e[d] * first + weight * e[d] * e[d];
        if (s->is_diag_s2)
            s2[d] += move;
        else
            sum += move;
        s1[d] = first + weight * e[d];
    }
    if (!s->is_diag_s2) *s2 = sum;
}

/* Statistics about the means that kernels used (rounded to float) -> about the true means, e = used - true:
 *     S1 = S1' + N e,   S2 = S2' + 2 e S1' + N e^2 */
static void move_to_true_means(const fg_pass *pass, const double *weights, double *s1, double *s2)
{
    const fg_shape *s = &pass->shape;
    for (size_t k = 0; k < s->k; k++, s1 += s->d) {
        const double *offsets = pass->packed.facts.mean_offsets + k * s->d;
        if (s->matrices == 0) {
            move_component(s1, s2 + (s->is_diag_s2 ? k * s->d : k), offsets, weights[k], s);
        } else {
            move_matrix(s2 + (s->matrices > 1 ? k * s->d * s->d : 0), offsets, s1, weights[k], s->d);
            for (size_t d = 0; d < s->d; d++) s1[d] += weights[k] * offsets[d];
        }
    }
}

/* Sum of all second moments: squared distances of rows to the means, weighted. */
static double trace_of(const fg_shape *s, const double *s2)
{
    const size_t d = s->d, count = s->is_diag_s2 ? (size_t)s->k * d : s->k;
    double sum = 0;
    if (s->matrices == 0)
        for (size_t i = 0; i < count; i++) sum += s2[i];
    for (size_t m = 0; m < s->matrices; m++)
        for (size_t i = 0; i < d; i++) sum += s2[(m * d + i) * d + i];
    return sum;
}

/* The largest over the components that hold rows. values: as fetched, so that log-likelihoods are less base. Rows that
 * are farther from their components than near ones, on average, raise it as much. */
static double error_bound(const fg_pass *pass, const double *values)
{
    const fg_shape *s = &pass->shape;
    const fg_packed *p = &pass->packed;
    const double *weights = values + 2;
    double bound = 0, exponent = -values[1] / pass->weight;
    for (size_t k = 0; k < s->k; k++) {
        if (weights[k] <= FG_EMPTY_SHARE * pass->weight / s->k) continue;
        const int is_one_row = !pass->has_weights && weights[k] < one_row;
        const double error = is_one_row ? fg_error_at_mean(&p->facts.errors[k]) : fg_error_near(&p->facts.errors[k]);
        bound = fmax(bound, error);
        exponent += weights[k] / pass->weight * p->facts.log_constants[k];
    }
    return bound * fmax(1, exponent / fg_error_exponent(s));
}

fgmm_status fg_pass_statistics(fg_pass *pass, double *values)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = &pass->shape;
    FG_TRY(sum_deferred(pass));
    FG_TRY(fg_accumulate_fetch(pass, values + 1));
    values[0] = pass->weight;
    if (s->assignment == FG_ASSIGN_SOFT && pass->weight > 0) pass->error_bound_nats = error_bound(pass, values);
    values[1] += pass->weight * pass->packed.facts.log_offset;
    double *weights = values + 2, *s1 = weights + s->k, *s2 = s1 + (size_t)s->k * s->d;
    FG_TRY(fg_moments_fetch(pass, s2));
    move_to_true_means(pass, weights, s1, s2);
    if (s->assignment == FG_ASSIGN_HARD) values[1] = -trace_of(s, s2);
done:
    return status;
}

int fg_pass_is_dense(const fg_pass *pass)
{
    return pass->is_dense;
}

void fg_pass_set_dense(fg_pass *pass, int is_dense)
{
    if (pass->path == FGMM_PATH_AUTO) pass->is_dense = is_dense;
}

void fg_pass_describe(const fg_pass *pass, fg_pass_facts *facts)
{
    const int has_unit = pass->shape.backend->split && !takes_fused(pass);
    *facts = (fg_pass_facts){.sparse_batches = pass->sparse_batches,
                             .dense_batches = pass->dense_batches,
                             .dense_rows = pass->dense_rows,
                             .error_bound_nats = pass->error_bound_nats,
                             .backend = has_unit ? pass->shape.backend->reported : pass->shape.backend->kernels,
                             .terms = has_unit ? fg_packed_terms(&pass->packed) : 0,
                             .pruning = pass->packed.pruning.is_used ? pass->packed.pruning.method->name : NULL};
    fg_shape_describe(&pass->shape, facts->tile, sizeof facts->tile);
}
