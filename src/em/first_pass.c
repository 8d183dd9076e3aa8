/* first_pass.c - count, check, moments, sample in one pass.
 *
 * Moments: per block of rows, sums of (x - ref) and (x - ref)^2 about a reference near the mean (the mean so far; the
 * first row for the first block), combined between blocks by Chan's formula, all in double: nothing cancels however far
 * from the origin the data lie. Bytes are summed in 32-bit integers, exactly. Where rows have weights, moments are
 * taken with and without them: the check of distances is about every row that the device will see. */
#include "first_pass.h"

#include "size.h"
#include "thread.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_BYTES = 1 << 20, /* stays in a second-level cache */
    BLOCK_ROWS_MAX = 65536 /* 65536 x 255^2 < 2^32: the sums of squares of bytes fit */
};

/* A mean squared distance of all rows, in squared units of those that have weights, that leaves each row below 2^60
 * units as long as their number times D is no more than 2^40. */
static const double MOST_SQUARED_DISTANCE = 0x1p80;

/* Deviations below these are lost: float32 numbers of such differences are denormal, with fewer than 24 digits, and
 * squares of doubles at last are 0. */
static const double LEAST_DEVIATION_F32 = 0x1p-102, LEAST_DEVIATION_F64 = 1e-100;

/* Rows at hand. */
typedef struct fg_block {
    void *rows;     /* (n,d) */
    float *weights; /* (n), or NULL */
    size_t n;
} fg_block;

/* Sums of one block of rows (n,d); all arrays (d). */
typedef struct fg_moments {
    double weight; /* of the rows in all blocks before; without weights, their number */
    double *mean, *m2;
    double *ref, *sum, *squares;
    uint32_t *int_sum, *int_squares;
} fg_moments;

static void moments_clear(fg_moments *m)
{
    free(m->mean);
    free(m->m2);
    free(m->ref);
    free(m->sum);
    free(m->squares);
    free(m->int_sum);
    free(m->int_squares);
}

/* On failure the caller clears what was made so far. */
static fgmm_status moments_create(fg_moments *m, uint64_t d)
{
    fgmm_status status = FGMM_OK;
    memset(m, 0, sizeof *m);
    FG_TRY(FG_ALLOC(&m->mean, d, "column sums"));
    FG_TRY(FG_ALLOC(&m->m2, d, "column sums"));
    FG_TRY(FG_ALLOC(&m->ref, d, "column sums"));
    FG_TRY(FG_ALLOC(&m->sum, d, "column sums"));
    FG_TRY(FG_ALLOC(&m->squares, d, "column sums"));
    FG_TRY(FG_ALLOC(&m->int_sum, d, "column sums"));
    FG_TRY(FG_ALLOC(&m->int_squares, d, "column sums"));
done:
    return status;
}

/* Column sums of bytes, biased so that they are not negative: x + bias is 0..255. */
#define BYTE_SUMS(name, type, bias)                                                                                    \
    static void name(uint32_t *restrict sum, uint32_t *restrict squares, const type *restrict x, size_t n, size_t d)   \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++, x += d)                                                                         \
            for (size_t j = 0; j < d; j++) {                                                                           \
                const uint32_t v = (uint32_t)(x[j] + (bias));                                                          \
                sum[j] += v;                                                                                           \
                squares[j] += v * v;                                                                                   \
            }                                                                                                          \
    }
BYTE_SUMS(u8_sums, uint8_t, 0)
BYTE_SUMS(i8_sums, int8_t, 128)

/* Column sums about ref. */
#define FLOAT_SUMS(name, type)                                                                                         \
    static void name(double *restrict sum, double *restrict squares, const double *restrict ref,                       \
                     const type *restrict x, size_t n, size_t d)                                                       \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++, x += d)                                                                         \
            for (size_t j = 0; j < d; j++) {                                                                           \
                const double y = (double)x[j] - ref[j];                                                                \
                sum[j] += y;                                                                                           \
                squares[j] += y * y;                                                                                   \
            }                                                                                                          \
    }
