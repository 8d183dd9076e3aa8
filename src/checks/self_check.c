/* self_check.c - a pass, and before it the check of its backend's program against the double-precision reference before
 * its first use on a device: a small batch, with the very program that the pass will run. A backend that fails is
 * replaced by the next one. The outcome is remembered (device/backend_record.c), so that later runs check nothing. The
 * check runs in a process of its own where there is a program for that (check_process.c), since drivers crash on
 * kernels that they do not bear.
 *
 * Not checked: the dense path's program, but for small mixtures, which take no other; and passes whose tile the caller
 * gives (the tuner and the tests compare themselves). */
#include "self_check.h"

#include "check_process.h"
#include "parts.h"

#include "reference.h"
#include "seeding.h"
#include "size.h"
#include "status.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A panel of the matrix backend and one component; few full matrices. So many rows differ; they are repeated, for the
 * reference's sake, and a prime number of them meets every place of a tile. */
enum { CHECK_ROWS = 61, CHECK_K = 33, CHECK_FULL_K = 2, MOST_CHECKED_DIMS = 512 };
/* Products of elements that a check takes at most, unless the rows that differ are more: a fraction of a second on slow
 * devices. */
static const double most_products = 0x1p24;
/* Of the variances of components that are far from each other. */
static const double narrow_scale = 0x1p-6;
/* Far above rounding, far below what a wrong instruction does: sums of the rows. Log-densities are some D in
 * size and sums of D terms, so that their rounding grows as D^1.5 (docs/math.md, "Rounding"): beyond so many dimensions
 * what is allowed grows alike. */
static const double most_error = 1e-3, usual_dims = 1024;
/* Of a log-normaliser, beside twice what the parameters' bound says: roundings of numbers as large as itself. A term of
 * rows or means that is left out shows some 1e-2. */
static const double most_logz_error = 0x1p-20;
/* Of the responsibilities of a row, which sum to 1, as floats do. */
static const double most_weight_error = 0x1p-16;

typedef struct check_data {
    fg_parameters parameters;
    double *weights, *means, *covariances;
    double *x, *r, *logz, *expected, *found; /* (CHECK_ROWS,d) (CHECK_ROWS,k) (CHECK_ROWS), flat statistics twice */
    double *repeats, *weighed;               /* (CHECK_ROWS) how often each comes; log-normalisers times that */
    uint32_t *nearest;
    float *shift;
    float *found_logz; /* (n), less the log offset */
    double log_offset, bound_nats;
    void *rows; /* (n,d), CHECK_ROWS ones again and again */
    size_t n;   /* rows of the batch */
    fg_assignment assignment;
    size_t values; /* of the statistics */
} check_data;

/* Numbers in 0..1 that need all digits of a float and repeat from run to run. */
static double number(uint64_t i)
{
    const double x = (double)(i % 100003 + 1) * 0.61803398874989485;
    return x - floor(x);
}

/* A number from 0 to 4 in the type, as stored: with all digits of a float type, so that a matrix unit's low terms hold
 * something, else whole. */
static double store_number(void *rows, fgmm_type type, size_t i, double value)
{
    if (type == FGMM_F32) return (double)(((float *)rows)[i] = (float)value);
    if (type == FGMM_F16) {
        const unsigned fraction = (unsigned)(1024 * (value / 4)); /* of 2 .. 4 */
        ((uint16_t *)rows)[i] = (uint16_t)(0x4000 + fraction);
        return 2 + fraction / 512.0;
    }
    return ((uint8_t *)rows)[i] = (uint8_t)value;
}

/* scale: of the variances. */
static void fill_covariances(double *covariances, fgmm_covariance covariance, uint64_t count, uint64_t d, double scale)
{
    const int is_matrix = fg_covariance_types[covariance].has_matrices;
    assert(d > 0);
    for (uint64_t i = 0; i < count; i++)
        covariances[i] = scale * (!is_matrix ? 1 + number(i) : i / d % d == i % d ? 2 : 1.0 / (double)d);
}

