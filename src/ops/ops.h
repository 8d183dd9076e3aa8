/* ops.h - the parts of a pass: its shape and tile, packed parameters, lists, totals, the dense tile. One file per
 * operation enqueues kernels on them; pass.c puts them in order. Internal to ops/. */
#ifndef FG_OPS_H
#define FG_OPS_H

#include "database.h"
#include "error_bound.h"
#include "pass.h"
#include "space.h"

/* Tile parameters of both backends: tile.c has their table, the headers of the .cl files say what they mean. 0: not
 * used. */
typedef struct fg_tile {
    uint32_t vw;      /* lanes of a vector; group: 4 */
    uint32_t rows;    /* vector: rows in registers; group: rows of a work-group's tile */
    uint32_t vectors; /* vector: vectors of components in registers; group: components of a tile */
    uint32_t block;   /* rows of a block; group: of the dense path only */
    uint32_t dense_k, dense_v;
    uint32_t piece;      /* vector: vectors of a row summed together */
    uint32_t chunk;      /* entries summed in float */
    uint32_t depth;      /* group: dimensions staged in local memory at a time */
    uint32_t local;      /* group: work-items of a work-group */
    uint32_t lanes;      /* vector: 0 portable, 1 AVX, 2 AVX-512 builtins for lane masks */
    uint32_t across;     /* group: work-items along components */
    uint32_t registers;  /* group: most that the compiler may give an item; 0, FG_REGISTERS_FREE: as it likes */
    fg_matrix_unit unit; /* what multiplies in responsibilities; NONE: the backend's own distances */
} fg_tile;

enum { FG_REGISTERS_FREE = 255 };

enum {
    FG_SUM_BLOCK = 256, /* rows whose log-normalisers one work-group adds */
    FG_SUM_ITEMS = 64   /* group: work-items that share a sum, a power of two */
};

typedef struct fg_shape {
    fgmm_backend backend;       /* VECTOR or GROUP: of all kernels but the distances of responsibilities where the
                                        tile has a matrix unit */
    fgmm_covariance covariance; /* of the log-density; spherical with FG_ASSIGN_HARD */
    int is_diag_s2;             /* second moments per dimension */
    uint32_t matrices;          /* of second moments: tied 1, full k, else 0 */
    fg_assignment assignment;
    fgmm_type type;
    uint32_t k, d;
    uint32_t strip, strips, padded_k; /* components are packed in strips; padded_k = strip * strips */
    uint32_t row_stride;              /* D rounded up to vw */
    uint32_t capacity;                /* entries of a row's list */
    uint32_t batch_rows;
    uint32_t sum_items;      /* work-items of a group in combine.cl and accumulate: 1 in the vector backend */
    uint32_t compute_units;  /* of the device */
    uint32_t workers;        /* vector: work-items of a launch, each with its own scratch */
    int is_fused;            /* vector: rows go straight into sums, without lists (fused.c), unless bounds are used */
    int has_fused_dense;     /* vector: those of dense batches do */
    uint32_t row_groups;     /* vector, with matrices: groups of vw rows that meet a triangular factor together */
    uint32_t outputs;        /* with matrices: width of its packed blocks */
    uint32_t moment_rows;    /* with matrices: entries whose second moments are summed in float */
    int is_wide;             /* with matrices: all second moments in wide sums, whatever their condition */
    double launch_work;      /* multiplications and additions of a launch, so that it stays below 100 ms on a small
                                device: no watchdog bites, a desktop stays alive. Results do not depend on the parts */
    float row_scale;         /* what rows are multiplied by while they are loaded */
    float spread;            /* nats below a row's maximum at which components are dropped */
    uint32_t register_limit; /* 0: none */
    int has_bounds;          /* prune_projection.c; with a matrix unit prune_first_term.c */
    int has_forced_bounds;   /* used whether they pay or not */
    int has_differences;     /* no products, in any strip */
    uint32_t bound_dims;     /* coordinates of those of prune_projection.c; else 0 */
    fg_tile tile;
} fg_shape;

/* Floats of a shift and the scale behind it; cl/rows.cl. */
#define FG_SHIFT_FLOATS(s) ((s)->row_stride + 1)

