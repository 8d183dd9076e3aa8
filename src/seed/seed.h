/* seed.h - first centres, from the first pass's sample.
 *
 * src/seed/ holds the methods that choose them (at random, k-means++, k-means||, and the swaps that improve what these
 * two give), and samples drawn from rows that stream past. It does not iterate over the mixture: that is src/em/. */
#ifndef FG_SEED_H
#define FG_SEED_H

#include "device.h"
#include "memory_plan.h"
#include "progress.h"
#include "range.h"
#include "rows.h"
#include "sample.h"

typedef struct fg_seed_request {
    fgmm_device *device;
    const fg_sample *sample; /* at least k rows; k-means++ takes each for what it stands for */
    int has_weights;         /* rows of the data count differently: the first centre is drawn accordingly */
    fgmm_type type;
    uint64_t k, d, seed;
    uint64_t rows;         /* N */
    const fg_range *range; /* what the shift is made of */
    const fg_shift *shift;
    fg_progress *progress;
} fg_seed_request;

/* What AUTO stands for, for k of n rows (FGMM_ROWS_UNKNOWN): k-means|| for more than 256 components or from 2^22 rows
 * on, with mini-batches only below that, unless it would draw all rows; else k-means++. Other methods stand for
 * themselves. */
fgmm_init fg_seed_choose(fgmm_init init, uint64_t k, uint64_t n, int is_mini_batch);

/* Rows of the sample that a method wants, of a source with any number of rows. */
uint64_t fg_seed_sample_rows(fgmm_init init, uint64_t k, uint64_t d);
/* `wanted` of them, halved until the sample fits into the memory of a run, but at least k. */
uint64_t fg_seed_fitting_rows(const fg_memory_plan_request *request, uint64_t wanted);

/* centres (k,d): greedy k-means++ as scikit-learn's: the first centre is drawn uniformly, or by weight; for each
 * further one, 2 + floor(ln k) candidates are drawn with probability proportional to the squared distance to the
 * nearest centre so far, and the one that leaves the lowest total is taken (ties: the first). Deterministic for a seed
 * and a device. Where all rows coincide with centres already (fewer distinct rows than k), rows are drawn uniformly:
 * centres may then be equal, and the M-step's rule for empty components separates them. Errors: MEMORY, COMPILE,
 * DEVICE, CANCELLED. */
fgmm_status fg_seed_kmeanspp(double *centres, const fg_seed_request *request);

/* Improves centres (k,d) by swaps, 2 K times: a row of the sample, drawn with probability proportional to its squared
 * distance, replaces the centre that costs least to give up, where that lowers the total. It follows k-means++ and is a
 * part of k-means||. Where it would take more than a fraction of a second nothing happens. Deterministic for a seed.
 * Errors: MEMORY. */
fgmm_status fg_seed_swap(double *centres, const fg_seed_request *request);

/* Rows of a large sample that swaps look at; 0: there would be no swaps. */
uint64_t fg_seed_swap_rows(uint64_t k, uint64_t d);

/* k-means||: rounds, each of which draws k candidates. Measured, docs/math.md "First centres". */
enum { FG_SEED_PARALLEL_ROUNDS = 3 };

/* Most candidates that k-means|| draws. */
uint64_t fg_seed_parallel_candidates(uint64_t k);

/* centres (k,d): k-means|| over all rows of plan->source, and swaps. plan: of the training's own passes; the sample
 * gives the first candidate, and rows for swaps. Deterministic for a seed, a device and the batches. Errors: as the
 * E-step's, CANCELLED. */
fgmm_status fg_seed_parallel(double *centres, const fg_seed_request *request, const fg_memory_plan_request *plan);

/* centres (k,d): the first k rows of the sample, which then was drawn with room for k rows: k different rows, by weight
 * where they have some. */
void fg_seed_random(double *centres, const fg_seed_request *request);

#endif
