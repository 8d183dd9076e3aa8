/* index.c - opening, describing and reading index files of any format. */
#include "index.h"

#include "range.h"
#include "size.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

const char *fgmm_assignment_name(fgmm_assignment assignment)
{
    static const char *const names[] = {"hard", "soft", "residual"};
    return (size_t)assignment < sizeof names / sizeof names[0] ? names[assignment] : "unknown";
}

const fg_index_kind *fg_index_kind_of(fgmm_index_format format)
{
    return format == FGMM_INDEX_FAISS ? &fg_index_faiss : &fg_index_native;
}

fgmm_status fg_index_bad(const fgmm_index *index, uint64_t offset, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return fg_fail(FGMM_FORMAT, "%s: byte offset %llu: %s", index->path, (ull)offset, text);
}

fgmm_status fg_index_span(const fgmm_index *index, uint64_t offset, uint64_t count, uint64_t element_bytes,
                          const char *what)
{
    const uint64_t size = index->input->size;
    if (offset <= size && count <= (size - offset) / element_bytes) return FGMM_OK;
    return fg_index_bad(index, offset, "%s: %llu of %llu bytes each do not fit the file's %llu bytes", what, (ull)count,
                        (ull)element_bytes, (ull)size);
}

fgmm_status fg_index_alloc(fgmm_index *index)
{
    fgmm_status status = FGMM_OK;
    const uint64_t k = index->info.lists;
    size_t count;
    FG_TRY(fg_size_product(&count, k, index->info.dims, "centroids"));
    FG_TRY(FG_ALLOC(&index->centroids, count, "centroids"));
    FG_TRY(FG_ALLOC(&index->shift, index->info.dims, "shift"));
    index->unit = 1;
    FG_TRY(FG_ALLOC(&index->counts, k, "list lengths"));
    FG_TRY(FG_ALLOC(&index->capacities, k, "list lengths"));
    FG_TRY(FG_ALLOC(&index->rows_at, k, "list offsets"));
    FG_TRY(FG_ALLOC(&index->first_id, k + 1, "list offsets"));
done:
    return status;
}

fgmm_status fg_index_read_ids(fgmm_index *index, const uint64_t *ids_at, uint64_t most)
{
    fgmm_status status = FGMM_OK;
    const uint64_t k = index->info.lists;
    for (uint64_t i = 0; i < k; i++) index->first_id[i + 1] = index->first_id[i] + index->counts[i];
    index->info.entries = index->first_id[k];
    FG_TRY(FG_ALLOC(&index->ids, index->info.entries + 1, "ids"));
    for (uint64_t list = 0; list < k; list++) {
        int64_t *ids = index->ids + index->first_id[list];
        FG_TRY(fg_input_read_at(index->input, ids_at[list], ids, (size_t)index->counts[list] * sizeof *ids));
        for (uint64_t i = 0; i < index->counts[list]; i++)
            if (ids[i] < 0 || (uint64_t)ids[i] >= most)
                return fg_index_bad(index, ids_at[list] + i * sizeof *ids,
                                    "list %llu, entry %llu: id %lld; need 0..%llu", (ull)list, (ull)i,
                                    (long long)ids[i], (ull)(most - 1));
    }
done:
    return status;
}

static double imbalance(const fgmm_index *index)
{
    double sum = 0, squares = 0;
    for (uint64_t i = 0; i < index->info.lists; i++) {
        sum += (double)index->counts[i];
        squares += (double)index->counts[i] * (double)index->counts[i];
    }
    return sum > 0 ? (double)index->info.lists * squares / (sum * sum) : 1;
}

static fgmm_status check_centroids(const fgmm_index *index)
{
    fgmm_status status = FGMM_OK;
    const uint64_t d = index->info.dims;
    for (uint64_t i = 0; i < index->info.lists * d; i++)
        FG_CHECK(isfinite(index->centroids[i]), FGMM_FORMAT, "%s: centroid %llu, column %llu: value is no number",
                 index->path, (ull)(i / d), (ull)(i % d));
done:
    return status;
}

/* What the application sees of them: rounded to float32 where the data lie. */
static fgmm_status round_centroids(fgmm_index *index)
{
    fgmm_status status = FGMM_OK;
    const uint64_t d = index->info.dims, count = index->info.lists * d;
    FG_TRY(FG_ALLOC(&index->given, count, "centroids"));
    for (uint64_t i = 0; i < count; i++)
        index->given[i] = (float)(index->shift[i % d] + index->unit * (double)index->centroids[i]);
done:
    return status;
}

