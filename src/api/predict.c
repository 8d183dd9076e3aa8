/* predict.c - fgmm_evaluate and its one-call forms: stream the rows once, hand the results on batch by batch. */
#include "flashgmm/predict.h"

#include "arguments.h"
#include "e_step.h"
#include "size.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Results of one batch; NULL where not asked for. */
typedef struct results {
    double *log_likelihood;  /* (batch_rows) */
    int32_t *labels;         /* (batch_rows) */
    int32_t *ids;            /* (batch_rows, top) */
    float *responsibilities; /* (batch_rows, top) */
    double *weights;         /* (batch_rows) of the rows */
} results;

static void results_free(results *r)
{
    free(r->log_likelihood);
    free(r->labels);
    free(r->ids);
    free(r->responsibilities);
    free(r->weights);
}

/* Log-likelihoods are always taken: their mean is a result. */
static fgmm_status results_create(results *r, const fgmm_evaluate_options *options, size_t batch_rows)
{
    fgmm_status status = FGMM_OK;
    size_t count;
    FG_TRY(fg_size_product(&count, batch_rows, options->top, "responsibilities of a batch"));
    FG_TRY(FG_ALLOC(&r->log_likelihood, batch_rows, "log-likelihoods of a batch"));
    if (options->want_labels) FG_TRY(FG_ALLOC(&r->labels, batch_rows, "labels of a batch"));
    if (options->weights) FG_TRY(FG_ALLOC(&r->weights, batch_rows, "weights of a batch"));
    if (options->top) {
        FG_TRY(FG_ALLOC(&r->ids, count, "components of a batch"));
        FG_TRY(FG_ALLOC(&r->responsibilities, count, "responsibilities of a batch"));
    }
done:
    return status;
}

/* An evaluation under way. */
typedef struct evaluation {
    fg_e_step e;
    const fg_parameters *parameters;
    fgmm_evaluate_options options;
    results results;
    fg_weights weights;
    int has_densities, has_nearest; /* which passes there are; nearest: labels are those of centroids */
    uint64_t rows;
    double nats;        /* of fg_e_step_nats */
    double sum, weight; /* of log-likelihoods, each times its row's weight; of weights */
} evaluation;

/* Kernels give no log-density below -1e30: a row that far from every component has no meaningful result in float32. */
static const double least_log_likelihood = -0.9e30;

/* Without densities, minus the squared distance to the nearest mean stands for a log-likelihood. */
static fgmm_status evaluate_rows(evaluation *v, const fg_rows *rows)
{
    fgmm_status status = FGMM_OK;
    const results *r = &v->results;
    const fg_evaluation_rows labels = {.log_likelihood = r->log_likelihood, .labels = r->labels};
    fg_evaluation_rows out = {r->log_likelihood, r->labels, v->options.top, r->ids, r->responsibilities};
    if (v->has_nearest) {
        FG_TRY(fg_pass_evaluate(v->e.nearest ? v->e.nearest : v->e.pass, rows, &labels));
        out.labels = NULL;
    }
    if (v->has_densities) FG_TRY(fg_pass_evaluate(v->e.pass, rows, &out));
done:
    return status;
}

/* The passes of the device's backend, with the parameters. */
static fgmm_status set_passes(evaluation *v)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fg_e_step_set_pass(&v->e, v->has_densities ? FG_ASSIGN_SOFT : FG_ASSIGN_HARD));
    if (v->has_densities && v->has_nearest) FG_TRY(fg_e_step_set_nearest(&v->e));
    FG_TRY(fg_e_step_load(&v->e, v->parameters));
done:
    return status;
}

/* Rows without a log-likelihood are taken again by another backend of kernels. */
static fgmm_status evaluate_soundly(evaluation *v, const fg_rows *rows)
{
    fgmm_status status = FGMM_OK;
    char why[96];
    int is_again = 0;
    fg_fall_back fall = fg_fall_back_begin(&v->e);
    do {
        size_t i = 0;
        if (is_again) FG_TRY(set_passes(v));
        FG_TRY(evaluate_rows(v, rows));
        while (i < rows->n && !isnan(v->results.log_likelihood[i])) i++;
        const int is_sound = i == rows->n;
        if (!is_sound)
            snprintf(why, sizeof why, "row %llu has no log-likelihood",
                     (unsigned long long)fg_source_row(v->e.request.source, v->rows + i));
        FG_TRY(fg_fall_back_judge(&is_again, &fall, &v->e, is_sound ? NULL : why));
    } while (is_again);
done:
    return status;
}