FLOAT_SUMS(f32_sums, float)
FLOAT_SUMS(f64_sums, double)

static void f16_sums(fg_moments *m, const void *rows, size_t n, size_t d)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++) {
            const double y = fg_row_value(rows, FGMM_F16, i * d + j) - m->ref[j];
            m->sum[j] += y;
            m->squares[j] += y * y;
        }
}

/* m->sum, m->squares about m->ref. */
static void block_sums(fg_moments *m, const void *rows, fgmm_type type, size_t n, size_t d)
{
    const int is_byte = type == FGMM_U8 || type == FGMM_I8;
    memset(m->sum, 0, d * sizeof *m->sum);
    memset(m->squares, 0, d * sizeof *m->squares);
    if (is_byte) {
        memset(m->int_sum, 0, d * sizeof *m->int_sum);
        memset(m->int_squares, 0, d * sizeof *m->int_squares);
        if (type == FGMM_U8)
            u8_sums(m->int_sum, m->int_squares, rows, n, d);
        else
            i8_sums(m->int_sum, m->int_squares, rows, n, d);
        for (size_t j = 0; j < d; j++) {
            m->ref[j] = type == FGMM_U8 ? 0 : -128;
            m->sum[j] = m->int_sum[j];
            m->squares[j] = m->int_squares[j];
        }
        return;
    }
    for (size_t j = 0; j < d; j++) m->ref[j] = m->weight > 0 ? m->mean[j] : fg_row_value(rows, type, j);
    if (type == FGMM_F32)
        f32_sums(m->sum, m->squares, m->ref, rows, n, d);
    else if (type == FGMM_F64)
        f64_sums(m->sum, m->squares, m->ref, rows, n, d);
    else
        f16_sums(m, rows, n, d);
}

/* Column sums about ref, each row times its weight. */
#define WEIGHTED_SUMS(name, type)                                                                                      \
    static void name(fg_moments *m, const type *restrict x, const float *weights, size_t n, size_t d)                  \
    {                                                                                                                  \
        double *restrict sum = m->sum, *restrict squares = m->squares;                                                 \
        const double *restrict ref = m->ref;                                                                           \
        for (size_t i = 0; i < n; i++, x += d)                                                                         \
            for (size_t j = 0; j < d; j++) {                                                                           \
                const double y = (double)x[j] - ref[j], weighted = (double)weights[i] * y;                             \
                sum[j] += weighted;                                                                                    \
                squares[j] += weighted * y;                                                                            \
            }                                                                                                          \
    }
WEIGHTED_SUMS(weighted_u8_sums, uint8_t)
WEIGHTED_SUMS(weighted_i8_sums, int8_t)
WEIGHTED_SUMS(weighted_f32_sums, float)
WEIGHTED_SUMS(weighted_f64_sums, double)

static void weighted_f16_sums(fg_moments *m, const void *rows, const float *weights, size_t n, size_t d)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++) {
            const double y = fg_row_value(rows, FGMM_F16, i * d + j) - m->ref[j];
            m->sum[j] += (double)weights[i] * y;
            m->squares[j] += (double)weights[i] * y * y;
        }
}

