/* list_storage.c - lays posting lists out in device buffers and writes rows there, transposed within their blocks. */
#include "list_storage.h"

#include "size.h"

#include <stdlib.h>
#include <string.h>

enum { STAGING_BLOCKS = 64, ID_BYTES = FG_BLOCK_ROWS * sizeof(cl_long) };

/* Blocks that a segment can have: rows and ids are one allocation each. */
static uint64_t most_blocks(const fg_list_storage *s, size_t block_bytes)
{
    const uint64_t limit = fg_device_facts_of(s->device)->max_alloc_bytes;
    const uint64_t bytes = fg_max_u64(block_bytes, ID_BYTES);
    return fg_min_u64(limit / bytes, UINT32_MAX);
}

/* Gives every chunk its place, where s->chunks is not NULL; counts chunks, segments and, where that is not NULL,
 * segment_blocks. */
static uint64_t place_chunks(fg_list_storage *s, uint64_t most, uint64_t *segment_blocks)
{
    uint64_t count = 0, segment = 0, used = 0;
    for (uint64_t list = 0; list < s->lists; list++) {
        s->first_chunk[list] = count;
        for (uint64_t first = 0; first < s->lengths[list]; first += FG_CHUNK_ROWS, count++) {
            const uint64_t rows = fg_min_u64(FG_CHUNK_ROWS, s->lengths[list] - first);
            const uint64_t blocks = fg_ceil_div(rows, FG_BLOCK_ROWS);
            if (used + blocks > most) {
                segment++;
                used = 0;
            }
            if (s->chunks) s->chunks[count] = (fg_list_chunk){(uint32_t)segment, (uint32_t)used, (uint32_t)rows};
            used += blocks;
            if (segment_blocks) segment_blocks[segment] = used;
        }
    }
    s->first_chunk[s->lists] = count;
    s->segment_count = segment + 1;
    return count;
}

static void clear_segment(fg_segment *segment)
{
    fg_buffer_free(segment->rows);
    fg_buffer_free(segment->ids);
    *segment = (fg_segment){0};
}

static void free_segments(fg_list_storage *s)
{
    for (uint64_t i = 0; i < s->segment_capacity; i++) clear_segment(&s->segments[i]);
    free(s->segments);
    s->segments = NULL;
    s->segment_capacity = 0;
}

/* Segments of so many blocks; a buffer that is there and large enough is used again. */
static fgmm_status make_segments(fg_list_storage *s, const uint64_t *blocks, size_t block_bytes)
{
    fgmm_status status = FGMM_OK;
    if (s->segment_count > s->segment_capacity) {
        free_segments(s);
        FG_TRY(FG_ALLOC(&s->segments, s->segment_count, "segments"));
        s->segment_capacity = s->segment_count;
    }
    for (uint64_t i = 0; i < s->segment_count; i++) {
        fg_segment *segment = &s->segments[i];
        if (segment->rows && segment->ids && blocks[i] <= segment->blocks) continue;
        clear_segment(segment);
        segment->blocks = blocks[i];
        FG_TRY(fg_buffer_create(&segment->rows, s->device, (size_t)blocks[i] * block_bytes, FG_BUFFER_DEVICE,
                                "rows of lists"));
        FG_TRY(
            fg_buffer_create(&segment->ids, s->device, (size_t)blocks[i] * ID_BYTES, FG_BUFFER_DEVICE, "ids of lists"));
    }
done:
    return status;
}

fgmm_status fg_list_storage_lay_out(fg_list_storage *s, const uint64_t *lengths)
{
    fgmm_status status = FGMM_OK;
    uint64_t *blocks = NULL;
    const size_t block_bytes = (size_t)s->d * FG_BLOCK_ROWS * fgmm_type_bytes(s->type);
    const uint64_t most = most_blocks(s, block_bytes), least = FG_CHUNK_ROWS / FG_BLOCK_ROWS;
    FG_CHECK(most >= least, FGMM_MEMORY, "dims = %llu: %llu rows of a list take more than the device allocates at once",
             (unsigned long long)s->d, (unsigned long long)FG_CHUNK_ROWS);
    memcpy(s->lengths, lengths, (size_t)s->lists * sizeof *lengths);
    free(s->chunks);
    s->chunks = NULL;
    const uint64_t count = place_chunks(s, most, NULL);
    FG_TRY(FG_ALLOC(&s->chunks, count + 1, "chunks of lists"));
    FG_TRY(FG_ALLOC(&blocks, s->segment_count, "segments"));
    place_chunks(s, most, blocks);
    FG_TRY(make_segments(s, blocks, block_bytes));
done:
    free(blocks);
    return status;
}

