/* once.c - what can be read only once (standard input, a pipe), kept so that it can be read again.
 *
 * An .npy's header comes first and says how much follows, so that nothing beyond a sound file is kept; of other formats
 * all is. Where it is kept (memory or an unlinked temporary file) is all that this file decides. */
#define _POSIX_C_SOURCE 200809L
#include "formats.h"
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

static fgmm_status open_temporary(int *descriptor, const char *name)
{
    fgmm_status status = FGMM_OK;
    char *path = NULL;
    const char *folder = getenv("TMPDIR");
    if (!folder || !*folder) folder = "/tmp";
    *descriptor = -1;
    const size_t room = strlen(folder) + 32;
    FG_TRY(FG_ALLOC(&path, room, "temporary file name"));
    snprintf(path, room, "%s/flashgmm-rows-XXXXXX", folder);
    *descriptor = mkstemp(path);
    FG_CHECK(*descriptor >= 0, FGMM_IO, "%s: a temporary file for it cannot be made in %s: %s", name, folder,
             strerror(errno));
    unlink(path);
done:
    free(path);
    return status;
}

static fgmm_status write_all(int descriptor, const unsigned char *bytes, uint64_t count, const char *name)
{
    while (count > 0) {
        const ssize_t part = write(descriptor, bytes, (size_t)count);
        if (part < 0 && errno == EINTR) continue;
        if (part < 0)
            return fg_fail(FGMM_IO, "%s: its temporary file cannot be written (set TMPDIR to a larger folder): %s",
                           name, strerror(errno));
        bytes += part;
        count -= (uint64_t)part;
    }
    return FGMM_OK;
}

/* What has been kept so far; it moves to a file when it no longer fits the limit. */
typedef struct keeping {
    const fg_once *stream;
    unsigned char *bytes; /* (room), owned; NULL once there is a file */
    uint64_t used, room, limit;
    int file; /* -1: none */
} keeping;

static fgmm_status move_to_file(keeping *k)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(open_temporary(&k->file, k->stream->name));
    FG_TRY(write_all(k->file, k->bytes, k->used, k->stream->name));
    free(k->bytes);
    k->bytes = NULL;
done:
    return status;
}

/* Room for `count` bytes more in memory, as far as the limit allows. */
static fgmm_status make_room(keeping *k, uint64_t count)
{
    const uint64_t wanted = fg_max_u64(k->used + count, fg_min_u64(2 * k->room, k->limit));
    if (k->used + count <= k->room) return FGMM_OK;
    if (k->used + count > k->limit) return move_to_file(k);
    unsigned char *larger = wanted <= SIZE_MAX ? realloc(k->bytes, (size_t)wanted) : NULL;
    if (!larger) return move_to_file(k);
    k->bytes = larger;
    k->room = wanted;
    return FGMM_OK;
}

static fgmm_status keep(keeping *k, const unsigned char *bytes, uint64_t count)
{
    fgmm_status status = FGMM_OK;
    if (k->file < 0) FG_TRY(make_room(k, count));
    if (k->file < 0)
        memcpy(k->bytes + k->used, bytes, (size_t)count);
    else
        FG_TRY(write_all(k->file, bytes, count, k->stream->name));
    k->used += count;
done:
    return status;
}

/* Reads on to `end`, or to the end of the stream. */
static fgmm_status keep_all(keeping *k, uint64_t end)
{
    fgmm_status status = FGMM_OK;
    unsigned char *buffer = NULL;
    FG_TRY(FG_ALLOC(&buffer, COPY_BYTES, "copy buffer"));
    for (uint64_t part = 1; part > 0 && k->used < end;) {
        FG_TRY(read_stream(k->stream, buffer, fg_min_u64(COPY_BYTES, end - k->used), &part));
        FG_TRY(keep(k, buffer, part));
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
    keeping k = {.stream = stream, .file = -1};
    *input = NULL;
    k.limit = stream->memory_limit_bytes ? stream->memory_limit_bytes : DEFAULT_LIMIT_BYTES;
    FG_TRY(FG_ALLOC(&prefix, PREFIX_BYTES, "header"));
    FG_TRY(read_stream(stream, prefix, PREFIX_BYTES, &used));
    FG_CHECK(used > 0, FGMM_DATA, "%s: is empty (0 bytes)", stream->name);
    if (stream->is_npy) FG_TRY(plan(&end, stream, prefix, used));
    if (stream->is_npy && end <= k.limit) FG_TRY(make_room(&k, end));
    FG_TRY(keep(&k, prefix, used));
    FG_TRY(keep_all(&k, end));
    FG_TRY(read_stream(stream, &extra, 1, &more));
    FG_CHECK(more == 0, FGMM_FORMAT, "%s: byte offset %llu: more bytes follow the last row", stream->name,
             (unsigned long long)end);
    status = fg_input_wrap(input, stream->name, k.bytes, k.file, k.used);
    k.bytes = NULL;
    k.file = -1;
done:
    free(prefix);
    free(k.bytes);
    if (k.file >= 0) close(k.file);
    return status;
}