/* block_sums with weights (n). Returns their sum; 0: there is nothing to join. */
static double weighted_block_sums(fg_moments *m, const fg_block *block, fgmm_type type, size_t d)
{
    const size_t n = block->n;
    double total = 0;
    size_t first = n;
    for (size_t i = 0; i < n; i++) {
        if (first == n && block->weights[i] > 0) first = i;
        total += (double)block->weights[i];
    }
    if (first == n) return 0;
    memset(m->sum, 0, d * sizeof *m->sum);
    memset(m->squares, 0, d * sizeof *m->squares);
    for (size_t j = 0; j < d; j++)
        m->ref[j] = m->weight > 0 ? m->mean[j] : fg_row_value(block->rows, type, first * d + j);
    switch (type) {
    case FGMM_U8:
        weighted_u8_sums(m, block->rows, block->weights, n, d);
        break;
    case FGMM_I8:
        weighted_i8_sums(m, block->rows, block->weights, n, d);
        break;
    case FGMM_F16:
        weighted_f16_sums(m, block->rows, block->weights, n, d);
        break;
    case FGMM_F32:
        weighted_f32_sums(m, block->rows, block->weights, n, d);
        break;
    case FGMM_F64:
        weighted_f64_sums(m, block->rows, block->weights, n, d);
        break;
    }
    return total;
}

/* Chan, Golub, LeVeque: combines the moments of the rows before (a) with those of the block (b, its weight). */
static void join_block(fg_moments *m, double b, size_t d)
{
    const double a = m->weight;
    for (size_t j = 0; j < d; j++) {
        const double block_mean = m->ref[j] + m->sum[j] / b;
        const double block_m2 = m->squares[j] - m->sum[j] * (m->sum[j] / b);
        const double delta = block_mean - m->mean[j];
        m->mean[j] += a > 0 ? delta * (b / (a + b)) : delta;
        m->m2[j] += fmax(block_m2, 0) + (a > 0 ? delta * delta * (a * b / (a + b)) : 0);
    }
    m->weight += b;
}

void fg_first_pass_clear(fg_first_pass *first_pass)
{
    free(first_pass->range.centre);
    free(first_pass->variance);
    free(first_pass->residuals);
    free(first_pass->grains);
    fg_sample_clear(&first_pass->sample);
    memset(first_pass, 0, sizeof *first_pass);
}

/* What a first pass has found so far. */
typedef struct first_pass_state {
    const fg_first_pass_request *request;
    fg_sample sample;
    uint64_t rows;
    fg_moments plain, weighted; /* weighted: where rows have weights */
    double *residuals, *grains; /* (d) as fg_first_pass */
    int has_grains;             /* of some column */
} first_pass_state;

static fgmm_status read_block(fg_block *block, const fg_first_pass_request *request, uint64_t capacity)
{
    fgmm_status status = FGMM_OK;
    uint64_t n;
    FG_TRY(fg_rows_fill(request->source, block->rows, capacity, &n));
    block->n = (size_t)n;
    if (block->weights) FG_TRY(fg_weights_read(request->weights, block->weights, n, NULL));
done:
    return status;
}

/* Raises residuals (d) by those of x (n,d). */
static void add_residuals(double *restrict residuals, const double *restrict x, size_t n, size_t d)
{
    for (size_t i = 0; i < n; i++, x += d)
        for (size_t j = 0; j < d; j++) {
            const double residual = fabs(x[j] - (double)(float)x[j]);
            residuals[j] = residual > residuals[j] ? residual : residuals[j];
        }
}

/* grains (d): the least of themselves and of the lowest binary digits that are set in numbers of x (n,d). Without it a
 * number is another one of the same exponent; the only digit is the number itself. Written for the compiler's
 * vectoriser. */
#define ADD_GRAINS(name, type)                                                                                         \
    static void name(double *restrict grains, const type *restrict x, size_t n, size_t d)                              \
    {                                                                                                                  \
        const uint64_t fraction = ((uint64_t)1 << 52) - 1;                                                             \
        for (size_t i = 0; i < n; i++, x += d)                                                                         \
            for (size_t j = 0; j < d; j++) {                                                                           \
                const double value = (double)x[j];                                                                     \
                uint64_t bits;                                                                                         \
                double without;                                                                                        \
                memcpy(&bits, &value, sizeof bits);                                                                    \
                const int is_digit = (bits & fraction) == 0;                                                           \
                bits &= bits - 1;                                                                                      \
                memcpy(&without, &bits, sizeof without);                                                               \
                const double grain = is_digit ? fabs(value) : fabs(value - without);                                   \
                grains[j] = grain > 0 && grain < grains[j] ? grain : grains[j];                                        \
            }                                                                                                          \
    }
