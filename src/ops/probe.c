/* probe.c - a pass, and before it the check of its family's program against the double-precision reference before its
 * first use on a device: a small batch, with the very program that the pass will run. A family that fails is replaced
 * by the next one. The outcome is remembered (device/family.c), so that later runs check nothing.
 *
 * Not checked: the dense path's program, but for small mixtures, which take no other; and passes whose tile the caller
 * gives (the tuner and the tests compare themselves). */
#include "ops.h"

#include "reference.h"
#include "size.h"
#include "status.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A strip of the matrix family and one component; a tile of most families' rows and some. Few full matrices. */
enum { PROBE_ROWS = 50, PROBE_K = 33, PROBE_FULL_K = 2, MOST_MATRIX_DIMS = 512 };
/* Far above rounding, far below what a wrong instruction does: sums of PROBE_ROWS rows. Log-densities are some D in
 * size and sums of D terms, so that their rounding grows as D^1.5 (docs/math.md, "Rounding"): beyond so many dimensions
 * what is allowed grows alike. */
static const double most_error = 1e-3, usual_dims = 1024;
/* Of a log-normaliser, beside twice what the parameters' bound says: roundings of numbers as large as itself. A term of
 * rows or means that is left out shows some 1e-2. */
static const double most_logz_error = 0x1p-20;

typedef struct probe {
    fg_parameters parameters;
    double *weights, *means, *covariances;
    double *x, *r, *logz, *expected, *found; /* (n,d) (n,k) (n), flat statistics twice */
    uint32_t *nearest;
    float *shift;
    float *found_logz; /* (n), less base */
    double base, bound_nats;
    void *rows;
    size_t values; /* of the statistics */
} probe;

/* Numbers in 0..1 that need all digits of a float and repeat from run to run. */
static double number(uint64_t i)
{
    const double x = (double)(i % 100003 + 1) * 0.61803398874989485;
    return x - floor(x);
}

/* A number from 0 to 4 in the type, as stored: with all digits of a float type, so that a matrix unit's low terms hold
 * something, else whole. */
static double store(void *rows, fgmm_type type, size_t i, double value)
{
    if (type == FGMM_F32) return (double)(((float *)rows)[i] = (float)value);
    if (type == FGMM_F16) {
        const unsigned fraction = (unsigned)(1024 * (value / 4)); /* of 2 .. 4 */
        ((uint16_t *)rows)[i] = (uint16_t)(0x4000 + fraction);
        return 2 + fraction / 512.0;
    }
    return ((uint8_t *)rows)[i] = (uint8_t)value;
}

static void fill_covariances(double *covariances, fgmm_covariance covariance, uint64_t count, uint64_t d)
{
    const int is_matrix = covariance == FGMM_TIED || covariance == FGMM_FULL;
    assert(d > 0);
    for (uint64_t i = 0; i < count; i++)
        covariances[i] = !is_matrix ? 1 + number(i) : i / d % d == i % d ? 2 : 1.0 / (double)d;
}

static fgmm_status fill(probe *p, const fg_pass_options *o)
{
    fgmm_status status = FGMM_OK;
    const uint64_t n = PROBE_ROWS, k = o->k, d = o->d, covariances = fg_covariance_count(o->covariance, k, d);
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
    FG_TRY(FG_ALLOC(&p->found_logz, n, "check"));
    FG_TRY(FG_ALLOC((uint8_t **)&p->rows, n * d * fgmm_type_bytes(o->type), "check"));
    for (uint64_t j = 0; j < k; j++) p->weights[j] = 1.0 / (double)k;
    for (uint64_t i = 0; i < k * d; i++) p->means[i] = 3 * number(7 * i);
    for (uint64_t j = 0; j < d; j++) p->shift[j] = 1;
    fill_covariances(p->covariances, o->covariance, covariances, d);
    for (uint64_t i = 0; i < n * d; i++) p->x[i] = store(p->rows, o->type, (size_t)i, 4 * number(11 * i + 5));
    p->parameters = (fg_parameters){o->covariance, k, d, p->weights, p->means, p->covariances};
done:
    return status;
}

static void probe_free(probe *p)
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
    free(p->shift);
    free(p->found_logz);
    free(p->rows);
}

/* What the statistics must be. */
static void compute_expected(probe *p, const fg_pass_options *o)
{
    const uint64_t n = PROBE_ROWS, k = o->k;
    if (o->keep == FG_KEEP_BEST) {
        fg_reference_nearest(p->nearest, p->logz, &p->parameters, p->x, n);
        for (uint64_t i = 0; i < n; i++) {
            p->r[i * k + p->nearest[i]] = 1;
            p->logz[i] = -p->logz[i];
        }
    } else {
        fg_reference_log_density(p->r, &p->parameters, p->x, n);
        fg_reference_responsibilities(p->logz, p->r, p->r, n, k);
    }
    fg_reference_statistics(p->expected, &p->parameters, p->x, p->logz, p->r, n);
}

