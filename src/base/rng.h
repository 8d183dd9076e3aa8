/* rng.h - random streams that are the same on every machine.
 *
 * Counter-based: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"). A stream is (seed,
 * stream number); position i of a stream can be reached directly, so that work can be split without changing results.
 */
#ifndef FG_RNG_H
#define FG_RNG_H

#include <stdint.h>

typedef struct fg_rng {
    uint32_t key[2];
    uint64_t stream;
    uint64_t block;    /* counter of the next block of four words */
    uint32_t words[4]; /* the present block */
    unsigned used;     /* words of it already given */
} fg_rng;

/* Begins stream `stream` of `seed` at its first block, or at block `block`. */
void fg_rng_init(fg_rng *rng, uint64_t seed, uint64_t stream, uint64_t block);

uint32_t fg_rng_u32(fg_rng *rng);
uint64_t fg_rng_u64(fg_rng *rng);
/* Uniform in [0,1), 53 bits. */
double fg_rng_uniform(fg_rng *rng);
/* Uniform in 0..bound-1 without bias; bound >= 1. */
uint64_t fg_rng_below(fg_rng *rng, uint64_t bound);
/* Standard normal (Box-Muller, one value per two uniforms, so that positions stay predictable). */
double fg_rng_normal(fg_rng *rng);

/* Streams in use: one number per purpose, so that no two share random numbers; PARALLEL and above: one per round. */
enum {
    FG_STREAM_SAMPLE_ROWS = 1,
    FG_STREAM_INIT = 2,
    FG_STREAM_REPAIR = 3,
    FG_STREAM_DRAW = 4,
    FG_STREAM_RESTART = 5,
    FG_STREAM_TUNE = 6,
    FG_STREAM_SWAPS = 7,
    FG_STREAM_SHUFFLE = 8,
    FG_STREAM_ROUNDING = 9,
    FG_STREAM_PARALLEL = 1000
};

#endif
