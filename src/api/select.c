/* select.c - information criteria: one evaluation, and a little arithmetic (docs/math.md, "Comparing models"). */
#include "flashgmm/select.h"

#include "arguments.h"

#include <math.h>
#include <string.h>

/* As much of the result as the caller's struct has room for. */
static void return_criteria(fgmm_criteria *to, fgmm_criteria *from)
{
    from->size = to->size;
    memcpy(to, from, to->size < sizeof *from ? to->size : sizeof *from);
}

/* n: rows, or the sum of their weights. */
static fgmm_criteria criteria_of(const fgmm_model *model, double log_likelihood, uint64_t rows, double n)
{
    const double p = (double)fgmm_model_free_parameters(model);
    const double deviance = -2 * log_likelihood * n;
    return (fgmm_criteria){.rows = rows,
                           .parameters = fgmm_model_free_parameters(model),
                           .log_likelihood = log_likelihood,
                           .aic = 2 * p + deviance,
                           .bic = p * log(n) + deviance,
                           .icl = (double)NAN};
}

fgmm_status fgmm_criteria_from(fgmm_criteria *criteria, const fgmm_model *model, double log_likelihood, uint64_t rows)
{
    return fgmm_criteria_from_weighted(criteria, model, log_likelihood, rows, (double)rows);
}

fgmm_status fgmm_criteria_from_weighted(fgmm_criteria *criteria, const fgmm_model *model, double log_likelihood,
                                        uint64_t rows, double total_weight)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK(criteria && model, FGMM_ARGUMENT, "%s is NULL", criteria ? "model" : "criteria");
    FG_CHECK(rows >= 1, FGMM_ARGUMENT, "rows = 0; need 1 or more");
    FG_CHECK(isfinite(total_weight) && total_weight > 0, FGMM_ARGUMENT, "total_weight = %g; need a number above 0",
             total_weight);
    fgmm_criteria c = criteria_of(model, log_likelihood, rows, total_weight);
    return_criteria(criteria, &c);
done:
    return status;
}

/* Adds the logarithms of the rows' largest responsibilities, each times its row's weight, to the double at user. */
static int add_logarithms(void *user, const fgmm_evaluation *batch)
{
    double *sum = user;
    for (uint64_t i = 0; i < batch->rows; i++)
        *sum += (batch->weights ? batch->weights[i] : 1) * log((double)batch->responsibilities[i]);
    return 0;
}

fgmm_status fgmm_criteria_evaluate(fgmm_criteria *criteria, fgmm_device *device, const fgmm_model *model,
                                   fgmm_source *source, const fgmm_evaluate_options *given)
{
    fgmm_status status = FGMM_OK;
    fgmm_evaluate_options options = fgmm_evaluate_options_init();
    fgmm_evaluate_report report = fgmm_evaluate_report_init();
    double logarithms = 0;
    FG_CHECK(criteria, FGMM_ARGUMENT, "criteria is NULL");
    FG_TRY(fg_read_options(&options, given, sizeof options, "evaluate options"));
    options.want_log_likelihood = options.want_labels = 0;
    options.top = 1;
    options.sink = add_logarithms;
    options.sink_user = &logarithms;
    FG_TRY(fgmm_evaluate(device, model, source, &options, &report));
    fgmm_criteria c = criteria_of(model, report.mean_log_likelihood, report.rows, report.total_weight);
    c.icl = c.bic - 2 * logarithms;
    return_criteria(criteria, &c);
done:
    return status;
}
