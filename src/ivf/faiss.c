/* faiss.c - Faiss's IndexIVFFlat files with an IndexFlatL2 quantizer: "IwFl", as faiss.write_index writes them and
 * faiss.read_index reads them since 1.5. Laid out from the public reader (faiss/impl/index_read.cpp). docs/formats.md.
 */
#include "index.h"

#include "size.h"

#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

enum { METRIC_L2 = 1 };
/* Bytes: what every index begins with (d, ntotal, two dummies, is_trained, metric), and the fixed parts of a file in
 * their order. */
enum { FOURCC = 4, INDEX_HEAD = 4 + 3 * 8 + 1 + 4, VECTOR_HEAD = 8 };
enum { IVF_HEAD = FOURCC + INDEX_HEAD + 2 * 8, FLAT_HEAD = FOURCC + INDEX_HEAD + VECTOR_HEAD };
enum { DIRECT_MAP = 1 + VECTOR_HEAD, LISTS_HEAD = FOURCC + 2 * 8 + FOURCC + VECTOR_HEAD };

/* The two numbers that Faiss writes behind ntotal mean nothing to it, 2^20 each, and its readers pass over them. In the
 * index's own head they hold a mark and the id of the next row: ids below it were given before, also where the highest
 * have been removed. */
static const uint64_t DUMMY = 1 << 20, NEXT_ID_MARK = 0x64697478656e6766; /* "fgnextid" */

/* ---- writing ---- */

static uint64_t head_bytes(uint64_t k, uint64_t d)
{
    return IVF_HEAD + FLAT_HEAD + k * d * sizeof(float) + DIRECT_MAP + LISTS_HEAD + k * sizeof(uint64_t);
}

static fgmm_status faiss_lay_out(fg_index_layout *layout, const fg_index_head *head)
{
    fgmm_status status = FGMM_OK;
    const uint64_t d = head->info.dims, row_bytes = d * sizeof(float);
    FG_CHECK(head->info.type == FGMM_F32, FGMM_INTERNAL, "a Faiss index of %s rows", fgmm_type_name(head->info.type));
    uint64_t at = head_bytes(layout->k, d);
    for (uint64_t i = 0; i < layout->k; i++) {
        FG_CHECK(layout->capacities[i] <= ((uint64_t)INT64_MAX - at) / (row_bytes + sizeof(int64_t)), FGMM_ARGUMENT,
                 "entries of list %llu = %llu: more than a file holds", (ull)i, (ull)layout->capacities[i]);
        layout->rows_at[i] = at;
        layout->ids_at[i] = at + layout->capacities[i] * row_bytes;
        at = layout->ids_at[i] + layout->capacities[i] * sizeof(int64_t);
    }
    layout->calibration_at = 0;
    layout->file_bytes = at;
done:
    return status;
}

static unsigned char *put(unsigned char *at, const void *bytes, size_t count)
{
    memcpy(at, bytes, count);
    return at + count;
}

static unsigned char *put_u64(unsigned char *at, uint64_t value)
{
    return put(at, &value, sizeof value);
}

static unsigned char *put_index_head(unsigned char *at, const char *fourcc, uint64_t d, const uint64_t numbers[3])
{
    const int32_t dims = (int32_t)d, metric = METRIC_L2;
    const unsigned char is_trained = 1;
    at = put(at, fourcc, FOURCC);
    at = put(at, &dims, sizeof dims);
    for (int i = 0; i < 3; i++) at = put_u64(at, numbers[i]);
    at = put(at, &is_trained, sizeof is_trained);
    return put(at, &metric, sizeof metric);
}