static fgmm_status open_kind(fgmm_index *index)
{
    const fg_index_kind *kinds[] = {&fg_index_native, &fg_index_faiss};
    unsigned char magic[8] = {0};
    fgmm_status status = fg_input_read_at(index->input, 0, magic, (size_t)fg_min_u64(sizeof magic, index->input->size));
    if (status != FGMM_OK) return status;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (memcmp(magic, kinds[i]->magic, kinds[i]->magic_bytes) == 0) return kinds[i]->read(index);
    if (magic[0] == 'I')
        return fg_fail(FGMM_UNSUPPORTED,
                       "%s: begins with \"%.4s\"; of Faiss's indexes only IndexIVFFlat (IwFl) is read", index->path,
                       (const char *)magic);
    return fg_index_bad(index, 0, "no index file (its magic is missing)");
}

fgmm_status fgmm_index_open(fgmm_index **out, const char *path)
{
    fgmm_status status = FGMM_OK;
    fgmm_index *index = NULL;
    if (!out) return fg_fail(FGMM_ARGUMENT, "index is NULL; need a place for the handle");
    *out = NULL;
    FG_CHECK(path && *path, FGMM_ARGUMENT, "path is %s; need a file name", path ? "empty" : "NULL");
    FG_TRY(FG_ALLOC(&index, 1, "index"));
    index->info.size = sizeof index->info;
    FG_TRY(FG_ALLOC(&index->path, strlen(path) + 1, "file name"));
    strcpy(index->path, path);
    FG_TRY(fg_input_open(&index->input, path));
    FG_TRY(open_kind(index));
    FG_TRY(check_centroids(index));
    if (index->is_shifted) FG_TRY(round_centroids(index));
    index->info.imbalance = imbalance(index);
    if (index->calibration.for_top) {
        index->info.for_top = index->calibration.for_top;
        index->info.is_calibrated_on_queries = (int)index->calibration.is_on_queries;
        index->info.least_recall = index->calibration.recall[0];
        index->info.most_recall = index->calibration.recall[index->calibration.points - 1];
    }
    *out = index;
    index = NULL;
done:
    fgmm_index_close(index);
    return status;
}

void fgmm_index_close(fgmm_index *index)
{
    if (!index) return;
    char text[FG_ERROR_TEXT_BYTES];
    fg_error_save(text);
    fg_input_close(index->input);
    fgmm_model_free(index->mixture);
    free(index->centroids);
    free(index->given);
    free(index->shift);
    free(index->counts);
    free(index->capacities);
    free(index->rows_at);
    free(index->first_id);
    free(index->ids);
    free(index->path);
    free(index);
    fg_error_restore(text);
}

fgmm_status fg_index_check_info(const fgmm_index_info *info)
{
    if (info->size >= sizeof info->size) return FGMM_OK;
    return fg_fail(FGMM_ARGUMENT, "info.size = %zu; set the struct up with its _init function", info->size);
}

fgmm_status fgmm_index_describe(const fgmm_index *index, fgmm_index_info *info)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK(index && info, FGMM_ARGUMENT, "%s is NULL", index ? "info" : "index");
    FG_TRY(fg_index_check_info(info));
    const size_t size = info->size;
    memcpy(info, &index->info, fg_min_u64(size, sizeof *info));
    info->size = size;
done:
    return status;
}

uint64_t fgmm_index_list_length(const fgmm_index *index, uint64_t list)
{
    return index && list < index->info.lists ? index->counts[list] : 0;
}

const float *fgmm_index_centroids(const fgmm_index *index)
{
    if (!index) return NULL;
    return index->given ? index->given : index->centroids;
}

const int64_t *fgmm_index_list_ids(const fgmm_index *index, uint64_t list)
{
    return index && list < index->info.lists ? index->ids + index->first_id[list] : NULL;
}

fgmm_status fg_index_check_rows(const float *rows, uint64_t n, uint64_t d, uint64_t first)
{
    for (uint64_t i = 0; i < n * d; i++)
        if (!(fabs((double)rows[i]) <= FG_MOST_DISTANCE))
            return fg_fail(FGMM_DATA, "row %llu, column %llu lies more than %g spreads of the index's centroids away",
                           (ull)(first + i / d), (ull)(i % d), FG_MOST_DISTANCE);
    return FGMM_OK;
}

int fg_index_compare_ids(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

size_t fg_index_row_bytes(const fgmm_index *index)
{
    return (size_t)index->info.dims * fgmm_type_bytes(index->info.type);
}

fgmm_status fg_index_read_rows(const fgmm_index *index, uint64_t list, uint64_t first, uint64_t n, void *rows)
{
    const size_t row_bytes = fg_index_row_bytes(index);
    return fg_input_read_at(index->input, index->rows_at[list] + first * row_bytes, rows, (size_t)n * row_bytes);
}
