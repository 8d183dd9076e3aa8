/* input.c - open, pread, one buffer. See input.h. */
#define _POSIX_C_SOURCE 200809L
#include "input.h"

#include "size.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(sizeof(off_t) == 8, "files beyond 2 GiB need 64-bit offsets: -D_FILE_OFFSET_BITS=64");

fgmm_status fg_input_wrap(fg_input **out, const char *path, unsigned char *bytes, int descriptor, uint64_t size)
{
    fgmm_status status = FGMM_OK;
    fg_input *input = NULL;
    *out = NULL;
    FG_TRY(FG_ALLOC(&input, 1, path));
    FG_TRY(FG_ALLOC(&input->path, strlen(path) + 1, path));
    strcpy(input->path, path);
    input->descriptor = bytes ? -1 : descriptor;
    input->bytes = bytes;
    input->size = size;
    *out = input;
    return FGMM_OK;
done:
    free(input);
    free(bytes);
    if (!bytes) close(descriptor);
    return status;
}

fgmm_status fg_input_open_any(fg_input **input, int *stream, const char *path)
{
    fgmm_status status = FGMM_OK;
    *input = NULL;
    *stream = -1;
    /* O_NONBLOCK: a named pipe must not be waited for; it has no effect on regular files. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    FG_CHECK(descriptor >= 0, FGMM_IO, "%s: cannot be opened: %s", path, strerror(errno));
    struct stat facts;
    FG_CHECK(fstat(descriptor, &facts) == 0, FGMM_IO, "%s: %s", path, strerror(errno));
    FG_CHECK(!S_ISDIR(facts.st_mode), FGMM_IO, "%s: is a folder, not a file", path);
    if (S_ISFIFO(facts.st_mode) || S_ISSOCK(facts.st_mode)) {
        const int flags = fcntl(descriptor, F_GETFL);
        FG_CHECK(flags >= 0 && fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK) == 0, FGMM_IO, "%s: %s", path,
                 strerror(errno));
        *stream = descriptor;
        return FGMM_OK;
    }
    FG_CHECK(S_ISREG(facts.st_mode), FGMM_IO, "%s: is neither a regular file nor a pipe", path);
    FG_CHECK(facts.st_size > 0, FGMM_DATA, "%s: is empty (0 bytes)", path);
    posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL);
    status = fg_input_wrap(input, path, NULL, descriptor, (uint64_t)facts.st_size);
    descriptor = -1;
done:
    if (descriptor >= 0) close(descriptor);
    return status;
}

fgmm_status fg_input_open(fg_input **input, const char *path)
{
    int stream;
    const fgmm_status status = fg_input_open_any(input, &stream, path);
    if (status != FGMM_OK || *input) return status;
    close(stream);
    return fg_fail(FGMM_IO, "%s: is not a regular file, and is read several times", path);
}

void fg_input_close(fg_input *input)
{
    if (!input) return;
    if (input->descriptor >= 0) close(input->descriptor);
    free(input->bytes);
    free(input->path);
    free(input);
}

static fgmm_status ended_early(const fg_input *input, uint64_t offset)
{
    return fg_fail(FGMM_FORMAT, "%s: byte offset %llu: the file ends here; it held %llu bytes when it was opened",
                   input->path, (unsigned long long)offset, (unsigned long long)input->size);
}

fgmm_status fg_input_read_at(const fg_input *input, uint64_t offset, void *bytes, size_t count)
{
    if (offset > input->size || count > input->size - offset) return ended_early(input, input->size);
    if (input->bytes) {
        memcpy(bytes, input->bytes + offset, count);
        return FGMM_OK;
    }
    unsigned char *to = bytes;
    while (count > 0) {
        ssize_t got = pread(input->descriptor, to, count, (off_t)offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0)
            return fg_fail(FGMM_IO, "%s: byte offset %llu: reading failed: %s", input->path, (unsigned long long)offset,
                           strerror(errno));
        if (got == 0) return ended_early(input, offset);
        to += got;
        offset += (uint64_t)got;
        count -= (size_t)got;
    }
    return FGMM_OK;
}

fgmm_status fg_reader_create(fg_reader *reader, fg_input *input)
{
    *reader = (fg_reader){.input = input};
    return FG_ALLOC(&reader->buffer, FG_READER_BYTES, "read buffer");
}

void fg_reader_release(fg_reader *reader)
{
    free(reader->buffer);
    reader->buffer = NULL;
}

void fg_reader_seek(fg_reader *reader, uint64_t offset)
{
    reader->offset = offset;
    reader->used = reader->filled = 0;
    reader->status = FGMM_OK;
}

int fg_reader_fill(fg_reader *reader)
{
    reader->offset += reader->filled;
    reader->used = reader->filled = 0;
    const uint64_t left = reader->input->size - fg_min_u64(reader->offset, reader->input->size);
    const size_t count = (size_t)fg_min_u64(left, FG_READER_BYTES);
    if (count == 0 || reader->status != FGMM_OK) return 0;
    reader->status = fg_input_read_at(reader->input, reader->offset, reader->buffer, count);
    if (reader->status == FGMM_OK) reader->filled = count;
    return reader->status == FGMM_OK;
}

fgmm_status fg_reader_read(fg_reader *reader, void *bytes, size_t count)
{
    unsigned char *to = bytes;
    while (count > 0) {
        if (reader->used == reader->filled && !fg_reader_fill(reader))
            return reader->status != FGMM_OK ? reader->status : ended_early(reader->input, reader->offset);
        const size_t part = (size_t)fg_min_u64(count, reader->filled - reader->used);
        memcpy(to, reader->buffer + reader->used, part);
        reader->used += part;
        to += part;
        count -= part;
    }
    return FGMM_OK;
}
