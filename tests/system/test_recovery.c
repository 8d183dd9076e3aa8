/* test_recovery.c - fits recover the clusters that S1-S4, A1-A3 and Birch1 were made of, as well as scikit-learn's with
 * the same K, number of starts and rule for stopping, on average over as many seeds (sklearn_recovery.h). The rows are
 * read from ../shared/data, and where that is missing the test says so and passes. */
#define _POSIX_C_SOURCE 200809L
#include "mixtures.h"
#include "support.h"

#include "sklearn_recovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RESULTS = sizeof sklearn_recovery / sizeof sklearn_recovery[0], PER_SET = 8, SETS = RESULTS / PER_SET };

/* Rows on the border between clusters go to one or the other by where EM stopped: the same solution, up to 1e-3 nats
 * from its maximum, has indices that differ by so much. */
static const double index_tolerance = 0.004;
static fgmm_device *device;

static void setup(void)
{
    ck_ok(fgmm_device_open(&device, NULL));
}

static void teardown(void)
{
    fgmm_device_close(device);
}

/* An unpacked file of the data; NULL, having said so, where there is none. */
static fgmm_source *open_set(const char *name, const char *ending)
{
    char path[512], command[1200];
    fgmm_source *source;
    snprintf(path, sizeof path, "%s/../shared/data/clustering-basics/%s.%s.gz", FG_TEST_SOURCE_DIR, name, ending);
    if (access(path, R_OK) != 0) {
        printf("skipped: no data (%s)\n", name);
        return NULL;
    }
    const char *csv = temporary_path(strcmp(ending, "data") == 0 ? "rows.csv" : "labels.csv");
    snprintf(command, sizeof command, "gzip -dc '%s' > '%s'", path, csv);
    ck_assert_int_eq(system(command), 0);
    ck_ok(fgmm_source_open(&source, csv, NULL));
    return source;
}

/* Reference labels 0 .. most-1, (n), malloc'ed. */
static int32_t *read_labels(const char *name, uint64_t n, int32_t most)
{
    fgmm_source *source = open_set(name, "labels0");
    double *values = malloc(n * sizeof *values);
    int32_t *labels = malloc(n * sizeof *labels);
    uint64_t got;
    ck_ok(fgmm_source_rewind(source));
    for (uint64_t i = 0; i < n; i += got) ck_ok(fgmm_source_next(source, values + i, n - i, &got));
    for (uint64_t i = 0; i < n; i++) {
        labels[i] = (int32_t)values[i] % most;
        ck_assert(values[i] >= 0 && values[i] <= most);
    }
    free(values);
    fgmm_source_close(source);
    return labels;
}

static double pairs(double count)
{
    return count * (count - 1) / 2;
}

/* Hubert and Arabie's adjusted index: 1 the same partition, 0 as alike as by chance. Labels are below k. */
static double adjusted_rand_index(const int32_t *a, const int32_t *b, uint64_t n, size_t k)
{
    double *both = calloc(k * k, sizeof *both), *of_a = calloc(k, sizeof *of_a), *of_b = calloc(k, sizeof *of_b);
    double same = 0, in_a = 0, in_b = 0;
    for (uint64_t i = 0; i < n; i++) {
        both[(size_t)a[i] * k + (size_t)b[i]]++;
        of_a[a[i]]++;
        of_b[b[i]]++;
    }
    for (size_t i = 0; i < k * k; i++) same += pairs(both[i]);
    for (size_t i = 0; i < k; i++) {
        in_a += pairs(of_a[i]);
        in_b += pairs(of_b[i]);
    }
    free(both);
    free(of_a);
    free(of_b);
    const double by_chance = in_a * in_b / pairs((double)n);
    return (same - by_chance) / ((in_a + in_b) / 2 - by_chance);
}

/* What one fit reached; the same pair as a result of sklearn_recovery. */
typedef struct recovery {
    double rand_index, log_likelihood;
} recovery;

static recovery recover(size_t i, uint64_t seed, fgmm_source *source, uint64_t n, const int32_t *wanted)
{
    fgmm_model *model;
    fgmm_fit_options options =
        fgmm_fit_options_init(); /* its tolerance means what scikit-learn's does, and is the same */
    fgmm_fit_report report = fgmm_fit_report_init();
    int32_t *labels = malloc(n * sizeof *labels);
    options.components = sklearn_recovery[i].k;
    options.covariance = sklearn_recovery[i].covariance;
    options.n_init = sklearn_recovery[i].starts;
    options.seed = seed;
    ck_ok(fgmm_fit(&model, device, source, &options, &report));
    ck_ok(fgmm_predict(device, model, source, labels));
    const recovery found = {adjusted_rand_index(labels, wanted, n, (size_t)options.components), report.log_likelihood};
    fgmm_fit_report_clear(&report);
    fgmm_model_free(model);
    free(labels);
    return found;
}

static void check_result(size_t i, fgmm_source *source, uint64_t n, const int32_t *wanted)
{
    const uint32_t seeds = sklearn_recovery[i].seeds;
    const double theirs = sklearn_recovery[i].rand_index;
    recovery mean = {0, 0};
    char text[256];
    for (uint64_t seed = 0; seed < seeds; seed++) {
        const recovery one = recover(i, seed, source, n, wanted);
        mean.rand_index += one.rand_index / seeds;
        mean.log_likelihood += one.log_likelihood / seeds;
    }
    snprintf(text, sizeof text,
             "%s %s, %u starts, mean of %u: adjusted Rand index %.4f, scikit-learn %.4f; log-likelihood %.4f, %.4f",
             sklearn_recovery[i].name, fgmm_covariance_name(sklearn_recovery[i].covariance), sklearn_recovery[i].starts,
             seeds, mean.rand_index, theirs, mean.log_likelihood, sklearn_recovery[i].log_likelihood);
    puts(text);
    ck_assert_msg(mean.rand_index >= theirs - index_tolerance, "%s", text);
}

START_TEST(test_recovery__at_least_as_good_as_scikit_learn)
{
    const size_t first = (size_t)_i * PER_SET;
    fgmm_source_info info = fgmm_source_info_init();
    fgmm_source *source = open_set(sklearn_recovery[first].name, "data");
    if (!source) return;
    ck_ok(fgmm_source_describe(source, &info));
    int32_t *wanted = read_labels(sklearn_recovery[first].name, info.rows, (int32_t)sklearn_recovery[first].k);
    for (size_t i = first; i < first + PER_SET; i++) check_result(i, source, info.rows, wanted);
    free(wanted);
    fgmm_source_close(source);
}
END_TEST

Suite *suite(void)
{
    Suite *s = suite_create("recovery");
    TCase *cases = tcase_create("recovery");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 300);
    tcase_add_loop_test(cases, test_recovery__at_least_as_good_as_scikit_learn, 0, SETS);
    suite_add_tcase(s, cases);
    return s;
}