static fgmm_status run(probe *p, fgmm_device *device, const fg_pass_options *o)
{
    fgmm_status status = FGMM_OK;
    fg_pass *pass = NULL;
    fg_buffer *buffer = NULL;
    const size_t bytes = PROBE_ROWS * (size_t)o->d * fgmm_type_bytes(o->type);
    FG_TRY(fg_pass_create_unchecked(&pass, device, o));
    FG_TRY(fg_buffer_create(&buffer, device, bytes, FG_BUFFER_DEVICE, "rows of a check"));
    FG_TRY(fg_buffer_write(buffer, 0, p->rows, bytes));
    FG_TRY(fg_pass_load(pass, &p->parameters, p->shift));
    const fg_rows rows = {buffer, 0, PROBE_ROWS};
    FG_TRY(fg_pass_accumulate(pass, &rows));
    FG_TRY(fg_buffer_read(pass->lists.logz, 0, p->found_logz, PROBE_ROWS * sizeof *p->found_logz));
    p->base = pass->packed.base;
    p->bound_nats = pass->packed.error_bound_nats;
    FG_TRY(fg_pass_statistics(pass, p->found));
done:
    fg_buffer_free(buffer);
    fg_pass_free(pass);
    return status;
}

static fgmm_status compare(const probe *p)
{
    fgmm_status status = FGMM_OK;
    const double longer = pow(fmax(1, (double)p->parameters.d / usual_dims), 1.5), share = most_error * longer;
    for (size_t i = 0; i < PROBE_ROWS; i++) {
        const double found = (double)p->found_logz[i] + p->base, wanted = p->logz[i];
        const double allowed = 2 * p->bound_nats + longer * most_logz_error * (1 + fabs(wanted));
        FG_CHECK(fabs(found - wanted) <= allowed, FGMM_INTERNAL,
                 "log-normaliser of row %zu is %.9g instead of %.9g; %.2g are allowed", i, found, wanted, allowed);
    }
    for (size_t i = 0; i < p->values; i++) {
        const double error = fabs(p->found[i] - p->expected[i]), scale = PROBE_ROWS + fabs(p->expected[i]);
        FG_CHECK(error <= share * scale, FGMM_INTERNAL, "statistic %zu is %.9g instead of %.9g", i, p->found[i],
                 p->expected[i]);
    }
done:
    return status;
}

/* One check of the family in use. is_passed is 1 also where memory does not allow a check. */
static fgmm_status check(int *is_passed, fgmm_device *device, const fg_pass_options *o, const char *program)
{
    fgmm_status status = FGMM_OK, outcome;
    probe p = {0};
    *is_passed = 1;
    FG_TRY(fill(&p, o));
    compute_expected(&p, o);
    fg_family_begin_check(device);
    outcome = run(&p, device, o);
    if (outcome == FGMM_OK) outcome = compare(&p);
    fg_family_end_check(device, program, outcome == FGMM_OK);
    if (outcome != FGMM_OK && outcome != FGMM_MEMORY) {
        char why[FG_ERROR_TEXT_BYTES];
        *is_passed = 0;
        snprintf(why, sizeof why, "%s", fgmm_last_error());
        FG_TRY(fg_family_fail(device, why));
    }
done:
    probe_free(&p);
    return status;
}

/* Checks one program of the shape that the options have, unless that has been done. program: SPARSE or BOUNDED. */
static fgmm_status check_program(int *is_passed, fgmm_device *device, const fg_pass_options *options, fg_shape *shape,
                                 fg_program program)
{
    fgmm_status status = FGMM_OK;
    char name[768];
    const int used = snprintf(name, sizeof name, "%d %d %d %d ", (int)shape->family, (int)shape->tile.unit,
                              (int)options->covariance, shape->is_direct);
    fg_shape_options(shape, (int)program, name + used, sizeof name - (size_t)used);
    *is_passed = 1;
    if (fg_family_is_checked(device, name)) return FGMM_OK;
    const uint64_t most_k = options->covariance == FGMM_FULL ? PROBE_FULL_K : PROBE_K;
    fg_pass_options o = *options;
    o.k = shape->is_direct ? fg_min_u64(options->k, most_k) : most_k;
    o.batch_rows = PROBE_ROWS;
    o.path = shape->is_direct && program == FG_PROGRAM_SPARSE ? options->path : FGMM_PATH_SPARSE;
    o.tile = &shape->tile;
    o.tile_text = NULL;
    o.bounds = program == FG_PROGRAM_BOUNDED ? FG_BOUNDS_ALWAYS : FG_BOUNDS_NEVER;
    FG_TRY(check(is_passed, device, &o, name));
done:
    return status;
}

/* The check, if this device has not passed it already. */
static fgmm_status check_family(fgmm_device *device, const fg_pass_options *options)
{
    fgmm_status status = FGMM_OK;
    fg_shape shape;
    int is_passed = options->tile != NULL;
    while (!is_passed) {
        FG_TRY(fg_shape_init(&shape, device, options));
        if (shape.matrices && shape.d > MOST_MATRIX_DIMS) return FGMM_OK;
        if (shape.family == FGMM_KERNEL_VECTOR) FG_TRY(fg_lanes_probe(&shape.tile.lanes, device, shape.tile.vw));
        FG_TRY(check_program(&is_passed, device, options, &shape, FG_PROGRAM_SPARSE));
        if (is_passed && shape.has_bounds)
            FG_TRY(check_program(&is_passed, device, options, &shape, FG_PROGRAM_BOUNDED));
    }
done:
    return status;
}

fgmm_status fg_pass_create(fg_pass **pass, fgmm_device *device, const fg_pass_options *options)
{
    fgmm_status status = FGMM_OK;
    *pass = NULL;
    FG_TRY(check_family(device, options));
    FG_TRY(fg_pass_create_unchecked(pass, device, options));
done:
    return status;
}