static fgmm_status faiss_write_head(fg_atomic_file *file, const fg_index_layout *layout, const fg_index_head *head,
                                    const uint64_t *counts)
{
    fgmm_status status = FGMM_OK;
    const uint64_t k = layout->k, d = head->info.dims, bytes = head_bytes(k, d);
    const uint64_t centroid_bytes = k * d * sizeof(float);
    const unsigned char no_direct_map = 0;
    unsigned char *buffer = NULL;
    uint64_t entries = 0;
    for (uint64_t i = 0; i < k; i++) entries += counts[i];
    FG_TRY(FG_ALLOC(&buffer, bytes, "header of an index"));
    const uint64_t numbers[3] = {entries, NEXT_ID_MARK, head->info.next_id}, flat_numbers[3] = {k, DUMMY, DUMMY};
    unsigned char *at = put_index_head(buffer, "IwFl", d, numbers);
    at = put_u64(put_u64(at, k), 1); /* nlist, nprobe */
    at = put_u64(put_index_head(at, "IxF2", d, flat_numbers), k * d);
    at = put(at, head->centroids, (size_t)centroid_bytes);
    at = put_u64(put(at, &no_direct_map, 1), 0);
    at = put_u64(put_u64(put(at, "ilar", FOURCC), k), d * sizeof(float));
    at = put_u64(put(at, "full", FOURCC), k);
    at = put(at, counts, (size_t)k * sizeof *counts);
    FG_TRY(fg_atomic_rewrite(file, 0, buffer, (size_t)(at - buffer)));
done:
    free(buffer);
    return status;
}

/* ---- reading ---- */

typedef struct cursor {
    fgmm_index *index;
    uint64_t at;
    fgmm_status status; /* of the first failure; what follows does nothing */
} cursor;

static void read_bytes(cursor *c, void *bytes, size_t count)
{
    memset(bytes, 0, count);
    if (c->status != FGMM_OK) return;
    c->status = fg_index_span(c->index, c->at, count, 1, "header");
    if (c->status == FGMM_OK) c->status = fg_input_read_at(c->index->input, c->at, bytes, count);
    c->at += count;
}

static uint64_t read_u64(cursor *c)
{
    uint64_t value;
    read_bytes(c, &value, sizeof value);
    return value;
}

static void expect(cursor *c, const char *fourcc)
{
    char found[FOURCC];
    read_bytes(c, found, sizeof found);
    if (c->status == FGMM_OK && memcmp(found, fourcc, FOURCC) != 0)
        c->status =
            fg_fail(FGMM_UNSUPPORTED, "%s: byte offset %llu: \"%.4s\"; of Faiss's parts only \"%s\" is read here",
                    c->index->path, (ull)(c->at - FOURCC), found, fourcc);
}

static void refuse(cursor *c, const char *what, uint64_t value)
{
    if (c->status == FGMM_OK) c->status = fg_index_bad(c->index, c->at, "%s = %llu: out of range", what, (ull)value);
}

/* d, the number of rows and the two others. */
static void read_index_head(cursor *c, const char *fourcc, uint64_t *d, uint64_t numbers[3])
{
    int32_t dims, metric;
    unsigned char is_trained;
    expect(c, fourcc);
    read_bytes(c, &dims, sizeof dims);
    for (int i = 0; i < 3; i++) numbers[i] = read_u64(c);
    read_bytes(c, &is_trained, sizeof is_trained);
    read_bytes(c, &metric, sizeof metric);
    *d = (uint64_t)dims;
    if (dims < 1) refuse(c, "dims", *d);
    if (c->status == FGMM_OK && metric != METRIC_L2)
        c->status = fg_fail(FGMM_UNSUPPORTED, "%s: metric %d; only squared Euclidean distance (%d) is read",
                            c->index->path, metric, METRIC_L2);
}

/* The numbers of entries of all lists: "full", a number for each, or "sprs", pairs of list and number. */
static void read_counts(cursor *c)
{
    fgmm_index *index = c->index;
    const uint64_t k = index->info.lists;
    char kind[FOURCC];
    read_bytes(c, kind, sizeof kind);
    const int is_sparse = memcmp(kind, "sprs", FOURCC) == 0;
    if (!is_sparse && memcmp(kind, "full", FOURCC) != 0) refuse(c, "kind of list sizes", 0);
    const uint64_t numbers = read_u64(c);
    if (is_sparse ? numbers % 2 != 0 || numbers / 2 > k : numbers != k) refuse(c, "list sizes", numbers);
    for (uint64_t i = 0; c->status == FGMM_OK && i < numbers; i++) {
        const uint64_t list = is_sparse ? read_u64(c) : i, count = read_u64(c);
        i += (uint64_t)is_sparse;
        if (list >= k) refuse(c, "list", list);
        if (c->status == FGMM_OK) index->counts[list] = index->capacities[list] = count;
    }
}