/* Most elements of a row's transform by a triangular factor in registers; cl/triangle_{vector,group}.cl. */
#define FG_OUTPUTS(vw) ((vw) == 16 ? 8u : 4u)

/* ---- tiles (tile.c) ---- */

/* Programs of a pass, the first two as fg_space_parameter.programs numbers them. WHITE: the sparse one for whitened
 * rows; MATRIX: what tied and full covariances need beside; BOUNDED: responsibilities with bounds; DIRECT: sums
 * without lists, with the dense one's tile, apart from it since it is what a first fit compiles. */
typedef enum fg_program {
    FG_PROGRAM_SPARSE = 0,
    FG_PROGRAM_DENSE = 1,
    FG_PROGRAM_WHITE = 2,
    FG_PROGRAM_MATRIX = 3,
    FG_PROGRAM_BOUNDED = 4,
    FG_PROGRAM_FUSED = 5
} fg_program;

/* What decides about a tile besides the device: the `problem` of the backends' spaces. */
typedef struct fg_tile_problem {
    fgmm_covariance covariance; /* of the log-density */
    uint32_t k, d;
    uint32_t vector_width; /* of the device, in floats */
    int has_register_limit;
} fg_tile_problem;

const fg_space *fg_tile_space(fgmm_backend backend);
fg_tile_problem fg_tile_problem_of(const fg_shape *shape, const fgmm_device *device);
fg_space_needs fg_tile_limits(const fgmm_device *device, fgmm_backend backend);
/* As fg_space_parse; lanes stays 0. */
int fg_tile_parse(fg_tile *tile, fgmm_backend backend, const char *text);
/* NULL where the tile may be built for this shape (backend, covariance, k, d) on this device, else why not. */
const char *fg_tile_reject(const fg_tile *tile, const fg_shape *shape, const fgmm_device *device);
/* What multiplies in responsibilities: a matrix unit where there is one and the shape fills it, or where it is asked
 * for. Below the limits, padding to the unit's 32 components and 32 dimensions costs more than it gains. */
fg_matrix_unit fg_tile_unit(const fg_shape *shape, const fgmm_device *device);
/* The backend that names tiles for the shape: MATRIX where there is a unit. */
fgmm_backend fg_tile_backend(const fg_shape *shape, const fgmm_device *device);
/* fg_tile_parse with the unit; 0 also where the tile is not legal here. */
int fg_tile_take(fg_tile *tile, const fg_shape *shape, const fgmm_device *device, const char *text);
/* A tile from a text that begins with its backend, as fg_shape_describe writes it; 0 where it is of another backend, or
 * not legal here. */
int fg_tile_read(fg_tile *tile, const fg_shape *shape, const fgmm_device *device, const char *text);
/* The tile that a pass gets: the one remembered for the shape or for one near (tile_choice.c), else the shipped one. */
fgmm_status fg_tile_choose(fg_tile *tile, const fg_shape *shape, fgmm_device *device);
/* The tile that an untuned device gets. Errors: UNSUPPORTED where none is legal. */
fgmm_status fg_tile_shipped(fg_tile *tile, int *is_measured, const fg_shape *shape, const fgmm_device *device);
/* A wide strip is no good where the last one would be mostly padding. */
int fg_tile_is_filled(const fg_tile *tile, const fg_shape *shape);

/* Where tiles for a device and shape are remembered, and under which key. */
typedef struct fg_tile_place {
    char path[1024]; /* "" where the device keeps nothing */
    char device[264], driver[128], op[32];
    fg_tiles_key key; /* points into this struct */
} fg_tile_place;
void fg_tile_place_of(fg_tile_place *place, const fg_shape *shape, const fgmm_device *device);

/* ---- the shape ---- */

/* fg_shape.spread that drops nothing: below every log-density, above what fills up strips (cl/rows.cl). */
#define FG_SPREAD_ALL 1e29f

/* Chooses tile and derived sizes. Errors: ARGUMENT / MEMORY when K or D do not fit 32-bit indices of a batch. */
fgmm_status fg_shape_init(fg_shape *shape, fgmm_device *device, const fg_pass_options *options);
/* s2_kind of cl/combine.cl. */
uint32_t fg_shape_s2_kind(const fg_shape *shape);
/* Vector backend: floats from a row of a block to the next in the dense program, and vectors of a row in its registers.
 * Both are the same for many D, which then share the program. */
