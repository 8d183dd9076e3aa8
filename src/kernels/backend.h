/* backend.h - what differs between the kinds of kernels, as data. A backend is a row of the table in backends.c: its
 * names, the .cl file of each program, its tiles, its limits, and the functions that launch what other backends launch
 * otherwise. Nobody else asks which backend it is. cpu_simd.c and gpu_workgroup.c have a set of kernels each;
 * matrix_cpu.c and matrix_gpu.c take these, but for the responsibilities, which a matrix unit multiplies.
 *
 * src/kernels/ holds what is known before anything runs: the table of backends and what a row must say, shapes, tiles,
 * programs and their options. It allocates nothing but a part's list of buffers, and launches nothing but what finds
 * out which lane masks a device has (lanes.c). */
#ifndef FG_BACKEND_H
#define FG_BACKEND_H

#include "device.h"
#include "space.h"

typedef struct fg_backend fg_backend;
typedef struct fg_buffer_list fg_buffer_list;
typedef struct fg_dense fg_dense;
typedef struct fg_dense_span fg_dense_span;
typedef struct fg_inputs fg_inputs;
typedef struct fg_moment_jobs fg_moment_jobs;
typedef struct fg_moments fg_moments;
typedef struct fg_packing fg_packing;
typedef struct fg_pruning fg_pruning;
typedef struct fg_pruning_method fg_pruning_method;
typedef struct fg_shape fg_shape;
typedef struct fg_sparse fg_sparse;
typedef struct fg_split fg_split;
typedef struct fg_split_method fg_split_method;
typedef struct fg_split_report fg_split_report;
typedef struct fg_tile fg_tile;
typedef struct fg_totals fg_totals;
typedef struct fg_transpose fg_transpose;
typedef struct fg_whitening fg_whitening;

/* Programs of a pass, the first two as fg_space_parameter.programs numbers them. */
typedef enum fg_program {
    FG_PROGRAM_SPARSE = 0, /* sparse responsibilities, their transpose, sums of them */
    FG_PROGRAM_DENSE = 1,  /* dense responsibilities and their products */
    FG_PROGRAM_WHITE = 2,  /* the sparse one for rows that have been whitened */
    FG_PROGRAM_MATRIX = 3, /* what tied and full covariances need beside: whitening, second moments */
    FG_PROGRAM_PRUNED = 4, /* sparse responsibilities with upper bounds */
    FG_PROGRAM_FUSED = 5,  /* rows straight into sums, with the dense one's tile; compiled in a first fit */
    FG_PROGRAM_BLAS = 6,   /* what surrounds the products of a BLAS; GPUs */
    FG_PROGRAMS = 7
} fg_program;

/* Sparse responsibilities (sparse.h). */
typedef struct fg_sparse_launches {
    uint64_t (*scratch_floats)(const fg_shape *shape);
    /* column_counts: of the transpose, for backends that count on the way. cutoff: as fg_sparse_run. */
    fgmm_status (*run)(const fg_sparse *sparse, const fg_inputs *in, const fg_buffer *column_counts, float cutoff);
    /* The same with upper bounds; NULL: it cannot prune. */
    fgmm_status (*run_pruned)(const fg_sparse *sparse, const fg_inputs *in, const fg_buffer *column_counts,
                              float cutoff);
} fg_sparse_launches;

/* Their transpose (transpose.h). */
typedef struct fg_transpose_launches {
    uint64_t (*blocks)(const fg_shape *shape); /* of rows, that have column_counts of their own */
    int has_firsts;                            /* needs the first nonzero of each component */
    fgmm_status (*get_kernels)(fg_transpose *transpose, fgmm_device *device, const fg_shape *shape);
    fgmm_status (*run)(const fg_transpose *transpose, const fg_inputs *in, const fg_sparse *sparse);
} fg_transpose_launches;

/* The dense path (dense_path.h). */
typedef struct fg_dense_launches {
    uint64_t tile_bytes;                              /* of responsibilities, and of rows, in a tile */
    uint32_t most_tile_rows;                          /* summed before they are combined; 0: those of one tile */
    uint64_t (*product_count)(const fg_shape *shape); /* what has a partial product each, not counting splits */
    uint32_t (*y_stride)(const fg_shape *shape);      /* floats of a tile's row */
    uint64_t (*scratch_floats)(const fg_shape *shape);
    fgmm_status (*get_kernels)(fg_dense *dense, fgmm_device *device, const fg_shape *shape);
    fgmm_status (*normalise)(const fg_dense *dense, const fg_inputs *in, const fg_dense_span *span,
                             const fg_buffer *logz);
    fgmm_status (*multiply)(const fg_dense *dense, const fg_inputs *in, cl_uint n); /* n: rows of the tile */
} fg_dense_launches;

/* Second moments as matrices (matrices.h). */
typedef struct fg_moments_launches {
    uint32_t (*bands)(const fg_shape *shape, uint64_t wanted); /* parts of a triangle */
    uint64_t (*scratch_elements)(const fg_shape *shape);
    uint64_t (*least_jobs)(const fg_shape *shape); /* of a launch, so that the device is busy */
    fgmm_status (*run)(const fg_moments *moments, const fg_inputs *in, const fg_transpose *transpose,
                       const fg_moment_jobs *jobs);
    const char *wide_kernel; /* sums wide what the kernel "moments" leaves out; NULL: that does both */
} fg_moments_launches;

/* What matrices need before distances are taken (matrices.h). */
typedef struct fg_whitening_launches {
    uint64_t (*scratch_floats)(const fg_shape *shape);
    fgmm_status (*run)(const fg_whitening *whitening, const fg_inputs *in);
    /* Log-densities of full covariances, before the responsibilities; NULL: these take them along. */
    fgmm_status (*densities)(const fg_whitening *whitening, const fg_inputs *in);
} fg_whitening_launches;

