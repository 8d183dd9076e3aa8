/* list_cache.c - which rows a part has, and how they get there. */
#include "list_cache.h"

#include "size.h"

#include <stdlib.h>
#include <string.h>

/* Bytes read at a time; the least blocks of a part. */
enum { READ_BYTES = 4 << 20, LEAST_BLOCKS = 64 };

/* Brings rows begins[i] .. begins[i] + lengths[i] of each list to the device, in place of what is there. */
static fgmm_status load(fg_list_cache *s)
{
    fgmm_status status = FGMM_OK;
    const fgmm_index *index = s->index;
    const size_t row_bytes = fg_index_row_bytes(index);
    const uint64_t most = fg_round_up(fg_max_u64(1, READ_BYTES / row_bytes), FG_BLOCK_ROWS);
    unsigned char *rows = NULL;
    if (s->storage)
        FG_TRY(fg_list_storage_lay_out(s->storage, s->lengths));
    else
        FG_TRY(fg_list_storage_create(&s->storage, s->device, index->info.type, index->info.dims, s->lengths,
                                      index->info.lists));
    FG_TRY(fg_alloc((void **)&rows, most, row_bytes, "rows of a list"));
    for (uint64_t list = 0; list < index->info.lists; list++)
        for (uint64_t first = 0; first < s->lengths[list]; first += most) {
            const uint64_t n = fg_min_u64(most, s->lengths[list] - first), at = s->begins[list] + first;
            FG_TRY(fg_index_read_rows(index, list, at, n, rows));
            FG_TRY(fg_list_storage_write(s->storage, list, first, n, rows, index->ids + index->first_id[list] + at));
        }
done:
    free(rows);
    return status;
}

fgmm_status fg_list_cache_open(fg_list_cache *s, const fgmm_index *index, fgmm_device *device, uint64_t bytes)
{
    fgmm_status status = FGMM_OK;
    const uint64_t k = index->info.lists,
                   capacity = bytes / (FG_BLOCK_ROWS * (fg_index_row_bytes(index) + sizeof(int64_t)));
    uint64_t blocks = 0;
    s->index = index;
    s->device = device;
    FG_TRY(FG_ALLOC(&s->begins, k, "lists of a part"));
    FG_TRY(FG_ALLOC(&s->lengths, k, "lists of a part"));
    FG_TRY(FG_ALLOC(&s->is_wanted, k, "lists of a part"));
    for (uint64_t i = 0; i < k; i++) blocks += fg_ceil_div(index->counts[i], FG_BLOCK_ROWS);
    s->part_blocks = fg_max_u64(LEAST_BLOCKS, capacity);
    s->is_whole = blocks <= s->part_blocks;
    if (!s->is_whole) goto done;
    memcpy(s->lengths, index->counts, (size_t)k * sizeof *s->lengths);
    FG_TRY(load(s));
done:
    return status;
}

void fg_list_cache_clear(fg_list_cache *s)
{
    fg_list_storage_free(s->storage);
    free(s->begins);
    free(s->lengths);
    free(s->is_wanted);
    free(s->probes);
    *s = (fg_list_cache){0};
}

/* Where a part ends and the next begins: before this row of this list. */
typedef struct place {
    uint64_t list, row;
} place;

/* As many rows of wanted lists from *at on as a part holds; moves *at behind them. 0: there are none left. */
static int choose_part(fg_list_cache *s, place *at)
{
    const uint64_t k = s->index->info.lists;
    uint64_t blocks = 0;
    memset(s->lengths, 0, (size_t)k * sizeof *s->lengths);
    for (; at->list < k && blocks < s->part_blocks; at->list++, at->row = 0) {
        if (!s->is_wanted[at->list]) continue;
        const uint64_t capacity = (s->part_blocks - blocks) * FG_BLOCK_ROWS,
                       left = s->index->counts[at->list] - at->row;
        s->begins[at->list] = at->row;
        s->lengths[at->list] = fg_min_u64(capacity, left);
        blocks += fg_ceil_div(s->lengths[at->list], FG_BLOCK_ROWS);
        if (left <= capacity) continue;
        at->row += capacity; /* the list goes on in the next part */
        break;
    }
    return blocks > 0;
}

static fgmm_status scan_part(fg_list_cache *s, fg_scan *scan, const fg_probe *probes, uint64_t count)
{
    fgmm_status status = FGMM_OK;
    uint64_t kept = 0;
    FG_TRY(load(s));
    for (uint64_t i = 0; i < count; i++)
        if (s->lengths[probes[i].list]) s->probes[kept++] = probes[i];
    FG_TRY(fg_scan_run(scan, s->storage, s->probes, kept));
done:
    return status;
}

fgmm_status fg_list_cache_scan(fg_list_cache *s, fg_scan *scan, const fg_probe *probes, uint64_t count)
{
    fgmm_status status = FGMM_OK;
    place at = {0, 0};
    if (s->is_whole) return fg_scan_run(scan, s->storage, probes, count);
    if (count > s->probe_capacity) {
        free(s->probes);
        s->probes = NULL;
        s->probe_capacity = 0;
        FG_TRY(FG_ALLOC(&s->probes, count, "lists of a batch"));
        s->probe_capacity = count;
    }
    memset(s->is_wanted, 0, (size_t)s->index->info.lists);
    for (uint64_t i = 0; i < count; i++) s->is_wanted[probes[i].list] = 1;
    while (choose_part(s, &at)) FG_TRY(scan_part(s, scan, probes, count));
done:
    return status;
}