uint32_t fg_shape_row_pitch(const fg_shape *shape);
uint32_t fg_shape_dense_v(const fg_shape *shape);
/* Compile options of a program (FG_PROGRAM_*): those of the shape, and the tile's parameters that it has. */
void fg_shape_options(const fg_shape *shape, int program, char *text, size_t room);
/* Those of FG_PROGRAM_MATRIX. */
void fg_shape_matrix_options(const fg_shape *shape, char *text, size_t room);
/* For reports and checkpoints: "vector vw=16 rows=12 ..."; fg_tile_parse reads it. */
void fg_shape_describe(const fg_shape *shape, char *text, size_t room);

/* 0, 1 or 2 for fg_tile.lanes: the best lane-mask builtin that compiles and gives right bits on this device. */
fgmm_status fg_lanes_probe(uint32_t *lanes, fgmm_device *device, uint32_t vw);
/* 1 when a work-item's loops are run to the end, however many rounds they have. For drivers that make no machine code
 * of their own. */
fgmm_status fg_loops_probe(int *are_whole, fgmm_device *device);

/* fg_pass_create without a check of the program (pass.c). */
fgmm_status fg_pass_create_unchecked(fg_pass **pass, fgmm_device *device, const fg_pass_options *options);

/* ---- triangular factors of matrices (whitening.c) ---- */
typedef struct fg_triangle {
    double *w;              /* (d,d) L^-1, lower, for S = L L^T; made at first use, owned */
    double *columns;        /* (d) squared lengths of its columns; likewise */
    double log_determinant; /* of S */
    double loss;            /* fg_cholesky_loss: what float sums lose (docs/math.md, "Wide sums") */
    double variance;        /* of what rounding does to |W t|^2 / 2 of the matrix's rows, nats^2 */
    double largest;         /* of it, the part of one coordinate */
} fg_triangle;
/* Overwrites what it held. scale: as fg_triangle_pack will be given. */
fgmm_status fg_triangle_make(fg_triangle *triangle, const double *matrix, uint64_t d, double scale);
void fg_triangle_clear(fg_triangle *triangle);
/* Floats of a component in cl/triangle_vector.cl's form, its mean included; scale times w in that form, behind the
 * place of the mean. */
uint64_t fg_triangle_floats(const fg_shape *shape);
void fg_triangle_pack(float *to, const fg_shape *shape, const double *w, double scale);

/* ---- upper bounds of log-densities from few coordinates: vector backend, spherical (prune_projection.c,
 * principal_axes.c) ---- */
enum { FG_MOST_BOUND_DIMS = 48 };

typedef struct fg_bounds {
    fg_buffer *offset;           /* float (padded_k); NULL where the shape has no bounds */
    fg_buffer *axes;             /* float [bound_dims / vw][D][vw]; NULL with a matrix unit */
    fg_buffer *packed;           /* float [strips][bound_dims][strip]: twice the means' coordinates; likewise */
    float row_share, rest_share; /* matrix unit: what bounds take of |y|^2, and of |y|^2 less its first term */
    int are_used;                /* for the loaded model */
} fg_bounds;

/* means (padded_k, row_stride) and shift as kernels use them, h |m|^2 (k), scale and normaliser (padded_k); variances
 * (k), the mean over the dimensions, NULL where they are not known (k-means that begins). */
typedef struct fg_bounds_input {
    const float *means, *scale, *normaliser;
    const double *squares, *variances;
} fg_bounds_input;

/* May passes of this shape gain by bounds? It has backend, covariance, K and D by then, and its tile. */
int fg_bounds_are_possible(const fg_shape *shape, const fg_pass_options *options);
uint32_t fg_bounds_dims(const fg_shape *shape);
uint64_t fg_bounds_bytes(const fg_shape *shape);
uint64_t fg_bounds_host_bytes(const fg_shape *shape);
fgmm_status fg_bounds_create(fg_bounds *bounds, fgmm_device *device, const fg_shape *shape);
void fg_bounds_free(fg_bounds *bounds);
/* Decides are_used, and writes the buffers if they are. */
fgmm_status fg_bounds_load(fg_bounds *bounds, const fg_shape *shape, const fg_bounds_input *input);

