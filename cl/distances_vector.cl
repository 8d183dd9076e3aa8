/* distances_vector.cl - log-densities of a block of rows under a strip of components, in registers. Vector family.
 *
 * Product form (spherical):     l_ik = h_k (2 y_i.m_k - |y_i|^2) + c_k          c_k holds - h_k |m_k|^2
 * Difference form (spherical):  l_ik = - h_k |y_i - m_k|^2 + c_k                 for strips where products lose digits
 * Scaled differences (diag):    l_ik = - sum_d (s_kd y_id + o_kd)^2 + c_k        s = sqrt(h_kd), o = - s m
 * in nats, y = x - shift, m the mean in shifted coordinates, h = 1/(2 sigma^2), c the logarithm of weight and normaliser
 * (docs/math.md, equations 1, 4 and 6). With KEEP_BEST: h = 1, c = 0, so that l = -|y - m|^2.
 *
 *   components, packed: strips of STRIP = VW x TILE_VECTORS          rows of a block: a (TILE_BLOCK, ROW_STRIDE)
 *        strip 0          strip 1                                        y_00 y_01 ... y_0D 0 0
 *     d=0 m_0 .. m_31     m_32 .. m_63                                   y_10 ...
 *     d=1 m_0 .. m_31     ...                                        one scalar is broadcast to all lanes of a strip
 *
 *   TILE_ROWS     rows whose sums stay in registers; TILE_ROWS x TILE_VECTORS + TILE_VECTORS + 1 vectors must fit
 *   TILE_VECTORS  vectors of components
 *   TILE_BLOCK    rows that pass over all components together; a multiple of TILE_ROWS
 *   DIMS          D; ROW_STRIDE = D rounded up to VW
 * Sums run over d in order, in float: relative error at most D 2^-24, in practice sqrt(D) 2^-24.
 */
#ifndef TILE_ROWS
#error "TILE_ROWS is not set"
#endif
#define STRIP (VW * TILE_VECTORS)
#define ROW_VECTORS ((DIMS + VW - 1) / VW)
#define ROW_STRIDE (ROW_VECTORS * VW)
#define ROW_TAIL (DIMS % VW)

/* No real log-density is below FLOOR; components that only fill up the last strip lie below it. */
#define FLOOR (-1e30f)
#define PADDING (-2e30f)

/* The last, incomplete vector of a row, zero-filled; nothing behind the row is read. */
inline floatv row_vector_tail(__global const row_t *rows, size_t i)
{
    float lanes[VW];
#pragma unroll
    for (int j = 0; j < VW; j++) lanes[j] = j < ROW_TAIL ? row_element(rows, i + j) : 0.0f;
    return LOADV(lanes);
}

inline floatv shifted_vector(__global const row_t *rows, size_t row_start, __global const float *shift, int v)
{
    floatv x = (ROW_TAIL != 0 && v == ROW_VECTORS - 1) ? row_vector_tail(rows, row_start + (size_t)v * VW)
                                                       : row_vector(rows, row_start + (size_t)v * VW);
    return x - LOADV(shift + v * VW);
}

/* y = x - shift into a (ROW_STRIDE); returns |y|^2. */
inline float load_row(__global float *a, __global const row_t *rows, size_t row_start, __global const float *shift)
{
    floatv squares = 0.0f;
    for (int v = 0; v < ROW_VECTORS; v++) {
        floatv y = shifted_vector(rows, row_start, shift, v);
        squares = fma(y, y, squares);
        STOREV(y, a + v * VW);
    }
    return sum_lanes(squares);
}

/* Adds one strip's sums for TILE_ROWS rows. */
inline void tile_products(floatv sums[TILE_ROWS][TILE_VECTORS], __global const float *a, __global const float *strip)
{
    for (int d = 0; d < DIMS; d++) {
        floatv m[TILE_VECTORS];
#pragma unroll
        for (int v = 0; v < TILE_VECTORS; v++) m[v] = LOADV(strip + (d * TILE_VECTORS + v) * VW);
#pragma unroll
        for (int i = 0; i < TILE_ROWS; i++) {
            floatv y = a[i * ROW_STRIDE + d];
#pragma unroll
            for (int v = 0; v < TILE_VECTORS; v++) sums[i][v] = fma(y, m[v], sums[i][v]);
        }
    }
}

