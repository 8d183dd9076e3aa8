/* m_step.c - new parameters from sufficient statistics: exact about the old means, and never without an answer
 * (docs/math.md, equation 22, "Collapsed components"). Knows nothing of rows or devices. */
#include "cholesky.h"
#include "file.h"
#include "range.h"
#include "rng.h"
#include "size.h"
#include "statistics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A variance is at least this part of the data's own: a deviation of 2^-26 is below the spacing of float32 rows. */
static const double LEAST_VARIANCE = 0x1p-52;
/* Relative to the squared mean, a variance below this is rounding of doubles: the dimension is constant. */
static const double CONSTANT_DIMENSION = 0x1p-100;
/* And at least this part of the squared unit that rows have on the device: twice what evaluation asks for, since a
 * pivot may lose some of its digits when a raised matrix is factored again. */
static const double TINY_VARIANCE = 2 * FG_LEAST_VARIANCE;
/* Far below the squares of any data that are taken (first_pass.c), so that rows that are all zero have densities. */
static const double LAST_VARIANCE = 1e-250;
/* A matrix's pivot, what is left of a dimension's variance when the dimensions before it are known, is at least this
 * part of the variance: a deviation of 2^-20, which float32 rows and factors still resolve. */
static const double LEAST_PIVOT = 0x1p-40;
/* The two halves of a split component lie this many deviations to either side. It is the step of HTK's mixture
 * splitting; its cost is about 0.2^4 / 4 = 4e-4 nats per row of the component. */
static const double SPLIT_STEP = 0.2;

/* One M-step at work. */
typedef struct step {
    fg_mixture to;         /* the old means, replaced as the step goes on */
    const double *s1, *s2; /* (k,d), as covariances */
    uint64_t width;        /* variances per component: 1 or d; of matrices the diagonal */
    uint64_t matrices;     /* 0, shared 1, else k */
    double total;          /* sum of N_k */
    double *counts;        /* (k) N_k; a split shares it out */
    double *floors;        /* (width) least variances */
    double *squares;       /* (width) squared overall mean; scratch of set_floors */
    double *overall;       /* (2,d) means and variances of all rows, likewise */
    double *factor;        /* (d,d) scratch where there are matrices, or NULL: the last one's factor */
    double *trial;         /* (d,d) scratch, likewise */
    double *least;         /* (d) least pivots, likewise */
    double *offset;        /* (d) scratch, likewise */
    fg_m_step_facts facts;
} step;

static fgmm_status check_values(const double *values, const fg_statistics_layout *layout, double reg_covar)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK(isfinite(reg_covar) && reg_covar >= 0, FGMM_ARGUMENT, "reg_covar = %g; need a finite number >= 0",
             reg_covar);
    for (size_t i = 0; i < layout->count; i++)
        FG_CHECK(isfinite(values[i]), FGMM_DATA, "statistics: value %zu = %g; need a finite number", i, values[i]);
    FG_CHECK(values[0] >= 0, FGMM_DATA, "statistics: rows = %g; need a number >= 0", values[0]);
    double total = 0;
    for (size_t i = layout->counts; i < layout->s1; i++) {
        FG_CHECK(values[i] >= 0, FGMM_DATA, "statistics: N[%zu] = %g; need a number >= 0", i - layout->counts,
                 values[i]);
        total += values[i];
    }
    FG_CHECK(total > 0, FGMM_DATA, "statistics hold no rows: the sum of N is 0");
done:
    return status;
}

static int is_empty(const step *s, uint64_t c)
{
    return s->counts[c] <= FG_EMPTY_SHARE / (double)s->to.k * s->total;
}

static size_t variance_place(const step *s, uint64_t c, uint64_t j)
{
    return fg_variance_place(s->to.covariance, s->to.d, c, j);
}