/* axes (count, d), rows orthonormal or zero: leading principal axes of means (k, row_stride) about 0. */
fgmm_status fg_principal_axes(float *axes, const fg_shape *shape, const float *means, uint32_t count);

/* ---- upper bounds from the first terms, where a CPU has a matrix unit (prune_first_term.c) ---- */
typedef struct fg_prune_first_term_input {
    fg_bounds_input components;
    const double *rests; /* (k, FG_SPLIT_TERMS + 1) squared length of what so many terms leave of 2 m */
    int are_rows_exact;  /* in one term */
    double products;     /* of an element, that log-densities take without bounds */
} fg_prune_first_term_input;

/* Decides are_used, and writes the offsets if they are. */
fgmm_status fg_prune_first_term_load(fg_bounds *bounds, const fg_shape *shape, const fg_prune_first_term_input *input);

/* ---- what bounds will leave over (candidate_estimate.c) ---- */

/* Points that stand for the components, (k, dims), `stride` apart, and how far bounds are above log-densities. */
typedef struct fg_trial {
    const float *points;
    uint32_t dims, stride;
    int has_rest;         /* the last coordinate is the length of what the others leave of D dimensions */
    const double *slacks; /* (k) nats; NULL: none */
    double row_slack;     /* of h |row|^2 */
} fg_trial;

/* *candidates: components that a row of the model leaves over, on average over rows of evenly many components. Points
 * of trial components only are read. */
fgmm_status fg_trial_candidates(double *candidates, const fg_shape *shape, const fg_bounds_input *input,
                                const fg_trial *trial);
/* Components of a trial, and the one that has number q of them: spread evenly over all, between those that axes are
 * made from, which the axes fit better than others. */
uint32_t fg_trial_components(const fg_shape *shape);
uint32_t fg_trial_component(const fg_shape *shape, uint32_t q);

/* ---- packed parameters (packed.c) ---- */
typedef struct fg_packed {
    fg_buffer *packed;     /* full: float (padded_k, fg_triangle_floats); else float [strips][D][1, diag 2][strip]: 2 m,
                              exact m; diag sqrt(h), - m sqrt(h), exact m */
    fg_buffer *scale;      /* float (padded_k): 1 / (2 sigma^2); 1 with FG_ASSIGN_HARD */
    fg_buffer *offset;     /* float (padded_k): what is added; padding: far below every log-density */
    fg_buffer *normaliser; /* float (padded_k): log-density at distance 0, minus base */
    fg_buffer *width;      /* float (padded_k): 1 / scale, padding 0 */
    fg_buffer *is_exact;   /* uint (strips): 1 where the exact form is needed */
    int has_exact;         /* whether it is needed anywhere */
    fg_buffer *means;      /* float (padded_k, row_stride), shifted */
    fg_buffer *centres;    /* the same, what sums are about; made at first use. Read as fg_packed_centres */
    fg_buffer *is_wide;    /* uint (padded_k): 1 where second moments as matrices are summed wide; else not read */
    cl_uint *wide;         /* the same on the host */
    int is_recentred;      /* sums are about the centres, not about the means */
    fg_buffer *shift;      /* float (FG_SHIFT_FLOATS): the shift, then the scale of rows (cl/rows.cl) */
    double *offsets;       /* (k,d) host: used mean (or centre) - true one, from rounding the shifted one to float */
    fg_buffer *split_means; /* matrix: ushort [strips][slabs][FG_SPLIT_TERMS][2][16][16][2], bf16 terms of 2 m; of a
                               GPU as split_f16.c has them */
    fg_buffer *strip_terms; /* matrix: uint (strips of 32), how many of them are multiplied; 0: the exact form */
    uint32_t row_terms;     /* matrix: bf16 terms of a row */
    uint32_t terms;         /* matrix: most of strip_terms */
    fg_bounds bounds;
    double base; /* nats that kernels leave out of every log-density, so that those near 1 keep their digits */
    fg_row_facts row_facts;   /* as fg_pass_options */
    double *peaks;            /* (k) host: log-densities at distance 0, minus base */
    fg_error *errors;         /* (k) host */
    fg_error_column *columns; /* (d) host */
    double error_bound_nats;  /* the largest at rows near a component */
} fg_packed;

