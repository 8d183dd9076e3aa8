/* gpu_workgroup.h - what the matrix units of GPUs share with the kernels of GPUs. Internal to the backends. */
#ifndef FG_GPU_WORKGROUP_H
#define FG_GPU_WORKGROUP_H

#include "backend.h"
#include "dense_path.h"
#include "matrices.h"

/* Tiles. */
extern const fg_space_parameter fg_gpu_tile_parameters[];
enum { FG_GPU_TILE_PARAMETERS = 9 };
const char *fg_gpu_reject(const void *tile, const void *problem);
void fg_gpu_repair(void *tile);
void fg_gpu_needs(fg_space_needs *needs, const void *tile, const void *problem);

/* Members that are the same in all rows of GPUs. */
void fg_gpu_set_tile(fg_tile *tile);
int fg_gpu_is_filled(const fg_tile *tile, uint32_t k);
uint32_t fg_gpu_native_width(const fg_device_facts *facts);
uint64_t fg_gpu_most_registers(const fg_device_facts *facts);
void fg_gpu_plan(fg_shape *shape);
uint32_t fg_gpu_row_pitch(const fg_shape *shape);
size_t fg_gpu_common_options(const fg_shape *shape, fg_program program, char *text, size_t capacity);
uint64_t fg_gpu_check_rows(const fg_shape *shape);
extern const fg_transpose_launches fg_gpu_transpose;
extern const fg_dense_launches fg_gpu_dense;
extern const fg_moments_launches fg_gpu_moments;
extern const fg_whitening_launches fg_gpu_whitening;
extern const fg_search_launches fg_gpu_search;

/* Programs that a matrix unit does not take over. */
#define FG_GPU_LEAVES                                                                                                  \
    [FG_PROGRAM_DENSE] = "gpu/dense.cl", [FG_PROGRAM_MATRIX] = "gpu/matrices.cl", [FG_PROGRAM_BLAS] = "gpu/blas.cl"

/* Members that all rows of GPUs share. */
#define FG_GPU_MEMBERS                                                                                                 \
    .full_leaf = "gpu/sparse_full.cl", .sum_items = FG_SUM_ITEMS, .common_leaf = "common/combine.cl",                  \
    .kernels = FGMM_BACKEND_GPU_WORKGROUP, .shipped = FGMM_BACKEND_GPU_WORKGROUP, .set_tile = fg_gpu_set_tile,         \
    .is_filled = fg_gpu_is_filled, .native_width = fg_gpu_native_width, .most_registers = fg_gpu_most_registers,       \
    .plan = fg_gpu_plan, .row_pitch = fg_gpu_row_pitch, .common_options = fg_gpu_common_options,                       \
    .check_rows = fg_gpu_check_rows, .transpose = &fg_gpu_transpose, .dense = &fg_gpu_dense,                           \
    .moments = &fg_gpu_moments, .whitening = &fg_gpu_whitening, .search = &fg_gpu_search

#endif