/* Variances and squared means of all rows without their share of S2, added to floors and squares. Offsets are from the
 * first component's mean o, so that data far from the origin lose nothing:
 *     g = o + sum_k (N_k (m_k - o) + S1_k) / N
 *     variance = sum_k (S2_k + 2 S1_k (m_k - g) + N_k (m_k - g)^2) / N
 * Components are walked outside, dimensions inside: memory in its order, and several dimensions at a time. */
static void add_dimensions(step *s)
{
    const uint64_t d = s->to.d;
    const double *origin = s->to.means, total = s->total;
    double *offset = s->overall, *variance = s->overall + d;
    for (uint64_t c = 0; c < s->to.k; c++) {
        const double *mean = s->to.means + c * d, *s1 = s->s1 + c * d, count = s->counts[c];
        for (uint64_t j = 0; j < d; j++) offset[j] += (count * (mean[j] - origin[j]) + s1[j]) / total;
    }
    for (uint64_t c = 0; c < s->to.k; c++) {
        const double *mean = s->to.means + c * d, *s1 = s->s1 + c * d, count = s->counts[c];
        for (uint64_t j = 0; j < d; j++) {
            const double m = mean[j] - origin[j] - offset[j];
            variance[j] += m * (2 * s1[j] + count * m) / total;
        }
    }
    for (uint64_t j = 0; j < d; j++) {
        const uint64_t at = s->width == 1 ? 0 : j;
        s->floors[at] += variance[j];
        s->squares[at] += (origin[j] + offset[j]) * (origin[j] + offset[j]);
    }
}

double fg_least_variance(double variance, double mean_variance, double mean_square, double unit)
{
    const double instead = mean_variance > 0 ? mean_variance : mean_square;
    return fmax(fmax(LEAST_VARIANCE * (variance > 0 ? variance : instead), TINY_VARIANCE * unit * unit), LAST_VARIANCE);
}

/* The least variance per dimension (spherical: of all): a part of the data's own variance there; where the data are
 * constant, of their mean variance; where they are constant in all dimensions, of their squared magnitude. */
static void set_floors(step *s)
{
    add_dimensions(s);
    const uint64_t blocks = fg_covariance_blocks(s->to.covariance, s->to.k); /* shared: the sum over components */
    for (uint64_t i = 0; i < blocks * s->width; i++)
        s->floors[i % s->width] += s->s2[variance_place(s, i / s->width, i % s->width)] / s->total;
    const double dims_per_variance = (double)s->to.d / (double)s->width;
    double variance = 0, square = 0;
    for (uint64_t i = 0; i < s->width; i++) {
        s->floors[i] = fmax(s->floors[i] / dims_per_variance, 0);
        s->squares[i] /= dims_per_variance;
        variance += s->floors[i] / (double)s->width;
        square += s->squares[i] / (double)s->width;
    }
    if (variance <= CONSTANT_DIMENSION * square) variance = 0;
    for (uint64_t i = 0; i < s->width; i++) {
        const int is_constant = s->floors[i] <= CONSTANT_DIMENSION * s->squares[i];
        s->floors[i] = fg_least_variance(is_constant ? 0 : s->floors[i], variance, square, s->to.unit);
    }
}

/* (22)  variance = S2 / N - delta^2 (spherical: |delta|^2, over D) + reg_covar, delta = S1 / N.
 * Rounding can make the difference negative: it is 0 then. */
static void update_variances(step *s, uint64_t c, double reg_covar)
{
    const uint64_t d = s->to.d;
    const double count = s->counts[c];
    double *variances = s->to.covariances + c * s->width;
    double length = 0;
    for (uint64_t j = 0; j < d; j++) {
        const double delta = s->s1[c * d + j] / count;
        length += delta * delta;
        if (s->width == d) variances[j] = s->s2[c * d + j] / count - delta * delta;
    }
    if (s->width != d) variances[0] = (s->s2[c] / count - length) / (double)d;
    for (uint64_t i = 0; i < s->width; i++) variances[i] = fmax(fmax(variances[i], 0) + reg_covar, s->floors[i]);
}

