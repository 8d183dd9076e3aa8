/* weights.c - reading, checking and scaling weights. */
#include "weights.h"

#include "file.h"
#include "rows.h"
#include "size.h"

#include <float.h>
#include <math.h>

enum { BLOCK = 2048 }; /* weights read at a time: 16 KiB of the largest type */

typedef unsigned long long ull;

static fgmm_status check_weight(const fg_weights *w, double weight, uint64_t row)
{
    if (weight >= 0 && weight <= (double)FLT_MAX) return FGMM_OK;
    return fg_fail(FGMM_DATA, "weights: row %llu has %g; need a number from 0 to %g (rows are counted from 0)",
                   (ull)fg_source_row(w->source, row), weight, (double)FLT_MAX);
}

static fgmm_status check_count(const fg_weights *w, uint64_t rows)
{
    if (w->count == 0 || rows == FGMM_ROWS_UNKNOWN || w->count == rows) return FGMM_OK;
    return fg_fail(FGMM_DATA, "weights: %llu values, but the data has %llu rows; need one for each", (ull)w->count,
                   (ull)rows);
}

/* What all of them say, one block after the other. */
typedef struct extremes {
    double least, largest;
} extremes;

static fgmm_status add_block(fg_weights *w, extremes *found, const void *raw, uint64_t n)
{
    fgmm_status status = FGMM_OK;
    double values[BLOCK];
    for (uint64_t i = 0; i < n; i++) {
        values[i] = fg_row_value(raw, w->source->info.type, (size_t)i);
        FG_TRY(check_weight(w, values[i], w->count + i));
        if (values[i] == 0) values[i] = 0; /* -0 */
        w->positive += values[i] > 0;
        w->total += values[i];
        found->least = fmin(found->least, values[i]);
        found->largest = fmax(found->largest, values[i]);
    }
    w->identity = fg_hash(w->identity, values, (size_t)n * sizeof *values);
    w->count += n;
done:
    return status;
}

fgmm_status fg_weights_open(fg_weights *w, fgmm_source *source, uint64_t rows)
{
    fgmm_status status = FGMM_OK;
    extremes found = {(double)INFINITY, 0};
    double raw[BLOCK]; /* room for the widest type */
    int exponent;
    *w = (fg_weights){.source = source, .scale = 1};
    if (!source) return FGMM_OK;
    FG_CHECK(source->info.dims == 1, FGMM_DATA, "weights: %llu columns; need 1", (ull)source->info.dims);
    if (source->info.rows != FGMM_ROWS_UNKNOWN) {
        w->count = source->info.rows;
        FG_TRY(check_count(w, rows));
        w->count = 0;
    }
    w->identity = FG_HASH_BEGIN;
    FG_TRY(fgmm_source_rewind(source));
    for (uint64_t n = BLOCK; n == BLOCK;) {
        FG_TRY(fg_rows_fill(source, raw, BLOCK, &n));
        FG_TRY(add_block(w, &found, raw, n));
    }
    FG_TRY(check_count(w, rows));
    FG_CHECK(w->positive > 0, FGMM_DATA, "weights: all %llu are 0; need one above 0", (ull)w->count);
    const double fraction = frexp(found.largest, &exponent); /* 1/2 .. 1, 1 excluded */
    w->scale = ldexp(1, fraction == 0.5 ? exponent - 1 : exponent);
    if (found.least == found.largest) {
        w->scale = found.largest;
        w->source = NULL;
    }
done:
    return status;
}

fgmm_status fg_weights_check(const fg_weights *w, uint64_t rows, uint64_t k)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(check_count(w, rows));
    FG_CHECK(w->count == 0 || w->positive >= k, FGMM_DATA,
             "components = %llu, but only %llu rows have a weight above 0; need no more than these", (ull)k,
             (ull)w->positive);
done:
    return status;
}

/* n weights as the source has them, at most BLOCK. */
static fgmm_status read_block(const fg_weights *w, double *to, uint64_t n)
{
    fgmm_status status = FGMM_OK;
    double raw[BLOCK];
    uint64_t given;
    FG_TRY(fg_rows_fill(w->source, raw, n, &given));
    FG_CHECK(given == n, FGMM_DATA, "weights: %llu values, but the data has more rows; need one for each",
             (ull)w->count);
    for (uint64_t i = 0; i < n; i++) to[i] = fg_row_value(raw, w->source->info.type, (size_t)i);
done:
    return status;
}

fgmm_status fg_weights_read(const fg_weights *w, float *to, uint64_t n, double *sum)
{
    fgmm_status status = FGMM_OK;
    double block[BLOCK], total = 0;
    for (uint64_t first = 0; first < n; first += BLOCK) {
        const uint64_t count = fg_min_u64(BLOCK, n - first);
        FG_TRY(read_block(w, block, count));
        for (uint64_t i = 0; i < count; i++) {
            to[first + i] = (float)(block[i] / w->scale);
            total += (double)to[first + i];
        }
    }
    if (sum) *sum = total;
done:
    return status;
}

fgmm_status fg_weights_read_real(const fg_weights *w, double *to, uint64_t n)
{
    fgmm_status status = FGMM_OK;
    for (uint64_t i = 0; i < n && !w->source; i++) to[i] = w->scale;
    for (uint64_t first = 0; first < n && w->source; first += BLOCK)
        FG_TRY(read_block(w, to + first, fg_min_u64(BLOCK, n - first)));
done:
    return status;
}
