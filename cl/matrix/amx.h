/* matrix/amx.h - the matrix unit's functions on AMX: eight tile registers of 16 rows of 64 bytes, bf16 products summed
 * in float. The functions, and what they move, are described in matrix/products.cl.
 *
 *   tmm0 tmm1      sums of rows 0..15 with columns 0..15 and 16..31        tmm4  rows 0..15 of a     tmm6  b, 0..15
 *   tmm2 tmm3      sums of rows 16..31                                     tmm5  rows 16..31         tmm7  b, 16..31
 *
 * Instructions are written as bytes, since the compilers of OpenCL runtimes know no AMX names; no compiler uses these
 * registers for anything else. The host has asked the operating system for permission and checked the processor
 * (src/device/amx.c).
 *   VEX.128.NP.0F38.W0 49 /0          ldtilecfg [rax]            VEX.128.NP.0F38.W0 49 C0    tilerelease
 *   VEX.128.F2.0F38.W0 4B /r          tileloadd tmm, [rdi + rsi] VEX.128.F3.0F38.W0 4B /r    tilestored
 *   VEX.128.F2.0F38.W0 49 11 rrr 000  tilezero tmm               VEX.128.F3.0F38.W0 5C /r    tdpbf16ps
 */
#include "common/prelude.cl"

#define MATRIX_ROWS    32
#define MATRIX_COLUMNS 32
#define MATRIX_DEPTH   32

typedef int matrix_t; /* the sums are in the tile registers */

#define MATRIX_LOAD(modrm, from, stride_bytes)                                                                         \
    __asm__ volatile(".byte 0xc4,0xe2,0x7b,0x4b," modrm ",0x37" ::"D"(from), "S"((long)(stride_bytes)) : "memory")
#define MATRIX_STORE(modrm, to, stride_bytes)                                                                          \
    __asm__ volatile(".byte 0xc4,0xe2,0x7a,0x4b," modrm ",0x37" ::"D"(to), "S"((long)(stride_bytes)) : "memory")

/* Configures the tile registers: palette 1, eight tiles of 16 rows of 64 bytes. */
static inline void matrix_begin(void)
{
    uchar config[64];
    for (int i = 0; i < 64; i++) config[i] = 0;
    config[0] = 1;
    for (int tile = 0; tile < 8; tile++) {
        config[16 + 2 * tile] = 64;
        config[48 + tile] = 16;
    }
    __asm__ volatile(".byte 0xc4,0xe2,0x78,0x49,0x00" ::"a"(config) : "memory");
}

static inline void matrix_end(void)
{
    __asm__ volatile(".byte 0xc4,0xe2,0x78,0x49,0xc0" ::: "memory");
}

static inline void matrix_zero(matrix_t *m)
{
    __asm__ volatile(".byte 0xc4,0xe2,0x7b,0x49,0xc0\n.byte 0xc4,0xe2,0x7b,0x49,0xc8\n"
                     ".byte 0xc4,0xe2,0x7b,0x49,0xd0\n.byte 0xc4,0xe2,0x7b,0x49,0xd8" ::
                         : "memory");
}

static inline void matrix_load_a(matrix_t *m, __global const ushort *a)
{
    MATRIX_LOAD("0x24", a, 64);
    MATRIX_LOAD("0x2c", a + 16 * MATRIX_DEPTH, 64);
}

static inline void matrix_load_b(matrix_t *m, __global const ushort *b)
{
    MATRIX_LOAD("0x34", b, 64);
    MATRIX_LOAD("0x3c", b + 16 * MATRIX_DEPTH, 64);
}

static inline void matrix_multiply(matrix_t *m)
{
    __asm__ volatile(".byte 0xc4,0xe2,0x4a,0x5c,0xc4\n.byte 0xc4,0xe2,0x42,0x5c,0xcc\n"
                     ".byte 0xc4,0xe2,0x4a,0x5c,0xd5\n.byte 0xc4,0xe2,0x42,0x5c,0xdd" ::
                         : "memory");
}

static inline void matrix_store(matrix_t *m, __global float *to, uint stride)
{
    MATRIX_STORE("0x04", to, stride * sizeof(float));
    MATRIX_STORE("0x0c", to + 16, stride * sizeof(float));
    MATRIX_STORE("0x14", to + 16 * stride, stride * sizeof(float));
    MATRIX_STORE("0x1c", to + 16 * stride + 16, stride * sizeof(float));
}
