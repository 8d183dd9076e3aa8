/* training.c - the frame of a training run. */
#include "training.h"

#include "density.h"
#include "mini_batch.h"
#include "seed.h"
#include "self_check.h"
#include "shuffle.h"
#include "size.h"
#include "thread.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sums are taken once more where means have moved so many times the new variance, on average (docs/math.md, "Sums once
 * more"); or where a new matrix loses so many times what float sums may lose, so that small changes repeat nothing. */
static const double MOST_MOVEMENT = 64, LOSS_MARGIN = 4;
/* The unit is no smaller than reg_covar's share of it: where regularisation hides the data, its variances still are
 * float32 numbers, and k-means does not see them. */
static const double LEAST_OF_REG_COVAR = 0x1p-40;

/* ---- first parameters ---- */

uint64_t fg_run_seed(uint64_t seed, uint64_t run)
{
    fg_rng rng;
    if (run == 0) return seed;
    fg_rng_init(&rng, seed, FG_STREAM_RESTART, run);
    return fg_rng_u64(&rng);
}

static void copy_parameters(fg_mixture *to, const fgmm_model *from)
{
    const size_t variances = (size_t)fg_covariance_count(to->covariance, to->k, to->d);
    memcpy(to->means, from->means, (size_t)(to->k * to->d) * sizeof *to->means);
    memcpy(to->weights, from->weights, (size_t)to->k * sizeof *to->weights);
    if (to->covariance == from->info.covariance)
        memcpy(to->covariances, from->covariances, variances * sizeof *to->covariances);
}

/* Around first centres: equal weights, the variance of all data. */
static void set_weights_and_variances(fg_training *t, const fg_range *range)
{
    const fg_mixture *m = &t->mixture;
    const uint64_t d = m->d, width = fg_covariance_width(m->covariance, d);
    const uint64_t components = fg_covariance_blocks(m->covariance, m->k);
    double mean_variance = 0, mean_square = 0;
    for (uint64_t j = 0; j < d; j++) {
        mean_variance += t->variance[j] / (double)d;
        mean_square += range->centre[j] * range->centre[j] / (double)d;
    }
    for (uint64_t c = 0; c < m->k; c++) m->weights[c] = 1.0 / (double)m->k;
    for (uint64_t i = 0; i < components * width; i++) {
        const double variance = width == d ? t->variance[i % d] : mean_variance;
        m->covariances[fg_variance_place(m->covariance, d, i / width, i % width)] =
            fmax(variance + t->options.reg_covar, fg_least_variance(variance, mean_variance, mean_square, range->unit));
    }
}

static fgmm_status first_parameters(fg_training *t, const fg_first_pass *first_pass, const fgmm_model *resumed,
                                    const fg_memory_plan_request *plan)
{
    fgmm_status status = FGMM_OK;
    fg_shift shift = {0};
    const fg_mixture *m = &t->mixture;
    set_weights_and_variances(t, &first_pass->range);
    if (resumed || t->options.init == FGMM_INIT_MODEL) {
        copy_parameters(&t->mixture, resumed ? resumed : t->options.start);
        const fg_parameters start = fg_mixture_parameters(&t->mixture);
        return fg_range_check(&start, first_pass->range.unit, t->source->info.type, "start");
    }
    FG_TRY(fg_shift_create(&shift, t->source->info.type, m->d, first_pass->range.centre, first_pass->range.unit));
    const fg_seed_request request = {.device = t->device,
                                     .sample = &first_pass->sample,
                                     .type = t->source->info.type,
                                     .k = m->k,
                                     .d = m->d,
                                     .seed = t->seed,
                                     .has_weights = t->weights.source != NULL,
                                     .rows = t->report.rows,
                                     .range = &first_pass->range,
                                     .shift = &shift,
                                     .progress = &t->e.progress};
    if (t->options.init == FGMM_INIT_RANDOM)
        fg_seed_random(m->means, &request);
    else if (t->options.init == FGMM_INIT_KMEANS_PARALLEL)
        FG_TRY(fg_seed_parallel(m->means, &request, plan));
    else
        FG_TRY(fg_seed_kmeanspp(m->means, &request));
    if (t->options.init == FGMM_INIT_KMEANSPP) FG_TRY(fg_seed_swap(m->means, &request));
done:
    fg_shift_clear(&shift);
    return status;
}

