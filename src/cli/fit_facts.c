/* fit_facts.c - behind fit_facts.h. */
#include "fit_facts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The model is on the disk by now, and the line says so. */
static int finish(const cli_training *training, fgmm_status status)
{
    if (status == FGMM_OK) return CLI_EXIT_DONE;
    if (cli_interrupted())
        return cli_error(CLI_EXIT_INTERRUPTED, "interrupted; %s is written, the report is not", training->written);
    return cli_error(CLI_EXIT_FAILED, "%s; %s is written, the report is not", fgmm_last_error(), training->written);
}

/* ---- labels ---- */

static int count_labels(void *user, const fgmm_evaluation *batch)
{
    cli_fit_facts *facts = user;
    for (uint64_t i = 0; i < batch->rows; i++) {
        const uint64_t row = batch->first_row + i;
        facts->sizes[batch->labels[i]]++;
        if (facts->points && row % facts->every == 0 && row / facts->every < facts->point_count)
            facts->labels[row / facts->every] = batch->labels[i];
    }
    return 0;
}

static int count_rows(cli_fit_facts *facts, const cli_training *training, const fgmm_model *model, fgmm_device *device,
                      fgmm_source *source)
{
    cli_progress progress;
    cli_progress_begin(&progress, training->work->is_quiet, "report");
    fgmm_evaluate_options options = fgmm_evaluate_options_init();
    options.want_log_likelihood = 0;
    options.want_labels = 1;
    options.sink = count_labels;
    options.sink_user = facts;
    options.batch_rows = cli_or_zero(training->work->batch_rows);
    options.memory_limit_bytes = cli_or_zero(training->work->memory_limit);
    options.progress = cli_progress_report;
    options.progress_user = &progress;
    const fgmm_status status = fgmm_evaluate(device, model, source, &options, NULL);
    cli_progress_end(&progress);
    return finish(training, status);
}

/* ---- points ---- */

/* IEEE 754 binary16. */
static double half_value(uint16_t bits)
{
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const double size = exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);
    return bits >> 15 ? -size : size;
}

static double element(const void *rows, fgmm_type type, size_t at)
{
    switch (type) {
    case FGMM_U8:
        return ((const uint8_t *)rows)[at];
    case FGMM_I8:
        return ((const int8_t *)rows)[at];
    case FGMM_F16:
        return half_value(((const uint16_t *)rows)[at]);
    case FGMM_F32:
        return (double)((const float *)rows)[at];
    case FGMM_F64:
        break;
    }
    return ((const double *)rows)[at];
}

static int read_points(cli_fit_facts *facts, const cli_training *training, fgmm_source *source)
{
    enum { BATCH = 4096, DIMS = 2 };
    int exit_code = CLI_EXIT_DONE;
    fgmm_source_info info = fgmm_source_info_init();
    double rows[BATCH * DIMS]; /* room for the widest type */
    uint64_t first = 0, count = 0;
    CLI_DO(finish(training, fgmm_source_describe(source, &info)));
    CLI_DO(finish(training, fgmm_source_rewind(source)));
    do {
        CLI_DO(finish(training, cli_interrupted() ? FGMM_CANCELLED : fgmm_source_next(source, rows, BATCH, &count)));
        for (uint64_t i = 0; i < count; i++) {
            const uint64_t at = (first + i) / facts->every;
            if ((first + i) % facts->every != 0 || at >= facts->point_count) continue;
            for (size_t j = 0; j < DIMS; j++)
                facts->points[j * facts->point_count + at] = element(rows, info.type, i * DIMS + j);
        }
        first += count;
    } while (count > 0);
done:
    return exit_code;
}

/* ---- order ---- */

typedef struct weighed {
    double weight;
    uint32_t component;
} weighed;

static int compare_weighed(const void *a, const void *b)
{
    const weighed *x = a, *y = b;
    if (x->weight != y->weight) return x->weight < y->weight ? 1 : -1;
    return (x->component > y->component) - (x->component < y->component);
}

static int sort_by_weight(uint32_t *order, const double *weights, size_t k)
{
    weighed *list = calloc(k, sizeof *list);
    if (!list) return 0;
    for (size_t c = 0; c < k; c++) list[c] = (weighed){weights[c], (uint32_t)c};
    qsort(list, k, sizeof *list, compare_weighed);
    for (size_t c = 0; c < k; c++) order[c] = list[c].component;
    free(list);
    return 1;
}

/* Arrays, and what needs no rows. */
static int prepare(cli_fit_facts *facts, const fgmm_model *model)
{
    const size_t k = (size_t)facts->info.components;
    facts->every = (facts->rows + CLI_POINTS - 1) / CLI_POINTS;
    facts->order = calloc(k, sizeof *facts->order);
    facts->sizes = calloc(k, sizeof *facts->sizes);
    if (!facts->order || !facts->sizes) return 0;
    if (facts->info.dims == 2) {
        facts->point_count = (size_t)((facts->rows + facts->every - 1) / facts->every);
        facts->points = calloc(2 * facts->point_count, sizeof *facts->points);
        facts->labels = calloc(facts->point_count, sizeof *facts->labels);
        if (!facts->points || !facts->labels) return 0;
    }
    return sort_by_weight(facts->order, fgmm_model_weights(model), k) &&
           cli_spectrum_compute(&facts->spectrum, model, &facts->info, facts->order);
}

int cli_fit_facts_gather(cli_fit_facts *facts, const cli_training *training, const fgmm_model *model,
                         fgmm_device *device, fgmm_source *source)
{
    int exit_code = CLI_EXIT_DONE;
    *facts = (cli_fit_facts){.info = fgmm_model_info_init(), .criteria = fgmm_criteria_init()};
    CLI_DO(finish(training, fgmm_model_describe(model, &facts->info)));
    facts->rows = training->report.rows;
    CLI_DO(finish(training, fgmm_criteria_from_weighted(&facts->criteria, model, training->report.log_likelihood,
                                                        facts->rows, training->report.total_weight)));
    if (!prepare(facts, model))
        CLI_DO(cli_error(CLI_EXIT_FAILED, "the report: memory ran out; %s is written, the report is not",
                         training->written));
    CLI_DO(count_rows(facts, training, model, device, source));
    if (facts->points) CLI_DO(read_points(facts, training, source));
done:
    return exit_code;
}

void cli_fit_facts_clear(cli_fit_facts *facts)
{
    free(facts->order);
    free(facts->sizes);
    free(facts->points);
    free(facts->labels);
    cli_spectrum_clear(&facts->spectrum);
    *facts = (cli_fit_facts){0};
}