/* (23)  S -= N / weight delta delta^T, delta = S1 / N; of the upper triangle. */
static void subtract_outer(double *matrix, const step *s, uint64_t c, double weight)
{
    const uint64_t d = s->to.d;
    const double *s1 = s->s1 + c * d;
    for (uint64_t i = 0; i < d; i++) {
        const double share = s1[i] / s->counts[c] / weight;
        for (uint64_t j = i; j < d; j++) matrix[i * d + j] -= share * s1[j];
    }
}

/* Of the upper triangle. */
static int can_be_factored(const step *s, const double *matrix)
{
    memcpy(s->trial, matrix, (size_t)(s->to.d * s->to.d) * sizeof *matrix);
    return fg_cholesky(s->trial, s->to.d) == s->to.d;
}

/* A raised pivot may take elements of the factor with it, larger ones than a semidefinite matrix has: what rounding
 * leaves of a matrix that is nearly singular. Without them there is a factor U; with them there may be none, whatever
 * the diagonal. The matrix becomes U^T U, whose diagonal is the same. Of the upper triangle. */
static void follow_factor(const step *s, double *matrix)
{
    const uint64_t d = s->to.d;
    const double *u = s->factor;
    for (uint64_t i = 0; i < d; i++)
        for (uint64_t j = i + 1; j < d; j++) {
            double sum = 0;
            for (uint64_t c = 0; c <= i; c++) sum += u[c * d + i] * u[c * d + j];
            matrix[i * d + j] = sum;
        }
}

/* Matrix m: adds reg_covar, and to the diagonal what is missing until the matrix can be factored, and makes it
 * symmetric to the bit. */
static void finish_matrix(step *s, uint64_t m, double reg_covar)
{
    const uint64_t d = s->to.d;
    double *matrix = s->to.covariances + m * d * d;
    for (uint64_t i = 0; i < d; i++) {
        double *variance = &matrix[i * d + i];
        *variance = fmax(fmax(*variance, 0) + reg_covar, s->floors[i]);
        s->least[i] = fmax(s->floors[i], LEAST_PIVOT * *variance);
    }
    memcpy(s->factor, matrix, (size_t)(d * d) * sizeof *matrix);
    const uint64_t raised = fg_cholesky_raised(s->factor, d, s->least);
    for (uint64_t i = 0; i < d; i++) matrix[i * d + i] += s->least[i];
    if (raised > 0 && !can_be_factored(s, matrix)) follow_factor(s, matrix);
    for (uint64_t i = 0; i < d; i++)
        for (uint64_t j = i + 1; j < d; j++) matrix[j * d + i] = matrix[i * d + j];
    if (s->facts.losses) s->facts.losses[m] = fg_cholesky_loss(s->factor, matrix, d);
}

/* (23)  S_k = S2_k / N_k - delta delta^T + reg_covar I */
static void update_full(step *s, uint64_t c, double reg_covar)
{
    const uint64_t count = s->to.d * s->to.d;
    double *matrix = s->to.covariances + c * count;
    for (uint64_t i = 0; i < count; i++) matrix[i] = s->s2[c * count + i] / s->counts[c];
    subtract_outer(matrix, s, c, s->counts[c]);
    finish_matrix(s, c, reg_covar);
}

/* (23)  S = (S2 - sum_k N_k delta_k delta_k^T) / N + reg_covar I, over the components that have rows */
static void update_tied(step *s, double reg_covar)
{
    double *matrix = s->to.covariances;
    for (uint64_t i = 0; i < s->to.d * s->to.d; i++) matrix[i] = s->s2[i] / s->total;
    for (uint64_t c = 0; c < s->to.k; c++)
        if (!is_empty(s, c)) subtract_outer(matrix, s, c, s->total);
    finish_matrix(s, 0, reg_covar);
}

