/* tune.c - the pass as an operation of the tuner: candidates are compared with the double-precision reference on a few
 * rows and with the first tile on a whole batch, then timed by the device's clock. */
#include "tune.h"

#include "parts.h"
#include "reference.h"
#include "self_check.h"
#include "size.h"
#include "status.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROGRAMS = 2, MOST_TUNE_ROWS = 1 << 16, LEAST_TUNE_ROWS = 256 };

/* Rows that are compared with the reference: more than any tile has, as far as its 2 n K D multiplications (D times as
 * many with matrices) stay below check_work, a tenth of a second. */
enum { MOST_CHECKED = 301, LEAST_CHECKED = 33 };
static const double check_work = 0x1p25;

/* What single precision leaves of log-likelihoods (docs/math.md, "Rounding"), and of sums relative to the largest of
 * their kind. A kernel that is wrong is wrong by far more. */
static const double most_nats = 2e-3, relative_nats = 1e-5, relative_sums = 1e-3;

typedef struct tuner {
    const fg_tune_request *request;
    fgmm_device *timed;
    fg_shape shape; /* k, d, backend and so on; its tile is the first */
    fg_tile_problem problem;
    fg_tile_place place;
    fg_tiles *tiles; /* as they were before */
    fg_tune_rows rows;
    fg_buffer *buffer;   /* rows.rows */
    uint64_t checked;    /* the first rows: compared with the reference */
    size_t values;       /* of the flat statistics */
    double *logz, *sums; /* (checked), (values): the reference's */
    double *whole;       /* (values): statistics of all rows with the first tile that was right */
    double *found_logz, *found;
    int has_whole;
    uint32_t lanes[17]; /* by vector width: 1 + what fg_lanes_check says, 0 where it was not asked yet */
    fg_pass *pass;      /* the prepared candidate */
} tuner;

/* ---- the reference ---- */

static fgmm_status make_reference(tuner *t)
{
    fgmm_status status = FGMM_OK;
    double *x = NULL, *r = NULL;
    const uint64_t n = t->checked, k = t->shape.k, d = t->shape.d;
    FG_TRY(FG_ALLOC(&x, n * d, "reference rows"));
    FG_TRY(FG_ALLOC(&r, n * k, "reference responsibilities"));
    fg_tune_rows_decode(x, &t->rows, t->request->type, n);
    fg_reference_log_density(r, &t->rows.parameters, x, n);
    fg_reference_responsibilities(t->logz, r, r, n, k);
    fg_reference_statistics(t->sums, &t->rows.parameters, x, t->logz, r, n);
done:
    free(r);
    free(x);
    return status;
}

static double magnitude(const double *values, size_t count)
{
    double largest = 1e-30;
    for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs(values[i]));
    return largest;
}

static int is_near(const double *found, const double *expected, size_t count, double tolerance)
{
    for (size_t i = 0; i < count; i++)
        if (!(fabs(found[i] - expected[i]) <= tolerance)) return 0; /* a NaN is not near */
    return 1;
}

/* The parts of the flat statistics, each relative to its largest: sums that cancel are small. */
static int are_sums_near(const tuner *t, const double *found, const double *expected)
{
    const size_t k = t->shape.k, kd = k * t->shape.d;
    const size_t first[] = {0, 1, 2, 2 + k, 2 + k + kd, t->values};
    for (size_t i = 0; i + 1 < sizeof first / sizeof first[0]; i++) {
        const size_t count = first[i + 1] - first[i];
        const double tolerance = relative_sums * magnitude(expected + first[i], count);
        if (!is_near(found + first[i], expected + first[i], count, i == 0 ? 0 : tolerance)) return 0;
    }
    return 1;
}

/* ---- a candidate ---- */

static fgmm_status check_rows(tuner *t, int *is_right)
{
    fgmm_status status = FGMM_OK;
    const fg_rows rows = {t->buffer, 0, (size_t)t->checked};
    const fg_evaluation_rows out = {.log_likelihood = t->found_logz};
    FG_TRY(fg_pass_load(t->pass, &t->rows.parameters, t->rows.shift));
    FG_TRY(fg_pass_accumulate(t->pass, &rows));
    FG_TRY(fg_pass_statistics(t->pass, t->found));
    FG_TRY(fg_pass_evaluate(t->pass, &rows, &out));
    const double tolerance = most_nats + relative_nats * magnitude(t->logz, (size_t)t->checked);
    *is_right = is_near(t->found_logz, t->logz, (size_t)t->checked, tolerance) && are_sums_near(t, t->found, t->sums);
done:
    return status;
}

