/* matrix_gpu.c - the backends of GPUs with a matrix unit: warps multiply with it in sparse responsibilities, on
 * operands split into f16 terms; all else is gpu_workgroup.c's. NVIDIA's tensor cores, and the same in OpenCL C, for
 * tests on any device. */
#include "gpu_workgroup.h"

#include "arguments/responsibilities.h"
#include "size.h"
#include "status.h"

#include <stdio.h>

/* cl/matrix/warp_responsibilities.cl: warps of a work-group, and nonzeros that a lane holds of a row. */
enum { WARPS = 4, WARP_ITEMS = 32 * WARPS, LANE_CAPACITY = 32 };

/* Fragments of rows that a warp has. */
static uint32_t down_of(const fg_shape *s)
{
    enum { FRAGMENT_DIMS = 16, MOST_FRAGMENTS = 8 }; /* of 16 rows that two fragments' rows may have: 64 registers */
    const uint64_t fragments = 2 * fg_ceil_div(s->d, 2 * FRAGMENT_DIMS);
    return fg_split_f16_row_terms(s) * fragments <= MOST_FRAGMENTS ? 2 : 1;
}

/* Rows of a work-group. */
static uint32_t tile_rows_of(const fg_shape *s)
{
    enum { FRAGMENT_ROWS = 16 };
    return WARPS * FRAGMENT_ROWS * down_of(s);
}

/* Warps: rows of a launch, about what a device works on at a time; their lanes' lists are used again by the next. */
static uint32_t most_warp_rows(const fg_shape *s)
{
    enum { GROUPS_PER_UNIT = 4 };
    const uint64_t tile_rows = tile_rows_of(s), groups = (uint64_t)s->compute_units * GROUPS_PER_UNIT;
    return (uint32_t)fg_min_u64(fg_round_up(s->batch_rows, tile_rows), groups * tile_rows);
}

/* Lists of lanes: a value and a component for each nonzero, and one for what was dropped. */
static uint64_t scratch_floats(const fg_shape *s)
{
    enum { LANES_PER_ROW = 4 };
    return (uint64_t)most_warp_rows(s) * LANES_PER_ROW * (LANE_CAPACITY + 1) * 2;
}

FG_ARGUMENTS(sparse, WARP_SPARSE_ARGUMENTS)

static fgmm_status run_sparse(const fg_sparse *sparse, const fg_inputs *in, const fg_buffer *column_counts,
                              float cutoff)
{
    fgmm_status status = FGMM_OK;
    const fg_shape *s = in->shape;
    const fg_packed *p = in->parameters;
    (void)column_counts; /* transposing counts */
    const cl_uint n = (cl_uint)in->rows->n, tile_rows = tile_rows_of(s);
    const cl_uint most = (cl_uint)fg_min_u64(most_warp_rows(s), fg_sparse_launch_rows(s, tile_rows));
    for (cl_uint first_row = 0; first_row < n; first_row += most) {
        const sparse_arguments arguments = {
            FG_PART_MEMBERS(in, first_row, n),
            .shift = in->shift,
            .means = p->means,
            .split_means = p->split.means,
            .panel_terms = p->split.panel_terms,
            .panels = s->padded_k / FG_SPLIT_ROWS,
            .components = s->k,
            .cutoff = cutoff,
            .nonzeros = sparse->scratch,
            FG_SPARSE_RESULT_MEMBERS(sparse, s),
        };
        const uint64_t launched = fg_min_u64(most, n - first_row);
        const size_t local = WARP_ITEMS, global = (size_t)fg_ceil_div(launched, tile_rows) * local;
        FG_TRY(launch_sparse(in->device, sparse->plain, &arguments, 1, &global, &local));
    }
done:
    return status;
}

static const fg_sparse_launches sparse_launches = {scratch_floats, run_sparse, NULL};

static const char *reject(const void *tile, const void *problem)
{
    const fg_tile *t = tile;
    if (t->vectors % 32) return "components is no multiple of the matrix unit's";
    return fg_gpu_reject(tile, problem);
}

static int suits(const fg_shape *s)
{
    return fg_density_of(s->covariance)->is_isotropic && !s->matrices && s->d <= FG_WARP_DIMS;
}

static size_t own_options(const fg_shape *s, char *text, size_t capacity)
{
    return (size_t)snprintf(text, capacity, " -DWARPS=%d -DDOWN=%u -DROW_TERMS=%u -DLANE_CAPACITY=%d", WARPS,
                            down_of(s), fg_split_f16_row_terms(s), LANE_CAPACITY);
}

#define MEMBERS                                                                                                        \
    FG_GPU_MEMBERS, .name = "group", .reported = FGMM_BACKEND_MATRIX_UNIT,                                             \
                    .tiles = {"group",       sizeof(fg_tile), fg_gpu_tile_parameters, FG_GPU_TILE_PARAMETERS, reject,  \
                              fg_gpu_repair, fg_gpu_needs},                                                            \
                    .suits = suits, .own_options = own_options, .sparse = &sparse_launches, .split = &fg_split_f16

const fg_backend fg_matrix_warp = {MEMBERS, .leaves = {FG_GPU_LEAVES, [FG_PROGRAM_SPARSE] = "matrix/sparse_warp.cl"},
                                   .unit = FG_UNIT_WARP, .unit_text = " unit=warp"};

const fg_backend fg_matrix_nvidia = {MEMBERS,
                                     .leaves = {FG_GPU_LEAVES, [FG_PROGRAM_SPARSE] = "matrix/sparse_nvidia.cl"},
                                     .unit = FG_UNIT_NVIDIA, .unit_text = " unit=nvidia"};