/* Rows about anywhere, with many components each; or close to a component, and components far from each other. */
static void fill_rows(check_data *p, const fg_pass_options *o, int is_narrow)
{
    const uint64_t d = o->d;
    assert(d > 0 && o->k > 0);
    for (uint64_t i = 0; i < CHECK_ROWS * d; i++) {
        const double anywhere = 4 * number(11 * i + 5);
        const double near = p->means[i / d % o->k * d + i % d] + 0.05 * anywhere;
        p->x[i] = store_number(p->rows, o->type, (size_t)i, is_narrow ? near : anywhere);
    }
}

static fgmm_status fill(check_data *p, const fg_pass_options *o, int is_narrow)
{
    fgmm_status status = FGMM_OK;
    const uint64_t n = CHECK_ROWS, k = o->k, d = o->d, covariances = fg_covariance_count(o->covariance, k, d);
    const size_t row_bytes = (size_t)d * fgmm_type_bytes(o->type);
    p->n = o->batch_rows;
    p->assignment = o->assignment;
    p->values = (size_t)(2 + k + k * d + covariances);
    FG_TRY(FG_ALLOC(&p->weights, k, "check"));
    FG_TRY(FG_ALLOC(&p->means, k * d, "check"));
    FG_TRY(FG_ALLOC(&p->covariances, covariances, "check"));
    FG_TRY(FG_ALLOC(&p->x, n * d, "check"));
    FG_TRY(FG_ALLOC(&p->r, n * k, "check"));
    FG_TRY(FG_ALLOC(&p->logz, n, "check"));
    FG_TRY(FG_ALLOC(&p->nearest, n, "check"));
    FG_TRY(FG_ALLOC(&p->expected, p->values, "check"));
    FG_TRY(FG_ALLOC(&p->found, p->values, "check"));
    FG_TRY(FG_ALLOC(&p->shift, d, "check"));
    FG_TRY(FG_ALLOC(&p->repeats, n, "check"));
    FG_TRY(FG_ALLOC(&p->weighed, n, "check"));
    FG_TRY(FG_ALLOC(&p->found_logz, p->n, "check"));
    FG_TRY(FG_ALLOC((uint8_t **)&p->rows, p->n * row_bytes, "check"));
    for (uint64_t j = 0; j < k; j++) p->weights[j] = 1.0 / (double)k;
    for (uint64_t i = 0; i < k * d; i++) p->means[i] = 3 * number(7 * i);
    for (uint64_t j = 0; j < d; j++) p->shift[j] = 1;
    fill_covariances(p->covariances, o->covariance, covariances, d, is_narrow ? narrow_scale : 1);
    fill_rows(p, o, is_narrow);
    for (size_t i = 0; i < p->n; i++) p->repeats[i % CHECK_ROWS]++;
    for (size_t i = CHECK_ROWS; i < p->n; i++)
        memcpy((char *)p->rows + i * row_bytes, (char *)p->rows + i % CHECK_ROWS * row_bytes, row_bytes);
    p->parameters = (fg_parameters){o->covariance, k, d, p->weights, p->means, p->covariances};
done:
    return status;
}

static void check_data_free(check_data *p)
{
    free(p->weights);
    free(p->means);
    free(p->covariances);
    free(p->x);
    free(p->r);
    free(p->logz);
    free(p->nearest);
    free(p->expected);
    free(p->found);
    free(p->repeats);
    free(p->weighed);
    free(p->shift);
    free(p->found_logz);
    free(p->rows);
}

/* What the log-normalisers and the statistics must be. */
static void compute_expected(check_data *p, const fg_pass_options *o)
{
    const uint64_t n = CHECK_ROWS, k = o->k;
    if (o->assignment == FG_ASSIGN_HARD) {
        fg_reference_nearest(p->nearest, p->logz, &p->parameters, p->x, n);
        for (uint64_t i = 0; i < n; i++) {
            p->r[i * k + p->nearest[i]] = 1;
            p->logz[i] = -p->logz[i];
        }
    } else {
        fg_reference_log_density(p->r, &p->parameters, p->x, n);
        fg_reference_responsibilities(p->logz, p->r, p->r, n, k);
    }
    memcpy(p->weighed, p->logz, (size_t)n * sizeof *p->weighed);
    const double total = fg_reference_weigh(p->weighed, p->r, p->repeats, n, k);
    fg_reference_statistics(p->expected, &p->parameters, p->x, p->weighed, p->r, n);
    p->expected[0] = total;
}