fgmm_status fg_packed_create(fg_packed *packed, fgmm_device *device, const fg_shape *shape);
void fg_packed_free(fg_packed *packed);
uint64_t fg_packed_bytes(const fg_shape *shape);
uint64_t fg_packed_host_bytes(const fg_shape *shape);
/* triangle: tied, the factor of the shared matrix; unused and zero otherwise. */
fgmm_status fg_packed_load(fg_packed *packed, const fg_shape *shape, const fg_parameters *parameters,
                           const float *shift, const fg_triangle *triangle);
/* From now until the next load, sums are about centres (k,d), and those of matrices wide. */
fgmm_status fg_packed_recentre(fg_packed *packed, fgmm_device *device, const fg_shape *shape, const double *centres,
                               const float *shift);
static inline const fg_buffer *fg_packed_centres(const fg_packed *packed)
{
    return packed->is_recentred ? packed->centres : packed->means;
}

/* What matrices need before distances are taken: tied covariances whitened rows, full ones in the group backend
 * log-densities. */
typedef struct fg_whitening {
    fg_buffer *factor;    /* float (fg_triangle_floats) */
    fg_buffer *rows;      /* float (batch_rows, d) */
    fg_buffer *no_shift;  /* float (FG_SHIFT_FLOATS): what is left to subtract, nothing */
    fg_buffer *scratch;   /* vector: float (workers, row_groups vw rows, row_stride) */
    fg_buffer *densities; /* float (batch_rows, padded_k) */
    cl_kernel whiten, densify;
} fg_whitening;

/* Second moments as matrices. */
typedef struct fg_moments {
    fg_buffer *sums;     /* sum (matrices, d, row_stride), lower triangles */
    fg_buffer *partials; /* sum (splits, as sums); NULL: one split */
    fg_buffer *scratch;  /* vector: float (workers, moment_rows, row_stride), gathered rows */
    uint32_t bands, splits;
    cl_kernel moments, combine;
} fg_moments;

/* ---- means in bf16 terms, for a matrix unit (split_bf16.c) ---- */
enum { FG_SPLIT_TERMS = 3, FG_SPLIT_ROWS = 32, FG_SPLIT_DEPTH = 32 };

uint64_t fg_split_bytes(const fg_shape *shape);
/* bf16 values of a worker's block of rows, all terms. */
uint64_t fg_split_row_values(const fg_shape *shape);
fgmm_status fg_split_create(fg_packed *packed, fgmm_device *device, const fg_shape *shape);
/* What splitting needs to know: means (padded_k, row_stride) as kernels use them, shift (d), and per component the
 * error of its products in float32, nats, and h |m|^2; is_exact (strips); scale and normaliser (padded_k) as fg_packed.
 */
typedef struct fg_split_input {
    const float *means;
    int are_rows_exact; /* whole numbers that one term holds */
    const double *product_errors, *squares;
    const cl_uint *is_exact;
    const float *scale, *normaliser;
    const double *variances; /* as fg_bounds_input */
    fg_error *errors;        /* (k) raised by what the terms leave of rows near a component */
} fg_split_input;
/* Writes split_means and strip_terms. */
fgmm_status fg_split_load(fg_packed *packed, const fg_shape *shape, const fg_split_input *input);

/* ---- the same in f16 terms, for the warps of a GPU (split_f16.c), and how a warp's work is cut ---- */
enum { FG_WARPS = 4, FG_WARP_ITEMS = 32 * FG_WARPS, FG_WARP_ENTRIES = 32, FG_WARP_DIMS = 128 };

uint64_t fg_fragments_bytes(const fg_shape *shape);
fgmm_status fg_fragments_create(fg_packed *packed, fgmm_device *device, const fg_shape *shape);
fgmm_status fg_fragments_load(fg_packed *packed, const fg_shape *shape, const fg_split_input *input);
/* Macros of cl/responsibilities_warp.cl: f16 terms of a row, fragments of rows that a warp has, rows of a work-group.
 */
uint32_t fg_warp_row_terms(const fg_shape *shape);
uint32_t fg_warp_down(const fg_shape *shape);
uint32_t fg_warp_tile_rows(const fg_shape *shape);

