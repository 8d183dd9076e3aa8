/* kmeans_parallel.c - k-means|| (Bahmani et al. 2012): in a few passes over all rows, each row is drawn as a candidate
 * with probability proportional to its squared distance to the candidates so far; the candidates, weighted by the rows
 * that are nearest to them, are then seeded by k-means++ (kmeans_plusplus.c), and swaps improve these (swaps.c).
 * Distances are the device's work (pass/pass.h).
 *
 * Each round draws exactly L rows, by exponential keys (Efraimidis and Spirakis 2006), so that the total of the
 * distances need not be known beforehand and a round is one pass. A row's random number belongs to its round and its
 * number: results do not depend on how rows are cut into batches. */
#include "seed.h"

#include "batch.h"
#include "draws.h"
#include "e_step.h"
#include "size.h"
#include "statistics_layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* In swaps, of sampled rows to candidates: less finds more small clusters, more leaves a lower inertia (docs/math.md,
 * "First centres"). */
static const double SAMPLED_SHARE = 2;

/* k-means|| at work. */
typedef struct parallel {
    const fg_seed_request *request;
    fg_e_step e;
    uint64_t d, count;  /* count: candidates so far */
    double *candidates; /* (1 + rounds * k, d) */
    double *weights;    /* (the same) and, while a mixture is loaded, equal ones */
    uint64_t round;     /* the present one */
    fg_draws draws;     /* of the present round; an index is the candidate's place behind `count` */
    double *distances;  /* (batch_rows) minus the squared ones */
    float *row_weights; /* (batch_rows) where rows have weights, else NULL */
    unsigned char *row; /* one row as it lies on the device */
    uint64_t position;  /* of the batch's first row */
} parallel;

static void parallel_close(parallel *p)
{
    fg_e_step_close(&p->e);
    free(p->candidates);
    free(p->weights);
    fg_draws_clear(&p->draws);
    free(p->distances);
    free(p->row_weights);
    free(p->row);
}

uint64_t fg_seed_parallel_candidates(uint64_t k)
{
    return 1 + FG_SEED_PARALLEL_ROUNDS * k;
}

static fgmm_status parallel_open(parallel *p, const fg_seed_request *request, const fg_memory_plan_request *given)
{
    fgmm_status status = FGMM_OK;
    fg_memory_plan_request plan = *given;
    const uint64_t most = fg_seed_parallel_candidates(request->k);
    *p = (parallel){.request = request, .d = request->d};
    plan.pass.k = most;
    plan.pass.assignment = FG_ASSIGN_HARD;
    if (fg_covariance_types[plan.pass.covariance].has_matrices)
        plan.pass.covariance = FGMM_SPHERICAL; /* counts are wanted */
    plan.is_evaluation = 1;
    /* candidates and their statistics, shares, draws; the sample */
    plan.host_bytes =
        most * (4 * request->d + 4) * sizeof(double) + request->sample->count * request->sample->row_bytes;
    plan.host_row_bytes = sizeof(double) + (plan.weights.source ? sizeof(float) : 0);
    FG_TRY(fg_e_step_open(&p->e, &plan, request->range, 0));
    p->e.progress = *request->progress;
    FG_TRY(FG_ALLOC(&p->candidates, most * p->d, "candidates"));
    FG_TRY(FG_ALLOC(&p->weights, most, "candidates"));
    FG_TRY(fg_draws_create(&p->draws, request->k));
    FG_TRY(FG_ALLOC(&p->distances, p->e.plan.batch_rows, "distances"));
    if (plan.weights.source) FG_TRY(FG_ALLOC(&p->row_weights, p->e.plan.batch_rows, "weights"));
    FG_TRY(fg_alloc((void **)&p->row, p->d, fgmm_type_bytes(fg_type_on_device(request->type)), "a row"));
done:
    return status;
}

/* Centres of all candidates so far; weights do not matter to the nearest one, and variances are not known. */
static fg_parameters parameters_of(const parallel *p)
{
    return (fg_parameters){FGMM_SPHERICAL, p->count, p->d, p->weights, p->candidates, NULL};
}

