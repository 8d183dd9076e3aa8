/* build.c - two passes over a source: choose each row's lists, then write the rows there; the same for rows that are
 * added to an index. */
#include "build.h"

#include "calibration.h"
#include "choose.h"
#include "progress.h"
#include "range.h"
#include "rows.h"
#include "size.h"
#include "writer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_BYTES = 64 << 20, LEAST_BUFFER_BYTES = 1 << 20, READ_BYTES = 1 << 20 };

static size_t buffer_bytes(uint64_t memory_limit)
{
    const uint64_t wanted = memory_limit ? memory_limit / 8 : BUFFER_BYTES;
    return (size_t)fg_min_u64(BUFFER_BYTES, fg_max_u64(LEAST_BUFFER_BYTES, wanted));
}

/* The second pass: each row to the lists that were chosen for it, with ids from first_id on: its place in the source,
 * rows that were left out there included. */
static fgmm_status write_rows(fg_index_writer *w, const fg_index_head *head, fgmm_source *source, fg_choices *choices,
                              uint64_t first_id, fg_progress *progress)
{
    fgmm_status status = FGMM_OK;
    const fgmm_type from = source->info.type, to = head->info.type;
    const uint64_t d = head->info.dims;
    const size_t row_bytes = (size_t)d * fgmm_type_bytes(from), out_bytes = (size_t)d * fgmm_type_bytes(to);
    const uint64_t capacity = fg_max_u64(1, READ_BYTES / row_bytes);
    unsigned char *rows = NULL;
    const int is_converted = from != to || head->is_shifted;
    float *converted = NULL;
    uint64_t row = 0, n = capacity, id = first_id;
    uint32_t lists[FGMM_LISTS_PER_ROW_MAX], count;
    FG_TRY(fg_alloc((void **)&rows, capacity, row_bytes, "rows"));
    if (is_converted) FG_TRY(FG_ALLOC(&converted, capacity * d, "rows"));
    FG_TRY(fgmm_source_rewind(source));
    for (; n == capacity; row += n) {
        FG_TRY(fg_rows_fill(source, rows, capacity, &n));
        if (is_converted) fg_rows_to_float(converted, rows, from, n, d, head->shift, head->unit);
        const unsigned char *out = is_converted ? (const unsigned char *)converted : rows;
        for (uint64_t i = 0; i < n; i++) {
            while (fgmm_source_is_skipped(source, id - first_id)) id++;
            FG_TRY(fg_choices_next(choices, lists, &count));
            for (uint32_t j = 0; j < count; j++)
                FG_TRY(fg_index_writer_add(w, lists[j], (int64_t)id, out + (size_t)i * out_bytes));
            id++;
        }
        FG_TRY(fg_progress_rows(progress, n));
    }
    FG_CHECK(row == choices->rows, FGMM_DATA, "rows = %llu in the second pass, %llu in the first",
             (unsigned long long)row, (unsigned long long)choices->rows);
done:
    free(rows);
    free(converted);
    return status;
}

/* The threshold of costs below which a row goes to more than its first list. */
static double threshold_of(const fgmm_index_options *o, uint64_t k)
{
    if (o->assignment != FGMM_ASSIGN_SOFT) return 0;
    return -log(o->tau > 0 ? o->tau : 1.0 / (double)k);
}

static double copies_per_row_of(const fgmm_index_options *o)
{
    if (o->assignment == FGMM_ASSIGN_RESIDUAL) return o->copies_per_row > 0 ? o->copies_per_row : 1.5;
    return o->assignment == FGMM_ASSIGN_SOFT ? o->copies_per_row : 0;
}

/* float32 numbers of a spread between these need no other unit: their squares, and those of what is 2^-40 of them, are
 * float32 numbers too. */
static const double LEAST_PLAIN_UNIT = 0x1p-20, MOST_PLAIN_UNIT = 0x1p20;

static int has_spread(const fg_parameters *p)
{
    for (uint64_t i = p->d; i < p->k * p->d; i++)
        if (p->means[i] != p->means[i % p->d]) return 1;
    return p->covariances != NULL;
}

/* How rows are stored: as they are, or less a shift where float32 would not tell float64 rows apart so far from the
 * origin, and in another unit where float32 cannot hold their squares. The quantizer says where they lie. */
