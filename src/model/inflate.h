/* inflate.h - deflated bytes, as compressed members of ZIP archives are. */
#ifndef FG_INFLATE_H
#define FG_INFLATE_H

#include "status.h"

/* The bytes of a raw deflate stream (RFC 1951), which must be from[0 .. from_bytes-1] exactly and come to exactly
 * to_bytes; *to is released with free(), and NULL on failure. No more is allocated than such a stream can hold. Errors,
 * which do not say where: FORMAT (damaged, another size), UNSUPPORTED (built without zlib), MEMORY. */
fgmm_status fg_inflate(unsigned char **to, size_t to_bytes, const unsigned char *from, size_t from_bytes);

#endif
