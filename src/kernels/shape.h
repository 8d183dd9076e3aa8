/* shape.h - the sizes of a pass, which follow from its options, the device and the tile, before anything is allocated.
 */
#ifndef FG_SHAPE_H
#define FG_SHAPE_H

#include "backend.h"
#include "density.h"
#include "options.h"
#include "tile.h"

enum {
    FG_SUM_BLOCK = 256, /* rows whose log-normalisers one work-group adds */
    FG_SUM_ITEMS = 64   /* group: work-items that share a sum, a power of two */
};

struct fg_shape {
    const fg_backend *backend;
    fgmm_covariance covariance; /* of the log-density; with FG_ASSIGN_HARD FG_DENSITY_OF_DISTANCES */
    int is_diag_s2;             /* second moments per dimension */
    uint32_t matrices;          /* of second moments: tied 1, full k, else 0 */
    fg_assignment assignment;
    fgmm_type type;
    uint32_t k, d;
    uint32_t panel, panels, padded_k; /* components are packed in panels; padded_k = panel * panels */
    uint32_t row_stride;              /* D rounded up to vw */
    uint32_t capacity;                /* nonzeros of a row */
    uint32_t batch_rows;
    uint32_t sum_items;      /* work-items of a group in common/combine.cl and accumulate: 1 on CPUs */
    uint32_t compute_units;  /* of the device */
    uint32_t workers;        /* CPUs: work-items of a launch, each with its own scratch */
    int is_fused;            /* CPUs: rows go straight into sums (fused.c), unless components are pruned */
    int has_fused_dense;     /* CPUs: those of dense batches do */
    uint32_t row_groups;     /* CPUs, with matrices: groups of vw rows that meet a triangular factor together */
    uint32_t outputs;        /* with matrices: width of its packed blocks */
    uint32_t moment_rows;    /* with matrices: nonzeros whose second moments are summed in float */
    int is_wide;             /* with matrices: all second moments in wide sums, whatever their condition */
    double launch_work;      /* fg_device_launch_work */
    float row_scale;         /* what rows are multiplied by while they are loaded */
    float cutoff;            /* nats below a row's maximum at which components are dropped */
    uint32_t register_limit; /* 0: none */
    const fg_pruning_method *pruning; /* the backend's, where it may gain; else NULL */
    int is_pruning_forced;            /* used whether they pay or not */
    int has_differences;              /* no products, in any panel */
    uint32_t projection_dims;         /* pruning by few coordinates: how many; else 0 */
    fg_tile tile;
};

/* Floats of a shift and the scale behind it; cl/common/rows.cl. */
#define FG_SHIFT_FLOATS(s) ((s)->row_stride + 1)

/* Most elements of a row's transform by a triangular factor in registers; cl/{cpu,gpu}/triangle.cl. */
#define FG_OUTPUTS(vw) ((vw) == 16 ? 8u : 4u)

/* ---- the shape ---- */

/* fg_shape.cutoff that drops nothing: below every log-density, above what fills up panels (cl/common/rows.cl). */
#define FG_CUTOFF_NONE 1e29f

/* Chooses tile and derived sizes. Errors: ARGUMENT / MEMORY when K or D do not fit 32-bit indices of a batch. */
fgmm_status fg_shape_init(fg_shape *shape, fgmm_device *device, const fg_pass_options *options);
/* The backend's method where passes of this shape may gain by it, or are told to use it; else NULL. */
const fg_pruning_method *fg_pruning_choose(const fg_shape *shape, const fg_pass_options *options);
/* s2_kind of cl/common/combine.cl. */
uint32_t fg_shape_s2_kind(const fg_shape *shape);
/* Vectors of a row in registers of the dense program; the same for many D, which then share the program. */
uint32_t fg_shape_dense_v(const fg_shape *shape);
/* What all sparse programs are told of the shape, but for the tile; returns the letters written, as snprintf. */
size_t fg_shape_sparse_options(const fg_shape *shape, char *text, size_t capacity);
/* Compile options of a program (FG_PROGRAM_*): those of the shape, and the tile's parameters that it has. */
void fg_shape_options(const fg_shape *shape, fg_program program, char *text, size_t capacity);
/* Those of FG_PROGRAM_MATRIX. */
void fg_shape_matrix_options(const fg_shape *shape, char *text, size_t capacity);
/* For reports and checkpoints: "vector vw=16 rows=12 ..."; fg_tile_parse reads it. */
void fg_shape_describe(const fg_shape *shape, char *text, size_t capacity);

/* Rows of a launch, a multiple of `step`, where a row takes row_work multiplications and additions (shape.c). */
uint32_t fg_launch_rows(const fg_shape *shape, double row_work, uint32_t step);
/* Of a launch of distances to all components. */
uint32_t fg_sparse_launch_rows(const fg_shape *shape, uint32_t step);

#endif