/* ---- a checkpoint ---- */

fgmm_status fg_training_record(fg_training *t, double log_likelihood)
{
    fgmm_fit_report *r = &t->report;
    if (r->history_count == t->history_capacity) {
        const uint64_t capacity = 2 * t->history_capacity + 64;
        double *history = realloc(r->history, (size_t)capacity * sizeof *history);
        if (!history) return fg_fail(FGMM_MEMORY, "history: %llu numbers", (unsigned long long)capacity);
        r->history = history;
        t->history_capacity = capacity;
    }
    r->history[r->history_count++] = log_likelihood;
    return FGMM_OK;
}

/* Whether the run that wrote the checkpoint is the one asked for; *info is of the checkpoint's model. */
static fgmm_status check_checkpoint(const fg_training *t, const fgmm_model_info *info)
{
    fgmm_status status = FGMM_OK;
    const fgmm_fit_options *o = &t->options;
    FG_CHECK(info->components == o->components, FGMM_ARGUMENT, "%s: K = %llu, but components = %llu", o->resume,
             (unsigned long long)info->components, (unsigned long long)o->components);
    FG_CHECK(info->covariance == o->covariance, FGMM_ARGUMENT, "%s: covariance is %s, but %s is asked for", o->resume,
             fgmm_covariance_name(info->covariance), fgmm_covariance_name(o->covariance));
    FG_CHECK(info->seed == o->seed, FGMM_ARGUMENT, "%s: seed = %llu, but seed = %llu is asked for", o->resume,
             (unsigned long long)info->seed, (unsigned long long)o->seed);
    FG_CHECK((t->resumed.window_rows > 0) == (o->mini_batch != 0), FGMM_ARGUMENT, "%s: made %s; need the same",
             o->resume,
             o->mini_batch ? "without mini-batches, which are asked for now"
                           : "with mini-batches, which are not asked for now");
    FG_CHECK(info->dims == t->source->info.dims, FGMM_DATA, "%s: D = %llu, but the data has D = %llu", o->resume,
             (unsigned long long)info->dims, (unsigned long long)t->source->info.dims);
    FG_CHECK(t->resumed.weights == t->weights.identity, FGMM_DATA, "%s: made with %s; need the same", o->resume,
             t->resumed.weights == 0    ? "no weights, but there are some now"
             : t->weights.identity == 0 ? "weights, but there are none now"
                                        : "other weights");
done:
    return status;
}

static fgmm_status read_checkpoint(fg_training *t, fgmm_model **model)
{
    fgmm_status status = FGMM_OK;
    const fgmm_fit_options *o = &t->options;
    FG_TRY(fg_model_file_read(model, &t->resumed, o->resume));
    FG_TRY(check_checkpoint(t, &(*model)->info));
    t->options.batch_rows = t->resumed.batch_rows;
    t->window_rows = t->resumed.window_rows;
    t->report.kmeans_iterations = t->resumed.kmeans_iterations;
    t->report.iterations = t->resumed.iterations;
    t->report.reseeded = t->resumed.reseeded;
    t->report.inertia = t->resumed.inertia;
    for (uint64_t i = 0; i < t->resumed.history_count; i++) FG_TRY(fg_training_record(t, t->resumed.history[i]));
    *t->runs = t->resumed.runs;
    t->resumed.runs = (fg_runs){0};
    /* The order of sums is the tile's. Where densities are taken by k-means' distances, both have one tile. */
    const int is_one_tile = fg_density_of(o->covariance)->is_isotropic;
    if (t->resumed.phase == FG_CHECKPOINT_KMEANS || is_one_tile) t->e.tiles[FG_ASSIGN_HARD] = t->resumed.tile;
    if (t->resumed.phase == FG_CHECKPOINT_EM || is_one_tile) t->e.tiles[FG_ASSIGN_SOFT] = t->resumed.tile;
done:
    return status;
}

