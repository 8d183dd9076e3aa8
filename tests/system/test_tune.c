/* test_tune.c - tuning as an application sees it: what is found is remembered and used, by users' edits too; results
 * stay, and a resumed run keeps the tile that it began with. */
#include "mixtures.h"
#include "support.h"

#include "flashgmm/testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N = 2000, D = 5, K = 6, FILE_CAPACITY = 8192, SEED = 55 };

/* Log-likelihoods with two tiles differ by rounding: float sums of some thousand rows. */
static const double same_result = 1e-5;

static char folder[256], path[300];
static fgmm_device *device;
static float *rows;
static char logged[1024];

static void keep_line(void *user, const char *line)
{
    (void)user;
    if (strstr(line, "tile")) snprintf(logged, sizeof logged, "%s", line);
}

static void open_device(void)
{
    fgmm_device_options options = fgmm_device_options_init();
    options.cache_dir = folder;
    options.log = keep_line;
    fgmm_device_close(device);
    logged[0] = 0;
    ck_ok(fgmm_device_open(&device, &options));
    use_backend(device, FGMM_BACKEND_CPU_SIMD);
}

static void setup(void)
{
    char name[32];
    snprintf(name, sizeof name, "tune-%ld", (long)getpid()); /* each test has its own */
    snprintf(folder, sizeof folder, "%s", temporary_path(name));
    snprintf(path, sizeof path, "%s/tiles.txt", folder);
    rows = draw_rows(N, D, K, SEED);
    open_device();
}

static void teardown(void)
{
    free(rows);
    fgmm_device_close(device);
    device = NULL;
}

static fgmm_tune_options tune_options(double budget_s)
{
    fgmm_tune_options options = fgmm_tune_options_init();
    options.components = K;
    options.dims = D;
    options.budget_s = budget_s;
    return options;
}

static fgmm_fit_options fit_options(void)
{
    fgmm_fit_options options = fgmm_fit_options_init();
    options.components = K;
    options.kmeans_iterations = 2;
    options.max_iterations = 4;
    options.tolerance = 0;
    options.seed = SEED;
    return options;
}

/* Trains with what the folder says; returns the log-likelihood. tile: of the report. */
static double fit(char tile[128])
{
    const fgmm_fit_options options = fit_options();
    fgmm_fit_report report = fgmm_fit_report_init();
    open_device();
    fgmm_model_free(fit_rows(device, rows, N, D, &options, &report));
    snprintf(tile, 128, "%s", report.tile);
    const double log_likelihood = report.log_likelihood;
    fgmm_fit_report_clear(&report);
    return log_likelihood;
}

static char *read_tiles(char text[FILE_CAPACITY])
{
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    text[fread(text, 1, FILE_CAPACITY - 1, file)] = 0;
    fclose(file);
    return text;
}

/* A file with one line, or the same again, as a user writes it: what tune has written, with another tile, kind and
 * remark. */
static void write_tile_times(int count, const char *kind, const char *tile, const char *remark)
{
    char text[FILE_CAPACITY], *line = strstr(read_tiles(text), "\ntile |"), *shape = line ? strstr(line, "| k=") : NULL;
    ck_assert_ptr_nonnull(shape);
    char *bar = strchr(shape + 1, '|');
    FILE *file = fopen(path, "wb");
    fprintf(file, "flashgmm tiles 1\n");
    for (int i = 0; i < count; i++)
        fprintf(file, "%s %.*s %s | %s | edited\n", kind, (int)(bar + 1 - line - 6), line + 6, tile, remark);
    fclose(file);
}

static void write_tile(const char *kind, const char *tile, const char *remark)
{
    write_tile_times(1, kind, tile, remark);
}

/* One candidate, the shipped tile: it is what tests can rely on. */
static void tune_briefly(fgmm_tune_report *report)
{
    const fgmm_tune_options options = tune_options(1e-3);
    ck_ok(fgmm_tune(device, &options, report));
}