ADD_GRAINS(add_f32_grains, float)
ADD_GRAINS(add_f64_grains, double)

/* grains of rows, after moments: where a column's is too small to matter, it is given up. */
static void add_grains(first_pass_state *s, const fg_block *block, fgmm_type type, size_t d)
{
    const double least = 0x1p-26;
    if (type == FGMM_F32) add_f32_grains(s->grains, block->rows, block->n, d);
    if (type == FGMM_F64) add_f64_grains(s->grains, block->rows, block->n, d);
    s->has_grains = 0;
    for (size_t j = 0; j < d; j++) {
        if (s->grains[j] < least * sqrt(s->plain.m2[j] / s->plain.weight)) s->grains[j] = 0;
        s->has_grains |= s->grains[j] > 0;
    }
}

static fgmm_status add_block(first_pass_state *s, const fg_block *block)
{
    fgmm_status status = FGMM_OK;
    const fgmm_type type = s->request->source->info.type;
    const size_t d = (size_t)s->request->source->info.dims;
    FG_TRY(fg_rows_check_given(s->request->source, block->rows, block->n, s->rows, fg_most_value(type)));
    fg_sample_feed(&s->sample, block->rows, block->weights, s->rows, block->n);
    if (type == FGMM_F64) add_residuals(s->residuals, block->rows, block->n, d);
    block_sums(&s->plain, block->rows, type, block->n, d);
    join_block(&s->plain, (double)block->n, d);
    if (s->has_grains) add_grains(s, block, type, d);
    if (block->weights) {
        const double weight = weighted_block_sums(&s->weighted, block, type, d);
        if (weight > 0) join_block(&s->weighted, weight, d);
    }
    s->rows += block->n;
done:
    return status;
}

/* The source's rows, block by block. */
static fgmm_status read_all(first_pass_state *s, double *read_s)
{
    fgmm_status status = FGMM_OK;
    fgmm_source *source = s->request->source;
    size_t row_bytes;
    fg_block block = {0};
    FG_TRY(fg_size_product(&row_bytes, source->info.dims, fgmm_type_bytes(source->info.type), "a row"));
    const uint64_t capacity = fg_max_u64(1, fg_min_u64(BLOCK_ROWS_MAX, BLOCK_BYTES / row_bytes));
    FG_TRY(fg_alloc(&block.rows, capacity, row_bytes, "a block of rows"));
    FG_TRY(fgmm_source_rewind(source));
    if (s->request->weights->source) {
        FG_TRY(FG_ALLOC(&block.weights, capacity, "a block of rows"));
        FG_TRY(fgmm_source_rewind(s->request->weights->source));
    }
    for (block.n = (size_t)capacity; block.n == capacity;) {
        const double began_s = fg_now_s();
        status = read_block(&block, s->request, capacity);
        *read_s += fg_now_s() - began_s;
        if (status != FGMM_OK) goto done;
        if (block.n == 0) break; /* a source without rows has failed by itself */
        FG_TRY(add_block(s, &block));
        FG_TRY(fg_progress_rows(s->request->progress, block.n));
    }
done:
    free(block.rows);
    free(block.weights);
    return status;
}

/* Sums of squares become variances; their mean. */
static double finish_moments(fg_moments *m, uint64_t d)
{
    double sum = 0;
    for (uint64_t j = 0; j < d; j++) sum += m->m2[j] /= m->weight;
    return sum / (double)d;
}

/* All sampled rows are the same. */
static int is_constant_sample(const fg_sample *sample, fgmm_type type)
{
    const uint64_t d = sample->row_bytes / fgmm_type_bytes(type);
    for (uint64_t i = 1; i < sample->count; i++)
        for (size_t j = 0; j < d; j++)
            if (fg_row_value(fg_sample_row(sample, 0), type, j) != fg_row_value(fg_sample_row(sample, i), type, j))
                return 0;
    return 1;
}