static fgmm_status set_shift(fg_index_head *head, fg_range *range, const fgmm_source *source,
                             const fgmm_index_options *o, const char *path)
{
    fgmm_status status = FGMM_OK;
    const fgmm_type type = source->info.type;
    fg_parameters p = fg_model_parameters(o->quantizer);
    int is_far = 0;
    if (fg_is_centroids(o->quantizer)) p.covariances = NULL; /* their variance is no variance of rows */
    FG_TRY(fg_range_of(range, &p));
    const double most = has_spread(&p) ? FG_MOST_SHIFT * range->unit : 0; /* one list says nothing of its rows' */
    for (uint64_t j = 0; j < p.d; j++) is_far = is_far || (type == FGMM_F64 && fabs(range->centre[j]) > most);
    head->is_shifted = (type == FGMM_F32 || type == FGMM_F64) &&
                       (is_far || range->unit < LEAST_PLAIN_UNIT || range->unit > MOST_PLAIN_UNIT);
    FG_CHECK(!head->is_shifted || o->format == FGMM_INDEX_NATIVE ||
                 (!is_far && range->unit >= FG_LEAST_UNIT && range->unit <= 1 / FG_LEAST_UNIT),
             FGMM_DATA,
             "%s: float32, which is all that Faiss's format has, does not hold these rows, of a spread of %g; use the "
             "native format",
             path, range->unit);
    head->is_shifted = head->is_shifted && o->format == FGMM_INDEX_NATIVE;
    for (uint64_t j = 0; j < p.d && !is_far; j++) range->centre[j] = 0;
    head->shift = range->centre;
    head->unit = head->is_shifted ? range->unit : 1;
done:
    return status;
}

static fgmm_status make_head(fg_index_head *head, float **centroids, fg_range *range, const fgmm_source *source,
                             const fgmm_index_options *o, const char *path)
{
    fgmm_status status = FGMM_OK;
    const fgmm_model_info *model = &o->quantizer->info;
    const size_t count = (size_t)(model->components * model->dims);
    const fgmm_type type = o->format == FGMM_INDEX_FAISS ? FGMM_F32 : fg_type_on_device(source->info.type);
    const int is_residual = o->assignment == FGMM_ASSIGN_RESIDUAL, is_soft = o->assignment == FGMM_ASSIGN_SOFT;
    FG_TRY(FG_ALLOC(centroids, count, "centroids"));
    *head = (fg_index_head){.centroids = *centroids,
                            .mixture = fg_is_centroids(o->quantizer) && !is_soft ? NULL : o->quantizer,
                            .info = {.lists = model->components,
                                     .dims = model->dims,
                                     .type = type,
                                     .assignment = o->assignment,
                                     .format = o->format,
                                     .max_lists = is_residual ? 2
                                                  : is_soft   ? o->max_lists
                                                              : 1}};
    FG_TRY(set_shift(head, range, source, o, path));
    fg_rows_to_float(*centroids, o->quantizer->means, FGMM_F64, model->components, model->dims, head->shift,
                     head->unit);
done:
    return status;
}

/* What a threshold of costs is called outside. */
static double tau_of(fgmm_assignment assignment, const fg_choices *choices)
{
    return assignment == FGMM_ASSIGN_SOFT ? exp(-choices->threshold) : choices->threshold;
}

static fgmm_status describe_file(fgmm_index_info *info, const char *path)
{
    fgmm_status status = FGMM_OK;
    fgmm_index *index = NULL;
    if (!info) return FGMM_OK;
    FG_TRY(fgmm_index_open(&index, path));
    FG_TRY(fgmm_index_describe(index, info));
done:
    fgmm_index_close(index);
    return status;
}

static int has_calibration(const fgmm_index_options *o)
{
    return o->for_top > 0 && o->format == FGMM_INDEX_NATIVE;
}

/* The calibration is made by searching what has been written. */
static fgmm_status set_calibration(fg_index_writer *w, fgmm_device *device, const fgmm_index_options *o, uint64_t rows,
                                   uint64_t next_id, fg_progress *progress)
{
    fgmm_status status = FGMM_OK;
    fgmm_index *index = NULL;
    fg_calibration calibration;
    fg_seen seen;
    FG_TRY(fg_index_writer_flush(w, rows, next_id));
    if (!has_calibration(o)) goto done;
    fg_progress_iteration(progress, FGMM_PHASE_FINAL, 3, 3, rows);
    FG_TRY(fgmm_index_open(&index, fg_index_writer_path(w)));
    FG_TRY(fg_calibration_make(&calibration, &seen, index, device, o, progress));
    fg_index_writer_set_calibration(w, &calibration, &seen);
    FG_TRY(fg_index_writer_flush(w, rows, next_id));
done:
    fgmm_index_close(index);
    return status;
}

