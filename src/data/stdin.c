/* stdin.c - .npy from a stream that can be read only once, kept so that it can be read again.
 *
 * The header comes first and says how much follows, so that nothing beyond a sound file is kept. Where it is kept
 * (memory or an unlinked temporary file) is all that this file decides; npy.c and dense.c do the rest. */
#define _POSIX_C_SOURCE 200809L
#include "formats.h"
#include "npy.h"
#include "size.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char STDIN_NAME[] = "standard input";
/* The longest header and what stands before it. */
enum { PREFIX_BYTES = FG_NPY_HEADER_MAX + 12, COPY_BYTES = 256 * 1024 };
static const uint64_t DEFAULT_LIMIT_BYTES = 1024ull * 1024 * 1024;

/* Up to `count` bytes; fewer only at the end of the stream. */
static fgmm_status read_stream(int descriptor, unsigned char *bytes, uint64_t count, uint64_t *got)
{
    *got = 0;
    while (*got < count) {
        const ssize_t part = read(descriptor, bytes + *got, (size_t)(count - *got));
        if (part < 0 && errno == EINTR) continue;
        if (part < 0)
            return fg_fail(FGMM_IO, "%s: byte offset %llu: reading failed: %s", STDIN_NAME, (unsigned long long)*got,
                           strerror(errno));
        if (part == 0) break;
        *got += (uint64_t)part;
    }
    return FGMM_OK;
}

static fgmm_status open_temporary(int *descriptor)
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
    FG_CHECK(*descriptor >= 0, FGMM_IO, "%s: a temporary file for standard input cannot be made in %s: %s", STDIN_NAME,
             folder, strerror(errno));
    unlink(path);
done:
    free(path);
    return status;
}

static fgmm_status write_all(int descriptor, const unsigned char *bytes, uint64_t count)
{
    while (count > 0) {
        const ssize_t part = write(descriptor, bytes, (size_t)count);
        if (part < 0 && errno == EINTR) continue;
        if (part < 0)
            return fg_fail(FGMM_IO, "%s: its temporary file cannot be written (set TMPDIR to a larger folder): %s",
                           STDIN_NAME, strerror(errno));
        bytes += part;
        count -= (uint64_t)part;
    }
    return FGMM_OK;
}

/* Keeps prefix and stream up to `end` bytes in memory. */
static fgmm_status keep_in_memory(fg_input **input, int from, const unsigned char *prefix, uint64_t used, uint64_t end)
{
    fgmm_status status = FGMM_OK;
    unsigned char *bytes = NULL;
    uint64_t got = 0;
    *input = NULL;
    FG_TRY(FG_ALLOC(&bytes, end, "rows of standard input"));
    memcpy(bytes, prefix, (size_t)used);
    FG_TRY(read_stream(from, bytes + used, end - used, &got));
    return fg_input_wrap(input, STDIN_NAME, bytes, -1, used + got);
done:
    free(bytes);
    return status;
}

/* The same in an unlinked temporary file. */
static fgmm_status keep_in_file(fg_input **input, int from, const unsigned char *prefix, uint64_t used, uint64_t end)
{
    fgmm_status status = FGMM_OK;
    unsigned char *buffer = NULL;
    int to = -1;
    uint64_t got = used;
    *input = NULL;
    FG_TRY(open_temporary(&to));
    FG_TRY(FG_ALLOC(&buffer, COPY_BYTES, "copy buffer"));
    FG_TRY(write_all(to, prefix, used));
    for (uint64_t part = used; part > 0 && got < end; got += part) {
        FG_TRY(read_stream(from, buffer, fg_min_u64(COPY_BYTES, end - got), &part));
        FG_TRY(write_all(to, buffer, part));
    }
    status = fg_input_wrap(input, STDIN_NAME, NULL, to, got);
    to = -1;
done:
    free(buffer);
    if (to >= 0) close(to);
    return status;
}

/* Reads the header; *end is the size that the whole stream must have. */
static fgmm_status plan(uint64_t *end, unsigned char *prefix, uint64_t used)
{
    fgmm_status status = FGMM_OK;
    fg_dense_layout layout;
    char name[sizeof STDIN_NAME];
    memcpy(name, STDIN_NAME, sizeof name);
    const fg_input view = {.path = name, .descriptor = -1, .bytes = prefix, .size = used};
    FG_CHECK(used > 0, FGMM_DATA, "%s: is empty (0 bytes)", STDIN_NAME);
    FG_TRY(fg_npy_read_header(&layout, &view));
    FG_TRY(fg_dense_end(end, &layout, STDIN_NAME));
done:
    return status;
}

fgmm_status fg_stdin_open(fgmm_source **source, int descriptor, uint64_t memory_limit_bytes)
{
    fgmm_status status = FGMM_OK;
    unsigned char *prefix = NULL, extra;
    fg_input *input = NULL;
    uint64_t used = 0, end = 0, more = 0;
    *source = NULL;
    const uint64_t limit = memory_limit_bytes ? memory_limit_bytes : DEFAULT_LIMIT_BYTES;
    FG_TRY(FG_ALLOC(&prefix, PREFIX_BYTES, "header"));
    FG_TRY(read_stream(descriptor, prefix, PREFIX_BYTES, &used));
    FG_TRY(plan(&end, prefix, used));
    FG_CHECK(used <= end, FGMM_FORMAT, "%s: byte offset %llu: more bytes follow the last row", STDIN_NAME,
             (unsigned long long)end);
    FG_TRY((end <= limit ? keep_in_memory : keep_in_file)(&input, descriptor, prefix, used, end));
    FG_TRY(read_stream(descriptor, &extra, 1, &more));
    FG_CHECK(more == 0, FGMM_FORMAT, "%s: byte offset %llu: more bytes follow the last row", STDIN_NAME,
             (unsigned long long)end);
    status = fg_npy_open(source, input, NULL);
    input = NULL;
done:
    fg_input_close(input);
    free(prefix);
    return status;
}