static fgmm_status evaluate_batch(void *user, const fg_rows *rows)
{
    fgmm_status status = FGMM_OK;
    evaluation *v = user;
    const results *r = &v->results;
    FG_TRY(evaluate_soundly(v, rows));
    if (r->weights) FG_TRY(fg_weights_read_real(&v->weights, r->weights, rows->n));
    for (size_t i = 0; i < rows->n; i++) {
        FG_CHECK(!isnan(r->log_likelihood[i]), FGMM_DEVICE,
                 "row %llu: kernels of the device gave no log-likelihood; try another family of kernels or device",
                 (unsigned long long)fg_source_row(v->e.request.source, v->rows + i));
        FG_CHECK(
            r->log_likelihood[i] > least_log_likelihood, FGMM_DATA,
            "row %llu lies so far from every component that float32 cannot hold its log-likelihood (below %g nats; "
            "rows are counted from 0)",
            (unsigned long long)fg_source_row(v->e.request.source, v->rows + i), least_log_likelihood);
        r->log_likelihood[i] += v->nats;
        const double weight = r->weights ? r->weights[i] : 1;
        v->sum += weight * r->log_likelihood[i];
        v->weight += weight;
    }
    const fgmm_evaluation batch = {v->rows,   rows->n, v->options.want_log_likelihood ? r->log_likelihood : NULL,
                                   r->labels, r->ids,  r->responsibilities,
                                   r->weights};
    if (v->options.sink) {
        const int answer = v->options.sink(v->options.sink_user, &batch);
        FG_CHECK(answer == 0, FGMM_CANCELLED, "cancelled by the evaluation callback (it returned %d) at row %llu",
                 answer, (unsigned long long)v->rows);
    }
    v->rows += rows->n;
done:
    return status;
}

static double mean_of(const evaluation *v)
{
    return v->has_densities ? v->sum / v->weight : (double)NAN;
}

static fgmm_status evaluate_all(evaluation *v)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(set_passes(v));
    FG_TRY(results_create(&v->results, &v->options, v->e.plan.batch_rows));
    v->nats = fg_e_step_nats(&v->e);
    fg_progress_iteration(&v->e.progress, FGMM_PHASE_FINAL, 1, 1, v->e.request.source->info.rows);
    FG_TRY(fg_feed_begin(v->e.feed));
    FG_TRY(fg_feed_each(v->e.feed, &v->e.progress, evaluate_batch, v));
    FG_TRY(fg_progress_finished(&v->e.progress, mean_of(v)));
done:
    return status;
}

static fg_memory_plan_request plan_request(const evaluation *v, fgmm_device *device, fgmm_source *source,
                                           const fg_parameters *parameters)
{
    const fgmm_evaluate_options *options = &v->options;
    return (fg_memory_plan_request){
        .device = device,
        .source = source,
        .batch_rows = options->batch_rows,
        .memory_limit_bytes = options->memory_limit_bytes,
        .held_bytes = fg_memory_plan_held_bytes(),
        .pass = {.covariance = parameters->covariance,
                 .assignment = v->has_densities ? FG_ASSIGN_SOFT : FG_ASSIGN_HARD,
                 .k = parameters->k,
                 .d = parameters->d,
                 .path = fg_device_path(device),
                 .has_differences = !v->has_densities},
        .has_nearest = v->has_densities && v->has_nearest,
        .is_evaluation = 1,
        .host_row_bytes = (options->weights ? 2 : 1) * sizeof(double) + sizeof(int32_t) +
                          options->top * (sizeof(int32_t) + sizeof(float)),
    };
}

static fgmm_status find_range(fg_range *range, const evaluation *v, const fg_parameters *parameters, fgmm_type type)
{
    fgmm_status status = FGMM_OK;
    fg_parameters means = *parameters;
    means.covariances = NULL;
    if (!v->has_densities) return fg_range_of(range, &means);
    FG_TRY(v->has_nearest ? fg_range_of_centroids(range, parameters) : fg_range_of(range, parameters));
    FG_TRY(fg_range_check(parameters, range->unit, type, "model"));
done:
    return status;
}

