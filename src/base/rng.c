/* rng.c - Philox4x32-10 and what is drawn from it. */
#include "rng.h"

#include <math.h>

static uint64_t wide(uint32_t a, uint32_t b)
{
    return (uint64_t)a * b;
}

/* Ten rounds of the Philox4x32 bijection: counter (block, stream) under key (seed). */
static void philox(uint32_t words[4], const uint32_t seed[2], uint64_t block, uint64_t stream)
{
    uint32_t c[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)};
    uint32_t k[2] = {seed[0], seed[1]};
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = wide(0xD2511F53u, c[0]), p1 = wide(0xCD9E8D57u, c[2]);
        uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k[0], (uint32_t)p1, (uint32_t)(p0 >> 32) ^ c[3] ^ k[1],
                            (uint32_t)p0};
        for (int i = 0; i < 4; i++) c[i] = next[i];
        k[0] += 0x9E3779B9u;
        k[1] += 0xBB67AE85u;
    }
    for (int i = 0; i < 4; i++) words[i] = c[i];
}

void fg_rng_init(fg_rng *rng, uint64_t seed, uint64_t stream, uint64_t block)
{
    rng->key[0] = (uint32_t)seed;
    rng->key[1] = (uint32_t)(seed >> 32);
    rng->stream = stream;
    rng->block = block;
    rng->used = 4;
}

uint32_t fg_rng_u32(fg_rng *rng)
{
    if (rng->used == 4) {
        philox(rng->words, rng->key, rng->block++, rng->stream);
        rng->used = 0;
    }
    return rng->words[rng->used++];
}

uint64_t fg_rng_u64(fg_rng *rng)
{
    uint64_t high = fg_rng_u32(rng);
    return high << 32 | fg_rng_u32(rng);
}

double fg_rng_uniform(fg_rng *rng)
{
    return (double)(fg_rng_u64(rng) >> 11) * 0x1p-53;
}

uint64_t fg_rng_below(fg_rng *rng, uint64_t bound)
{
    const uint64_t rejected = (UINT64_MAX - bound + 1) % bound; /* 2^64 mod bound values would be too likely */
    for (;;) {
        uint64_t value = fg_rng_u64(rng);
        if (value >= rejected) return value % bound;
    }
}

double fg_rng_normal(fg_rng *rng)
{
    const double two_pi = 6.283185307179586476925286766559;
    double u = 1.0 - fg_rng_uniform(rng); /* (0,1]: the logarithm is finite */
    double v = fg_rng_uniform(rng);
    return sqrt(-2.0 * log(u)) * cos(two_pi * v);
}
