/* size.h - arithmetic on sizes that cannot wrap, and allocation by count.
 * Row counts are uint64_t, bytes in memory are size_t; every product of the two goes through here. */
#ifndef FG_SIZE_H
#define FG_SIZE_H

#include "status.h"

/* *product = a * b (* c); FGMM_MEMORY names `what` when it does not fit size_t. */
fgmm_status fg_size_product(size_t *product, uint64_t a, uint64_t b, const char *what);
fgmm_status fg_size_product3(size_t *product, uint64_t a, uint64_t b, uint64_t c, const char *what);

/* Zeroed array of count elements; *pointer is NULL on failure. Released with free(). */
fgmm_status fg_alloc(void **pointer, uint64_t count, size_t element_bytes, const char *what);
#define FG_ALLOC(pointer, count, what) fg_alloc((void **)(pointer), (count), sizeof **(pointer), (what))

static inline uint64_t fg_min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t fg_max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Number of blocks of `block` that cover n; n rounded up to a multiple. */
static inline uint64_t fg_ceil_div(uint64_t n, uint64_t block)
{
    return n / block + (n % block != 0);
}

static inline uint64_t fg_round_up(uint64_t n, uint64_t block)
{
    return fg_ceil_div(n, block) * block;
}

#endif