static fgmm_status run(check_data *p, fgmm_device *device, const fg_pass_options *o)
{
    fgmm_status status = FGMM_OK;
    fg_pass *pass = NULL;
    fg_buffer *buffer = NULL;
    const size_t bytes = p->n * (size_t)o->d * fgmm_type_bytes(o->type);
    FG_TRY(fg_pass_create_unchecked(&pass, device, o));
    FG_TRY(fg_buffer_create(&buffer, device, bytes, FG_BUFFER_DEVICE, "rows of a check"));
    FG_TRY(fg_buffer_write(buffer, 0, p->rows, bytes));
    FG_TRY(fg_pass_load(pass, &p->parameters, p->shift));
    const fg_rows rows = {buffer, 0, p->n};
    FG_TRY(fg_pass_accumulate(pass, &rows));
    FG_TRY(fg_buffer_read(pass->sparse.logz, 0, p->found_logz, p->n * sizeof *p->found_logz));
    p->log_offset = pass->packed.facts.log_offset;
    p->bound_nats = pass->packed.error_bound_nats;
    FG_TRY(fg_pass_statistics(pass, p->found));
done:
    fg_buffer_free(buffer);
    fg_pass_free(pass);
    return status;
}

static fgmm_status compare(const check_data *p)
{
    fgmm_status status = FGMM_OK;
    const double longer = pow(fmax(1, (double)p->parameters.d / usual_dims), 1.5), share = most_error * longer;
    double all_allowed = 0, weight = 0;
    for (size_t i = 0; i < p->n; i++) {
        const double found = (double)p->found_logz[i] + p->log_offset, wanted = p->logz[i % CHECK_ROWS];
        const double allowed = 2 * p->bound_nats + longer * most_logz_error * (1 + fabs(wanted));
        FG_CHECK(fabs(found - wanted) <= allowed, FGMM_INTERNAL,
                 "log-normaliser of row %zu is %.9g instead of %.9g; %.2g are allowed", i, found, wanted, allowed);
        all_allowed += allowed;
    }
    /* No row may be left out or taken twice, which would hardly be seen in the sums of many. With FG_ASSIGN_HARD the
     * first is made of the second moments. */
    for (uint64_t c = 0; c < p->parameters.k; c++) weight += p->found[2 + c];
    FG_CHECK(fabs(weight - (double)p->n) <= most_weight_error * (double)p->n, FGMM_INTERNAL,
             "responsibilities of %zu rows sum to %.9g", p->n, weight);
    FG_CHECK(p->assignment == FG_ASSIGN_HARD || fabs(p->found[1] - p->expected[1]) <= all_allowed, FGMM_INTERNAL,
             "log-normalisers sum to %.9g instead of %.9g; %.2g are allowed", p->found[1], p->expected[1], all_allowed);
    for (size_t i = 0; i < p->values; i++) {
        const double error = fabs(p->found[i] - p->expected[i]), scale = CHECK_ROWS + fabs(p->expected[i]);
        FG_CHECK(error <= share * scale, FGMM_INTERNAL, "statistic %zu is %.9g instead of %.9g", i, p->found[i],
                 p->expected[i]);
    }
done:
    return status;
}

/* Rows of a batch: more than one round of a CPU's workers, or some work-groups of a GPU, and neither a
 * whole number of tiles; fewer where they are much work. */
static size_t rows_of_check(const fg_shape *s, uint64_t k)
{
    enum { REST = 5 };
    const double per_row = (double)k * s->d * (fg_density_of(s->covariance)->has_factors ? s->d : 1);
    const uint64_t wanted = REST + s->backend->check_rows(s);
    return (size_t)fg_max_u64(CHECK_ROWS, fg_min_u64(wanted, (uint64_t)(most_products / per_row)));
}

/* A check in this process, with one set of rows and components. */
static fgmm_status check_with(fg_check_outcome *outcome, fgmm_device *device, const fg_pass_options *o, int is_narrow)
{
    fgmm_status status = FGMM_OK;
    check_data p = {0};
    FG_TRY(fill(&p, o, is_narrow));
    compute_expected(&p, o);
    FG_TRY(run(&p, device, o));
    outcome->kind = compare(&p) == FGMM_OK ? FG_CHECK_PASSED : FG_CHECK_WRONG;
    if (outcome->kind == FG_CHECK_WRONG) snprintf(outcome->why, sizeof outcome->why, "%s", fgmm_last_error());
done:
    check_data_free(&p);
    return status;
}

