/* survey.c - count, check, moments, sample in one pass.
 *
 * Moments: per block of rows, sums of (x - ref) and (x - ref)^2 about a reference near the mean (the mean so far; the
 * first row for the first block), combined between blocks by Chan's formula, all in double: nothing cancels however far
 * from the origin the data lie. Bytes are summed in 32-bit integers, exactly. */
#include "survey.h"

#include "size.h"
#include "thread.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_BYTES = 1 << 20, /* stays in a second-level cache */
    BLOCK_ROWS_MAX = 65536 /* 65536 x 255^2 < 2^32: the sums of squares of bytes fit */
};

/* Squared distances are float32 on the device, where 1e30 stands for hopelessly far (cl/rows.cl). A mean of 1e26 leaves
 * room for rows a hundred times as far as the usual one. */
static const double MOST_SQUARED_DISTANCE = 1e26;

/* Sums of one block of rows (n,d); all arrays (d). */
typedef struct fg_moments {
    uint64_t n; /* rows in all blocks before */
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
    for (size_t j = 0; j < d; j++) m->ref[j] = m->n ? m->mean[j] : fg_row_value(rows, type, j);
    if (type == FGMM_F32)
        f32_sums(m->sum, m->squares, m->ref, rows, n, d);
    else if (type == FGMM_F64)
        f64_sums(m->sum, m->squares, m->ref, rows, n, d);
    else
        f16_sums(m, rows, n, d);
}

/* Chan, Golub, LeVeque: combines the moments of the rows before (a) with those of the block (b). */
static void join_block(fg_moments *m, size_t n, size_t d)
{
    const double a = (double)m->n, b = (double)n;
    for (size_t j = 0; j < d; j++) {
        const double block_mean = m->ref[j] + m->sum[j] / b;
        const double block_m2 = m->squares[j] - m->sum[j] * (m->sum[j] / b);
        const double delta = block_mean - m->mean[j];
        m->mean[j] += m->n ? delta * (b / (a + b)) : delta;
        m->m2[j] += fmax(block_m2, 0) + (m->n ? delta * delta * (a * b / (a + b)) : 0);
    }
    m->n += n;
}

void fg_survey_clear(fg_survey *survey)
{
    free(survey->centre);
    free(survey->variance);
    fg_sample_clear(&survey->sample);
    memset(survey, 0, sizeof *survey);
}

/* The source's rows, block by block. */
static fgmm_status read_all(fg_survey *survey, fg_moments *moments, fgmm_source *source, fg_watch *watch,
                            double *read_s)
{
    fgmm_status status = FGMM_OK;
    const fgmm_type type = source->info.type;
    const uint64_t d = source->info.dims;
    size_t row_bytes;
    void *rows = NULL;
    FG_TRY(fg_size_product(&row_bytes, d, fgmm_type_bytes(type), "a row"));
    const uint64_t capacity = fg_max_u64(1, fg_min_u64(BLOCK_ROWS_MAX, BLOCK_BYTES / row_bytes));
    FG_TRY(fg_alloc(&rows, capacity, row_bytes, "survey block"));
    FG_TRY(fgmm_source_rewind(source));
    for (uint64_t n = capacity; n == capacity;) {
        const double began_s = fg_now_s();
        status = fg_rows_fill(source, rows, capacity, &n);
        *read_s += fg_now_s() - began_s;
        if (status != FGMM_OK) goto done;
        if (n == 0) break; /* a source without rows has failed by itself */
        FG_TRY(fg_rows_check(rows, type, n, d, moments->n));
        fg_sample_feed(&survey->sample, rows, moments->n, n);
        block_sums(moments, rows, type, (size_t)n, (size_t)d);
        join_block(moments, (size_t)n, (size_t)d);
        FG_TRY(fg_watch_rows(watch, n));
    }
done:
    free(rows);
    return status;
}

/* variance (d). Larger data would not fail on the device, but give wrong answers. */
static fgmm_status check_spread(const double *variance, uint64_t d)
{
    double sum = 0;
    for (uint64_t j = 0; j < d; j++) sum += variance[j];
    if (sum <= MOST_SQUARED_DISTANCE) return FGMM_OK;
    return fg_fail(
        FGMM_DATA,
        "the mean squared distance of rows to their mean is %g; need at most %g: divide all values by a constant", sum,
        MOST_SQUARED_DISTANCE);
}

fgmm_status fg_survey_run(fg_survey *survey, fgmm_source *source, uint64_t sample_rows, uint64_t seed, fg_watch *watch,
                          double *read_s)
{
    fgmm_status status = FGMM_OK;
    const uint64_t d = source->info.dims;
    const size_t row_bytes = (size_t)d * fgmm_type_bytes(source->info.type);
    fg_moments moments = {0};
    memset(survey, 0, sizeof *survey);
    FG_TRY(moments_create(&moments, d));
    FG_TRY(fg_sample_create(&survey->sample, sample_rows, row_bytes, seed));
    fg_watch_iteration(watch, FGMM_PHASE_SURVEY, 1, 1, source->info.rows);
    FG_TRY(read_all(survey, &moments, source, watch, read_s));
    FG_TRY(fg_sample_finish(&survey->sample));
    survey->rows = moments.n;
    for (uint64_t j = 0; j < d; j++) {
        moments.m2[j] /= (double)moments.n;
        moments.mean[j] = fg_centre(moments.mean[j], moments.m2[j]);
    }
    FG_TRY(check_spread(moments.m2, d));
    survey->centre = moments.mean;
    survey->variance = moments.m2;
    moments.mean = moments.m2 = NULL;
done:
    moments_clear(&moments);
    if (status != FGMM_OK) fg_survey_clear(survey);
    return status;
}