/* What the M-step of a type updates: the covariance of a component that has rows, or the one that all share. */
typedef struct m_step_update {
    void (*own)(step *s, uint64_t c, double reg_covar);
    void (*shared)(step *s, double reg_covar);
} m_step_update;

static const m_step_update updates[] = {
    [FGMM_SPHERICAL] = {.own = update_variances},
    [FGMM_DIAG] = {.own = update_variances},
    [FGMM_TIED] = {.shared = update_tied},
    [FGMM_FULL] = {.own = update_full},
};

/* A type has the one or the other. */
static fgmm_status check_update(fgmm_covariance covariance)
{
    fgmm_status status = FGMM_OK;
    const size_t i = (size_t)covariance;
    const m_step_update update = i < sizeof updates / sizeof updates[0] ? updates[i] : (m_step_update){0};
    FG_CHECK(fg_covariance_types[i].is_shared ? update.shared && !update.own : update.own && !update.shared,
             FGMM_INTERNAL, "%s covariances: the M-step has no update", fgmm_covariance_name(covariance));
done:
    return status;
}

/* Component c's part of equation 20: pi_k delta^T S_k^-1 delta / D, and of spherical ones the old variance in units of
 * the new. Matrices: factor is S_k's. */
static double movement(const step *s, uint64_t c, double old_variance)
{
    const uint64_t d = s->to.d;
    double sum = s->width == d ? 0 : old_variance / s->to.covariances[variance_place(s, c, 0)] * (double)d;
    for (uint64_t j = 0; j < d; j++) {
        const double delta = s->s1[c * d + j] / s->counts[c];
        if (s->matrices)
            s->offset[j] = delta;
        else
            sum += delta * delta / s->to.covariances[variance_place(s, c, s->width == d ? j : 0)];
    }
    if (s->matrices) sum = fg_cholesky_form(s->offset, s->factor, d);
    return s->counts[c] / s->total * sum / (double)d;
}

static void update_component(step *s, uint64_t c, double reg_covar)
{
    const uint64_t d = s->to.d;
    const double old_variance = s->to.covariances[fg_variance_place(s->to.covariance, d, c, 0)];
    const m_step_update *update = &updates[s->to.covariance];
    if (update->own) update->own(s, c, reg_covar);
    s->facts.movement += movement(s, c, old_variance);
    for (uint64_t j = 0; j < d; j++) s->to.means[c * d + j] += s->s1[c * d + j] / s->counts[c];
}

/* Rows times variance: what is left to explain in a component. */
static double unexplained(const step *s, uint64_t c)
{
    double trace = 0;
    for (uint64_t j = 0; j < s->width; j++) trace += s->to.covariances[variance_place(s, c, j)];
    return s->counts[c] * trace;
}

/* A direction in units of the donor's deviations -> a step: the square root of its covariance applied, in place. */
static void scale_step(const step *s, uint64_t donor, double *direction)
{
    const uint64_t d = s->to.d;
    if (s->matrices == 0) {
        for (uint64_t i = 0; i < d; i++)
            direction[i] *= sqrt(s->to.covariances[variance_place(s, donor, s->width == d ? i : 0)]);
        return;
    }
    const double *matrix = s->to.covariances + fg_covariance_place(s->to.covariance, d, donor);
    memcpy(s->factor, matrix, (size_t)(d * d) * sizeof *matrix);
    fg_cholesky(s->factor, d);
    for (uint64_t i = d; i-- > 0;) { /* from the last on: element i needs those before it */
        double sum = 0;
        for (uint64_t j = 0; j <= i; j++) sum += s->factor[j * d + i] * direction[j];
        direction[i] = sum;
    }
}

/* The same for a mean times any power of two: a seed does not depend on the unit of the data. */
static uint64_t hash_of(const double *mean, uint64_t d)
{
    uint64_t hash = FG_HASH_BEGIN;
    double largest = 0;
    int exponent;
    for (uint64_t j = 0; j < d; j++) largest = fmax(largest, fabs(mean[j]));
    frexp(largest, &exponent);
    for (uint64_t j = 0; j < d; j++) {
        const double value = ldexp(mean[j], -exponent);
        hash = fg_hash(hash, &value, sizeof value);
    }
    return hash;
}