static fgmm_model_info model_info(const fg_training *t, double log_likelihood)
{
    fgmm_model_info info = {.size = sizeof info,
                            .rows = t->report.rows,
                            .iterations = t->report.iterations,
                            .log_likelihood = log_likelihood,
                            .seed = t->options.seed};
    snprintf(info.library_version, sizeof info.library_version, "%s", fgmm_version());
    return info;
}

static fgmm_status write_checkpoint(fg_training *t, fg_checkpoint_phase phase)
{
    fgmm_status status = FGMM_OK;
    fgmm_model *model = NULL;
    fg_pass_facts facts;
    const fg_parameters parameters = fg_mixture_parameters(&t->mixture);
    const fgmm_fit_report *r = &t->report;
    const fgmm_model_info info = model_info(t, (double)NAN);
    fg_checkpoint checkpoint = {.phase = phase,
                                .kmeans_iterations = r->kmeans_iterations,
                                .iterations = r->iterations,
                                .reseeded = r->reseeded,
                                .batch_rows = t->e.plan.batch_rows,
                                .window_rows = t->window_rows,
                                .weights = t->weights.identity,
                                .is_dense = (uint64_t)fg_pass_is_dense(t->e.pass),
                                .inertia = r->inertia,
                                .history = r->history,
                                .history_count = r->history_count,
                                .runs = *t->runs};
    fg_pass_describe(t->e.pass, &facts);
    snprintf(checkpoint.tile, sizeof checkpoint.tile, "%s", facts.tile);
    FG_TRY(fg_model_create(&model, &parameters, &info));
    FG_TRY(fg_model_file_write(model, &checkpoint, t->options.checkpoint));
done:
    fgmm_model_free(model);
    return status;
}

/* ---- the frame ---- */

static fgmm_status check_rows(const fg_training *t, uint64_t rows, const fgmm_model *resumed)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK(rows == FGMM_ROWS_UNKNOWN || t->options.components <= rows, FGMM_DATA,
             "components = %llu, but the data has only %llu rows; need 1..N", (unsigned long long)t->options.components,
             (unsigned long long)rows);
    FG_TRY(fg_weights_check(&t->weights, rows, t->options.components));
    FG_CHECK(rows == FGMM_ROWS_UNKNOWN || !resumed || resumed->info.rows == rows, FGMM_DATA,
             "%s: made of %llu rows, but the data has %llu", t->options.resume, (unsigned long long)resumed->info.rows,
             (unsigned long long)rows);
done:
    return status;
}

static fgmm_status make_mixture(fg_mixture *m, const fg_training *t)
{
    fgmm_status status = FGMM_OK;
    *m = (fg_mixture){.covariance = t->options.covariance, .k = t->options.components, .d = t->source->info.dims};
    FG_TRY(FG_ALLOC(&m->weights, m->k, "weights"));
    FG_TRY(FG_ALLOC(&m->means, m->k * m->d, "means"));
    FG_TRY(FG_ALLOC(&m->covariances, fg_covariance_count(m->covariance, m->k, m->d), "covariances"));
done:
    return status;
}

static void free_mixture(fg_mixture *m)
{
    free(m->weights);
    free(m->means);
    free(m->covariances);
}

static fgmm_status make_arrays(fg_training *t, fg_statistics_layout *layout)
{
    fgmm_status status = FGMM_OK;
    const uint64_t k = t->options.components, d = t->source->info.dims;
    FG_TRY(fg_statistics_layout_of(layout, t->options.covariance, k, d));
    FG_TRY(make_mixture(&t->mixture, t));
    FG_TRY(make_mixture(&t->kept, t));
    FG_TRY(FG_ALLOC(&t->losses, k, "statistics"));
    FG_TRY(FG_ALLOC(&t->values, layout->count, "statistics"));
done:
    return status;
}