/* Kernels that know nothing of a pass: distances to posting lists, assignment, first centres. */
typedef struct fg_search_launches {
    const char *leaf;                                           /* of scans and selections */
    uint32_t vector_width;                                      /* floats that a work-item takes together */
    size_t (*items)(const fg_device_facts *facts, size_t most); /* of a work-group */
    /* A kernel of cl/common/seeding.cl, whose work-groups have so many items. */
    fgmm_status (*seeding_kernel)(cl_kernel *kernel, fgmm_device *device, size_t items, const char *name);
} fg_search_launches;

/* How operands are split for a matrix unit (split.h). */
struct fg_split_method {
    const fg_buffer_list *buffers;                 /* of fg_split */
    uint64_t (*row_values)(const fg_shape *shape); /* 16-bit numbers of a worker's block of rows, all terms; NULL:
                                                      rows are split in registers */
    /* Writes the buffers, and into the report's arrays, which are zero. Errors: MEMORY, DEVICE. */
    fgmm_status (*load)(fg_split *split, fg_split_report *report, const fg_shape *shape, const fg_packing *packing);
};

/* How components are left out by upper bounds (prune.h). */
struct fg_pruning_method {
    const char *name;
    int (*may_gain)(const fg_shape *shape);  /* by K, D and the tile */
    uint32_t (*dims)(const fg_shape *shape); /* coordinates that a kernel is compiled for; NULL: none of its own */
    const fg_buffer_list *buffers;           /* of fg_pruning */
    /* Decides is_used, and writes the buffers if it is. Follows from the parameters alone, so that a run that is
     * resumed gives the same bytes. Errors: MEMORY, DEVICE. */
    fgmm_status (*load)(fg_pruning *pruning, const fg_shape *shape, const fg_packing *packing,
                        const fg_split_report *split);
};

struct fg_backend {
    const char *name;                /* of its tiles' texts; with unit_text, of reports */
    const char *unit_text;           /* " unit=amx", or "" */
    fgmm_backend kernels;            /* CPU_SIMD or GPU_WORKGROUP: the set that its other kernels are of */
    fgmm_backend reported;           /* what a report names where the matrix unit multiplies */
    fgmm_backend shipped;            /* whose lines of tiles.def it takes */
    fg_matrix_unit unit;             /* what multiplies in the responsibilities */
    const char *leaves[FG_PROGRAMS]; /* the .cl file of each program; NULL: it has none */
    const char *full_leaf;           /* of the sparse ones where components have factors */
    const char *common_leaf;         /* of what depends on neither D nor the type of rows */
    uint32_t sum_items;              /* work-items that share a sum */

    /* Tiles. */
    fg_space tiles;
    int takes_any_tile;              /* shipped ones, though they are beyond the device's registers: for tests */
    int has_lane_masks;              /* the program may use builtins for them (lanes.c) */
    void (*set_tile)(fg_tile *tile); /* what its text does not say */
    int (*is_filled)(const fg_tile *tile, uint32_t k);      /* not mostly padding */
    uint32_t (*native_width)(const fg_device_facts *facts); /* of the lines of tiles.def */
    uint64_t (*most_registers)(const fg_device_facts *facts);

    /* Sizes. */
    int (*suits)(const fg_shape *shape); /* may its unit multiply here? NULL: always */
    void (*plan)(fg_shape *shape);       /* panels, groups and launches of the shape, whose tile is known */
    uint32_t (*row_pitch)(const fg_shape *shape);
    size_t (*common_options)(const fg_shape *shape, fg_program program, char *text, size_t capacity);
    size_t (*own_options)(const fg_shape *shape, char *text, size_t capacity);
    size_t (*describe)(const fg_shape *shape, char *text, size_t capacity); /* behind the tile's text */
    uint64_t (*check_rows)(const fg_shape *shape); /* that meet all places of a tile, and more than one round */
    double
        dims_of_nonzero; /* to list, sort and gather a nonzero costs this many dimensions of the dense path besides */
    int awaits_counts;   /* how many segments there are is known before they are summed; else meanwhile */

    /* Launches. */
    const fg_sparse_launches *sparse;
    const fg_split_method *split;     /* of its matrix unit's operands; NULL: it has no unit */
    const fg_pruning_method *pruning; /* what sparse->run_pruned prunes by; NULL: it cannot */
    const fg_transpose_launches *transpose;
    const fg_dense_launches *dense;
    const fg_moments_launches *moments;
    const fg_whitening_launches *whitening;
    const fg_search_launches *search;
};

/* The rows. */
extern const fg_backend fg_cpu_simd, fg_gpu_workgroup, fg_matrix_plain, fg_matrix_amx, fg_matrix_warp, fg_matrix_nvidia;

/* The row of a set of kernels and a matrix unit. */
const fg_backend *fg_backend_find(fgmm_backend kernels, fg_matrix_unit unit);
/* The one that the device's kernels are of, without a matrix unit. */
const fg_backend *fg_backend_of(const fgmm_device *device);
/* The one for a shape (covariance, matrices, k, d) on the device: with its matrix unit where the shape fills it, or
 * where it is asked for. */
const fg_backend *fg_backend_choose(const fg_shape *shape, const fgmm_device *device);
/* The rows in order; NULL behind the last one. */
const fg_backend *fg_backend_row(size_t i);
/* The name of a member that a row lacks, or NULL. */
const char *fg_backend_missing(const fg_backend *backend);

#endif