START_TEST(test_tune__remembers_what_later_runs_use)
{
    fgmm_tune_report report = fgmm_tune_report_init();
    fgmm_tune_options options = tune_options(2);
    char tile[128];
    fit(tile);
    ck_assert_ptr_null(strstr(logged, "not used"));
    ck_assert_int_ne(access(path, F_OK), 0); /* nothing is timed or remembered unasked */
    ck_ok(fgmm_tune(device, &options, &report));
    ck_assert_str_eq(report.file, path);
    ck_assert_ptr_nonnull(strstr(tile, report.shipped_tile));
    ck_assert_uint_ge(report.tried, 2);
    ck_assert_uint_eq(report.wrong, 0);
    ck_assert_uint_eq(report.failed, 0);
    ck_assert(report.tuned_s > 0 && report.tuned_dense_s > 0);
    ck_assert(isfinite(report.shipped_s) && isfinite(report.shipped_dense_s));
    /* no slower in the mean of both paths, whatever it does to one */
    ck_assert_double_le(report.tuned_s / report.shipped_s + report.tuned_dense_s / report.shipped_dense_s, 2);
    fit(tile);
    ck_assert_ptr_nonnull(strstr(tile, report.tile));
    options.keep_remembered = 1;
    fgmm_tune_report again = fgmm_tune_report_init();
    ck_ok(fgmm_tune(device, &options, &again));
    ck_assert_int_eq(again.was_remembered, 1);
    ck_assert_str_eq(again.tile, report.tile);
    ck_assert_uint_eq(again.tried, 0);
    options.dims = 8 * D; /* another shape is */
    options.budget_s = 1e-3;
    ck_ok(fgmm_tune(device, &options, &again));
    ck_assert_int_eq(again.was_remembered, 0);
}
END_TEST

static const char other_tile[] = "vw=8 rows=3 vectors=1 block=9 dense_k=2 dense_v=1 piece=1 chunk=32";

START_TEST(test_tune__users_tiles_change_rounding_only)
{
    fgmm_tune_report report = fgmm_tune_report_init();
    char tile[128];
    const double expected = fit(tile);
    tune_briefly(&report);
    write_tile("tile", other_tile, "mine");
    const double found = fit(tile);
    ck_assert_ptr_nonnull(strstr(tile, other_tile));
    ck_assert_double_le(fabs(found - expected), same_result * fabs(expected));
    static const char *const bad[] = {
        "vw=8 rows=4 vectors=1 block=9 dense_k=2 dense_v=1 piece=1 chunk=32",          /* 9 is no multiple of 4 */
        "vw=8 rows=3 vectors=1 block=9 dense_k=2 dense_v=1 piece=1 chunk=0",           /* out of range */
        "vw=8 rows=3 vectors=1 block=9 dense_k=2 dense_v=1 piece=1",                   /* a parameter is missing */
        "vw=2147483648 rows=3 vectors=2 block=9 dense_k=2 dense_v=1 piece=1 chunk=32", /* 32 bits would wrap */
        "",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tune_briefly(&report);
        write_tile("tile", bad[i], "mine");
        fit(tile);
        ck_assert_ptr_nonnull(strstr(tile, report.shipped_tile));
    }
}
END_TEST

static int stop_after_second(void *user, const fgmm_progress *p)
{
    (void)user;
    return p->phase == FGMM_PHASE_EM && p->iteration == 2 && p->iteration_finished;
}

static fgmm_model *resume(const char *checkpoint, char tile[128])
{
    fgmm_fit_options options = fit_options();
    fgmm_fit_report report = fgmm_fit_report_init();
    options.resume = checkpoint;
    open_device();
    fgmm_model *model = fit_rows(device, rows, N, D, &options, &report);
    snprintf(tile, 128, "%s", report.tile);
    fgmm_fit_report_clear(&report);
    return model;
}

/* "piece=1 " of the checkpoint's tile becomes "piece=0 ". */
static void spoil_tile(const char *checkpoint)
{
    char bytes[FILE_CAPACITY];
    FILE *file = fopen(checkpoint, "r+b");
    const size_t count = fread(bytes, 1, sizeof bytes, file);
    for (size_t i = 0; i + 8 < count; i++)
        if (memcmp(bytes + i, "piece=1 ", 8) == 0) {
            fseek(file, (long)i + 6, SEEK_SET);
            fputc('0', file);
        }
    fclose(file);
}

START_TEST(test_tune__resumed_runs_keep_their_tile)
{
    fgmm_tune_report report = fgmm_tune_report_init();
    fgmm_fit_options options = fit_options();
    fgmm_model *whole, *stopped;
    char tile[128], checkpoint[300];
    snprintf(checkpoint, sizeof checkpoint, "%s.ckpt", folder);
    tune_briefly(&report);
    write_tile("tile", other_tile, "mine");
    open_device();
    whole = fit_rows(device, rows, N, D, &options, NULL);
    options.checkpoint = checkpoint;
    options.progress = stop_after_second;
    fgmm_source *source = memory_source(rows, FGMM_F32, N, D);
    ck_fails(fgmm_fit(&stopped, device, source, &options, NULL), FGMM_CANCELLED, "cancelled");
    fgmm_source_close(source);
    fgmm_model_free(stopped);
    remove(path); /* meanwhile the shipped tile is back */
    fgmm_model *resumed = resume(checkpoint, tile);
    ck_assert_ptr_nonnull(strstr(tile, other_tile));
    ck_assert_str_eq(logged, "");
    ck_assert(is_same_model(resumed, whole));
    fgmm_model_free(resumed);
    spoil_tile(checkpoint);
    resumed = resume(checkpoint, tile);
    ck_assert_ptr_nonnull(strstr(tile, report.shipped_tile));
    ck_assert_ptr_nonnull(strstr(logged, "is none of this device's"));
    fgmm_model_free(resumed);
    fgmm_model_free(whole);
}
END_TEST