static fg_memory_plan_request plan_request(const fg_training *t, fg_assignment largest)
{
    const fgmm_fit_options *o = &t->options;
    /* The statistics, the parameters that the M-step replaces, and those before, all about as large. */
    const uint64_t models = o->n_init > 1 ? 4 : 3; /* the best of earlier runs */
    const uint64_t k = o->components, d = t->source->info.dims;
    const uint64_t factor = fg_covariance_matrices(o->covariance, k) ? d * d : 0; /* of the M-step */
    const uint64_t doubles = models * (k * (d + 2) + fg_covariance_count(o->covariance, k, d)) + factor;
    return (fg_memory_plan_request){
        .device = t->device,
        .source = t->source,
        .weights = t->weights,
        .batch_rows = o->batch_rows,
        .usual_most_rows = o->mini_batch ? fg_memory_plan_step_rows(o->components) : 0,
        .memory_limit_bytes = o->memory_limit_bytes,
        .held_bytes = fg_memory_plan_held_bytes(),
        .pass = {.covariance = o->covariance,
                 .assignment = largest,
                 .k = o->components,
                 .d = t->source->info.dims,
                 .path = fg_device_path(t->device),
                 .has_wide_sums = o->mini_batch,
                 .tile_text = t->e.tiles[largest]},
        .host_bytes = doubles * sizeof(double),
        .is_repeated = 1,
    };
}

/* Mini-batches are of rows from all over the data: the request's rows, and weights, come in random order. */
static fgmm_status shuffle_rows(fg_training *t, fg_memory_plan_request *request)
{
    fgmm_status status = FGMM_OK;
    size_t row_bytes;
    const fgmm_source_info *info = &t->source->info;
    if (!t->options.mini_batch) return FGMM_OK;
    FG_TRY(fg_size_product(&row_bytes, info->dims, fgmm_type_bytes(info->type), "a row"));
    const fg_shuffle_cut cut = fg_shuffle_cut_of(info->rows, row_bytes, t->window_rows, t->options.memory_limit_bytes);
    t->window_rows = fg_shuffle_window_rows(&cut);
    FG_TRY(fg_shuffle_open(&t->shuffled, t->source, &cut, t->seed));
    request->source = t->shuffled;
    request->host_bytes += fg_shuffle_bytes(&cut, row_bytes);
    if (!t->weights.source) return FGMM_OK;
    FG_TRY(fg_shuffle_open(&t->shuffled_weights, t->weights.source, &cut, t->seed));
    request->weights.source = t->shuffled_weights;
    request->host_bytes += fg_shuffle_bytes(&cut, fgmm_type_bytes(t->weights.source->info.type));
done:
    return status;
}

/* As fgmm_model.float32, of centroids of these rows. *column: the one that is not held. */
static int float32_of(uint64_t *column, const fg_range *range, const fg_training *t)
{
    if (t->source->info.type != FGMM_F64) return 1;
    for (*column = 0; *column < t->source->info.dims; ++*column)
        if (!fg_float32_holds(fabs(range->centre[*column]), sqrt(t->variance[*column]))) return -1;
    return 0;
}

static fgmm_status check_float32(fg_training *t, const fg_range *range)
{
    fgmm_status status = FGMM_OK;
    uint64_t j = 0;
    t->float32 = float32_of(&j, range, t);
    FG_CHECK(
        t->float32 >= 0 || !t->needs_float32, FGMM_DATA,
        "float32 does not hold centroids of these float64 rows: column %llu has a deviation of %g about %g; need a "
        "form of float64, such as .npy",
        (unsigned long long)j, sqrt(t->variance[j]), range->centre[j]);
done:
    return status;
}

/* Raises the unit to reg_covar's least share of it, where rows of the type can have such a unit. */
static fgmm_status regard_reg_covar(fg_range *range, const fg_training *t)
{
    static const double most_of_floats = 0x1p252; /* the largest unit of F16 and F32 rows, squared */
    fgmm_status status = FGMM_OK;
    const fgmm_type type = t->source->info.type;
    const double most = fg_type_unit(type, 0) > 0 ? FG_MOST_VARIANCE
                        : type == FGMM_F64        ? (double)INFINITY
                                                  : most_of_floats / LEAST_OF_REG_COVAR;
    const uint64_t d = t->source->info.dims;
    const double least = LEAST_OF_REG_COVAR * t->options.reg_covar;
    double mean_variance = 0;
    for (uint64_t j = 0; j < d; j++) mean_variance += t->variance[j] / (double)d;
    FG_CHECK(t->options.reg_covar <= most, FGMM_ARGUMENT, "reg_covar = %g; need at most %g for %s rows",
             t->options.reg_covar, most, fgmm_type_name(type));
    if (least > mean_variance) range->unit = fg_unit(least, range->centre, d);
done:
    return status;
}