static void copy_covariance(step *s, uint64_t to, uint64_t from)
{
    const uint64_t d = s->to.d, count = fg_covariance_elements(s->to.covariance, d);
    double *covariances = s->to.covariances;
    if (fg_covariance_types[s->to.covariance].is_shared) return;
    memcpy(covariances + fg_covariance_place(s->to.covariance, d, to),
           covariances + fg_covariance_place(s->to.covariance, d, from), (size_t)count * sizeof *covariances);
}

/* Makes the empty component one half of the donor: both get half of its rows and its covariance, and lie to either side
 * of its mean. The direction is drawn uniformly in units of the donor's deviations, seeded by the donor's mean: it
 * depends on the parameters only, and differs when the same donor is split again. The length varies too, since in one
 * dimension equal steps would meet. */
static void split(step *s, uint64_t donor, uint64_t empty)
{
    const uint64_t d = s->to.d;
    double *from = s->to.means + donor * d, *to = s->to.means + empty * d;
    const uint64_t seed = hash_of(from, d);
    fg_rng rng;
    double length = 0;
    fg_rng_init(&rng, seed, FG_STREAM_REPAIR, 0);
    const double step_length = SPLIT_STEP * (1 - fg_rng_uniform(&rng) / 2);
    for (uint64_t j = 0; j < d; j++) {
        to[j] = fg_rng_normal(&rng);
        length += to[j] * to[j];
    }
    if (length == 0) length = to[0] = 1; /* all draws exactly 0 */
    for (uint64_t j = 0; j < d; j++) to[j] *= step_length / sqrt(length);
    scale_step(s, donor, to);
    for (uint64_t j = 0; j < d; j++) {
        const double move = to[j];
        to[j] = from[j] - move;
        from[j] += move;
    }
    copy_covariance(s, empty, donor);
    s->counts[donor] /= 2;
    s->counts[empty] = s->counts[donor];
}

/* Updates what has rows, then fills what has none, in the order of components. One component at least holds N / K rows,
 * so there always is a donor. */
static void update_all(step *s, double reg_covar, double *score)
{
    double kept = 0;
    const m_step_update *update = &updates[s->to.covariance];
    if (update->shared) update->shared(s, reg_covar);
    for (uint64_t c = 0; c < s->to.k; c++) {
        const int has_rows = !is_empty(s, c);
        if (has_rows) update_component(s, c, reg_covar);
        score[c] = has_rows ? unexplained(s, c) : -1;
        kept += has_rows ? s->counts[c] : 0;
    }
    for (uint64_t c = 0; c < s->to.k; c++) {
        if (score[c] >= 0) continue;
        uint64_t donor = 0;
        for (uint64_t i = 1; i < s->to.k; i++)
            if (score[i] > score[donor]) donor = i;
        split(s, donor, c);
        score[donor] = score[c] = unexplained(s, c);
        s->facts.reseeded++;
    }
    for (uint64_t c = 0; c < s->to.k; c++) s->to.weights[c] = s->counts[c] / kept;
}

