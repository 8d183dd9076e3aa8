/* matrix/plain.h - the matrix unit's functions in plain OpenCL C, so that kernels over them run on any device. For
 * tests; not fast. matrix/products.cl describes the functions and what they move. */
#include "common/prelude.cl"

#define MATRIX_ROWS    32
#define MATRIX_COLUMNS 32
#define MATRIX_DEPTH   32

typedef struct matrix_t {
    __global const ushort *a, *b; /* what was loaded last */
    float sums[MATRIX_ROWS][MATRIX_COLUMNS];
} matrix_t;

static inline float matrix_bf16(ushort bits)
{
    return as_float((uint)bits << 16);
}

static inline void matrix_begin(void)
{
}

static inline void matrix_end(void)
{
}

static inline void matrix_zero(matrix_t *m)
{
    for (int i = 0; i < MATRIX_ROWS; i++)
        for (int j = 0; j < MATRIX_COLUMNS; j++) m->sums[i][j] = 0.0f;
}

static inline void matrix_load_a(matrix_t *m, __global const ushort *a)
{
    m->a = a;
}

static inline void matrix_load_b(matrix_t *m, __global const ushort *b)
{
    m->b = b;
}

static inline void matrix_multiply(matrix_t *m)
{
    for (int i = 0; i < MATRIX_ROWS; i++)
        for (int j = 0; j < MATRIX_COLUMNS; j++) {
            __global const ushort *b = m->b + j / 16 * 16 * MATRIX_DEPTH + j % 16 * 2;
            float sum = m->sums[i][j];
            for (int d = 0; d < MATRIX_DEPTH; d++)
                sum = fma(matrix_bf16(m->a[i * MATRIX_DEPTH + d]), matrix_bf16(b[d / 2 * 32 + d % 2]), sum);
            m->sums[i][j] = sum;
        }
}

static inline void matrix_store(matrix_t *m, __global float *to, uint stride)
{
    for (int i = 0; i < MATRIX_ROWS; i++)
        for (int j = 0; j < MATRIX_COLUMNS; j++) to[i * stride + j] = m->sums[i][j];
}