/* The check of k-means' pass, where there is one, and of the mixture's, with what first centres need. */
static fgmm_status check_device(const fg_training *t, const fg_memory_plan_request *request, fg_assignment largest)
{
    fg_pass_options passes[2];
    size_t count = 0;
    const fg_assignment assignments[2] = {FG_ASSIGN_HARD, largest};
    for (size_t i = 0; i < 2; i++) {
        if (i == 0 && (t->options.kmeans_iterations == 0 || largest == FG_ASSIGN_HARD)) continue;
        passes[count] = request->pass;
        passes[count].assignment = assignments[i];
        passes[count].type = fg_type_on_device(t->source->info.type);
        passes[count].rows = fg_memory_plan_load_rows(request);
        passes[count].batch_rows = 1; /* decides about no program */
        passes[count].tile_text = t->e.tiles[assignments[i]];
        count++;
    }
    return fg_pass_check(t->device, passes, count);
}

fgmm_status fg_training_open(fg_training *t, fg_assignment largest)
{
    fgmm_status status = FGMM_OK;
    fg_first_pass first_pass = {0};
    fg_statistics_layout layout;
    fgmm_model *resumed = NULL;
    fg_progress_begin(&t->e.progress, t->device, t->options.progress, t->options.progress_user);
    t->e.progress.earlier_s = t->began_s;
    FG_TRY(check_rows(t, t->source->info.rows, NULL)); /* before arrays of K rows are asked for */
    FG_TRY(fg_weights_open(&t->weights, t->options.weights, t->source->info.rows));
    FG_TRY(make_arrays(t, &layout));
    if (t->options.resume) FG_TRY(read_checkpoint(t, &resumed));
    t->seed = fg_run_seed(t->options.seed, t->runs->count);
    fg_progress_run(&t->e.progress, t->runs->count + 1, t->options.n_init);
    FG_TRY(check_rows(t, t->source->info.rows, resumed));
    fg_memory_plan_request request = plan_request(t, largest);
    const uint64_t k = t->options.components;
    const fgmm_init expected = fg_seed_choose(t->options.init, k, t->source->info.rows, t->options.mini_batch);
    uint64_t sample_rows = resumed ? 0 : fg_seed_sample_rows(expected, k, t->source->info.dims);
    if (sample_rows) sample_rows = fg_seed_fitting_rows(&request, sample_rows);
    const fg_first_pass_request rows = {t->source, &t->weights, sample_rows, t->seed, &t->e.progress};
    FG_TRY(fg_first_pass_run(&first_pass, &rows, &t->report.read_s));
    FG_TRY(check_rows(t, first_pass.rows, resumed));
    t->options.init = fg_seed_choose(t->options.init, k, first_pass.rows, t->options.mini_batch);
    t->report.rows = first_pass.rows;
    t->report.total_weight = t->weights.count ? t->weights.total : (double)first_pass.rows;
    t->variance = first_pass.variance;
    t->residuals = first_pass.residuals;
    t->grains = first_pass.grains;
    first_pass.variance = first_pass.residuals = first_pass.grains = NULL;
    request.pass.row_facts = (fg_row_facts){.residuals = t->residuals, .grains = t->grains};
    FG_TRY(regard_reg_covar(&first_pass.range, t));
    FG_TRY(check_float32(t, &first_pass.range));
    t->mixture.unit = t->kept.unit = first_pass.range.unit;
    FG_TRY(check_device(t, &request, largest));
    FG_TRY(first_parameters(t, &first_pass, resumed, &request));
    t->finished = t->resumed.kmeans_iterations + t->resumed.iterations;
    fg_sample_clear(&first_pass.sample);
    FG_TRY(shuffle_rows(t, &request));
    FG_TRY(fg_e_step_open(&t->e, &request, &first_pass.range, 0));
    t->report.init_s =
        fg_progress_elapsed_s(&t->e.progress) - t->began_s - t->report.read_s - fg_progress_compile_s(&t->e.progress);
done:
    fgmm_model_free(resumed);
    fg_first_pass_clear(&first_pass);
    return status;
}

