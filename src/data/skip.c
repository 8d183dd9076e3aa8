/* skip.c - rows that are left out. See skip.h. */
#include "skip.h"

#include "size.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of rows that are looked at beforehand, at least one. */
enum { BUFFER_BYTES = 256 * 1024 };

typedef unsigned long long ull;

typedef struct remaining_rows {
    fgmm_source *inner;
    char *path;
    uint64_t all, skipped; /* rows of inner, and how many of them are left out */
    uint64_t position;     /* rows of inner that have been passed in this pass */
    uint64_t *bits;        /* (all) 1: left out */
    size_t row_bytes;
} remaining_rows;

static int is_out(const uint64_t *bits, uint64_t row)
{
    return (int)(bits[row / 64] >> row % 64 & 1);
}

/* ---- values that are no numbers ---- */

enum { IS_NAN = 1, IS_INFINITE = 2 };

/* What a value of float bits is: nan and infinity have all bits of the exponent. */
#define CLASSIFY(bits, exponent, fraction)                                                                             \
    (((bits) & (exponent)) != (exponent) ? 0 : (bits) & (fraction) ? IS_NAN : IS_INFINITE)

static int classify(const void *row, fgmm_type type, size_t i)
{
    if (type == FGMM_F16) return CLASSIFY(((const uint16_t *)row)[i], 0x7c00u, 0x3ffu);
    if (type == FGMM_F32) return CLASSIFY(((const uint32_t *)row)[i], 0x7f800000u, 0x7fffffu);
    return CLASSIFY(((const uint64_t *)row)[i], 0x7ff0000000000000ull, 0xfffffffffffffull);
}

/* All that the values of a row are; *at is the column of the last infinite one. */
static int classify_row(const void *row, fgmm_type type, uint64_t d, uint64_t *at)
{
    int found = 0;
    for (uint64_t i = 0; i < d; i++) {
        const int class = classify(row, type, (size_t)i);
        if (class == IS_INFINITE) *at = i;
        found |= class;
    }
    return found;
}

/* ---- the source ---- */

static fgmm_status remaining_rewind(void *self)
{
    remaining_rows *r = self;
    r->position = 0;
    return fgmm_source_rewind(r->inner);
}

/* Moves the rows that stay to the front; *count becomes their number. */
static fgmm_status close_up(remaining_rows *r, unsigned char *rows, uint64_t *count)
{
    fgmm_status status = FGMM_OK;
    const fgmm_source_info *info = &r->inner->info;
    const int has_special = info->type != FGMM_U8 && info->type != FGMM_I8;
    uint64_t kept = 0, column = 0;
    for (uint64_t i = 0; i < *count; i++, r->position++) {
        if (is_out(r->bits, r->position)) continue;
        unsigned char *row = rows + i * r->row_bytes;
        const int found = has_special ? classify_row(row, info->type, info->dims, &column) : 0;
        FG_CHECK(!(found & IS_INFINITE), FGMM_DATA,
                 "%s: row %llu, column %llu: value is infinite (counted from 0; only rows with NaN are skipped)",
                 r->path, (ull)r->position, (ull)column);
        if (kept < i) memcpy(rows + kept * r->row_bytes, row, r->row_bytes);
        kept++;
    }
    *count = kept;
done:
    return status;
}

static fgmm_status remaining_next(void *self, void *rows, uint64_t capacity, uint64_t *count)
{
    fgmm_status status = FGMM_OK;
    remaining_rows *r = self;
    uint64_t given = 1, n = 0;
    while (n == 0 && given > 0) {
        FG_TRY(fgmm_source_next(r->inner, rows, capacity, &given));
        n = given;
        FG_TRY(close_up(r, rows, &n));
    }
    *count = n;
done:
    return status;
}

static void remaining_close(void *self)
{
    remaining_rows *r = self;
    fgmm_source_close(r->inner);
    free(r->bits);
    free(r->path);
    free(r);
}

static const fg_source_kind remaining_kind = {remaining_rewind, remaining_next, remaining_close, NULL};

int fgmm_source_is_skipped(const fgmm_source *source, uint64_t row)
{
    if (!source || source->kind != &remaining_kind) return 0;
    const remaining_rows *r = source->self;
    return row < r->all && is_out(r->bits, row);
}

