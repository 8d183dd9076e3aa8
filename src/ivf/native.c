/* native.c - the library's own index file: a header of 256 bytes, tables, ids, rows. docs/formats.md. */
#include "index.h"

#include "size.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

/* SHIFTED: rows are stored as (x - shift) / 2^exponent; version 1 has neither, and is written where there is
 * neither. */
enum { PLAIN = 1, SHIFTED = 2, MOST_EXPONENT = 1000, NO_MIXTURE = -1, ROWS_ALIGNMENT = 4096 };

/* As it lies in the file; little-endian, no gaps. */
typedef struct header {
    char magic[8];
    uint32_t version, type;
    uint64_t lists, dims, rows, next_id;
    uint64_t capacity; /* entries of all lists, dead ones included */
    uint32_t assignment, max_lists;
    double tau;
    int32_t covariance;
    int32_t exponent; /* of the unit; version 1: 0 */
    uint64_t centroids_at, lists_at, mixture_at, calibration_at, ids_at, rows_at, file_bytes;
    uint64_t zero[11];
    fg_seen seen;         /* of the calibration */
    uint64_t tables_hash; /* of the bytes from the header's end to ids_at */
    uint64_t header_hash; /* of all before it */
} header;
_Static_assert(sizeof(header) == 256, "the header has no gaps");

/* What lies at a byte offset of the file, in the tables read behind the header. */
#define PART(tables, at) ((tables) + (size_t)((at) - sizeof(header)))

typedef struct list_entry {
    uint64_t first, count, capacity; /* in entries */
} list_entry;

/* Elements of the mixture: weights (k), means (k,d), covariances. */
static uint64_t mixture_count(const fgmm_model *mixture)
{
    if (!mixture) return 0;
    const fgmm_model_info *info = &mixture->info;
    return info->components * (1 + info->dims) + fg_covariance_count(info->covariance, info->components, info->dims);
}

/* Where the shift lies, behind the calibration. */
static uint64_t shift_at(const header *h)
{
    return fg_round_up(h->calibration_at + sizeof(fg_calibration), 8);
}

static fgmm_status place(header *h, const fg_index_head *head, uint64_t capacity)
{
    fgmm_status status = FGMM_OK;
    const fgmm_index_info *info = &head->info;
    const uint64_t row_bytes = info->dims * fgmm_type_bytes(info->type), most = (uint64_t)INT64_MAX / 4;
    *h = (header){.version = head->is_shifted ? SHIFTED : PLAIN,
                  .type = (uint32_t)info->type,
                  .lists = info->lists,
                  .dims = info->dims,
                  .rows = info->rows,
                  .next_id = info->next_id,
                  .capacity = capacity,
                  .assignment = (uint32_t)info->assignment,
                  .max_lists = info->max_lists,
                  .tau = info->tau,
                  .seen = head->seen,
                  .covariance = head->mixture ? (int32_t)head->mixture->info.covariance : NO_MIXTURE,
                  .exponent = head->is_shifted ? ilogb(head->unit) : 0};
    memcpy(h->magic, fg_index_native.magic, sizeof h->magic);
    FG_CHECK(capacity <= most / (row_bytes + sizeof(int64_t)), FGMM_ARGUMENT, "entries = %llu: more than a file holds",
             (ull)capacity);
    h->centroids_at = sizeof *h;
    h->lists_at = fg_round_up(h->centroids_at + info->lists * info->dims * sizeof(float), 8);
    h->mixture_at = h->lists_at + info->lists * sizeof(list_entry);
    h->calibration_at = h->mixture_at + mixture_count(head->mixture) * sizeof(double);
    h->ids_at = shift_at(h) + (head->is_shifted ? info->dims * sizeof(double) : 0);
    h->rows_at = fg_round_up(h->ids_at + capacity * sizeof(int64_t), ROWS_ALIGNMENT);
    h->file_bytes = h->rows_at + capacity * row_bytes;
done:
    return status;
}