fgmm_status fg_list_storage_create(fg_list_storage **storage, fgmm_device *device, fgmm_type type, uint64_t d,
                                   const uint64_t *lengths, uint64_t lists)
{
    fgmm_status status = FGMM_OK;
    fg_list_storage *s = NULL;
    size_t block_bytes;
    *storage = NULL;
    FG_TRY(FG_ALLOC(&s, 1, "lists"));
    s->device = device;
    s->type = type;
    s->d = d;
    s->lists = lists;
    FG_TRY(fg_size_product3(&block_bytes, d, FG_BLOCK_ROWS, fgmm_type_bytes(type), "a block of rows"));
    FG_TRY(FG_ALLOC(&s->lengths, lists, "list lengths"));
    FG_TRY(FG_ALLOC(&s->first_chunk, lists + 1, "chunks of lists"));
    FG_TRY(fg_alloc((void **)&s->staging, STAGING_BLOCKS, block_bytes, "staging of lists"));
    FG_TRY(fg_list_storage_lay_out(s, lengths));
    *storage = s;
    s = NULL;
done:
    fg_list_storage_free(s);
    return status;
}

void fg_list_storage_free(fg_list_storage *s)
{
    if (!s) return;
    free_segments(s);
    free(s->chunks);
    free(s->first_chunk);
    free(s->lengths);
    free(s->staging);
    free(s);
}

/* to [blocks][d][16] from rows (n,d): elements of one size, copied as they are. */
#define TRANSPOSE(name, element)                                                                                       \
    static void name(void *to, const void *rows, size_t n, size_t d)                                                   \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++) {                                                                               \
            const element *from = (const element *)rows + i * d;                                                       \
            element *out = (element *)to + i / FG_BLOCK_ROWS * d * FG_BLOCK_ROWS + i % FG_BLOCK_ROWS;                  \
            for (size_t j = 0; j < d; j++) out[j * FG_BLOCK_ROWS] = from[j];                                           \
        }                                                                                                              \
    }
TRANSPOSE(transpose_8, uint8_t)
TRANSPOSE(transpose_16, uint16_t)
TRANSPOSE(transpose_32, uint32_t)

static void transpose(void *to, const void *rows, fgmm_type type, size_t n, size_t d)
{
    const size_t bytes = fgmm_type_bytes(type);
    if (bytes == 1) transpose_8(to, rows, n, d);
    if (bytes == 2) transpose_16(to, rows, n, d);
    if (bytes == 4) transpose_32(to, rows, n, d);
}

/* Writes at most STAGING_BLOCKS blocks, which lie in one chunk. */
static fgmm_status write_blocks(fg_list_storage *s, const fg_list_chunk *chunk, uint64_t block, uint64_t n,
                                const void *rows, const int64_t *ids)
{
    fgmm_status status = FGMM_OK;
    const size_t block_bytes = (size_t)s->d * FG_BLOCK_ROWS * fgmm_type_bytes(s->type);
    const size_t blocks = (size_t)fg_ceil_div(n, FG_BLOCK_ROWS), at = (size_t)(chunk->first_block + block);
    const fg_segment *segment = &s->segments[chunk->segment];
    cl_long block_ids[STAGING_BLOCKS * FG_BLOCK_ROWS];
    memset(s->staging, 0, blocks * block_bytes);
    transpose(s->staging, rows, s->type, (size_t)n, (size_t)s->d);
    for (size_t i = 0; i < blocks * FG_BLOCK_ROWS; i++) block_ids[i] = i < n ? ids[i] : -1;
    FG_TRY(fg_buffer_write(segment->rows, at * block_bytes, s->staging, blocks * block_bytes));
    FG_TRY(fg_buffer_write(segment->ids, at * ID_BYTES, block_ids, blocks * ID_BYTES));
done:
    return status;
}

fgmm_status fg_list_storage_write(fg_list_storage *s, uint64_t list, uint64_t first, uint64_t n, const void *rows,
                                  const int64_t *ids)
{
    fgmm_status status = FGMM_OK;
    const size_t row_bytes = (size_t)s->d * fgmm_type_bytes(s->type);
    FG_CHECK(list < s->lists && first % FG_BLOCK_ROWS == 0 && first <= s->lengths[list] &&
                 n <= s->lengths[list] - first,
             FGMM_INTERNAL, "list %llu, rows %llu + %llu: outside of the storage", (unsigned long long)list,
             (unsigned long long)first, (unsigned long long)n);
    for (uint64_t done_rows = 0; done_rows < n;) {
        const uint64_t row = first + done_rows, chunk = row / FG_CHUNK_ROWS, within = row % FG_CHUNK_ROWS;
        const uint64_t capacity = fg_min_u64(FG_CHUNK_ROWS - within, STAGING_BLOCKS * FG_BLOCK_ROWS);
        const uint64_t part = fg_min_u64(capacity, n - done_rows);
        FG_TRY(write_blocks(s, &s->chunks[s->first_chunk[list] + chunk], within / FG_BLOCK_ROWS, part,
                            (const unsigned char *)rows + (size_t)done_rows * row_bytes, ids + done_rows));
        done_rows += part;
    }
done:
    return status;
}