/* The row's values, in the data's own coordinates, to a candidate's place. */
static fgmm_status fetch_row(parallel *p, const fg_rows *rows, size_t i, size_t index)
{
    fgmm_status status = FGMM_OK;
    const fgmm_type type = fg_type_on_device(p->request->type);
    const size_t row_bytes = (size_t)p->d * fgmm_type_bytes(type);
    double *to = p->candidates + index * p->d;
    FG_TRY(fg_batch_read_row(p->row, rows, i, row_bytes));
    for (uint64_t j = 0; j < p->d; j++)
        to[j] = p->e.shift.row_unit * fg_row_value(p->row, type, (size_t)j) + p->e.shift.host[j];
done:
    return status;
}

static fgmm_status draw_from_batch(void *user, const fg_rows *rows)
{
    fgmm_status status = FGMM_OK;
    parallel *p = user;
    const fg_evaluation_rows out = {.log_likelihood = p->distances};
    size_t index;
    FG_TRY(fg_pass_evaluate(p->e.pass, rows, &out));
    if (rows->weights) FG_TRY(fg_batch_read_weights(p->row_weights, rows));
    for (size_t i = 0; i < rows->n; i++) {
        const double distance = -p->distances[i] * (rows->weights ? (double)p->row_weights[i] : 1);
        if (!(distance > 0)) continue; /* a candidate itself, or below rounding, or a row of weight 0 */
        fg_rng rng;
        fg_rng_init(&rng, p->request->seed, FG_STREAM_PARALLEL + p->round, p->position + i);
        const double key = -log(1 - fg_rng_uniform(&rng)) / distance;
        if (fg_draws_offer(&p->draws, key, p->position + i, &index))
            FG_TRY(fetch_row(p, rows, i, (size_t)p->count + index));
    }
    p->position += rows->n;
done:
    return status;
}

static fgmm_status run_round(parallel *p, uint64_t round)
{
    fgmm_status status = FGMM_OK;
    const fg_parameters parameters = parameters_of(p);
    p->e.request.pass.k = p->count;
    p->position = p->draws.count = 0;
    p->round = round;
    fg_progress_iteration(&p->e.progress, FGMM_PHASE_INIT, round + 1, FG_SEED_PARALLEL_ROUNDS + 1, p->request->rows);
    FG_TRY(fg_e_step_set_pass(&p->e, FG_ASSIGN_HARD));
    FG_TRY(fg_e_step_load(&p->e, &parameters));
    FG_TRY(fg_feed_begin(p->e.feed));
    FG_TRY(fg_feed_each(p->e.feed, &p->e.progress, draw_from_batch, p));
    p->count += p->draws.count;
    FG_TRY(fg_progress_finished(&p->e.progress, (double)NAN));
done:
    return status;
}

/* How many rows are nearest to each candidate; their weights, where they have some. */
static fgmm_status weigh(parallel *p)
{
    fgmm_status status = FGMM_OK;
    double *values = NULL;
    fg_statistics_layout layout;
    const fg_parameters parameters = parameters_of(p);
    p->e.request.pass.k = p->count;
    FG_TRY(fg_statistics_layout_of(&layout, p->e.request.pass.covariance, p->count, p->d));
    FG_TRY(FG_ALLOC(&values, layout.count, "statistics of the candidates"));
    fg_progress_iteration(&p->e.progress, FGMM_PHASE_INIT, FG_SEED_PARALLEL_ROUNDS + 1, FG_SEED_PARALLEL_ROUNDS + 1,
                          p->request->rows);
    FG_TRY(fg_e_step_set_pass(&p->e, FG_ASSIGN_HARD));
    FG_TRY(fg_e_step_run(values, &p->e, &parameters, NULL));
    memcpy(p->weights, values + layout.counts, (size_t)p->count * sizeof *p->weights);
done:
    free(values);
    return status;
}

