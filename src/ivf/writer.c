/* writer.c - a new index file: rows that wait are sorted by list and written run by run. */
#include "writer.h"

#include "rows.h"
#include "size.h"

#include <stdlib.h>
#include <string.h>

struct fg_index_writer {
    fg_atomic_file *file;
    const fg_index_kind *kind;
    fg_index_layout layout;
    fg_index_head head;
    uint64_t *capacities; /* (k) */
    uint64_t *counts;     /* (k) entries written or waiting */
    uint64_t *filled;     /* (k) entries written */
    size_t row_bytes;
    uint64_t waiting, capacity;
    unsigned char *rows;     /* (capacity) rows that wait */
    int64_t *ids;            /* (capacity) */
    uint32_t *lists;         /* (capacity) */
    uint64_t *order;         /* (capacity) by list */
    unsigned char *run_rows; /* (capacity) the same in order */
    int64_t *run_ids;
};

static fgmm_status alloc_buffers(fg_index_writer *w, size_t buffer_bytes)
{
    fgmm_status status = FGMM_OK;
    const uint64_t k = w->layout.k;
    FG_TRY(FG_ALLOC(&w->capacities, k, "list lengths"));
    FG_TRY(FG_ALLOC(&w->counts, k, "list lengths"));
    FG_TRY(FG_ALLOC(&w->filled, k, "list lengths"));
    FG_TRY(FG_ALLOC(&w->layout.rows_at, k, "list offsets"));
    FG_TRY(FG_ALLOC(&w->layout.ids_at, k, "list offsets"));
    w->capacity =
        fg_max_u64(16, buffer_bytes / (2 * (w->row_bytes + sizeof(int64_t)) + sizeof(uint32_t) + sizeof(uint64_t)));
    FG_TRY(fg_alloc((void **)&w->rows, w->capacity, w->row_bytes, "rows that wait"));
    FG_TRY(fg_alloc((void **)&w->run_rows, w->capacity, w->row_bytes, "rows that wait"));
    FG_TRY(FG_ALLOC(&w->ids, w->capacity, "rows that wait"));
    FG_TRY(FG_ALLOC(&w->run_ids, w->capacity, "rows that wait"));
    FG_TRY(FG_ALLOC(&w->lists, w->capacity, "rows that wait"));
    FG_TRY(FG_ALLOC(&w->order, w->capacity, "rows that wait"));
done:
    return status;
}

fgmm_status fg_index_writer_open(fg_index_writer **writer, const char *path, const fg_index_head *head,
                                 const uint64_t *capacities, size_t buffer_bytes)
{
    fgmm_status status = FGMM_OK;
    fg_index_writer *w = NULL;
    *writer = NULL;
    FG_TRY(FG_ALLOC(&w, 1, "index writer"));
    w->kind = fg_index_kind_of(head->info.format);
    w->head = *head;
    w->layout.format = head->info.format;
    w->layout.k = head->info.lists;
    w->row_bytes = (size_t)head->info.dims * fgmm_type_bytes(head->info.type);
    FG_TRY(alloc_buffers(w, buffer_bytes));
    memcpy(w->capacities, capacities, (size_t)w->layout.k * sizeof *capacities);
    w->layout.capacities = w->capacities;
    FG_TRY(w->kind->lay_out(&w->layout, &w->head));
    FG_TRY(fg_atomic_open(&w->file, path));
    *writer = w;
    w = NULL;
done:
    fg_index_writer_abandon(w);
    return status;
}

/* Those of rows that wait. */
static void free_buffers(fg_index_writer *w)
{
    free(w->rows);
    free(w->run_rows);
    free(w->ids);
    free(w->run_ids);
    free(w->lists);
    free(w->order);
    w->rows = w->run_rows = NULL;
    w->ids = w->run_ids = NULL;
    w->lists = NULL;
    w->order = NULL;
    w->capacity = 0;
}

static void writer_free(fg_index_writer *w)
{
    free_buffers(w);
    free(w->layout.rows_at);
    free(w->layout.ids_at);
    free(w->capacities);
    free(w->counts);
    free(w->filled);
    free(w);
}

void fg_index_writer_abandon(fg_index_writer *w)
{
    if (!w) return;
    fg_atomic_abandon(w->file);
    writer_free(w);
}

/* One run: `n` entries of a list that lie side by side in the sorted buffers. */
static fgmm_status write_run(fg_index_writer *w, uint64_t list, uint64_t first, uint64_t n)
{
    fgmm_status status = FGMM_OK;
    const uint64_t at = w->filled[list];
    FG_TRY(fg_atomic_rewrite(w->file, w->layout.rows_at[list] + at * w->row_bytes, w->run_rows + first * w->row_bytes,
                             (size_t)n * w->row_bytes));
    FG_TRY(fg_atomic_rewrite(w->file, w->layout.ids_at[list] + at * sizeof(int64_t), w->run_ids + first,
                             (size_t)n * sizeof(int64_t)));
    w->filled[list] += n;
done:
    return status;
}