/* Are rows that differ at all different enough? Where squares of differences are all 0, sampled rows say. */
static fgmm_status check_deviation(double mean_variance, const fg_sample *sample, fgmm_type type)
{
    const double least = type == FGMM_F64 ? LEAST_DEVIATION_F64 : LEAST_DEVIATION_F32, deviation = sqrt(mean_variance);
    const int is_constant = mean_variance == 0 && is_constant_sample(sample, type);
    if (is_constant || deviation >= least || type == FGMM_U8 || type == FGMM_I8) return FGMM_OK;
    return fg_fail(FGMM_DATA,
                   "the deviation of the data is %g; %s rows need at least %g: multiply all values by a "
                   "constant",
                   deviation, fgmm_type_name(type), least);
}

/* Rows that weigh nothing are on the device too. */
static fgmm_status check_weightless(double mean_variance, double unit)
{
    if (mean_variance <= MOST_SQUARED_DISTANCE * unit * unit) return FGMM_OK;
    return fg_fail(
        FGMM_DATA,
        "the deviation of all rows is %g, that of rows times their weights some %g; need at most %g times as "
        "much: leave out rows that hardly weigh anything",
        sqrt(mean_variance), unit, sqrt(MOST_SQUARED_DISTANCE));
}

fgmm_status fg_first_pass_run(fg_first_pass *first_pass, const fg_first_pass_request *request, double *read_s)
{
    fgmm_status status = FGMM_OK;
    const fgmm_source_info *info = &request->source->info;
    const uint64_t d = info->dims;
    const size_t row_bytes = (size_t)d * fgmm_type_bytes(info->type);
    const int has_weights = request->weights->source != NULL;
    first_pass_state s = {.request = request};
    fg_moments *moments = has_weights ? &s.weighted : &s.plain;
    memset(first_pass, 0, sizeof *first_pass);
    FG_TRY(FG_ALLOC(&s.residuals, d, "column sums"));
    FG_TRY(FG_ALLOC(&s.grains, d, "column sums"));
    s.has_grains = info->type == FGMM_F32 || info->type == FGMM_F64;
    for (uint64_t j = 0; j < d && s.has_grains; j++) s.grains[j] = (double)INFINITY;
    FG_TRY(moments_create(&s.plain, d));
    if (has_weights) FG_TRY(moments_create(&s.weighted, d));
    FG_TRY((has_weights ? fg_sample_create_weighted : fg_sample_create)(&s.sample, request->sample_rows, row_bytes,
                                                                        request->seed));
    fg_progress_iteration(request->progress, FGMM_PHASE_FIRST_PASS, 1, 1, info->rows);
    FG_TRY(read_all(&s, read_s));
    FG_TRY(fg_sample_finish(&s.sample));
    const double mean_variance = finish_moments(moments, d);
    FG_TRY(check_deviation(mean_variance, &s.sample, info->type));
    for (uint64_t j = 0; j < d; j++) moments->mean[j] = fg_centre(moments->mean[j], moments->m2[j]);
    const fg_range range = {moments->mean, fg_unit(mean_variance, moments->mean, d)};
    if (has_weights) FG_TRY(check_weightless(finish_moments(&s.plain, d), range.unit));
    *first_pass = (fg_first_pass){.rows = s.rows,
                                  .range = range,
                                  .variance = moments->m2,
                                  .residuals = s.residuals,
                                  .grains = s.grains,
                                  .sample = s.sample};
    moments->mean = moments->m2 = s.residuals = s.grains = NULL;
    s.sample = (fg_sample){0};
done:
    moments_clear(&s.plain);
    moments_clear(&s.weighted);
    free(s.residuals);
    free(s.grains);
    fg_sample_clear(&s.sample);
    return status;
}