inline void tile_differences(floatv sums[TILE_ROWS][TILE_VECTORS], __global const float *a, __global const float *strip)
{
    for (int d = 0; d < DIMS; d++) {
        floatv m[TILE_VECTORS];
#pragma unroll
        for (int v = 0; v < TILE_VECTORS; v++) m[v] = LOADV(strip + (d * TILE_VECTORS + v) * VW);
#pragma unroll
        for (int i = 0; i < TILE_ROWS; i++) {
            floatv y = a[i * ROW_STRIDE + d];
#pragma unroll
            for (int v = 0; v < TILE_VECTORS; v++) {
                floatv t = y - m[v];
                sums[i][v] = fma(t, t, sums[i][v]);
            }
        }
    }
}

inline void tile_scaled_differences(floatv sums[TILE_ROWS][TILE_VECTORS], __global const float *a,
                                    __global const float *strip)
{
    for (int d = 0; d < DIMS; d++) {
        floatv s[TILE_VECTORS], o[TILE_VECTORS];
#pragma unroll
        for (int v = 0; v < TILE_VECTORS; v++) {
            s[v] = LOADV(strip + (d * 2 * TILE_VECTORS + v) * VW);
            o[v] = LOADV(strip + ((d * 2 + 1) * TILE_VECTORS + v) * VW);
        }
#pragma unroll
        for (int i = 0; i < TILE_ROWS; i++) {
            floatv y = a[i * ROW_STRIDE + d];
#pragma unroll
            for (int v = 0; v < TILE_VECTORS; v++) {
                floatv t = fma(y, s[v], o[v]);
                sums[i][v] = fma(t, t, sums[i][v]);
            }
        }
    }
}

/* What a kernel knows of the packed components. */
typedef struct components_t {
    __global const float *packed;  /* [strips][DIMS][1, diag 2][STRIP] */
    __global const float *scale;   /* h (strips STRIP) */
    __global const float *offset;  /* c (strips STRIP) */
    __global const uint *is_exact; /* (strips): 1 where the difference form is needed */
} components_t;

#if COV_DIAG
#define STRIP_FLOATS ((size_t)DIMS * 2 * STRIP)
#else
#define STRIP_FLOATS ((size_t)DIMS * STRIP)
#endif

/* Log-densities of TILE_ROWS rows under one strip: l (TILE_ROWS rows, l_stride apart), and the rows' maxima by lane. */
inline void tile_log_densities(__global float *l, size_t l_stride, __global float *maxima, __global const float *a,
                               __global const float *norms, const components_t *c, uint strip)
{
    floatv sums[TILE_ROWS][TILE_VECTORS];
#pragma unroll
    for (int i = 0; i < TILE_ROWS; i++)
#pragma unroll
        for (int v = 0; v < TILE_VECTORS; v++) sums[i][v] = 0.0f;

    __global const float *packed = c->packed + strip * STRIP_FLOATS;
    floatv h[TILE_VECTORS], offset[TILE_VECTORS];
#pragma unroll
    for (int v = 0; v < TILE_VECTORS; v++) {
        h[v] = LOADV(c->scale + strip * STRIP + v * VW);
        offset[v] = LOADV(c->offset + strip * STRIP + v * VW);
    }
#if COV_DIAG
    tile_scaled_differences(sums, a, packed);
#define TILE_LOG_DENSITY(i, v) (offset[v] - sums[i][v])
#else
    float product_sign = 0.0f;
    if (c->is_exact[strip]) {
        tile_differences(sums, a, packed);
    } else {
        tile_products(sums, a, packed);
        product_sign = 1.0f;
    }
    /* differences: - h sums + c; products: h (2 sums - |y|^2) + c */
    const float factor = product_sign != 0.0f ? 2.0f : -1.0f;
#define TILE_LOG_DENSITY(i, v) fma(h[v], fma((floatv)factor, sums[i][v], (floatv)(-product_sign * norms[i])), offset[v])
#endif
    const floatv floor_v = FLOOR;
#pragma unroll
    for (int i = 0; i < TILE_ROWS; i++) {
        floatv highest = LOADV(maxima + i * VW);
#pragma unroll
        for (int v = 0; v < TILE_VECTORS; v++) {
            floatv value = TILE_LOG_DENSITY(i, v);
            /* padding keeps its place below the floor: its scale is 0 and its offset PADDING */
            value = fmax(value, fmin(offset[v], floor_v));
            highest = fmax(highest, value);
            STOREV(value, l + i * l_stride + v * VW);
        }
        STOREV(highest, maxima + i * VW);
    }
}