static uint64_t sum(const uint64_t *values, uint64_t count)
{
    uint64_t total = 0;
    for (uint64_t i = 0; i < count; i++) total += values[i];
    return total;
}

static fgmm_status native_lay_out(fg_index_layout *layout, const fg_index_head *head)
{
    fgmm_status status = FGMM_OK;
    header h;
    FG_TRY(place(&h, head, sum(layout->capacities, layout->k)));
    uint64_t first = 0;
    for (uint64_t i = 0; i < layout->k; i++) {
        layout->ids_at[i] = h.ids_at + first * sizeof(int64_t);
        layout->rows_at[i] = h.rows_at + first * head->info.dims * fgmm_type_bytes(head->info.type);
        first += layout->capacities[i];
    }
    layout->calibration_at = h.calibration_at;
    layout->file_bytes = h.file_bytes;
done:
    return status;
}

/* The tables between header and ids, in one chunk of memory; malloc'ed. */
static fgmm_status make_tables(unsigned char **tables, const header *h, const fg_index_layout *layout,
                               const fg_index_head *head, const uint64_t *counts)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(FG_ALLOC(tables, h->ids_at - sizeof *h, "tables of an index"));
    memcpy(PART(*tables, h->centroids_at), head->centroids, (size_t)(h->lists * h->dims) * sizeof(float));
    uint64_t first = 0;
    for (uint64_t i = 0; i < h->lists; i++) {
        const list_entry entry = {first, counts[i], layout->capacities[i]};
        memcpy(PART(*tables, h->lists_at) + i * sizeof entry, &entry, sizeof entry);
        first += layout->capacities[i];
    }
    if (head->mixture) {
        const fg_parameters p = fg_model_parameters(head->mixture);
        double *to = (double *)(void *)PART(*tables, h->mixture_at);
        memcpy(to, p.weights, (size_t)p.k * sizeof *to);
        memcpy(to + p.k, p.means, (size_t)(p.k * p.d) * sizeof *to);
        memcpy(to + p.k + p.k * p.d, p.covariances, (size_t)fg_covariance_count(p.covariance, p.k, p.d) * sizeof *to);
    }
    memcpy(PART(*tables, h->calibration_at), &head->calibration, sizeof head->calibration);
    if (head->is_shifted) memcpy(PART(*tables, shift_at(h)), head->shift, (size_t)h->dims * sizeof *head->shift);
done:
    return status;
}

static fgmm_status native_write_head(fg_atomic_file *file, const fg_index_layout *layout, const fg_index_head *head,
                                     const uint64_t *counts)
{
    fgmm_status status = FGMM_OK;
    header h;
    unsigned char *tables = NULL;
    FG_TRY(place(&h, head, sum(layout->capacities, layout->k)));
    FG_TRY(make_tables(&tables, &h, layout, head, counts));
    h.tables_hash = fg_hash(FG_HASH_BEGIN, tables, (size_t)(h.ids_at - sizeof h));
    h.header_hash = fg_hash(FG_HASH_BEGIN, &h, offsetof(header, header_hash));
    FG_TRY(fg_atomic_rewrite(file, 0, &h, sizeof h));
    FG_TRY(fg_atomic_rewrite(file, sizeof h, tables, (size_t)(h.ids_at - sizeof h)));
done:
    free(tables);
    return status;
}

/* ---- reading ---- */

static int is_covariance(int32_t type)
{
    return type >= 0 && strcmp(fgmm_covariance_name((fgmm_covariance)type), "unknown") != 0;
}