fgmm_status fg_index_build(fgmm_device *device, fgmm_source *source, const char *path, const fgmm_index_options *o,
                           fgmm_index_info *info)
{
    fgmm_status status = FGMM_OK;
    fg_index_head head;
    fg_range range = {0};
    float *centroids = NULL;
    fg_choices choices = {0};
    fg_index_writer *w = NULL;
    fg_progress progress;
    fg_progress_begin(&progress, device, o->progress, o->progress_user);
    FG_TRY(make_head(&head, &centroids, &range, source, o, path));
    const fg_choose_request request = {.device = device,
                                       .source = source,
                                       .head = &head,
                                       .path = path,
                                       .batch_rows = o->batch_rows,
                                       .memory_limit_bytes = o->memory_limit_bytes,
                                       .threshold = threshold_of(o, head.info.lists),
                                       .copies_per_row = copies_per_row_of(o),
                                       .progress = &progress};
    const uint64_t iterations = has_calibration(o) ? 3 : 2;
    fg_progress_iteration(&progress, FGMM_PHASE_FINAL, 1, iterations, source->info.rows);
    FG_TRY(fg_choices_make(&choices, &request));
    head.info.tau = o->assignment == FGMM_ASSIGN_HARD ? 0 : tau_of(o->assignment, &choices);
    FG_TRY(fg_index_writer_open(&w, path, &head, choices.counts, buffer_bytes(o->memory_limit_bytes)));
    fg_progress_iteration(&progress, FGMM_PHASE_FINAL, 2, iterations, choices.rows);
    FG_TRY(write_rows(w, &head, source, &choices, 0, &progress));
    FG_TRY(set_calibration(w, device, o, choices.rows, choices.rows + source->info.skipped_rows, &progress));
    status = fg_index_writer_commit(w);
    w = NULL;
    FG_TRY(status);
    FG_TRY(describe_file(info, path));
done:
    fg_index_writer_abandon(w);
    fg_choices_clear(&choices);
    free(range.centre);
    free(centroids);
    return status;
}

fgmm_status fg_index_add(fgmm_device *device, const char *path, fgmm_source *source, const fgmm_index_options *o)
{
    fgmm_status status = FGMM_OK;
    fgmm_index *index = NULL;
    fg_choices choices = {0};
    fg_index_writer *w = NULL;
    fg_progress progress;
    fg_progress_begin(&progress, device, o->progress, o->progress_user);
    FG_TRY(fgmm_index_open(&index, path));
    const fg_index_head head = fg_index_head_of(index);
    const fgmm_index_info *info = &index->info;
    FG_CHECK(source->info.dims == info->dims, FGMM_DATA, "%s: D = %llu, but the data has D = %llu", path,
             (unsigned long long)info->dims, (unsigned long long)source->info.dims);
    FG_CHECK(fg_type_on_device(source->info.type) == info->type || info->type == FGMM_F32, FGMM_DATA,
             "%s: holds %s rows, but the data has %s", path, fgmm_type_name(info->type),
             fgmm_type_name(source->info.type));
    const int is_soft = info->assignment == FGMM_ASSIGN_SOFT;
    const fg_choose_request request = {.device = device,
                                       .source = source,
                                       .head = &head,
                                       .path = path,
                                       .batch_rows = o->batch_rows,
                                       .memory_limit_bytes = o->memory_limit_bytes,
                                       .threshold = is_soft ? -log(info->tau) : info->tau,
                                       .progress = &progress};
    fg_progress_iteration(&progress, FGMM_PHASE_FINAL, 1, 2, source->info.rows);
    FG_TRY(fg_choices_make(&choices, &request));
    const uint64_t added = choices.rows + source->info.skipped_rows;
    FG_CHECK(added <= (uint64_t)INT64_MAX - info->next_id, FGMM_DATA, "%s: ids run out", path);
    for (uint64_t i = 0; i < info->lists; i++) choices.counts[i] += index->counts[i];
    FG_TRY(fg_index_writer_open(&w, path, &head, choices.counts, buffer_bytes(o->memory_limit_bytes)));
    FG_TRY(fg_index_writer_copy(w, index, NULL, NULL));
    fg_progress_iteration(&progress, FGMM_PHASE_FINAL, 2, 2, choices.rows);
    FG_TRY(write_rows(w, &head, source, &choices, info->next_id, &progress));
    FG_TRY(fg_index_writer_flush(w, info->rows + choices.rows, info->next_id + added));
    status = fg_index_writer_commit(w);
    w = NULL;
done:
    fg_index_writer_abandon(w);
    fg_choices_clear(&choices);
    fgmm_index_close(index);
    return status;
}
