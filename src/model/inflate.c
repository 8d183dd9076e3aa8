/* inflate.c - deflated bytes through zlib; without it, only the refusal at the end is built. See inflate.h. */
#include "inflate.h"

#include "size.h"

#include <stdlib.h>

#ifdef FG_HAS_ZLIB
#define ZLIB_CONST
#include <zlib.h>

/* A byte of a deflate stream gives at most so many: 258 for two bits. */
enum { MOST_RATIO = 1032 };

fgmm_status fg_inflate(unsigned char **to, size_t to_bytes, const unsigned char *from, size_t from_bytes)
{
    fgmm_status status = FGMM_OK;
    unsigned char *bytes = NULL;
    z_stream stream = {.next_in = from};
    *to = NULL;
    FG_CHECK(to_bytes / MOST_RATIO <= from_bytes && from_bytes <= UINT32_MAX && to_bytes <= UINT32_MAX, FGMM_FORMAT,
             "%zu compressed bytes cannot hold %zu", from_bytes, to_bytes);
    FG_TRY(FG_ALLOC(&bytes, to_bytes, "a compressed array"));
    stream.avail_in = (uInt)from_bytes;
    stream.next_out = bytes;
    stream.avail_out = (uInt)to_bytes;
    FG_CHECK(inflateInit2(&stream, -MAX_WBITS) == Z_OK, FGMM_MEMORY, "zlib cannot begin");
    const int end = inflate(&stream, Z_FINISH);
    const int is_whole = end == Z_STREAM_END && stream.avail_out == 0 && stream.avail_in == 0;
    inflateEnd(&stream);
    FG_CHECK(is_whole, FGMM_FORMAT, "the compressed data are damaged: they do not come to %zu bytes", to_bytes);
    *to = bytes;
    bytes = NULL;
done:
    free(bytes);
    return status;
}

#else

fgmm_status fg_inflate(unsigned char **to, size_t to_bytes, const unsigned char *from, size_t from_bytes)
{
    (void)to_bytes, (void)from, (void)from_bytes;
    *to = NULL;
    return fg_fail(FGMM_UNSUPPORTED, "compressed, and this build is without zlib; save it with numpy.savez in place of "
                                     "savez_compressed");
}

#endif