/* What choose.c takes for granted when rows are added: each assignment has what it works with. */
static fgmm_status check_assignment(const fgmm_index *index, const header *h)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK(h->assignment != FGMM_ASSIGN_SOFT || h->covariance != NO_MIXTURE, FGMM_FORMAT,
             "%s: assigns rows by responsibility (soft), but holds no mixture", index->path);
    FG_CHECK(h->assignment != FGMM_ASSIGN_RESIDUAL || h->max_lists <= 2, FGMM_FORMAT,
             "%s: residual assignment with %u lists per row; need at most 2", index->path, h->max_lists);
    FG_CHECK(h->assignment != FGMM_ASSIGN_HARD || h->max_lists == 1, FGMM_FORMAT,
             "%s: hard assignment with %u lists per row; need 1", index->path, h->max_lists);
    FG_CHECK(h->tau >= 0 && (h->assignment != FGMM_ASSIGN_SOFT || h->tau <= 1), FGMM_FORMAT,
             "%s: tau = %g; need 0 or more, at most 1 where rows are assigned by responsibility", index->path, h->tau);
done:
    return status;
}

static fgmm_status check_header(const fgmm_index *index, const header *h)
{
    fgmm_status status = FGMM_OK;
    const uint64_t size = index->input->size;
    if (h->version != PLAIN && h->version != SHIFTED)
        return fg_fail(FGMM_FORMAT, "%s: index version %u; this library reads %d and %d", index->path, h->version,
                       PLAIN, SHIFTED);
    if (h->header_hash != fg_hash(FG_HASH_BEGIN, h, offsetof(header, header_hash)))
        return fg_index_bad(index, 0, "the header is damaged (its checksum differs)");
    FG_CHECK(h->file_bytes == size, FGMM_FORMAT, "%s: the file has %llu bytes; its header says %llu", index->path,
             (ull)size, (ull)h->file_bytes);
    FG_CHECK(h->type <= FGMM_F32, FGMM_FORMAT, "%s: element type %u; need 0..%d", index->path, h->type, FGMM_F32);
    FG_CHECK(h->lists >= 1 && h->lists <= INT32_MAX && h->dims >= 1 && h->dims <= INT32_MAX, FGMM_FORMAT,
             "%s: lists = %llu, dims = %llu; need 1..%d of both", index->path, (ull)h->lists, (ull)h->dims, INT32_MAX);
    FG_CHECK(h->assignment <= FGMM_ASSIGN_RESIDUAL && h->max_lists >= 1 && h->max_lists <= FGMM_LISTS_PER_ROW_MAX,
             FGMM_FORMAT, "%s: assignment = %u, lists per row = %u; need 0..%d and 1..%d", index->path, h->assignment,
             h->max_lists, FGMM_ASSIGN_RESIDUAL, FGMM_LISTS_PER_ROW_MAX);
    FG_CHECK(h->covariance == NO_MIXTURE || is_covariance(h->covariance), FGMM_FORMAT,
             "%s: covariance = %d; need -1 or a type of fgmm_covariance", index->path, h->covariance);
    FG_CHECK(h->seen.nearest >= 0 && h->seen.flatness >= 0 && h->seen.flatness <= 1 && isfinite(h->seen.nearest),
             FGMM_FORMAT, "%s: distances that the dial has seen: %g, ratio %g; need 0 or more, and 0..1", index->path,
             h->seen.nearest, h->seen.flatness);
    FG_CHECK(h->next_id <= INT64_MAX && isfinite(h->tau), FGMM_FORMAT, "%s: next id = %llu, tau = %g: out of range",
             index->path, (ull)h->next_id, h->tau);
    FG_TRY(check_assignment(index, h));
    FG_CHECK(h->version == PLAIN ? h->exponent == 0
                                 : h->type == FGMM_F32 && h->exponent >= -MOST_EXPONENT && h->exponent <= MOST_EXPONENT,
             FGMM_FORMAT, "%s: exponent = %d, element type %u; need f32 rows and an exponent of %d..%d", index->path,
             (int)h->exponent, h->type, -MOST_EXPONENT, MOST_EXPONENT);
    FG_TRY(fg_index_span(index, sizeof *h, h->lists, h->dims * sizeof(float) + sizeof(list_entry), "lists"));
    if (h->covariance != NO_MIXTURE &&
        fg_covariance_types[h->covariance].has_matrices) { /* so that their counts cannot wrap */
        FG_TRY(fg_index_span(index, sizeof *h, h->dims, h->dims * sizeof(double), "a covariance matrix"));
        const uint64_t matrices = fg_covariance_blocks((fgmm_covariance)h->covariance, h->lists);
        FG_TRY(fg_index_span(index, sizeof *h, matrices, h->dims * h->dims * sizeof(double), "covariance matrices"));
    }
done:
    return status;
}