/* One process that ended while it tried the tile may have been killed; two are believed. */
START_TEST(test_tune__a_tile_that_ended_two_processes_is_not_tried)
{
    fgmm_tune_report report = fgmm_tune_report_init();
    const fgmm_tune_options options = tune_options(4);
    char shipped[128], text[FILE_CAPACITY];
    tune_briefly(&report);
    ck_assert_uint_eq(report.skipped, 0);
    snprintf(shipped, sizeof shipped, "%s", report.shipped_tile);
    write_tile("trying", shipped, "process 0 0");
    tune_briefly(&report);
    ck_assert_uint_eq(report.skipped, 0);
    ck_assert_ptr_null(strstr(read_tiles(text), "\ntrying |")); /* it came back from it */
    write_tile_times(2, "trying", shipped, "process 0 0");
    ck_ok(fgmm_tune(device, &options, &report));
    ck_assert_uint_ge(report.skipped, 1);
    ck_assert_str_ne(report.tile, shipped);
    ck_assert(isinf(report.shipped_s) && isfinite(report.tuned_s));
}
END_TEST

static int stop_at_once(void *user, const fgmm_tune_progress *now)
{
    (void)user;
    ck_assert_ptr_nonnull(strstr(now->tile, "rows="));
    ck_assert(now->seconds > 0 && now->best_s <= now->seconds && now->tried == 1 && !now->is_dense);
    return 1;
}

START_TEST(test_tune__cancelled_remembers_nothing)
{
    fgmm_tune_options options = tune_options(60);
    char text[FILE_CAPACITY];
    options.progress = stop_at_once;
    ck_fails(fgmm_tune(device, &options, NULL), FGMM_CANCELLED, "cancelled");
    ck_assert_ptr_null(strstr(read_tiles(text), "\ntile |"));
    ck_assert_ptr_null(strstr(text, "\ntrying |"));
}
END_TEST

START_TEST(test_tune__arguments_and_folders_are_checked)
{
    fgmm_tune_options options = tune_options(1);
    options.components = 0;
    ck_fails(fgmm_tune(device, &options, NULL), FGMM_ARGUMENT, "components = 0");
    options = tune_options(1);
    options.dims = 0;
    ck_fails(fgmm_tune(device, &options, NULL), FGMM_ARGUMENT, "dims = 0");
    options = tune_options((double)NAN);
    ck_fails(fgmm_tune(device, &options, NULL), FGMM_ARGUMENT, "budget");
    options = tune_options(1);
    options.covariance = (fgmm_covariance)9;
    ck_fails(fgmm_tune(device, &options, NULL), FGMM_ARGUMENT, "covariance");
    options = tune_options(1);
    options.type = (fgmm_type)9;
    ck_fails(fgmm_tune(device, &options, NULL), FGMM_ARGUMENT, "type");
    ck_fails(fgmm_tune(device, NULL, NULL), FGMM_ARGUMENT, "options is NULL");
    ck_fails(fgmm_tune(NULL, &options, NULL), FGMM_ARGUMENT, "device");
    options = tune_options(1);
    FILE *file = fopen(folder, "wb"); /* a file where the folder should be */
    ck_assert_ptr_nonnull(file);
    fclose(file);
    ck_fails(fgmm_tune(device, &options, NULL), FGMM_IO, folder);
    remove(folder);
    fgmm_device *other = open_test_device();
    ck_fails(fgmm_tune(other, &options, NULL), FGMM_IO, "without a cache folder");
    fgmm_device_close(other);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_tune__remembers_what_later_runs_use, test_tune__users_tiles_change_rounding_only,
        test_tune__resumed_runs_keep_their_tile,  test_tune__a_tile_that_ended_two_processes_is_not_tried,
        test_tune__cancelled_remembers_nothing,   test_tune__arguments_and_folders_are_checked,
    };
    Suite *s = suite_create("tune");
    ADD_CASE(s, "tune", setup, teardown, 300, tests);
    return s;
}
