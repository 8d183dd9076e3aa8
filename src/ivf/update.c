/* update.c - removes rows from an index, gives back the room of removed ones, writes an index in another format. Each
 * writes a new file beside the old one. */
#include "build.h"

#include "size.h"
#include "writer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_BYTES = 16 << 20 };

/* Copies an index, without what the filter drops, into lists with `capacities` entries. */
static fgmm_status rewrite(const fgmm_index *index, const char *path, const fg_index_head *head,
                           const uint64_t *capacities, uint64_t rows, fg_index_filter is_kept, const void *user)
{
    fgmm_status status = FGMM_OK;
    fg_index_writer *w = NULL;
    FG_TRY(fg_index_writer_open(&w, path, head, capacities, BUFFER_BYTES));
    FG_TRY(fg_index_writer_copy(w, index, is_kept, user));
    FG_TRY(fg_index_writer_flush(w, rows, index->info.next_id));
    status = fg_index_writer_commit(w);
    w = NULL;
done:
    fg_index_writer_abandon(w);
    return status;
}

/* Ids to remove, ascending, and which of them were met. */
typedef struct removal {
    int64_t *ids;
    uint64_t count;
} removal;

static int is_staying(const void *user, int64_t id)
{
    const removal *r = user;
    return bsearch(&id, r->ids, (size_t)r->count, sizeof *r->ids, fg_index_compare_ids) == NULL;
}

static fgmm_status removal_create(removal *r, const int64_t *ids, uint64_t count)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(FG_ALLOC(&r->ids, count + 1, "ids"));
    if (count) memcpy(r->ids, ids, (size_t)count * sizeof *ids);
    qsort(r->ids, (size_t)count, sizeof *r->ids, fg_index_compare_ids);
    for (uint64_t i = 0; i < count; i++)
        if (i == 0 || r->ids[i] != r->ids[i - 1]) r->ids[r->count++] = r->ids[i];
done:
    return status;
}

/* How many of the ids are there, and, per list, how many entries stay: staying (k). */
static fgmm_status count_removed(uint64_t *found, uint64_t *staying, const fgmm_index *index, const removal *r)
{
    fgmm_status status = FGMM_OK;
    unsigned char *is_met = NULL;
    *found = 0;
    FG_TRY(FG_ALLOC(&is_met, r->count + 1, "ids"));
    for (uint64_t list = 0; list < index->info.lists; list++) {
        staying[list] = index->counts[list];
        for (uint64_t i = index->first_id[list]; i < index->first_id[list + 1]; i++) {
            const int64_t *at = bsearch(&index->ids[i], r->ids, (size_t)r->count, sizeof *r->ids, fg_index_compare_ids);
            if (!at) continue;
            staying[list]--;
            *found += !is_met[at - r->ids];
            is_met[at - r->ids] = 1;
        }
    }
done:
    free(is_met);
    return status;
}

fgmm_status fg_index_remove(const char *path, const int64_t *ids, uint64_t count, uint64_t *missing)
{
    fgmm_status status = FGMM_OK;
    fgmm_index *index = NULL;
    removal r = {0};
    uint64_t *staying = NULL, found;
    FG_TRY(fgmm_index_open(&index, path));
    FG_TRY(removal_create(&r, ids, count));
    FG_TRY(FG_ALLOC(&staying, index->info.lists, "list lengths"));
    FG_TRY(count_removed(&found, staying, index, &r));
    if (missing) *missing = r.count - found;
    const fg_index_head head = fg_index_head_of(index);
    /* Faiss's files know no room that is not taken */
    const uint64_t *capacities = index->info.format == FGMM_INDEX_FAISS ? staying : index->capacities;
    if (found) FG_TRY(rewrite(index, path, &head, capacities, index->info.rows - found, is_staying, &r));
done:
    free(staying);
    free(r.ids);
    fgmm_index_close(index);
    return status;
}

fgmm_status fg_index_compact(const char *path)
{
    fgmm_status status = FGMM_OK;
    fgmm_index *index = NULL;
    FG_TRY(fgmm_index_open(&index, path));
    const fg_index_head head = fg_index_head_of(index);
    if (index->info.dead) FG_TRY(rewrite(index, path, &head, index->counts, index->info.rows, NULL, NULL));
done:
    fgmm_index_close(index);
    return status;
}

/* DATA where float32 does not hold the rows of an index that is shifted as they are: path, of a file that would have
 * to. */
static fgmm_status check_plain(const fgmm_index *index, const char *path)
{
    fgmm_status status = FGMM_OK;
    const double most = index->info.lists > 1 ? FG_MOST_SHIFT * index->unit : 0; /* as build.c, has_spread */
    for (uint64_t j = 0; j < index->info.dims; j++)
        FG_CHECK(
            fabs(index->shift[j]) <= most && index->unit >= FG_LEAST_UNIT && index->unit <= 1 / FG_LEAST_UNIT,
            FGMM_DATA,
            "%s: float32 does not hold these rows, of a spread of %g about %g in column %llu; such an index has the "
            "native format only",
            path, index->unit, index->shift[j], (unsigned long long)j);
done:
    return status;
}

fgmm_status fg_index_save(const fgmm_index *index, const char *path, fgmm_index_format format)
{
    fg_index_head head = fg_index_head_of(index);
    head.info.format = format;
    if (format == FGMM_INDEX_FAISS) {
        head.info.type = FGMM_F32;
        if (index->is_shifted) {
            const fgmm_status status = check_plain(index, path);
            if (status != FGMM_OK) return status;
            head.is_shifted = 0;
            head.centroids = index->given;
        }
    }
    return rewrite(index, path, &head, index->counts, index->info.rows, NULL, NULL);
}