void fg_training_close(fg_training *t)
{
    fg_e_step_close(&t->e);
    fgmm_source_close(t->shuffled);
    fgmm_source_close(t->shuffled_weights);
    fg_checkpoint_clear(&t->resumed);
    free_mixture(&t->mixture);
    free_mixture(&t->kept);
    free(t->variance);
    free(t->losses);
    free(t->residuals);
    free(t->grains);
    free(t->values);
    free(t->report.history);
}

double fg_training_busy_s(const fg_training *t)
{
    return fg_now_s() - fgmm_device_compile_s(t->device);
}

/* Statistics about centres (k,d); NULL: the means. */
static fgmm_status run_e_step(fg_training *t, fgmm_phase phase, uint64_t iteration, uint64_t max_iterations,
                              const double *centres)
{
    fg_parameters parameters = fg_mixture_parameters(&t->mixture);
    const double began_s = fg_training_busy_s(t);
    if (phase == FGMM_PHASE_KMEANS && t->report.kmeans_iterations == 0)
        parameters.covariances = NULL; /* no clusters yet */
    fg_progress_iteration(&t->e.progress, phase, iteration, max_iterations, t->report.rows);
    const fgmm_status status = fg_e_step_run(t->values, &t->e, &parameters, centres);
    t->report.em_s += fg_training_busy_s(t) - began_s;
    return status;
}

fgmm_status fg_training_e_step(fg_training *t, fgmm_phase phase, uint64_t iteration, uint64_t max_iterations)
{
    return run_e_step(t, phase, iteration, max_iterations, NULL);
}

fgmm_status fg_training_m_step(fg_training *t, fg_m_step_facts *facts)
{
    fg_m_step_facts found = {.losses = t->losses};
    const double began_s = fg_training_busy_s(t);
    const fgmm_status status = fg_m_step(&t->mixture, t->values, t->options.reg_covar, &found);
    t->report.reseeded += found.reseeded;
    t->report.em_s += fg_training_busy_s(t) - began_s;
    if (facts) *facts = found;
    return status;
}

static void copy_mixture(fg_mixture *to, const fg_mixture *from)
{
    const uint64_t variances = fg_covariance_count(from->covariance, from->k, from->d);
    memcpy(to->weights, from->weights, (size_t)from->k * sizeof *to->weights);
    memcpy(to->means, from->means, (size_t)(from->k * from->d) * sizeof *to->means);
    memcpy(to->covariances, from->covariances, (size_t)variances * sizeof *to->covariances);
}

/* Were the sums that gave these facts not exact enough? docs/math.md, "Sums once more" and "Wide sums". */
static int must_repeat(const fg_training *t, const fg_m_step_facts *facts)
{
    const uint64_t d = t->mixture.d, matrices = fg_covariance_matrices(t->mixture.covariance, t->mixture.k);
    if (!fg_pass_can_recentre(t->e.pass)) return 0;
    for (uint64_t m = 0; m < matrices; m++)
        if (fg_sums_are_wide(facts->losses[m] / LOSS_MARGIN, d) && !fg_pass_is_wide(t->e.pass, m)) return 1;
    return facts->movement > MOST_MOVEMENT;
}

/* Does the next step need double precision? docs/math.md, "Components that are nearly alike". */
static int needs_precision(const fg_training *t)
{
    const fg_parameters parameters = fg_mixture_parameters(&t->mixture);
    return fg_pass_can_be_precise(t->e.pass) && fg_are_alike(&parameters);
}

/* Did the last one, from what was kept to what it led to? */
static int needed_precision(const fg_training *t)
{
    const fg_parameters from = fg_mixture_parameters(&t->kept), to = fg_mixture_parameters(&t->mixture);
    return needs_precision(t) || (fg_pass_can_be_precise(t->e.pass) && fg_has_shrunk(&from, &to));
}