/* The places of all parts follow from the sizes: only those are accepted. */
static fgmm_status check_places(const fgmm_index *index, const header *h)
{
    header expected;
    const fgmm_model shape = {
        .info = {.components = h->lists, .dims = h->dims, .covariance = (fgmm_covariance)h->covariance}};
    const fg_index_head head = {.info = {.lists = h->lists, .dims = h->dims, .type = (fgmm_type)h->type},
                                .mixture = h->covariance == NO_MIXTURE ? NULL : &shape,
                                .is_shifted = h->version == SHIFTED,
                                .unit = 1};
    if (place(&expected, &head, h->capacity) != FGMM_OK || expected.ids_at != h->ids_at ||
        expected.calibration_at != h->calibration_at || expected.rows_at != h->rows_at ||
        expected.lists_at != h->lists_at || expected.mixture_at != h->mixture_at ||
        expected.centroids_at != h->centroids_at || expected.file_bytes != h->file_bytes)
        return fg_index_bad(index, offsetof(header, centroids_at), "parts do not lie where their sizes put them");
    return FGMM_OK;
}

static fgmm_status read_lists(fgmm_index *index, const header *h, const unsigned char *tables, uint64_t *ids_at)
{
    uint64_t first = 0;
    for (uint64_t i = 0; i < h->lists; i++) {
        list_entry entry;
        memcpy(&entry, PART(tables, h->lists_at) + i * sizeof entry, sizeof entry);
        if (entry.first != first || entry.count > entry.capacity || entry.capacity > h->capacity - first)
            return fg_index_bad(index, h->lists_at + i * sizeof entry,
                                "list %llu: first = %llu, count = %llu, room = %llu; %llu entries of %llu are taken",
                                (ull)i, (ull)entry.first, (ull)entry.count, (ull)entry.capacity, (ull)first,
                                (ull)h->capacity);
        index->counts[i] = entry.count;
        index->capacities[i] = entry.capacity;
        index->rows_at[i] = h->rows_at + first * fg_index_row_bytes(index);
        index->info.dead += entry.capacity - entry.count;
        ids_at[i] = h->ids_at + first * sizeof(int64_t);
        first += entry.capacity;
    }
    if (first != h->capacity)
        return fg_index_bad(index, h->lists_at, "lists have room for %llu entries; the header says %llu", (ull)first,
                            (ull)h->capacity);
    return FGMM_OK;
}

static fgmm_status read_mixture(fgmm_index *index, const header *h, const unsigned char *tables)
{
    if (h->covariance == NO_MIXTURE) return FGMM_OK;
    const double *from = (const double *)(const void *)PART(tables, h->mixture_at);
    const fgmm_status status = fgmm_model_create(&index->mixture, (fgmm_covariance)h->covariance, h->lists, h->dims,
                                                 from, from + h->lists, from + h->lists + h->lists * h->dims);
    return status == FGMM_ARGUMENT ? fg_fail_prefix(FGMM_FORMAT, "%s", index->path) : status;
}