/* All rows, also to warm up. */
static fgmm_status check_batch(tuner *t, int *is_right)
{
    fgmm_status status = FGMM_OK;
    double ignored_s;
    const fg_rows rows = {t->buffer, 0, (size_t)t->rows.n};
    FG_TRY(fg_pass_load(t->pass, &t->rows.parameters, t->rows.shift));
    FG_TRY(fg_pass_accumulate(t->pass, &rows));
    FG_TRY(fg_pass_statistics(t->pass, t->found));
    FG_TRY(fg_device_timed_s(t->timed, &ignored_s));
    if (t->has_whole) {
        *is_right = are_sums_near(t, t->found, t->whole);
    } else {
        memcpy(t->whole, t->found, t->values * sizeof *t->whole);
        t->has_whole = 1;
    }
done:
    return status;
}

static fgmm_status set_lanes(tuner *t, fg_tile *tile)
{
    fgmm_status status = FGMM_OK;
    if (!t->shape.backend->has_lane_masks) return FGMM_OK;
    if (!t->lanes[tile->vw]) {
        FG_TRY(fg_lanes_check(&tile->lanes, t->timed, tile->vw));
        t->lanes[tile->vw] = 1 + tile->lanes;
    }
    tile->lanes = t->lanes[tile->vw] - 1;
done:
    return status;
}

/* What a program is timed by: the path that it is compiled for, or, where a mixture is so small that rows go straight
 * into sums, that one. */
static fgmm_path path_of(const tuner *t, unsigned program)
{
    if (t->shape.is_fused) return FGMM_PATH_AUTO;
    return program == FG_PROGRAM_DENSE ? FGMM_PATH_DENSE : FGMM_PATH_SPARSE;
}

static fgmm_status prepare(void *user, const void *candidate, unsigned program, int *is_right)
{
    fgmm_status status = FGMM_OK;
    tuner *t = user;
    fg_tile tile;
    *is_right = 0;
    fg_pass_free(t->pass);
    t->pass = NULL;
    if (!candidate) return FGMM_OK;
    memcpy(&tile, candidate, sizeof tile);
    const fg_pass_options options = {.covariance = t->request->covariance,
                                     .assignment = FG_ASSIGN_SOFT,
                                     .k = t->request->k,
                                     .d = t->request->d,
                                     .type = t->request->type,
                                     .batch_rows = (size_t)t->rows.n,
                                     .path = path_of(t, program),
                                     .backend = t->shape.backend,
                                     .tile = &tile};
    FG_TRY(set_lanes(t, &tile));
    FG_TRY(fg_pass_create(&t->pass, t->timed, &options));
    FG_TRY(check_rows(t, is_right));
    if (*is_right) FG_TRY(check_batch(t, is_right));
done:
    return status;
}

static fgmm_status run(void *user, double *seconds)
{
    fgmm_status status = FGMM_OK;
    tuner *t = user;
    const fg_rows rows = {t->buffer, 0, (size_t)t->rows.n};
    FG_TRY(fg_pass_accumulate(t->pass, &rows));
    FG_TRY(fg_device_timed_s(t->timed, seconds));
done:
    return status;
}

static void format(const tuner *t, const void *tile, char text[FG_TILE_TEXT_BYTES])
{
    fg_space_format(&t->shape.backend->tiles, tile, text, FG_TILE_TEXT_BYTES);
}

/* A file that cannot be written has been found out before the search; what happens to it later changes no tile. */
static void begin(void *user, const void *tile)
{
    tuner *t = user;
    char text[FG_TILE_TEXT_BYTES], error_text[FG_ERROR_TEXT_BYTES];
    if (tile) format(t, tile, text);
    fg_error_save(error_text);
    fg_tiles_trying(t->place.path, &t->place.key, tile ? text : NULL);
    fg_error_restore(error_text);
}

static int is_suspect(void *user, const void *tile)
{
    const tuner *t = user;
    char text[FG_TILE_TEXT_BYTES];
    format(t, tile, text);
    return fg_tiles_is_suspect(t->tiles, &t->place.key, text);
}

static int progress(void *user, const fg_search_step *step)
{
    const tuner *t = user;
    char text[FG_TILE_TEXT_BYTES];
    if (!t->request->progress) return 0;
    format(t, step->tile, text);
    return t->request->progress(t->request->progress_user, step, text);
}

/* ---- the whole ---- */

/* Rows of a timed batch: the default one, smaller where memory is short. */
static uint64_t batch_rows(const tuner *t, fgmm_device *device)
{
    const fg_tune_request *q = t->request;
    fg_pass_options options = {.covariance = q->covariance, .k = q->k, .d = q->d, .type = q->type};
    uint64_t n = fg_min_u64(fg_pass_default_batch_rows(device, &options), MOST_TUNE_ROWS);
    for (;; n /= 2) {
        options.batch_rows = (size_t)n;
        const uint64_t bytes = fg_pass_bytes(device, &options) + n * q->d * fgmm_type_bytes(q->type);
        if (n <= LEAST_TUNE_ROWS || bytes <= fg_device_bytes_left(device) / 2) return n;
    }
}