fgmm_status fg_training_step(fg_training *t, fgmm_phase phase, uint64_t iteration, uint64_t max_iterations)
{
    fgmm_status status = FGMM_OK;
    fg_m_step_facts facts;
    const uint64_t reseeded = t->report.reseeded;
    t->e.is_precise = needs_precision(t);
    FG_TRY(fg_training_e_step(t, phase, iteration, max_iterations));
    copy_mixture(&t->kept, &t->mixture);
    FG_TRY(fg_training_m_step(t, &facts));
    const int becomes_precise = !t->e.is_precise && needed_precision(t);
    if (!becomes_precise && !must_repeat(t, &facts)) goto done;
    t->e.is_precise |= becomes_precise;
    const fg_mixture next = t->mixture;
    t->mixture = t->kept;
    t->kept = next;
    t->report.reseeded = reseeded;
    FG_TRY(run_e_step(t, phase, iteration, max_iterations, next.means));
    memcpy(t->mixture.means, next.means, (size_t)(next.k * next.d) * sizeof *next.means);
    FG_TRY(fg_training_m_step(t, NULL));
done:
    t->e.is_precise = 0;
    return status;
}

fgmm_status fg_training_finish(fg_training *t, fg_checkpoint_phase phase, double objective)
{
    fgmm_status status = FGMM_OK;
    t->finished++;
    if (t->options.checkpoint) FG_TRY(write_checkpoint(t, phase));
    FG_TRY(fg_progress_finished(&t->e.progress, objective));
done:
    return status;
}

/* ---- what is delivered ---- */

static void complete_report(fg_training *t, fgmm_status status)
{
    fgmm_fit_report *r = &t->report;
    if (status == FGMM_CANCELLED)
        r->stop_reason = FGMM_STOP_CANCELLED;
    else if (status != FGMM_OK)
        r->stop_reason = FGMM_STOP_FAILED;
    r->dims = t->source->info.dims;
    r->components = t->options.components;
    r->covariance = t->options.covariance;
    r->batch_rows = t->e.plan.batch_rows;
    r->mini_batch_steps = t->options.mini_batch ? fg_mini_batch_steps(t) : 0;
    r->resident_rows = t->e.plan.resident_rows;
    r->rows_resident = r->resident_rows > 0 && r->resident_rows == r->rows;
    r->peak_device_bytes = fgmm_device_peak_bytes(t->device);
    if (t->e.feed) r->read_s += fg_feed_waited_s(t->e.feed);
    if (t->e.pass) {
        fg_pass_facts facts;
        fg_pass_describe(t->e.pass, &facts);
        r->sparse_batches = facts.sparse_batches;
        r->dense_batches = facts.dense_batches;
        r->dense_rows = facts.dense_rows;
        r->error_bound_nats = facts.error_bound_nats;
        r->backend = facts.backend;
        r->split_operands = facts.terms;
        snprintf(r->tile, sizeof r->tile, "%s", facts.tile);
    }
    r->total_s = fg_progress_elapsed_s(&t->e.progress);
    r->compile_s = fg_progress_compile_s(&t->e.progress);
}

/* 1 when fit.h promises the last finished iteration's model in spite of the failure. */
static int is_model_kept(fgmm_status status)
{
    return status == FGMM_CANCELLED || status == FGMM_DEVICE || status == FGMM_MEMORY || status == FGMM_IO ||
           status == FGMM_CALLBACK;
}

fgmm_status fg_training_return(fgmm_model **model, fg_training *t, fgmm_status status)
{
    char text[FG_ERROR_TEXT_BYTES];
    fg_error_save(text);
    complete_report(t, status);
    fgmm_status made = FGMM_OK;
    if (status == FGMM_OK || (is_model_kept(status) && t->finished > 0)) {
        const fg_parameters parameters = fg_mixture_parameters(&t->mixture);
        const fgmm_model_info info = model_info(t, t->report.log_likelihood);
        made = fg_model_create(model, &parameters, &info);
        if (*model) (*model)->float32 = t->float32 > 0;
    }
    if (status == FGMM_OK) return made;
    fg_error_restore(text);
    return status;
}