static fgmm_status read_calibration(fgmm_index *index, const header *h, const unsigned char *tables)
{
    fg_calibration *calibration = &index->calibration;
    memcpy(calibration, PART(tables, h->calibration_at), sizeof *calibration);
    if (calibration->for_top == 0) return FGMM_OK;
    int is_good = calibration->for_top <= FGMM_TOP_MAX && calibration->points >= 1 &&
                  calibration->points <= FG_CALIBRATION_POINTS && calibration->ranks >= 1 &&
                  calibration->ranks <= h->lists && calibration->is_on_queries <= 1 && isfinite(calibration->bias) &&
                  calibration->scale > 0 && isfinite(calibration->scale);
    for (size_t i = 0; i < FG_PREDICTOR_FEATURES; i++) is_good = is_good && isfinite(calibration->weights[i]);
    for (uint32_t i = 0; is_good && i < calibration->points; i++)
        is_good = isfinite(calibration->threshold[i]) && calibration->recall[i] >= 0 && calibration->recall[i] <= 1 &&
                  (i == 0 || (calibration->threshold[i] <= calibration->threshold[i - 1] &&
                              calibration->recall[i] >= calibration->recall[i - 1]));
    if (!is_good) return fg_index_bad(index, h->calibration_at, "the dial holds values out of range");
    return FGMM_OK;
}

static fgmm_status read_shift(fgmm_index *index, const header *h, const unsigned char *tables)
{
    if (h->version == PLAIN) return FGMM_OK;
    index->is_shifted = 1;
    index->unit = ldexp(1, h->exponent);
    memcpy(index->shift, PART(tables, shift_at(h)), (size_t)h->dims * sizeof *index->shift);
    for (uint64_t j = 0; j < h->dims; j++)
        if (!isfinite(index->shift[j]))
            return fg_index_bad(index, shift_at(h), "the shift holds values that are no numbers");
    return FGMM_OK;
}

static fgmm_status native_read(fgmm_index *index)
{
    fgmm_status status = FGMM_OK;
    header h;
    unsigned char *tables = NULL;
    uint64_t *ids_at = NULL;
    if (index->input->size < sizeof h)
        return fg_index_bad(index, index->input->size, "the file ends within its header of %zu bytes", sizeof h);
    FG_TRY(fg_input_read_at(index->input, 0, &h, sizeof h));
    FG_TRY(check_header(index, &h));
    FG_TRY(check_places(index, &h));
    FG_TRY(FG_ALLOC(&tables, h.ids_at - sizeof h, "tables of an index"));
    FG_TRY(fg_input_read_at(index->input, sizeof h, tables, (size_t)(h.ids_at - sizeof h)));
    FG_CHECK(h.tables_hash == fg_hash(FG_HASH_BEGIN, tables, (size_t)(h.ids_at - sizeof h)), FGMM_FORMAT,
             "%s: byte offset %zu: the tables are damaged (their checksum differs)", index->path, sizeof h);
    index->info.format = FGMM_INDEX_NATIVE;
    index->info.lists = h.lists;
    index->info.dims = h.dims;
    index->info.rows = h.rows;
    index->info.next_id = h.next_id;
    index->info.type = (fgmm_type)h.type;
    index->info.assignment = (fgmm_assignment)h.assignment;
    index->info.max_lists = h.max_lists;
    index->info.tau = h.tau;
    index->seen = h.seen;
    FG_TRY(fg_index_alloc(index));
    FG_TRY(FG_ALLOC(&ids_at, h.lists, "list offsets"));
    memcpy(index->centroids, PART(tables, h.centroids_at), (size_t)(h.lists * h.dims) * sizeof(float));
    FG_TRY(read_lists(index, &h, tables, ids_at));
    FG_TRY(read_mixture(index, &h, tables));
    FG_TRY(read_calibration(index, &h, tables));
    FG_TRY(read_shift(index, &h, tables));
    FG_TRY(fg_index_read_ids(index, ids_at, h.next_id));
    FG_CHECK(h.rows <= index->info.entries && h.rows <= h.next_id &&
                 fg_ceil_div(index->info.entries, FGMM_LISTS_PER_ROW_MAX) <= h.rows,
             FGMM_FORMAT, "%s: rows = %llu, but lists hold %llu entries with ids below %llu", index->path, (ull)h.rows,
             (ull)index->info.entries, (ull)h.next_id);
done:
    free(ids_at);
    free(tables);
    return status;
}

const fg_index_kind fg_index_native = {
    {'F', 'G', 'M', 'M', 'I', 'V', 'F', 0}, 8, native_read, native_lay_out, native_write_head};