fgmm_status fg_m_step(const fg_mixture *mixture, const double *values, double reg_covar, fg_m_step_facts *facts)
{
    fgmm_status status = FGMM_OK;
    double *score = NULL;
    fg_statistics_layout layout;
    step s = {.to = *mixture,
              .width = fg_covariance_width(mixture->covariance, mixture->d),
              .matrices = fg_covariance_matrices(mixture->covariance, mixture->k)};
    FG_TRY(check_update(mixture->covariance));
    FG_TRY(fg_statistics_layout_of(&layout, mixture->covariance, mixture->k, mixture->d));
    FG_TRY(check_values(values, &layout, reg_covar));
    FG_TRY(FG_ALLOC(&s.counts, mixture->k, "M-step"));
    FG_TRY(FG_ALLOC(&score, mixture->k, "M-step"));
    FG_TRY(FG_ALLOC(&s.floors, s.width, "M-step"));
    FG_TRY(FG_ALLOC(&s.squares, s.width, "M-step"));
    FG_TRY(FG_ALLOC(&s.overall, 2 * mixture->d, "M-step"));
    if (s.matrices) {
        FG_TRY(FG_ALLOC(&s.factor, mixture->d * mixture->d, "M-step"));
        FG_TRY(FG_ALLOC(&s.trial, mixture->d * mixture->d, "M-step"));
        FG_TRY(FG_ALLOC(&s.least, mixture->d, "M-step"));
        FG_TRY(FG_ALLOC(&s.offset, mixture->d, "M-step"));
    }
    s.s1 = values + layout.s1;
    s.s2 = values + layout.s2;
    memcpy(s.counts, values + layout.counts, (size_t)mixture->k * sizeof *s.counts);
    for (uint64_t c = 0; c < mixture->k; c++) s.total += s.counts[c];
    set_floors(&s);
    if (facts) s.facts.losses = facts->losses;
    for (uint64_t m = 0; s.facts.losses && m < s.matrices; m++) s.facts.losses[m] = 0;
    update_all(&s, reg_covar, score);
    if (facts) *facts = s.facts;
done:
    free(s.offset);
    free(s.least);
    free(s.trial);
    free(s.factor);
    free(s.overall);
    free(s.squares);
    free(s.floors);
    free(score);
    free(s.counts);
    return status;
}

fgmm_status fgmm_m_step(fgmm_model **next, const fgmm_statistics *statistics, const fgmm_m_step_options *options,
                        uint64_t *reseeded)
{
    fgmm_status status = FGMM_OK;
    fgmm_m_step_options used = fgmm_m_step_options_init();
    fg_mixture to = {0};
    fg_m_step_facts facts = {0};
    fg_range range = {0};
    if (!next) return fg_fail(FGMM_ARGUMENT, "next is NULL; need a place for the handle");
    *next = NULL;
    if (reseeded) *reseeded = 0;
    FG_CHECK(statistics, FGMM_ARGUMENT, "statistics is NULL");
    if (options) memcpy(&used, options, options->size < sizeof used ? options->size : sizeof used);
    const fg_parameters old = fg_model_parameters(statistics->model);
    const uint64_t variances = fg_covariance_count(old.covariance, old.k, old.d);
    FG_TRY(fg_range_of(&range, &old));
    to = (fg_mixture){.covariance = old.covariance, .k = old.k, .d = old.d, .unit = range.unit};
    FG_TRY(FG_ALLOC(&to.weights, old.k, "weights"));
    FG_TRY(FG_ALLOC(&to.means, old.k * old.d, "means"));
    FG_TRY(FG_ALLOC(&to.covariances, variances, "covariances"));
    memcpy(to.means, old.means, (size_t)(old.k * old.d) * sizeof *to.means);
    FG_TRY(fg_m_step(&to, statistics->values, used.reg_covar, &facts));
    if (reseeded) *reseeded = facts.reseeded;
    const fg_parameters result = {to.covariance, to.k, to.d, to.weights, to.means, to.covariances};
    fgmm_model_info info = statistics->model->info;
    info.rows = statistics->values[0] < 0x1p63 ? (uint64_t)statistics->values[0] : 0; /* 0: such a sum of weights */
    info.iterations++;
    info.log_likelihood = (double)NAN; /* known after the next pass */
    snprintf(info.library_version, sizeof info.library_version, "%s", fgmm_version());
    FG_TRY(fg_model_create(next, &result, &info));
done:
    free(range.centre);
    free(to.covariances);
    free(to.means);
    free(to.weights);
    return status;
}