/* ---- lists by row and by component ---- */
typedef struct fg_lists {
    fg_buffer *logz;                                      /* float (batch_rows) */
    fg_buffer *counts;                                    /* uint (batch_rows) */
    fg_buffer *components;                                /* uint (batch_rows, capacity) */
    fg_buffer *values;                                    /* float (batch_rows, capacity) */
    fg_buffer *bins;                                      /* uint (blocks, K+1); vector: (workers, K+1) */
    fg_buffer *chunk_component, *chunk_first, *chunk_end; /* uint (max_chunks) */
    fg_buffer *component_chunk;                           /* uint (K+1) */
    fg_buffer *component_first;                           /* group: uint (K+1), first place in the sorted lists */
    fg_buffer *sorted_rows, *sorted_values;               /* (batch_rows, capacity) */
    fg_buffer *counters;                                  /* uint (4): fg_list_counts */
    fg_answer *counts_found;                              /* the same for the host */
    fg_buffer *scratch;                                   /* float (workers, scratch_floats); warps: their lists */
    uint32_t blocks, block_rows, max_chunks;
    uint32_t chunk_strips, l_stride;
    cl_ulong scratch_floats;
} fg_lists;

/* What the sort found; read back once per batch. */
typedef struct fg_list_counts {
    uint32_t entries, chunks, dense_rows, all_entries;
} fg_list_counts;

/* ---- running statistics ---- */
typedef struct fg_totals {
    fg_buffer *totals;   /* sum (1 + K + K D + K S2) */
    fg_buffer *row_sums; /* sum (blocks of FG_SUM_BLOCK rows) */
    fg_buffer *partials; /* float (max_chunks, partial) */
    size_t count;
    uint32_t partial; /* floats of a chunk's partial sums */
} fg_totals;

/* ---- float sums of ranges of rows over all components, on their way into the totals ---- */
typedef struct fg_partial_sums {
    fg_buffer *weights;       /* float (ranges, 2, padded_k): N, then S2 of spherical covariances */
    fg_buffer *products;      /* float (splits, padded_k, row_stride; diag 2 row_stride) */
    fg_buffer *total_weights; /* sum (padded_k) */
    cl_kernel combine_weights, combine;
} fg_partial_sums;

/* ---- rows whose lists overflowed, of several batches; made at first use ---- */
typedef struct fg_deferred {
    fg_buffer *rows;    /* row type (room, D) */
    fg_buffer *weights; /* float (room) */
    uint32_t room, count;
    int has_weights; /* the rows have weights of their own */
    cl_kernel set;
} fg_deferred;

/* ---- the dense tile; made at first use ---- */
typedef struct fg_dense {
    fg_buffer *y;         /* float (tile_rows, row_stride); vector: (groups, tile_rows, group) */
    fg_buffer *r;         /* float (strips, tile_rows, strip) */
    fg_buffer *survivors; /* uint (tile_rows / block) */
    fg_buffer *scratch;   /* vector: float (workers, scratch_floats) */
    fg_partial_sums sums; /* a range is a block of rows; vector: block i of all tiles that are combined together */
    uint32_t tile_rows, splits, split_rows;
    cl_ulong scratch_floats;
    cl_kernel responsibilities, accumulate;
    cl_kernel densities;   /* group: what precedes responsibilities */
    cl_kernel differences; /* group: accumulate for strips of the exact form, and of diagonal covariances */
} fg_dense;

/* ---- sums that stay in the L2 cache, vector backend: rows straight into them; made at first use ---- */
typedef struct fg_fused {
    fg_buffer *survivors; /* uint (ranges) */
    fg_buffer *scratch;   /* float (workers, scratch_floats) */
    fg_partial_sums sums; /* a range for each split */
    uint32_t ranges, range_rows;
    cl_ulong scratch_floats;
    cl_kernel accumulate;
} fg_fused;

struct fg_pass {
    fgmm_device *device;
    fg_shape shape;
    fgmm_path path;
    int is_dense; /* the next batch's path */
    fg_packed packed;
    fg_lists lists;
    fg_totals totals;
    fg_deferred deferred;
    fg_dense dense;
    fg_fused fused;
    fg_whitening whitening;
    fg_moments moments;
    cl_kernel responsibilities, count, scan, scatter, accumulate, combine_chunks, sum_rows, combine_rows;
    cl_kernel bounded;                   /* responsibilities with bounds; NULL where the shape has none */
    cl_kernel scan_blocks;               /* group: what follows count, and precedes scan */
    cl_kernel weigh_entries, weigh_rows; /* made at first use */
    double weight;                       /* of the rows accumulated since load */
    int has_weights;                     /* these rows have weights */
    double error_bound_nats;             /* of the loaded parameters, and of the rows once statistics are fetched */
    uint64_t sparse_batches, dense_batches, dense_rows;
};

