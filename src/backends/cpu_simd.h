/* cpu_simd.h - what the matrix units of CPUs share with the kernels of CPUs. Internal to the backends.
 *
 * src/backends/ holds the rows of the table of backends (kernels/backend.h), a file for each set of kernels: its tiles,
 * its sizes, its launches. It does not decide which backend a shape gets. */
#ifndef FG_CPU_SIMD_H
#define FG_CPU_SIMD_H

#include "backend.h"
#include "dense_path.h"
#include "matrices.h"

/* The scratch of a worker of sparse responsibilities. */
typedef struct fg_cpu_scratch {
    cl_uint panels, l_stride; /* that a block passes over before its rows are swept; floats of a row of them */
    cl_ulong floats;
} fg_cpu_scratch;
fg_cpu_scratch fg_cpu_scratch_of(const fg_shape *shape);

/* Workers that make the sparse responsibilities of a batch. */
typedef struct fg_cpu_workers {
    const fg_sparse *sparse;
    const fg_inputs *in;
    const fg_buffer *column_counts;
    float cutoff;
    fg_cpu_scratch scratch;
    cl_uint most; /* rows of a launch */
    size_t count;
} fg_cpu_workers;
fg_cpu_workers fg_cpu_workers_of(const fg_sparse *sparse, const fg_inputs *in, const fg_buffer *column_counts,
                                 float cutoff);

/* Members that all their kernels share: PART_ARGUMENTS and WORKER_ARGUMENTS of cl/arguments/responsibilities.h. part:
 * the rows of a launch. */
#define FG_CPU_WORKER_MEMBERS(w, part)                                                                                 \
    FG_PART_MEMBERS((w).in, (part).first_row, (part).end),                                                             \
        .panels = (w).in->shape->panels, .chunk_panels = (w).scratch.panels, .components = (w).in->shape->k,           \
        .cutoff = (w).cutoff, .scratch = (w).sparse->scratch, .scratch_floats = (w).scratch.floats,                    \
        .l_stride = (w).scratch.l_stride, FG_SPARSE_RESULT_MEMBERS((w).sparse, (w).in->shape),                         \
        .column_counts = (w).column_counts

/* Tiles. */
extern const fg_space_parameter fg_cpu_tile_parameters[];
enum { FG_CPU_TILE_PARAMETERS = 8 };
const char *fg_cpu_reject(const void *tile, const void *problem);
void fg_cpu_repair(void *tile);
void fg_cpu_needs(fg_space_needs *needs, const void *tile, const void *problem);

/* Members that are the same in all rows of CPUs. */
int fg_cpu_is_filled(const fg_tile *tile, uint32_t k);
uint32_t fg_cpu_native_width(const fg_device_facts *facts);
uint64_t fg_cpu_most_registers(const fg_device_facts *facts);
void fg_cpu_plan(fg_shape *shape);
uint32_t fg_cpu_row_pitch(const fg_shape *shape);
size_t fg_cpu_common_options(const fg_shape *shape, fg_program program, char *text, size_t capacity);
size_t fg_cpu_own_options(const fg_shape *shape, char *text, size_t capacity);
size_t fg_cpu_describe(const fg_shape *shape, char *text, size_t capacity);
uint64_t fg_cpu_check_rows(const fg_shape *shape);
uint64_t fg_cpu_sparse_scratch(const fg_shape *shape);
extern const fg_transpose_launches fg_cpu_transpose;
extern const fg_dense_launches fg_cpu_dense;
extern const fg_moments_launches fg_cpu_moments;
extern const fg_whitening_launches fg_cpu_whitening;
extern const fg_search_launches fg_cpu_search;

/* Programs that a matrix unit does not take over. */
#define FG_CPU_LEAVES                                                                                                  \
    [FG_PROGRAM_DENSE] = "cpu/dense.cl", [FG_PROGRAM_FUSED] = "cpu/fused.cl", [FG_PROGRAM_MATRIX] = "cpu/matrices.cl"

/* Members that all rows of CPUs share. */
#define FG_CPU_MEMBERS                                                                                                 \
    .full_leaf = "cpu/sparse_full.cl", .sum_items = 1, .common_leaf = "cpu/shared.cl",                                 \
    .kernels = FGMM_BACKEND_CPU_SIMD, .has_lane_masks = 1, .is_filled = fg_cpu_is_filled,                              \
    .native_width = fg_cpu_native_width, .most_registers = fg_cpu_most_registers, .plan = fg_cpu_plan,                 \
    .row_pitch = fg_cpu_row_pitch, .common_options = fg_cpu_common_options, .own_options = fg_cpu_own_options,         \
    .describe = fg_cpu_describe, .check_rows = fg_cpu_check_rows, .dims_of_nonzero = 1536, .awaits_counts = 1,         \
    .transpose = &fg_cpu_transpose, .dense = &fg_cpu_dense, .moments = &fg_cpu_moments,                                \
    .whitening = &fg_cpu_whitening, .search = &fg_cpu_search

#endif
