/* inflate.c - deflated bytes through zlib; without it, only the refusal at the end is built. See inflate.h. */
#include "inflate.h"

#include "size.h"

#include <stdlib.h>

#ifdef FG_HAS_ZLIB
#define ZLIB_CONST
#include <zlib.h>

/* A byte of a deflate stream gives at most so many: 258 for two bits. */
enum { MOST_RATIO = 1032, BUFFER_BYTES = 64 * 1024 };

struct fg_inflater {
    const fg_input *input;
    uint64_t at, packed, bytes;  /* as created */
    uint64_t consumed, produced; /* of packed and of bytes */
    int is_at_end;
    z_stream stream;
    unsigned char buffer[BUFFER_BYTES];
};

fgmm_status fg_inflater_create(fg_inflater **out, const fg_input *input, uint64_t at, uint64_t packed, uint64_t bytes)
{
    fgmm_status status = FGMM_OK;
    fg_inflater *inflater = NULL;
    *out = NULL;
    FG_CHECK(bytes / MOST_RATIO <= packed, FGMM_FORMAT, "%llu compressed bytes cannot hold %llu",
             (unsigned long long)packed, (unsigned long long)bytes);
    FG_TRY(FG_ALLOC(&inflater, 1, "a compressed array"));
    inflater->input = input;
    inflater->at = at;
    inflater->packed = packed;
    inflater->bytes = bytes;
    FG_CHECK(inflateInit2(&inflater->stream, -MAX_WBITS) == Z_OK, FGMM_MEMORY, "zlib cannot begin");
    *out = inflater;
    inflater = NULL;
done:
    free(inflater);
    return status;
}

void fg_inflater_free(fg_inflater *inflater)
{
    if (!inflater) return;
    inflateEnd(&inflater->stream);
    free(inflater);
}

void fg_inflater_rewind(fg_inflater *inflater)
{
    inflateReset(&inflater->stream);
    inflater->stream.avail_in = 0;
    inflater->consumed = inflater->produced = 0;
    inflater->is_at_end = 0;
}

static fgmm_status damaged(const fg_inflater *inflater)
{
    return fg_fail(FGMM_FORMAT, "the compressed data are damaged: they do not come to %llu bytes",
                   (unsigned long long)inflater->bytes);
}

/* As much as zlib gives into `count` bytes; a step makes progress or fails. */
static fgmm_status step(fg_inflater *inflater, unsigned char *to, size_t count, size_t *produced)
{
    fgmm_status status = FGMM_OK;
    z_stream *stream = &inflater->stream;
    if (stream->avail_in == 0) {
        const size_t part = (size_t)fg_min_u64(BUFFER_BYTES, inflater->packed - inflater->consumed);
        FG_TRY(fg_input_read_at(inflater->input, inflater->at + inflater->consumed, inflater->buffer, part));
        inflater->consumed += part;
        stream->next_in = inflater->buffer;
        stream->avail_in = (uInt)part;
    }
    stream->next_out = to;
    stream->avail_out = (uInt)count;
    const uInt before = stream->avail_in;
    const int result = inflate(stream, Z_NO_FLUSH);
    *produced = count - stream->avail_out;
    inflater->is_at_end = result == Z_STREAM_END;
    const int has_progressed = *produced > 0 || stream->avail_in < before || inflater->is_at_end;
    if ((result != Z_OK && result != Z_STREAM_END) || !has_progressed) return damaged(inflater);
done:
    return status;
}

fgmm_status fg_inflater_read(fg_inflater *inflater, void *bytes, uint64_t count)
{
    fgmm_status status = FGMM_OK;
    unsigned char *to = bytes, extra;
    size_t produced;
    while (count > 0) {
        if (inflater->is_at_end) return damaged(inflater);
        FG_TRY(step(inflater, to, (size_t)fg_min_u64(count, 1u << 30), &produced));
        to += produced;
        count -= produced;
        inflater->produced += produced;
    }
    /* The end may still be a few bits ahead; nothing may come before it, and nothing be left behind it. */
    while (inflater->produced == inflater->bytes && !inflater->is_at_end) {
        FG_TRY(step(inflater, &extra, 1, &produced));
        if (produced > 0) return damaged(inflater);
    }
    if (inflater->is_at_end && (inflater->produced < inflater->bytes || inflater->stream.avail_in > 0 ||
                                inflater->consumed < inflater->packed))
        return damaged(inflater);
done:
    return status;
}

#else

fgmm_status fg_inflater_create(fg_inflater **inflater, const fg_input *input, uint64_t at, uint64_t packed,
                               uint64_t bytes)
{
    (void)input, (void)at, (void)packed, (void)bytes;
    *inflater = NULL;
    return fg_fail(FGMM_UNSUPPORTED, "compressed, and this build is without zlib; save it with numpy.savez in place of "
                                     "savez_compressed");
}

void fg_inflater_free(fg_inflater *inflater)
{
    (void)inflater;
}

void fg_inflater_rewind(fg_inflater *inflater)
{
    (void)inflater;
}

fgmm_status fg_inflater_read(fg_inflater *inflater, void *bytes, uint64_t count)
{
    (void)inflater, (void)bytes, (void)count;
    return fg_fail(FGMM_INTERNAL, "there is no inflater without zlib");
}

#endif