/* Each operation's *_bytes plans its buffers from the shape alone, allocates nothing, and gives their bytes; the
 * *_create beside it makes just these. */

/* responsibilities.c: lists and log-normalisers of a batch. */
fgmm_status fg_responsibilities_create(fg_pass *pass);
uint64_t fg_responsibilities_bytes(fg_pass *pass);
fgmm_status fg_responsibilities_run(fg_pass *pass, const fg_rows *rows);

/* lists.c: the stable sort by component is launched; counts blocks until its numbers are there. */
fgmm_status fg_lists_create(fg_pass *pass);
uint64_t fg_lists_bytes(fg_pass *pass);
fgmm_status fg_lists_sort(fg_pass *pass, size_t n);
fgmm_status fg_lists_counts(fg_pass *pass, fg_list_counts *counts);
/* Most chunks that n rows may have. */
uint32_t fg_lists_most_chunks(const fg_pass *pass, size_t n);

/* accumulate.c: sorted entries into totals; log-normalisers into totals; totals fetched as doubles. */
fgmm_status fg_accumulate_create(fg_pass *pass);
uint64_t fg_accumulate_bytes(fg_pass *pass);
/* chunks: as many as there are; group backend: or more, the kernel knows. */
fgmm_status fg_accumulate_run(fg_pass *pass, const fg_rows *rows, uint32_t chunks);
fgmm_status fg_accumulate_rows(fg_pass *pass, const fg_rows *rows);
fgmm_status fg_accumulate_fetch(fg_pass *pass, double *totals);
/* Sums of a buffer, doubles or pairs of floats, as doubles (blocks). */
fgmm_status fg_sums_read(const fg_pass *pass, const fg_buffer *sums, double *values, size_t count);

/* weights.c: listed responsibilities, and log-normalisers, times the weights of their rows; nothing where rows have
 * none. */
fgmm_status fg_weights_scale_entries(fg_pass *pass, const fg_rows *rows);
fgmm_status fg_weights_scale_rows(fg_pass *pass, const fg_rows *rows);

/* Weights as arguments of kernels that take rows with and without: where there are none, some buffer stands for them.
 */
typedef struct fg_weight_arguments {
    const fg_buffer *buffer;
    cl_ulong first; /* element of the first row's */
    cl_uint has_weights;
} fg_weight_arguments;
static inline fg_weight_arguments fg_weight_arguments_of(const fg_rows *rows)
{
    if (!rows->weights) return (fg_weight_arguments){rows->buffer, 0, 0};
    return (fg_weight_arguments){rows->weights, rows->weights_bytes / sizeof(float), 1};
}

/* deferred.c: entries first_entry .. of lists.sorted_rows, `count` of them, set aside behind those that are there; the
 * caller sees to it that there is room, and sums fg_deferred_rows now and then and at the end. */
uint64_t fg_deferred_bytes(fg_pass *pass);
void fg_deferred_free(fg_deferred *deferred);
uint32_t fg_deferred_capacity(fg_pass *pass);
fgmm_status fg_deferred_add(fg_pass *pass, const fg_rows *rows, uint32_t first_entry, uint32_t count);
fg_rows fg_deferred_rows(const fg_deferred *deferred);

/* dense.c: rows by the dense path. list NULL: rows 0..count-1 of the batch; otherwise entries first.. of
 * lists.sorted_rows. */
fgmm_status fg_dense_create(fg_pass *pass);
uint64_t fg_dense_bytes(fg_pass *pass);
void fg_dense_free(fg_dense *dense);
typedef struct fg_dense_span {
    int use_list;
    uint32_t first, count;
} fg_dense_span;
/* Normalises at most tile_rows rows: y, r, logz. survivors: components near the maxima, summed over rows; NULL: not
 * wanted (else blocks). */