enum { PROGRAMS = 2 }; /* of a pass, at most */

/* A program to be checked. */
typedef struct wanted {
    const fg_pass_options *pass;
    fg_shape shape;
    fg_program program;
    char name[FG_CHECK_NAME_BYTES];
} wanted;

/* What tells one program of a shape from another. */
static void name_program(char *name, size_t capacity, const fg_pass_options *o, const fg_shape *shape,
                         fg_program program)
{
    fg_shape same = *shape;
    same.tile.lanes = 0; /* found out by the check */
    const int used = snprintf(name, capacity, "%d %d %d %d ", (int)shape->backend->kernels, (int)shape->backend->unit,
                              (int)o->covariance, shape->is_fused);
    fg_shape_options(&same, program, name + used, capacity - (size_t)used);
}

/* What kernels for CPUs need of a device besides right programs. */
static fgmm_status check_vectors(fg_check_outcome *outcome, fgmm_device *device, fg_shape *shape)
{
    fgmm_status status = FGMM_OK;
    int are_whole = 1;
    if (!fg_device_compiles_at_launch(device)) FG_TRY(fg_loops_check(&are_whole, device));
    if (!are_whole) *outcome = (fg_check_outcome){FG_CHECK_WRONG, "the driver ends long loops before they are done"};
    FG_TRY(fg_lanes_check(&shape->tile.lanes, device, shape->tile.vw));
done:
    return status;
}

/* The kernels of first centres: a row at the origin, and a candidate 1 away in each dimension. */
static fgmm_status check_seeding(fg_check_outcome *outcome, fgmm_device *device, uint64_t d)
{
    fgmm_status status = FGMM_OK;
    fg_seeding *seeding = NULL;
    float *row = NULL, *candidate = NULL, potential = 0, least[FG_SEEDING_BLOCK];
    FG_TRY(FG_ALLOC(&row, d, "check"));
    FG_TRY(FG_ALLOC(&candidate, d, "check"));
    for (uint64_t j = 0; j < d; j++) candidate[j] = 1;
    FG_TRY(fg_seeding_create(&seeding, device, 1, d, 1));
    FG_TRY(fg_seeding_write(seeding, 0, row, NULL, 1));
    FG_TRY(fg_seeding_try(seeding, candidate, 1, &potential));
    FG_TRY(fg_seeding_take(seeding, 0));
    FG_TRY(fg_seeding_least(seeding, 0, least));
    const float expected = (float)d; /* whole numbers, exact */
    if (potential == expected && least[0] == expected) goto done;
    outcome->kind = FG_CHECK_WRONG;
    snprintf(outcome->why, sizeof outcome->why, "squared distance to a candidate is %.9g and then %.9g instead of %.9g",
             (double)potential, (double)least[0], (double)expected);
done:
    fg_seeding_free(seeding);
    free(candidate);
    free(row);
    return status;
}

/* Checks one program. */
static void check_program(fg_check_outcome *outcome, fgmm_device *device, wanted *w)
{
    const fg_pass_options *options = w->pass;
    fg_shape *shape = &w->shape;
    const fg_program program = w->program;
    fgmm_status status = FGMM_OK;
    const uint64_t most_k = fg_density_of(options->covariance)->has_factors ? CHECK_FULL_K : CHECK_K;
    fg_pass_options o = *options;
    o.row_scale = 1;
    *outcome = (fg_check_outcome){FG_CHECK_PASSED, ""};
    fg_backend_begin_check(device);
    if (shape->backend->has_lane_masks) FG_TRY(check_vectors(outcome, device, shape));
    if (outcome->kind == FG_CHECK_PASSED) FG_TRY(check_seeding(outcome, device, options->d));
    o.k = shape->is_fused ? fg_min_u64(options->k, most_k) : most_k;
    o.batch_rows = rows_of_check(shape, o.k);
    o.path = shape->is_fused && program == FG_PROGRAM_SPARSE ? options->path : FGMM_PATH_SPARSE;
    o.backend = shape->backend;
    o.tile = &shape->tile;
    o.tile_text = NULL;
    o.row_facts = (fg_row_facts){0}; /* its own rows have others */
    o.pruning = program == FG_PROGRAM_PRUNED ? FG_PRUNING_ALWAYS : FG_PRUNING_NEVER;
    /* rows of few components take other ways through the kernels; k-means knows no others */
    const int sets = o.assignment == FG_ASSIGN_SOFT ? 2 : 1;
    for (int set = 0; set < sets && outcome->kind == FG_CHECK_PASSED; set++) {
        o.has_wide_sums = set; /* other sums of matrices */
        FG_TRY(check_with(outcome, device, &o, set));
    }
done:
    fg_backend_end_check(device);
    if (status == FGMM_OK) return;
    /* where memory does not allow a check, nothing is said against the device */
    outcome->kind = status == FGMM_MEMORY ? FG_CHECK_UNSURE : FG_CHECK_ERROR;
    snprintf(outcome->why, sizeof outcome->why, "%s", fgmm_last_error());
}