static fgmm_status read_lists(cursor *c, uint64_t *ids_at)
{
    fgmm_index *index = c->index;
    const uint64_t row_bytes = index->info.dims * sizeof(float), entry_bytes = row_bytes + sizeof(int64_t);
    for (uint64_t i = 0; i < index->info.lists; i++) {
        const uint64_t count = index->counts[i];
        const fgmm_status status = fg_index_span(index, c->at, count, entry_bytes, "a list");
        if (status != FGMM_OK) return status;
        index->rows_at[i] = c->at;
        ids_at[i] = c->at + count * row_bytes;
        c->at += count * entry_bytes;
    }
    if (c->at != index->input->size)
        return fg_index_bad(index, c->at, "%llu bytes follow the last list", (ull)(index->input->size - c->at));
    return FGMM_OK;
}

/* What the file does not say: how many different ids there are, and the highest. next_id: what it says of the next row;
 * 0: nothing, then it follows the highest. */
static fgmm_status scan_ids(fgmm_index *index, uint64_t next_id)
{
    fgmm_status status = FGMM_OK;
    int64_t *sorted = NULL;
    const uint64_t n = index->info.entries;
    FG_TRY(FG_ALLOC(&sorted, n + 1, "ids"));
    memcpy(sorted, index->ids, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, fg_index_compare_ids);
    for (uint64_t i = 0; i < n; i++) index->info.rows += i == 0 || sorted[i] != sorted[i - 1];
    const uint64_t least = n ? (uint64_t)sorted[n - 1] + 1 : 0;
    FG_CHECK(next_id <= INT64_MAX, FGMM_FORMAT, "%s: next id = %llu; need at most 2^63 - 1", index->path, (ull)next_id);
    index->info.next_id = fg_max_u64(least, next_id);
done:
    free(sorted);
    return status;
}

static fgmm_status faiss_read(fgmm_index *index)
{
    fgmm_status status = FGMM_OK;
    cursor c = {index, 0, FGMM_OK};
    fgmm_index_info *info = &index->info;
    uint64_t *ids_at = NULL, numbers[3], flat_d, flat_numbers[3];
    unsigned char direct_map;
    read_index_head(&c, "IwFl", &info->dims, numbers);
    info->lists = read_u64(&c);
    read_u64(&c); /* nprobe */
    if (info->lists < 1 || info->lists > INT32_MAX) refuse(&c, "lists", info->lists);
    read_index_head(&c, "IxF2", &flat_d, flat_numbers);
    if (flat_d != info->dims || flat_numbers[0] != info->lists) refuse(&c, "centroids", flat_numbers[0]);
    const uint64_t floats = read_u64(&c);
    FG_TRY(c.status);
    if (floats != info->lists * info->dims) refuse(&c, "floats of centroids", floats);
    FG_TRY(c.status);
    FG_TRY(fg_index_span(index, c.at, info->lists, info->dims * sizeof(float), "centroids"));
    info->format = FGMM_INDEX_FAISS;
    info->type = FGMM_F32;
    info->assignment = FGMM_ASSIGN_HARD;
    info->max_lists = 1;
    FG_TRY(fg_index_alloc(index));
    FG_TRY(FG_ALLOC(&ids_at, info->lists, "list offsets"));
    read_bytes(&c, index->centroids, (size_t)floats * sizeof(float));
    read_bytes(&c, &direct_map, 1);
    const uint64_t mapped = read_u64(&c);
    if (direct_map != 0 || mapped != 0)
        FG_CHECK(c.status != FGMM_OK, FGMM_UNSUPPORTED, "%s: has a direct map; clear it: index.set_direct_map_type(0)",
                 index->path);
    expect(&c, "ilar");
    if (read_u64(&c) != info->lists) refuse(&c, "inverted lists", 0);
    if (read_u64(&c) != info->dims * sizeof(float)) refuse(&c, "bytes of a row", 0);
    read_counts(&c);
    FG_TRY(c.status);
    FG_TRY(read_lists(&c, ids_at));
    FG_TRY(fg_index_read_ids(index, ids_at, (uint64_t)INT64_MAX));
    FG_TRY(scan_ids(index, numbers[1] == NEXT_ID_MARK ? numbers[2] : 0));
done:
    free(ids_at);
    return status;
}

const fg_index_kind fg_index_faiss = {{'I', 'w', 'F', 'l'}, 4, faiss_read, faiss_lay_out, faiss_write_head};
