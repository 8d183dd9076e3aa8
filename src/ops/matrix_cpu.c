/* matrix_cpu.c - the backends of CPUs with a matrix unit: it multiplies in sparse responsibilities, on operands split
 * into bf16 terms; all else is cpu_simd.c's. AMX through PoCL, and the same in OpenCL C, for tests on any device. */
#include "cpu_simd.h"

#include "size.h"

/* cl/matrix/responsibilities.cl and responsibilities_pruned.cl */

static fgmm_status run_sparse(const fg_sparse *sparse, const fg_inputs *in, const fg_buffer *bins, float cutoff)
{
    const fg_packed *p = in->parameters;
    const fg_cpu_launch launch = {sparse, in, bins, cutoff, sparse->plain};
    const fg_argument own[FG_CPU_MOST_ARGUMENTS] = {FG_ARG_BUFFER(in->shift),
                                                    FG_ARG_BUFFER(p->packed),
                                                    FG_ARG_BUFFER(p->scale),
                                                    FG_ARG_BUFFER(p->offset),
                                                    FG_ARG_BUFFER(p->is_exact),
                                                    FG_ARG_BUFFER(p->split.means),
                                                    FG_ARG_BUFFER(p->split.panel_terms),
                                                    FG_ARG_VALUE(p->split.row_terms)};
    return fg_cpu_run_workers(&launch, &(fg_cpu_arguments){own, FG_CPU_MOST_ARGUMENTS});
}

/* The same with bounds. */
static fgmm_status run_pruned(const fg_sparse *sparse, const fg_inputs *in, const fg_buffer *bins, float cutoff)
{
    const fg_packed *p = in->parameters;
    const fg_cpu_launch launch = {sparse, in, bins, cutoff, sparse->pruned};
    const fg_pruning *b = &p->pruning;
    const fg_argument own[FG_CPU_MOST_ARGUMENTS] = {FG_ARG_BUFFER(p->shift),    FG_ARG_BUFFER(p->scale),
                                                    FG_ARG_BUFFER(b->offset),   FG_ARG_BUFFER(p->split.means),
                                                    FG_ARG_BUFFER(p->means),    FG_ARG_BUFFER(p->normaliser),
                                                    FG_ARG_VALUE(b->row_share), FG_ARG_VALUE(b->residual_share)};
    return fg_cpu_run_workers(&launch, &(fg_cpu_arguments){own, FG_CPU_MOST_ARGUMENTS});
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
    return s->covariance == FGMM_SPHERICAL && !s->matrices;
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