fgmm_status fg_dense_normalise(fg_pass *pass, const fg_rows *rows, const fg_dense_span *span, uint64_t *survivors);
/* Normalises and adds all rows of the span to the totals. */
fgmm_status fg_dense_run(fg_pass *pass, const fg_rows *rows, const fg_dense_span *span, uint64_t *survivors);

/* evaluate.c: most host bytes of fg_pass_evaluate. */
uint64_t fg_evaluate_host_bytes(fg_pass *pass);

/* partial_sums.c: buffers and kernels of range sums, and the launches that add them to the totals. */
fgmm_status fg_partial_sums_create(fg_partial_sums *sums, fg_pass *pass, uint32_t ranges, uint32_t splits);
uint64_t fg_partial_sums_bytes(const fg_shape *shape, uint32_t ranges, uint32_t splits);
void fg_partial_sums_free(fg_partial_sums *sums);
fgmm_status fg_partial_sums_combine(const fg_partial_sums *sums, fg_pass *pass, uint32_t ranges, uint32_t splits);

/* Vector backend: floats of a worker's block, block_t of cl/blocks_vector.cl (dense.c). */
uint64_t fg_block_floats(const fg_shape *shape);

/* fused.c: rows of a batch into the totals without lists, and their log-normalisers. survivors: components
 * near the rows' maxima, summed over rows; NULL: not wanted (else blocks). */
uint64_t fg_fused_bytes(fg_pass *pass);
fgmm_status fg_fused_run(fg_pass *pass, const fg_rows *rows, uint64_t *survivors);
/* So many rows with more of them in all are not sparse: their blocks are better taken as products. */
uint64_t fg_fused_most_entries(const fg_pass *pass, uint64_t rows);
void fg_fused_free(fg_fused *fused);

/* whitening.c, for tied covariances, and full ones of the group backend; nothing for others. load: the packed
 * parameters' twin. run: *white are the rows. densify: log-densities of a batch. */
uint64_t fg_whitening_bytes(const fg_shape *shape);
fgmm_status fg_whitening_create(fg_pass *pass);
void fg_whitening_free(fg_whitening *whitening);
fgmm_status fg_whitening_load(fg_pass *pass, const fg_triangle *triangle);
fgmm_status fg_whitening_run(fg_pass *pass, const fg_rows *rows, fg_rows *white);
fgmm_status fg_whitening_densify(fg_pass *pass, const fg_rows *rows);

/* moments.c, where second moments are matrices; nothing otherwise. run: a batch's sorted entries into the sums. fetch:
 * s2 (matrices, d, d), symmetric. */
uint64_t fg_moments_bytes(const fg_shape *shape);
uint64_t fg_moments_host_bytes(const fg_shape *shape); /* of fetch */
fgmm_status fg_moments_create(fg_pass *pass);
void fg_moments_free(fg_moments *moments);
fgmm_status fg_moments_zero(fg_pass *pass);
fgmm_status fg_moments_run(fg_pass *pass, const fg_rows *rows, const fg_list_counts *counts);
fgmm_status fg_moments_fetch(fg_pass *pass, double *s2);

/* Rows of a launch, a multiple of `step`, where a row takes row_work multiplications and additions (shape.c). */
uint32_t fg_launch_rows(const fg_shape *shape, double row_work, uint32_t step);

/* Kernels of the backend's programs. */
fgmm_status fg_pass_kernel(cl_kernel *kernel, const fg_pass *pass, fg_program program, const char *name);

/* The same where it is not there yet (NULL): kernels are compiled when a pass first needs them. */
fgmm_status fg_pass_kernel_once(cl_kernel *kernel, const fg_pass *pass, fg_program program, const char *name);
/* Kernels of the program that does not depend on the shape: combine.cl, and in the vector backend lanes.cl and
 * seeding.cl. vw: as the tile has it. */
fgmm_status fg_common_kernel(cl_kernel *kernel, fgmm_device *device, fgmm_backend backend, uint32_t vw,
                             const char *name);

/* Launch with all dimensions given; local NULL: 1 each. */
#define FG_LAUNCH(pass, kernel, arguments, dims, global, local)                                                        \
    fg_kernel_launch((pass)->device, (kernel), (arguments), sizeof(arguments) / sizeof((arguments)[0]), (dims),        \
                     (global), (local))

#endif