static fgmm_status write_waiting(fg_index_writer *w)
{
    fgmm_status status = FGMM_OK;
    uint64_t *next = NULL;
    const uint64_t k = w->layout.k;
    FG_TRY(FG_ALLOC(&next, k + 1, "list lengths"));
    for (uint64_t i = 0; i < w->waiting; i++) next[w->lists[i] + 1]++;
    for (uint64_t i = 0; i < k; i++) next[i + 1] += next[i];
    for (uint64_t i = 0; i < w->waiting; i++) w->order[next[w->lists[i]]++] = i;
    for (uint64_t i = 0; i < w->waiting; i++) {
        memcpy(w->run_rows + i * w->row_bytes, w->rows + w->order[i] * w->row_bytes, w->row_bytes);
        w->run_ids[i] = w->ids[w->order[i]];
    }
    for (uint64_t first = 0, end; first < w->waiting; first = end) {
        const uint32_t list = w->lists[w->order[first]];
        end = next[list];
        FG_TRY(write_run(w, list, first, end - first));
    }
    w->waiting = 0;
done:
    free(next);
    return status;
}

fgmm_status fg_index_writer_add(fg_index_writer *w, uint64_t list, int64_t id, const void *row)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK(w->capacity > 0, FGMM_INTERNAL, "list %llu: rows after the end", (unsigned long long)list);
    FG_CHECK(w->counts[list] < w->capacities[list], FGMM_INTERNAL, "list %llu: more than its %llu entries",
             (unsigned long long)list, (unsigned long long)w->capacities[list]);
    if (w->waiting == w->capacity) FG_TRY(write_waiting(w));
    memcpy(w->rows + w->waiting * w->row_bytes, row, w->row_bytes);
    w->ids[w->waiting] = id;
    w->lists[w->waiting++] = (uint32_t)list;
    w->counts[list]++;
done:
    return status;
}

fgmm_status fg_index_writer_flush(fg_index_writer *w, uint64_t rows, uint64_t next_id)
{
    fgmm_status status = FGMM_OK;
    w->head.info.rows = rows;
    w->head.info.next_id = next_id;
    FG_TRY(write_waiting(w));
    free_buffers(w);
    FG_TRY(w->kind->write_head(w->file, &w->layout, &w->head, w->counts));
    FG_TRY(fg_atomic_resize(w->file, w->layout.file_bytes)); /* room that nothing was written to */
done:
    return status;
}

const char *fg_index_writer_path(const fg_index_writer *w)
{
    return fg_atomic_temporary(w->file);
}

void fg_index_writer_set_calibration(fg_index_writer *w, const fg_calibration *calibration, const fg_seen *seen)
{
    w->head.calibration = *calibration;
    w->head.seen = *seen;
}

fgmm_status fg_index_writer_commit(fg_index_writer *w)
{
    const fgmm_status status = fg_atomic_commit(w->file);
    writer_free(w);
    return status;
}

fg_index_head fg_index_head_of(const fgmm_index *index)
{
    return (fg_index_head){.info = index->info,
                           .centroids = index->centroids,
                           .mixture = index->mixture,
                           .calibration = index->calibration,
                           .seen = index->seen,
                           .is_shifted = index->is_shifted,
                           .shift = index->shift,
                           .unit = index->unit};
}

/* Rows of a list that are read at a time. */
enum { COPY_BYTES = 1 << 20 };

/* Entries first .. first + n - 1 of a list, whose rows lie in `rows`. */
static fgmm_status copy_entries(fg_index_writer *w, const fgmm_index *index, uint64_t list, uint64_t first, uint64_t n,
                                const unsigned char *rows, fg_index_filter is_kept, const void *user)
{
    fgmm_status status = FGMM_OK;
    const int64_t *ids = index->ids + index->first_id[list] + first;
    for (uint64_t i = 0; i < n; i++)
        if (!is_kept || is_kept(user, ids[i]))
            FG_TRY(fg_index_writer_add(w, list, ids[i], rows + (size_t)i * w->row_bytes));
done:
    return status;
}

fgmm_status fg_index_writer_copy(fg_index_writer *w, const fgmm_index *index, fg_index_filter is_kept, const void *user)
{
    fgmm_status status = FGMM_OK;
    const fgmm_index_info *info = &index->info;
    const size_t row_bytes = fg_index_row_bytes(index);
    const uint64_t most = fg_max_u64(1, COPY_BYTES / row_bytes);
    const int is_absolute = index->is_shifted && !w->head.is_shifted;
    const int is_converted = w->head.info.type != info->type || is_absolute;
    unsigned char *rows = NULL;
    float *converted = NULL;
    FG_TRY(fg_alloc((void **)&rows, most, row_bytes, "rows of a list"));
    if (is_converted) FG_TRY(fg_alloc((void **)&converted, most, w->row_bytes, "rows of a list"));
    for (uint64_t list = 0; list < info->lists; list++)
        for (uint64_t first = 0; first < index->counts[list]; first += most) {
            const uint64_t n = fg_min_u64(most, index->counts[list] - first);
            FG_TRY(fg_index_read_rows(index, list, first, n, rows));
            for (uint64_t i = 0; i < n * info->dims && is_converted; i++)
                converted[i] =
                    (float)(index->shift[i % info->dims] + index->unit * fg_row_value(rows, info->type, (size_t)i));
            FG_TRY(copy_entries(w, index, list, first, n, is_converted ? (unsigned char *)converted : rows, is_kept,
                                user));
        }
done:
    free(rows);
    free(converted);
    return status;
}
