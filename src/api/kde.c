/* kde.c - kernel density estimates by the mixture's own evaluation: a chunk of the data at a time becomes the
 * components of a mixture with equal weights and one variance, all queries pass through it, and the chunks'
 * log-densities are added (docs/math.md, equation 26). */
#include "flashgmm/kde.h"

#include "arguments.h"
#include "rows.h"
#include "size.h"

#include <math.h>
#include <stdlib.h>

/* Rows of a chunk: as many components as keep the device busy, and fewer where they are wide. */
enum { CHUNK_ROWS = 8192, LEAST_CHUNK_ROWS = 256, CHUNK_ELEMENTS = 1 << 22 };

/* Its square is a double's. */
#define FG_LEAST_BANDWIDTH 1e-100

/* An estimate at work. */
typedef struct estimate {
    fgmm_device *device;
    fgmm_source *data, *queries;
    double variance;
    fgmm_evaluate_options options;
    double *log_density; /* (Q) log of the sum over the rows so far */
    uint64_t d, chunk_rows, seen;
    void *rows; /* (chunk_rows,d) as they lie in the source */
    double *means, *weights, *variances;
    double log_count; /* log of the rows in this chunk */
} estimate;

static double log_add(double a, double b)
{
    const double most = fmax(a, b);
    return most + log1p(exp(fmin(a, b) - most));
}

static int add_chunk(void *user, const fgmm_evaluation *batch)
{
    estimate *e = user;
    double *to = e->log_density + batch->first_row;
    const int is_first = e->seen == 0;
    for (uint64_t i = 0; i < batch->rows; i++) {
        const double of_chunk = batch->log_likelihood[i] + e->log_count;
        to[i] = is_first ? of_chunk : log_add(to[i], of_chunk);
    }
    return 0;
}

static fgmm_status run_chunk(estimate *e, uint64_t n)
{
    fgmm_status status = FGMM_OK;
    fgmm_model *model = NULL;
    const fgmm_type type = e->data->info.type;
    FG_TRY(fg_rows_check_given(e->data, e->rows, n, e->seen, fg_most_value(type)));
    for (size_t i = 0; i < n * e->d; i++) e->means[i] = fg_row_value(e->rows, type, i);
    for (uint64_t i = 0; i < n; i++) {
        e->weights[i] = 1 / (double)n;
        e->variances[i] = e->variance;
    }
    e->log_count = log((double)n);
    FG_TRY(fgmm_model_create(&model, FGMM_SPHERICAL, n, e->d, e->weights, e->means, e->variances));
    FG_TRY(fgmm_evaluate(e->device, model, e->queries, &e->options, NULL));
    e->seen += n;
done:
    fgmm_model_free(model);
    return status;
}

static fgmm_status run(estimate *e)
{
    fgmm_status status = FGMM_OK;
    uint64_t n;
    const uint64_t rows = e->data->info.rows;
    e->chunk_rows = fg_min_u64(CHUNK_ROWS, fg_max_u64(LEAST_CHUNK_ROWS, CHUNK_ELEMENTS / e->d));
    e->chunk_rows = fg_min_u64(e->chunk_rows, rows);
    FG_TRY(fg_alloc(&e->rows, e->chunk_rows * e->d, fgmm_type_bytes(e->data->info.type), "a chunk of the data"));
    FG_TRY(FG_ALLOC(&e->means, e->chunk_rows * e->d, "a chunk of the data"));
    FG_TRY(FG_ALLOC(&e->weights, e->chunk_rows, "weights"));
    FG_TRY(FG_ALLOC(&e->variances, e->chunk_rows, "variances"));
    FG_TRY(fgmm_source_rewind(e->data));
    do {
        FG_TRY(fg_rows_fill(e->data, e->rows, e->chunk_rows, &n));
        if (n > 0) FG_TRY(run_chunk(e, n));
    } while (n == e->chunk_rows);
    FG_CHECK(e->seen > 0, FGMM_DATA, "the data has no rows; a density estimate needs at least one");
    const double log_rows = log((double)e->seen);
    for (uint64_t i = 0; i < e->queries->info.rows; i++) e->log_density[i] -= log_rows;
done:
    return status;
}

fgmm_status fgmm_kde(double *log_density, fgmm_device *device, fgmm_source *data, fgmm_source *queries,
                     double bandwidth, const fgmm_evaluate_options *options)
{
    fgmm_status status = FGMM_OK;
    const fgmm_evaluate_options defaults = fgmm_evaluate_options_init();
    estimate e = {.device = device,
                  .data = data,
                  .queries = queries,
                  .variance = bandwidth * bandwidth,
                  .options = defaults,
                  .log_density = log_density};
    FG_CHECK(log_density, FGMM_ARGUMENT, "log_density is NULL; need room for one double per query");
    FG_TRY(fg_check_handles(device, queries));
    FG_CHECK(data && data != queries, FGMM_ARGUMENT, "data is %s", data ? "the same source as queries" : "NULL");
    FG_CHECK(bandwidth >= FG_LEAST_BANDWIDTH && bandwidth <= FG_MOST_F64, FGMM_ARGUMENT,
             "bandwidth = %g; need %g to %g", bandwidth, FG_LEAST_BANDWIDTH, FG_MOST_F64);
    FG_CHECK(queries->info.rows != FGMM_ROWS_UNKNOWN, FGMM_ARGUMENT, "queries: their number of rows is unknown");
    FG_CHECK(data->info.dims == queries->info.dims, FGMM_DATA, "the data has D = %llu, but the queries have D = %llu",
             (unsigned long long)data->info.dims, (unsigned long long)queries->info.dims);
    FG_TRY(fg_read_options(&e.options, options, sizeof e.options, "evaluate options"));
    e.options.want_log_likelihood = 1;
    e.options.want_labels = 0;
    e.options.top = 0;
    e.options.sink = add_chunk;
    e.options.sink_user = &e;
    e.d = data->info.dims;
    status = run(&e);
done:
    free(e.rows);
    free(e.means);
    free(e.weights);
    free(e.variances);
    return status;
}