static fgmm_status make_rows(tuner *t, fgmm_device *device)
{
    fgmm_status status = FGMM_OK;
    const fg_tune_request *q = t->request;
    const uint64_t n = batch_rows(t, device), s2 = fg_covariance_count(q->covariance, q->k, q->d);
    const size_t bytes = (size_t)(n * q->d * fgmm_type_bytes(q->type));
    const double row_work = 2 * (double)q->k * (double)q->d * (t->shape.matrices ? (double)q->d : 1);
    const double checked = check_work / row_work;
    t->checked = (uint64_t)fmin(MOST_CHECKED, fmax(LEAST_CHECKED, checked));
    t->values = (size_t)(2 + q->k * (1 + q->d) + s2);
    FG_TRY(fg_tune_rows_create(&t->rows, q->covariance, q->type, n, q->k, q->d));
    FG_TRY(FG_ALLOC(&t->logz, t->checked, "log-likelihoods"));
    FG_TRY(FG_ALLOC(&t->found_logz, t->checked, "log-likelihoods"));
    FG_TRY(FG_ALLOC(&t->sums, t->values, "statistics"));
    FG_TRY(FG_ALLOC(&t->found, t->values, "statistics"));
    FG_TRY(FG_ALLOC(&t->whole, t->values, "statistics"));
    FG_TRY(make_reference(t));
    FG_TRY(fg_device_open_timed(&t->timed, device));
    FG_TRY(fg_buffer_create(&t->buffer, t->timed, bytes, FG_BUFFER_DEVICE, "rows to tune with"));
    FG_TRY(fg_buffer_write(t->buffer, 0, t->rows.rows, bytes));
done:
    return status;
}

static void tuner_clear(tuner *t)
{
    fg_pass_free(t->pass);
    fg_buffer_free(t->buffer);
    fgmm_device_close(t->timed);
    fg_tune_rows_free(&t->rows);
    fg_tiles_free(t->tiles);
    free(t->logz);
    free(t->found_logz);
    free(t->sums);
    free(t->found);
    free(t->whole);
}

static fgmm_status search(tuner *t, fg_tune_report *report)
{
    fgmm_status status = FGMM_OK;
    const fg_backend *backend = t->shape.backend;
    const fg_search_op op = {.space = &backend->tiles,
                             .problem = &t->problem,
                             .limits = fg_tile_limits(t->timed, backend),
                             .programs = t->shape.matrices ? 1 : PROGRAMS, /* with matrices there is no dense path */
                             .user = t,
                             .prepare = prepare,
                             .run = run,
                             .begin = begin,
                             .is_suspect = is_suspect,
                             .progress = progress};
    char remark[64];
    FG_TRY(fg_search_run(&report->search, &op, &t->shape.tile, t->request->budget_s));
    format(t, report->search.tile, report->best);
    const double *first = report->search.first_s, *best = report->search.best_s;
    if (!isfinite(first[0]) || !isfinite(first[1]))
        snprintf(remark, sizeof remark, "the shipped tile does not work");
    else if (op.programs == 1)
        snprintf(remark, sizeof remark, "%.2f times the shipped tile", first[0] / best[0]);
    else
        snprintf(remark, sizeof remark, "%.2f times the shipped tile, dense %.2f", first[0] / best[0],
                 first[1] / best[1]);
    FG_TRY(fg_tiles_remember(t->place.path, &t->place.key, report->best, remark));
done:
    return status;
}

fgmm_status fg_pass_tune(fg_tune_report *report, fgmm_device *device, const fg_tune_request *request)
{
    fgmm_status status = FGMM_OK;
    tuner t = {.request = request};
    int is_measured;
    double octaves;
    *report = (fg_tune_report){.was_remembered = 0};
    const fg_pass_options options = {
        .covariance = request->covariance, .k = request->k, .d = request->d, .type = request->type, .batch_rows = 1};
    FG_TRY(fg_shape_init(&t.shape, device, &options));
    report->backend = t.shape.backend->reported;
    t.problem = fg_tile_problem_of(&t.shape, device);
    fg_tile_place_of(&t.place, &t.shape, device);
    FG_CHECK(t.place.path[0], FGMM_IO, "tiles cannot be remembered: the device was opened without a cache folder");
    snprintf(report->path, sizeof report->path, "%s", t.place.path);
    FG_TRY(fg_tiles_read(&t.tiles, t.place.path, NULL, NULL));
    const char *known = fg_tiles_find(t.tiles, &t.place.key, &octaves);
    if (request->is_remembered_kept && known && octaves == 0) {
        report->was_remembered = 1;
        snprintf(report->best, sizeof report->best, "%s", known);
        goto done;
    }
    FG_TRY(fg_tiles_trying(t.place.path, &t.place.key, NULL)); /* can it be written? */
    FG_TRY(fg_tile_shipped(&t.shape.tile, &is_measured, &t.shape, device));
    format(&t, &t.shape.tile, report->first);
    FG_TRY(make_rows(&t, device));
    report->batch_rows = t.rows.n;
    FG_TRY(search(&t, report));
    fg_device_set_companion(device, NULL, NULL); /* it is read again */
done:
    tuner_clear(&t);
    return status;
}