static void fill_report(fgmm_evaluate_report *to, const evaluation *v)
{
    const fgmm_evaluate_report report = {
        .size = to->size, .rows = v->rows, .total_weight = v->weight, .mean_log_likelihood = mean_of(v)};
    memcpy(to, &report, fg_min_u64(to->size, sizeof report));
}

fgmm_status fgmm_evaluate(fgmm_device *device, const fgmm_model *model, fgmm_source *source,
                          const fgmm_evaluate_options *options, fgmm_evaluate_report *report)
{
    fgmm_status status = FGMM_OK;
    evaluation v = {.options = fgmm_evaluate_options_init()};
    fg_range range = {0};
    FG_TRY(fg_check_handles(device, source));
    FG_CHECK(model, FGMM_ARGUMENT, "model is NULL");
    FG_TRY(fg_read_options(&v.options, options, sizeof v.options, "evaluate options"));
    FG_CHECK(!report || report->size >= sizeof report->size, FGMM_ARGUMENT,
             "evaluate report: size = %zu; set the struct up with its _init function", report->size);
    FG_TRY(fg_check_model(model, source, "model"));
    FG_TRY(fg_check_weights(v.options.weights, source));
    FG_CHECK(v.options.top <= model->info.components, FGMM_ARGUMENT, "top = %u; need 0..K (K = %llu)", v.options.top,
             (unsigned long long)model->info.components);
    const fg_parameters parameters = fg_model_parameters(model);
    v.parameters = &parameters;
    v.has_nearest = v.options.want_labels && fg_is_centroids(model);
    v.has_densities = !v.has_nearest || v.options.want_log_likelihood || v.options.top;
    const fg_memory_plan_request request = plan_request(&v, device, source, &parameters);
    fg_progress_begin(&v.e.progress, device, v.options.progress, v.options.progress_user);
    FG_TRY(fg_weights_open(&v.weights, v.options.weights, source->info.rows));
    FG_TRY(find_range(&range, &v, &parameters, source->info.type));
    FG_TRY(fg_e_step_open(&v.e, &request, &range, 1));
    if (v.weights.source) FG_TRY(fgmm_source_rewind(v.weights.source));
    FG_TRY(evaluate_all(&v));
    FG_TRY(fg_weights_check(&v.weights, v.rows, 1));
    if (report) fill_report(report, &v);
done:
    fg_e_step_close(&v.e);
    results_free(&v.results);
    free(range.centre);
    return status;
}

static int copy_log_likelihood(void *user, const fgmm_evaluation *batch)
{
    memcpy((double *)user + batch->first_row, batch->log_likelihood, (size_t)batch->rows * sizeof(double));
    return 0;
}

static int copy_labels(void *user, const fgmm_evaluation *batch)
{
    memcpy((int32_t *)user + batch->first_row, batch->labels, (size_t)batch->rows * sizeof(int32_t));
    return 0;
}

fgmm_status fgmm_score(fgmm_device *device, const fgmm_model *model, fgmm_source *source, double *mean, double *per_row)
{
    fgmm_evaluate_options options = fgmm_evaluate_options_init();
    fgmm_evaluate_report report = fgmm_evaluate_report_init();
    if (per_row) options.sink = copy_log_likelihood;
    options.sink_user = per_row;
    const fgmm_status status = fgmm_evaluate(device, model, source, &options, &report);
    if (mean && status == FGMM_OK) *mean = report.mean_log_likelihood;
    return status;
}

fgmm_status fgmm_predict(fgmm_device *device, const fgmm_model *model, fgmm_source *source, int32_t *labels)
{
    fgmm_evaluate_options options = fgmm_evaluate_options_init();
    if (!labels) return fg_fail(FGMM_ARGUMENT, "labels is NULL; need room for one int32 per row");
    options.want_log_likelihood = 0;
    options.want_labels = 1;
    options.sink = copy_labels;
    options.sink_user = labels;
    return fgmm_evaluate(device, model, source, &options, NULL);
}
