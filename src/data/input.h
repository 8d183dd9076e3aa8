/* input.h - bytes of a file (or of memory that stands for one), read by offset or in sequence.
 *
 * The only place of this layer that knows descriptors and pread. Nothing is mapped and nothing is read ahead beyond one
 * small buffer, so that memory stays bounded whatever the file's size. It knows nothing of formats.
 * Formats are little-endian on disk and rows are handed out as they lie there. */
#ifndef FG_INPUT_H
#define FG_INPUT_H

#include "status.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "rows are handed out as they lie on disk: little-endian machines only"
#endif

typedef struct fg_input {
    char *path;           /* as messages name it */
    int descriptor;       /* -1: memory */
    unsigned char *bytes; /* (size) when descriptor is -1, owned */
    uint64_t size;        /* bytes when it was opened; what is appended later is not seen */
} fg_input;

/* Opens a regular, non-empty file. Errors: IO (missing, a folder, no regular file), DATA (0 bytes). */
fgmm_status fg_input_open(fg_input **input, const char *path);

/* Likewise, but of a pipe or a socket, which can be read only once, gives the descriptor instead (*input is NULL; the
 * caller closes it). A named pipe that nobody writes to is at its end: nothing waits here. */
fgmm_status fg_input_open_any(fg_input **input, int *stream, const char *path);

/* Takes ownership of `bytes` (malloc'ed) or, when bytes is NULL, of `descriptor`; both are released also on failure. */
fgmm_status fg_input_wrap(fg_input **input, const char *path, unsigned char *bytes, int descriptor, uint64_t size);

void fg_input_close(fg_input *input);

/* Exactly `count` bytes from `offset`. Errors: FORMAT when the file has become shorter than it was, IO; both name the
 * offset. */
fgmm_status fg_input_read_at(const fg_input *input, uint64_t offset, void *bytes, size_t count);

/* Sequential reading through one buffer. */
enum { FG_READER_BYTES = 256 * 1024 };
typedef struct fg_reader {
    fg_input *input; /* borrowed */
    uint64_t offset; /* in the file, of buffer[0] */
    size_t used, filled;
    fgmm_status status;    /* of the last fill; kept until the next seek */
    unsigned char *buffer; /* (FG_READER_BYTES) */
} fg_reader;

fgmm_status fg_reader_create(fg_reader *reader, fg_input *input);
void fg_reader_release(fg_reader *reader);
void fg_reader_seek(fg_reader *reader, uint64_t offset);

/* Offset of the next byte. */
static inline uint64_t fg_reader_position(const fg_reader *reader)
{
    return reader->offset + reader->used;
}

/* Exactly `count` bytes; errors as fg_input_read_at. */
fgmm_status fg_reader_read(fg_reader *reader, void *bytes, size_t count);

/* Refills an exhausted buffer; 0 at the end of the file or on failure (then reader->status says so). */
int fg_reader_fill(fg_reader *reader);

/* The next byte without taking it; -1 at the end or on failure. */
static inline int fg_reader_peek(fg_reader *reader)
{
    if (reader->used == reader->filled && !fg_reader_fill(reader)) return -1;
    return reader->buffer[reader->used];
}

#endif
