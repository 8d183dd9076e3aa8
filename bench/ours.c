/* ours.c - this library as a contender: iterations of EM or k-means from a given start.
 *
 * Words: rows=FILE model=FILE (the start; its covariance is the mixture's), n=ROWS (0: all), iterations=M,
 * algorithm=em|kmeans, kernel=auto|vector|group|matrix, path=auto|sparse|dense, device=MATCH,
 * rows-from=memory|host|file (host: from memory, file: from the file; both are streamed in every iteration, because the
 * device's budget is set below the rows' size), batch=ROWS of a batch (0: as the library likes), events=yes (kernels
 * are timed by the device: device=, and of that e_step=, the log-densities and lists). A measurement is one fit of 1 +
 * M iterations; the time is that of the last M, which begin when the first has ended: rows then lie where they stay.
 */
#include "contender.h"
#include "timed_device.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct contest {
    fgmm_device *device;
    fgmm_source *source;
    fgmm_model *start;
    fgmm_source_info info;
    uint64_t iterations, batch_rows;
    int is_kmeans, has_events;
    double device_s, e_step_s; /* of kernels, in all iterations but the first */
    bench_clock first, last;   /* ends of the first and of the latest iteration */
} contest;

static fgmm_path path_named(const char *name)
{
    return strcmp(name, "dense") == 0    ? FGMM_PATH_DENSE
           : strcmp(name, "sparse") == 0 ? FGMM_PATH_SPARSE
                                         : FGMM_PATH_AUTO;
}

static int report_progress(void *user, const fgmm_progress *progress)
{
    contest *c = user;
    if (!progress->iteration_finished) return 0;
    if (progress->phase != (c->is_kmeans ? FGMM_PHASE_KMEANS : FGMM_PHASE_EM)) return 0;
    c->last = bench_now();
    if (c->has_events) {
        double e_step_s;
        const double device_s = bench_timed_s("responsibilities", &e_step_s);
        c->device_s = progress->iteration == 1 ? 0 : c->device_s + device_s;
        c->e_step_s = progress->iteration == 1 ? 0 : c->e_step_s + e_step_s;
    }
    if (progress->iteration == 1) c->first = c->last;
    return 0;
}

static fgmm_status train(contest *c, fgmm_model **model, fgmm_fit_report *report)
{
    const uint32_t iterations = (uint32_t)c->iterations + 1;
    if (c->is_kmeans) {
        fgmm_kmeans_options options = fgmm_kmeans_options_init();
        options.init = FGMM_INIT_MODEL;
        options.start = c->start;
        options.max_iterations = iterations;
        options.tolerance = 0;
        options.batch_rows = c->batch_rows;
        options.progress = report_progress;
        options.progress_user = c;
        return fgmm_kmeans(model, c->device, c->source, &options, report);
    }
    fgmm_fit_options options = fgmm_fit_options_init();
    options.init = FGMM_INIT_MODEL;
    options.start = c->start;
    options.kmeans_iterations = 0;
    options.max_iterations = iterations;
    options.tolerance = 0;
    options.batch_rows = c->batch_rows;
    options.progress = report_progress;
    options.progress_user = c;
    return fgmm_fit(model, c->device, c->source, &options, report);
}

static bench_answer measure(void *user)
{
    contest *c = user;
    bench_answer answer = {{0, 0}, NAN, ""};
    fgmm_model *model = NULL;
    fgmm_fit_report report = fgmm_fit_report_init();
    bench_check(train(c, &model, &report));
    const uint64_t done = c->is_kmeans ? report.kmeans_iterations : report.iterations;
    if (done < 2) bench_refuse("the start is a fixed point: nothing to measure");
    answer.time = bench_between(c->first, c->last, done - 1);
    if (report.history_count > 0) answer.log_likelihood = report.history[report.history_count - 1];
    const uint64_t rows_bytes = c->info.rows * c->info.dims * fgmm_type_bytes(c->info.type);
    char events[64] = "";
    if (c->has_events)
        snprintf(events, sizeof events, "device=%.6g e_step=%.6g ", c->device_s / (double)(done - 1),
                 c->e_step_s / (double)(done - 1));
    snprintf(answer.facts, sizeof answer.facts,
             "%s"
             "kernel=%s dense_batches=%llu sparse_batches=%llu resident_rows=%llu device_bytes=%llu extra_bytes=%lld "
             "error_bound=%.2g tile=%.100s",
             events, fgmm_backend_name(report.backend), (unsigned long long)report.dense_batches,
             (unsigned long long)report.sparse_batches, (unsigned long long)report.resident_rows,
             (unsigned long long)report.peak_device_bytes,
             (long long)report.peak_device_bytes - (long long)(rows_bytes / c->info.rows * report.resident_rows),
             report.error_bound_nats, report.tile);
    for (char *at = strstr(answer.facts, "tile="); at && *at; at++)
        if (*at == ' ') *at = ',';
    fgmm_model_free(model);
    fgmm_fit_report_clear(&report);
    return answer;
}

int main(int argc, char **argv)
{
    contest c = {0};
    const char *path = bench_word(argc, argv, "rows", NULL);
    const char *rows_from = bench_word(argc, argv, "rows-from", "memory");
    void *rows = NULL;
    fgmm_device_options options = fgmm_device_options_init();
    const char *match = bench_word(argc, argv, "device", "");
    options.match = match[0] ? match : NULL;
    c.iterations = bench_count(argc, argv, "iterations", "3");
    c.batch_rows = bench_count(argc, argv, "batch", "0");
    c.is_kmeans = strcmp(bench_word(argc, argv, "algorithm", "em"), "kmeans") == 0;
    c.info = fgmm_source_info_init();

    bench_check(fgmm_model_load(&c.start, bench_word(argc, argv, "model", NULL)));
    if (strcmp(rows_from, "file") == 0) {
        bench_check(fgmm_source_open(&c.source, path, NULL));
        bench_check(fgmm_source_describe(c.source, &c.info));
    } else {
        rows = bench_load_rows(path, bench_count(argc, argv, "n", "0"), &c.info);
        bench_check(fgmm_source_from_memory(&c.source, rows, c.info.type, c.info.rows, c.info.dims, 0));
    }
    if (strcmp(rows_from, "memory") != 0)
        options.memory_limit_bytes = c.info.rows * c.info.dims * fgmm_type_bytes(c.info.type) / 4 * 3;
    c.has_events = strcmp(bench_word(argc, argv, "events", "no"), "yes") == 0;
    if (c.has_events)
        c.device = bench_timed_open(match, &options);
    else
        bench_check(fgmm_device_open(&c.device, &options));
    bench_check(fgmm_device_force_backend(c.device, bench_backend(bench_word(argc, argv, "kernel", "auto"))));
    bench_check(fgmm_device_force_path(c.device, path_named(bench_word(argc, argv, "path", "auto"))));
    measure(&c); /* compiles, and touches all memory */
    const int failed = bench_serve(measure, &c);
    fgmm_device_close(c.device);
    fgmm_source_close(c.source);
    fgmm_model_free(c.start);
    free(rows);
    return failed;
}
