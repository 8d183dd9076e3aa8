/* matrix_cpu.c - the backends of CPUs with a matrix unit: it multiplies in sparse responsibilities, on operands split
 * into bf16 terms; all else is cpu_simd.c's. AMX through PoCL, and the same in OpenCL C, for tests on any device. */
#include "cpu_simd.h"

#include "arguments/responsibilities.h"
#include "size.h"
#include "status.h"

/* cl/matrix/responsibilities.cl and responsibilities_pruned.cl */

FG_ARGUMENTS(sparse, MATRIX_SPARSE_ARGUMENTS)
FG_ARGUMENTS(pruned, MATRIX_PRUNED_ARGUMENTS)

static fgmm_status run_sparse(const fg_sparse *sparse, const fg_inputs *in, const fg_buffer *column_counts,
                              float cutoff)
{
    fgmm_status status = FGMM_OK;
    const fg_packed *p = in->parameters;
    const fg_cpu_workers w = fg_cpu_workers_of(sparse, in, column_counts, cutoff);
    const size_t one = 1;
    for (fg_row_part part = fg_row_part_of(in->rows, 0, w.most); part.first_row < part.n;
         part = fg_row_part_of(in->rows, part.end, w.most)) {
        const sparse_arguments arguments = {
            FG_CPU_WORKER_MEMBERS(w, part),
            .shift = in->shift,
            FG_PACKED_MEMBERS(p),
            .split_means = p->split.means,
            .panel_terms = p->split.panel_terms,
            .row_terms = p->split.row_terms,
        };
        FG_TRY(launch_sparse(in->device, sparse->plain, &arguments, 1, &w.count, &one));
    }
done:
    return status;
}

/* The same with bounds. */
static fgmm_status run_pruned(const fg_sparse *sparse, const fg_inputs *in, const fg_buffer *column_counts,
                              float cutoff)
{
    fgmm_status status = FGMM_OK;
    const fg_packed *p = in->parameters;
    const fg_cpu_workers w = fg_cpu_workers_of(sparse, in, column_counts, cutoff);
    const size_t one = 1;
    for (fg_row_part part = fg_row_part_of(in->rows, 0, w.most); part.first_row < part.n;
         part = fg_row_part_of(in->rows, part.end, w.most)) {
        const pruned_arguments arguments = {
            FG_CPU_WORKER_MEMBERS(w, part),
            .shift = p->shift,
            .scale = p->scale,
            .offset = p->pruning.offset,
            .split_means = p->split.means,
            .means = p->means,
            .normaliser = p->normaliser,
            .row_share = p->pruning.row_share,
            .residual_share = p->pruning.residual_share,
        };
        FG_TRY(launch_pruned(in->device, sparse->pruned, &arguments, 1, &w.count, &one));
    }
done:
    return status;
}

static const fg_sparse_launches sparse_launches = {fg_cpu_sparse_scratch, run_sparse, run_pruned};

static const char *reject(const void *tile, const void *problem)
{
    const fg_tile *t = tile;
    if (t->vw * t->vectors != FG_SPLIT_ROWS) return "vw x vectors is not the matrix unit's";
    if (t->block % FG_SPLIT_ROWS) return "block is no multiple of the matrix unit's rows";
    return fg_cpu_reject(tile, problem);
}

static void repair(void *tile)
{
    fg_tile *t = tile;
    uint32_t step = t->rows;
    t->vectors = FG_SPLIT_ROWS / t->vw;
    while (step % FG_SPLIT_ROWS) step += t->rows;
    fg_cpu_repair(t);
    t->block = (uint32_t)fg_max_u64(step, t->block / step * step);
}

static int suits(const fg_shape *s)
{
    return fg_density_of(s->covariance)->is_isotropic && !s->matrices;
}

#define MEMBERS                                                                                                        \
    FG_CPU_MEMBERS, .name = "vector", .reported = FGMM_BACKEND_MATRIX_UNIT, .shipped = FGMM_BACKEND_MATRIX_UNIT,       \
                    .tiles = {"vector", sizeof(fg_tile), fg_cpu_tile_parameters, FG_CPU_TILE_PARAMETERS, reject,       \
                              repair,   fg_cpu_needs},                                                                 \
                    .suits = suits, .sparse = &sparse_launches, .split = &fg_split_bf16,                               \
                    .pruning = &fg_prune_first_term

/* On other devices its shipped tiles serve few panels, and may be larger than the registers. */
const fg_backend fg_matrix_plain = {
    MEMBERS,
    .leaves =
        {FG_CPU_LEAVES, [FG_PROGRAM_SPARSE] = "matrix/sparse_plain.cl", [FG_PROGRAM_PRUNED] = "matrix/pruned_plain.cl"},
    .unit = FG_UNIT_PLAIN, .unit_text = " unit=plain", .takes_any_tile = 1};

const fg_backend fg_matrix_amx = {
    MEMBERS,
    .leaves =
        {FG_CPU_LEAVES, [FG_PROGRAM_SPARSE] = "matrix/sparse_amx.cl", [FG_PROGRAM_PRUNED] = "matrix/pruned_amx.cl"},
    .unit = FG_UNIT_AMX, .unit_text = " unit=amx"};