uint64_t fg_source_row(const fgmm_source *source, uint64_t row)
{
    if (source->kind != &remaining_kind) return row;
    const remaining_rows *r = source->self;
    for (uint64_t i = 0; i < r->all && i <= row; i++) row += (uint64_t)is_out(r->bits, i);
    return row;
}

/* ---- opening ---- */

/* Everything but the bits' values; owns inner, also on failure. */
static fgmm_status create(remaining_rows **out, fgmm_source *inner, const char *path)
{
    fgmm_status status = FGMM_OK;
    remaining_rows *r = NULL;
    *out = NULL;
    status = FG_ALLOC(&r, 1, "source");
    if (status != FGMM_OK) {
        fgmm_source_close(inner);
        return status;
    }
    r->inner = inner;
    r->all = inner->info.rows;
    r->row_bytes = (size_t)inner->info.dims * fgmm_type_bytes(inner->info.type);
    FG_TRY(FG_ALLOC(&r->path, strlen(path) + 1, "file name"));
    strcpy(r->path, path);
    FG_TRY(FG_ALLOC(&r->bits, r->all / 64 + 1, "a bit per row"));
    *out = r;
    r = NULL;
done:
    if (r) remaining_close(r);
    return status;
}

/* inner itself where nothing is left out. */
static fgmm_status finish(fgmm_source **source, remaining_rows *r)
{
    fgmm_source_info info = r->inner->info;
    if (r->skipped == 0) {
        *source = r->inner;
        r->inner = NULL;
        remaining_close(r);
        return FGMM_OK;
    }
    info.rows = r->all - r->skipped;
    info.skipped_rows = r->skipped;
    return fg_source_create(source, &remaining_kind, r, &info);
}

/* Notes the rows with NaN: the whole source, once. */
static fgmm_status find_nan(remaining_rows *r)
{
    fgmm_status status = FGMM_OK;
    const fgmm_source_info *info = &r->inner->info;
    const uint64_t capacity = fg_max_u64(1, BUFFER_BYTES / r->row_bytes);
    unsigned char *rows = NULL;
    uint64_t row = 0, count = 1, column;
    FG_TRY(fg_alloc((void **)&rows, capacity, r->row_bytes, "rows"));
    FG_TRY(fgmm_source_rewind(r->inner));
    while (count > 0) {
        FG_TRY(fgmm_source_next(r->inner, rows, capacity, &count));
        for (uint64_t i = 0; i < count; i++, row++) {
            if (!(classify_row(rows + i * r->row_bytes, info->type, info->dims, &column) & IS_NAN)) continue;
            r->bits[row / 64] |= (uint64_t)1 << row % 64;
            r->skipped++;
        }
    }
    FG_CHECK(r->skipped < r->all, FGMM_DATA, "%s: each of the %llu rows holds NaN; none is left", r->path, (ull)r->all);
done:
    free(rows);
    return status;
}

fgmm_status fg_skip_nan_open(fgmm_source **source, fgmm_source *inner, const char *path)
{
    fgmm_status status = FGMM_OK;
    remaining_rows *r = NULL;
    *source = NULL;
    FG_TRY(create(&r, inner, path));
    if (inner->info.type != FGMM_U8 && inner->info.type != FGMM_I8) FG_TRY(find_nan(r));
    return finish(source, r);
done:
    if (r) remaining_close(r);
    return status;
}

fgmm_status fg_skip_like_open(fgmm_source **source, fgmm_source *inner, const fgmm_source *like, const char *path)
{
    fgmm_status status = FGMM_OK;
    remaining_rows *r = NULL;
    *source = NULL;
    if (like->kind != &remaining_kind) { /* nothing is left out: counts are compared where the two are used */
        *source = inner;
        return FGMM_OK;
    }
    const remaining_rows *other = like->self;
    FG_TRY(create(&r, inner, path));
    FG_CHECK(r->all == other->all, FGMM_DATA, "%s: %llu values, but the data has %llu rows; need one for each", path,
             (ull)r->all, (ull)other->all);
    memcpy(r->bits, other->bits, (size_t)(r->all / 64 + 1) * sizeof *r->bits);
    r->skipped = other->skipped;
    return finish(source, r);
done:
    if (r) remaining_close(r);
    return status;
}
