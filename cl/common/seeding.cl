/* common/seeding.cl - k-means++: squared distances of all rows of a sample to a few candidates, and the potential that
 * each candidate would leave. All backends.
 *
 *     distance_tn = sum_j (x_nj - c_tj)^2,    potential_t = sum_n w_n min(least_n, distance_tn)
 *
 *     rows        float [blocks][D][SEEDING_BLOCK]       dimension-major: lanes and work-items run along rows
 *     candidates  float [D][padded]                      padded: a multiple of TILE_CANDIDATES
 *     weights     float [blocks][SEEDING_BLOCK]          w_n: how many rows of the data each stands for; 0 for padding
 *     least       float [blocks][SEEDING_BLOCK]          squared distance to the nearest centre; 0 for padding rows
 *     distances   float [padded][blocks * SEEDING_BLOCK]
 *     potentials  float [blocks][padded]
 *
 * A work-group owns one block of rows and one tile of candidates; a launch has blocks from first_block on, of `blocks`
 * in all. A work-item takes TILE_ROWS vectors of rows at a time. On CPUs it is alone in its group and walks the block;
 * on GPUs VW is 1 and the items of a group cover the block together.
 *
 * Macro            meaning                                  legal values
 * TILE_CANDIDATES  candidates in registers                  >= 1
 * TILE_ROWS        vectors of rows in registers             divides SEEDING_BLOCK / (VW * LOCAL)
 * LOCAL            work-items of a group                    a power of two
 * SEEDING_BLOCK    rows of a block                          multiple of VW * TILE_ROWS * LOCAL
 *
 * Local memory: TILE_CANDIDATES * LOCAL floats.
 * Precision: differences, so nothing cancels; float sums of at most SEEDING_BLOCK terms in a fixed order (relative
 * error below 256 * 2^-24), added up in double by the host. Potentials only weigh a choice among candidates.
 */
#include "common/prelude.cl"
#include "common/arguments.cl"
#include "arguments/seeding.h"

#if !defined(TILE_CANDIDATES) || !defined(TILE_ROWS) || !defined(LOCAL) || !defined(SEEDING_BLOCK)
#error "a tile parameter is not set"
#endif

#if VW == 1
#define SUM_LANES(v) (v)
#else
#define SUM_LANES(v) sum_lanes(v)
#endif

/* Distances of TILE_ROWS vectors of rows, SEEDING_BLOCK apart per dimension, to TILE_CANDIDATES candidates. */
static inline void measure(floatv distance[TILE_ROWS][TILE_CANDIDATES], __global const float *x,
                           __global const float *candidates, uint d, uint padded)
{
#pragma unroll
    for (int r = 0; r < TILE_ROWS; r++) {
#pragma unroll
        for (int t = 0; t < TILE_CANDIDATES; t++) distance[r][t] = (floatv)(0.0f);
    }
    for (uint j = 0; j < d; j++) {
#pragma unroll
        for (int r = 0; r < TILE_ROWS; r++) {
            const floatv row = LOADV(x + (size_t)j * SEEDING_BLOCK + r * VW);
#pragma unroll
            for (int t = 0; t < TILE_CANDIDATES; t++) {
                const floatv difference = row - candidates[(size_t)j * padded + t];
                distance[r][t] = fma(difference, difference, distance[r][t]);
            }
        }
    }
}

/* Adds the items' sums in a fixed tree and writes the group's potentials. */
static inline void write_potentials(__global float *potentials, const float sums[TILE_CANDIDATES],
                                    __local float partial[TILE_CANDIDATES * LOCAL])
{
#if LOCAL == 1
    for (int t = 0; t < TILE_CANDIDATES; t++) potentials[t] = sums[t];
#else
    const int item = get_local_id(0);
    for (int t = 0; t < TILE_CANDIDATES; t++) partial[t * LOCAL + item] = sums[t];
    for (int half_count = LOCAL / 2; half_count > 0; half_count /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (item < half_count)
            for (int t = 0; t < TILE_CANDIDATES; t++)
                partial[t * LOCAL + item] += partial[t * LOCAL + item + half_count];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int t = item; t < TILE_CANDIDATES; t += LOCAL) potentials[t] = partial[t * LOCAL];
#endif
}

/* A block of rows and a tile of candidates: where the numbers of both begin. */
typedef struct tile_t {
    __global const float *rows, *candidates, *weights, *least;
    __global float *distances;
    size_t stride; /* of distances, from one candidate to the next */
    uint d, padded;
} tile_t;

/* Measures an item's rows of the block, and adds what each candidate would leave of them to sums. */
static KERNEL_BODY void measure_block(float sums[TILE_CANDIDATES], const tile_t *tile, uint item)
{
    const tile_t b = *tile;
    for (uint first = item * TILE_ROWS * VW; first < SEEDING_BLOCK; first += LOCAL * TILE_ROWS * VW) {
        floatv distance[TILE_ROWS][TILE_CANDIDATES];
        measure(distance, b.rows + first, b.candidates, b.d, b.padded);
#pragma unroll
        for (int r = 0; r < TILE_ROWS; r++) {
            const size_t row = first + r * VW;
            const floatv before = LOADV(b.least + row), weight = LOADV(b.weights + row);
#pragma unroll
            for (int t = 0; t < TILE_CANDIDATES; t++) {
                STOREV(distance[r][t], b.distances + t * b.stride + row);
                sums[t] += SUM_LANES(weight * fmin(before, distance[r][t]));
            }
        }
    }
}

__kernel void seeding_try(ARGUMENTS(SEEDING_TRY_ARGUMENTS))
{
    __local float partial[TILE_CANDIDATES * LOCAL];
    const size_t block = first_block + get_group_id(0), stride = (size_t)blocks * SEEDING_BLOCK;
    const size_t first_row = block * SEEDING_BLOCK;
    const size_t first_candidate = get_group_id(1) * TILE_CANDIDATES;
    const tile_t tile = {rows + first_row * d,
                         candidates + first_candidate,
                         weights + first_row,
                         least + first_row,
                         distances + first_candidate * stride + first_row,
                         stride,
                         d,
                         padded};
    float sums[TILE_CANDIDATES];
    for (int t = 0; t < TILE_CANDIDATES; t++) sums[t] = 0.0f;
    measure_block(sums, &tile, get_local_id(0));
    write_potentials(potentials + block * padded + first_candidate, sums, partial);
}

/* least_n = min(least_n, distance_tn): candidate t becomes a centre. */
__kernel void seeding_choose(__global float *least, __global const float *distances, uint t, uint first_block,
                             uint blocks)
{
    const size_t block = first_block + get_group_id(0), stride = (size_t)blocks * SEEDING_BLOCK;
    for (uint first = get_local_id(0) * VW; first < SEEDING_BLOCK; first += LOCAL * VW) {
        const size_t row = block * SEEDING_BLOCK + first;
        STOREV(fmin(LOADV(least + row), LOADV(distances + t * stride + row)), least + row);
    }
}
