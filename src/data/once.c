/* once.c - what can be read only once (standard input, a pipe), kept so that it can be read again.
 *
 * An .npy's header comes first and says how much follows, so that nothing beyond a sound file is kept; of other formats
 * all is. Where it is kept: keep.h. */
#define _POSIX_C_SOURCE 200809L
#include "formats.h"
#include "keep.h"
#include "memory.h"
#include "npy.h"
#include "size.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The longest header and what stands before it. */
enum { PREFIX_BYTES = FG_NPY_HEADER_MAX + 12, COPY_BYTES = 256 * 1024 };
static const uint64_t DEFAULT_LIMIT_BYTES = 1024ull * 1024 * 1024;

/* Up to `count` bytes; fewer only at the end of the stream. */
static fgmm_status read_stream(const fg_once *stream, unsigned char *bytes, uint64_t count, uint64_t *got)
{
    *got = 0;
    while (*got < count) {
        const ssize_t part = read(stream->descriptor, bytes + *got, (size_t)(count - *got));
        if (part < 0 && errno == EINTR) continue;
        if (part < 0) return fg_fail(FGMM_IO, "%s: reading failed: %s", stream->name, strerror(errno));
        if (part == 0) break;
        *got += (uint64_t)part;
    }
    return FGMM_OK;
}

/* No more than a quarter of a small machine's memory. */
static uint64_t default_limit(void)
{
    const uint64_t memory = fg_machine_memory_bytes();
    return memory ? fg_min_u64(DEFAULT_LIMIT_BYTES, memory / 4) : DEFAULT_LIMIT_BYTES;
}

/* Reads on to `end`, or to the end of the stream. */
static fgmm_status keep_all(fg_keeper *k, const fg_once *stream, uint64_t end)
{
    fgmm_status status = FGMM_OK;
    unsigned char *buffer = NULL;
    FG_TRY(FG_ALLOC(&buffer, COPY_BYTES, "copy buffer"));
    for (uint64_t part = 1; part > 0 && k->used < end;) {
        FG_TRY(read_stream(stream, buffer, fg_min_u64(COPY_BYTES, end - k->used), &part));
        FG_TRY(fg_keeper_add(k, buffer, part));
    }
done:
    free(buffer);
    return status;
}

/* Of an .npy: reads the header; *end is the size that the whole stream must have. */
static fgmm_status plan(uint64_t *end, const fg_once *stream, unsigned char *prefix, uint64_t used)
{
    fgmm_status status = FGMM_OK;
    fg_dense_layout layout;
    char *name = NULL;
    FG_TRY(FG_ALLOC(&name, strlen(stream->name) + 1, "file name"));
    strcpy(name, stream->name);
    const fg_input view = {.path = name, .descriptor = -1, .bytes = prefix, .size = used};
    FG_TRY(fg_npy_read_header(&layout, &view));
    FG_TRY(fg_dense_end(end, &layout, stream->name));
    FG_CHECK(used <= *end, FGMM_FORMAT, "%s: byte offset %llu: more bytes follow the last row", stream->name,
             (unsigned long long)*end);
done:
    free(name);
    return status;
}

fgmm_status fg_once_keep(fg_input **input, const fg_once *stream)
{
    fgmm_status status = FGMM_OK;
    unsigned char *prefix = NULL, extra;
    uint64_t used = 0, end = UINT64_MAX, more = 0;
    fg_keeper k;
    *input = NULL;
    fg_keeper_begin(&k, stream->name, stream->memory_limit_bytes ? stream->memory_limit_bytes : default_limit());
    FG_TRY(FG_ALLOC(&prefix, PREFIX_BYTES, "header"));
    FG_TRY(read_stream(stream, prefix, PREFIX_BYTES, &used));
    FG_CHECK(used > 0, FGMM_DATA, "%s: is empty (0 bytes)", stream->name);
    if (stream->is_npy) FG_TRY(plan(&end, stream, prefix, used));
    if (stream->is_npy && end <= k.limit) FG_TRY(fg_keeper_reserve(&k, end));
    FG_TRY(fg_keeper_add(&k, prefix, used));
    FG_TRY(keep_all(&k, stream, end));
    FG_TRY(read_stream(stream, &extra, 1, &more));
    FG_CHECK(more == 0, FGMM_FORMAT, "%s: byte offset %llu: more bytes follow the last row", stream->name,
             (unsigned long long)end);
    status = fg_keeper_finish(input, &k);
done:
    free(prefix);
    fg_keeper_clear(&k);
    return status;
}