/* May the shape be checked at all? */
static int is_checkable(const fg_shape *shape)
{
    return shape->matrices == 0 || shape->d <= MOST_CHECKED_DIMS;
}

/* Appends the pass's programs that have not passed yet. */
static fgmm_status list_unchecked(wanted *programs, size_t *count, fgmm_device *device, const fg_pass_options *pass)
{
    static const fg_program all[PROGRAMS] = {FG_PROGRAM_SPARSE, FG_PROGRAM_PRUNED};
    fgmm_status status = FGMM_OK;
    fg_shape shape;
    FG_TRY(fg_shape_init(&shape, device, pass));
    if (!is_checkable(&shape)) return FGMM_OK;
    for (size_t i = 0; i < PROGRAMS; i++) {
        wanted *w = &programs[*count];
        if (all[i] == FG_PROGRAM_PRUNED && !shape.pruning) continue;
        *w = (wanted){.pass = pass, .shape = shape, .program = all[i]};
        name_program(w->name, sizeof w->name, pass, &shape, all[i]);
        *count += !fg_backend_is_checked(device, w->name);
    }
done:
    return status;
}

fgmm_status fg_check_backend(fg_check_outcome *outcome, char *program, fgmm_device *device,
                             const fg_pass_options *passes, size_t pass_count)
{
    fgmm_status status = FGMM_OK;
    wanted programs[FG_CHECK_PASSES * PROGRAMS];
    size_t count = 0;
    *outcome = (fg_check_outcome){FG_CHECK_PASSED, ""};
    for (size_t i = 0; i < pass_count; i++) FG_TRY(list_unchecked(programs, &count, device, &passes[i]));
    if (count == 0) return FGMM_OK;
    snprintf(program, FG_CHECK_NAME_BYTES, "%s", programs[0].name);
    const int is_apart = fg_check_apart(outcome, device, passes, pass_count);
    for (size_t i = 0; i < count && outcome->kind == FG_CHECK_PASSED; i++) {
        if (!is_apart) {
            snprintf(program, FG_CHECK_NAME_BYTES, "%s", programs[i].name);
            check_program(outcome, device, &programs[i]);
        }
        if (outcome->kind == FG_CHECK_PASSED) fg_backend_record_passed(device, programs[i].name);
    }
done:
    return status;
}

/* Of one backend after the other until one passes. */
fgmm_status fg_pass_check(fgmm_device *device, const fg_pass_options *passes, size_t count)
{
    fgmm_status status = FGMM_OK;
    fg_check_outcome outcome;
    char program[FG_CHECK_NAME_BYTES] = "";
    assert(count >= 1 && count <= FG_CHECK_PASSES);
    if (passes[0].tile) return FGMM_OK;
    for (;;) {
        FG_TRY(fg_check_backend(&outcome, program, device, passes, count));
        if (outcome.kind == FG_CHECK_PASSED || outcome.kind == FG_CHECK_UNSURE) return FGMM_OK;
        FG_TRY(fg_backend_fail(device, program, outcome.why, outcome.kind == FG_CHECK_WRONG));
    }
done:
    return status;
}

fgmm_status fg_pass_create(fg_pass **pass, fgmm_device *device, const fg_pass_options *options)
{
    fgmm_status status = FGMM_OK;
    *pass = NULL;
    FG_TRY(fg_pass_check(device, options, 1));
    FG_TRY(fg_pass_create_unchecked(pass, device, options));
done:
    return status;
}