/* Sampled rows 0 .. n - 1 follow the candidates in `points`, (.,d) float64. */
static fgmm_status feed_sampled(fg_sample *points, const parallel *p, uint64_t n)
{
    fgmm_status status = FGMM_OK;
    double *row = NULL;
    FG_TRY(FG_ALLOC(&row, p->d, "a row"));
    for (uint64_t i = 0; i < n; i++) {
        fg_sample_values(row, p->request->sample, i, p->request->type, p->d);
        fg_sample_feed(points, row, NULL, p->count + i, 1);
    }
done:
    free(row);
    return status;
}

/* Candidates with their weights, and sampled rows, `sampled` of them, that weigh SAMPLED_SHARE times as much together.
 * Candidates speak for clusters that are too small for the sample, and the sample for how rows lie within clusters. */
static fgmm_status make_points(fg_sample *points, const parallel *p, uint64_t sampled)
{
    fgmm_status status = FGMM_OK;
    double of_candidates = 0, of_sampled = 0;
    FG_TRY(fg_sample_create(points, p->count + sampled, (size_t)p->d * sizeof(double), 0));
    fg_sample_feed(points, p->candidates, NULL, 0, p->count);
    FG_TRY(feed_sampled(points, p, sampled));
    FG_TRY(FG_ALLOC(&points->weights, p->count + sampled, "candidates"));
    memcpy(points->weights, p->weights, (size_t)p->count * sizeof *points->weights);
    for (uint64_t i = 0; i < p->count; i++) of_candidates += p->weights[i];
    for (uint64_t i = 0; i < sampled; i++) of_sampled += fg_sample_weight(p->request->sample, i);
    for (uint64_t i = 0; i < sampled; i++)
        points->weights[p->count + i] =
            fg_sample_weight(p->request->sample, i) * (SAMPLED_SHARE * of_candidates / of_sampled);
    FG_TRY(fg_sample_finish(points));
done:
    return status;
}

/* k-means++ on the weighted candidates, made better by swaps. With fewer candidates than k (as many distinct rows),
 * sampled rows make up the number. */
static fgmm_status seed(double *centres, parallel *p)
{
    fgmm_status status = FGMM_OK;
    fg_seed_request points = *p->request;
    fg_sample candidates = {0}, both = {0};
    const uint64_t missing = p->count < points.k ? points.k - p->count : 0;
    points.type = FGMM_F64;
    points.sample = &candidates;
    FG_TRY(make_points(&candidates, p, missing));
    FG_TRY(fg_seed_kmeanspp(centres, &points));
    if (fg_seed_swap_rows(points.k, points.d) == 0) goto done;
    points.sample = &both;
    FG_TRY(make_points(&both, p, p->request->sample->count));
    FG_TRY(fg_seed_swap(centres, &points));
done:
    fg_sample_clear(&candidates);
    fg_sample_clear(&both);
    return status;
}

fgmm_status fg_seed_parallel(double *centres, const fg_seed_request *request, const fg_memory_plan_request *plan)
{
    fgmm_status status = FGMM_OK;
    parallel p;
    fg_rng rng;
    FG_TRY(parallel_open(&p, request, plan));
    for (uint64_t i = 0; i < fg_seed_parallel_candidates(request->k); i++) p.weights[i] = 1;
    fg_rng_init(&rng, request->seed, FG_STREAM_PARALLEL, UINT64_MAX / 2); /* beyond every row's number */
    fg_sample_values(p.candidates, request->sample, fg_sample_draw(request->sample, &rng), request->type, p.d);
    p.count = 1;
    for (uint64_t round = 0; round < FG_SEED_PARALLEL_ROUNDS; round++) FG_TRY(run_round(&p, round));
    FG_TRY(weigh(&p));
    fg_e_step_close(&p.e); /* the device's memory is for the candidates now */
    p.e = (fg_e_step){0};
    FG_TRY(seed(centres, &p));
done:
    parallel_close(&p);
    return status;
}
