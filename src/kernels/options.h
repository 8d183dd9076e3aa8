/* options.h - what a pass is asked for, and a batch of rows as it is given to one. */
#ifndef FG_OPTIONS_H
#define FG_OPTIONS_H

#include "device.h"
#include "flashgmm/fit.h"
#include "model.h"

/* How rows are assigned to components. */
typedef enum fg_assignment {
    FG_ASSIGN_SOFT = 0, /* every component within 2^-(24 + log2 K) of the row's largest */
    FG_ASSIGN_HARD = 1  /* the nearest mean only, responsibility 1: k-means */
} fg_assignment;

/* Whether backends that can prune leave out components by upper bounds of their log-densities (params/prune.h). */
typedef enum fg_pruning_use {
    FG_PRUNING_AUTO = 0, /* where they pay */
    FG_PRUNING_ALWAYS,   /* wherever the kernel exists */
    FG_PRUNING_NEVER
} fg_pruning_use;

/* What the error bound knows of the source's rows, by column, (d); borrowed while the pass exists. NULL: nothing. */
typedef struct fg_row_facts {
    const double *shift; /* what was subtracted from F64 rows in double, before they were rounded; NULL: other rows */
    const double *residuals; /* the most that float32 leaves of a number, before that */
    const double *grains;    /* a power of two that divides all numbers, or 0 */
    double scale;            /* a power of two: times all of these, they are in the pass's unit */
} fg_row_facts;

typedef struct fg_pass_options {
    fgmm_covariance covariance; /* with FG_ASSIGN_HARD of the second moments only */
    fg_assignment assignment;
    uint64_t k, d;
    fgmm_type type;    /* of the rows: U8 I8 F16 F32 (F64 sources are converted while reading) */
    size_t batch_rows; /* most rows in one batch */
    fgmm_path path;
    const struct fg_tile *tile; /* of the device's backend, for tests and tuning; NULL: the remembered or shipped one */
    const char *tile_text;      /* NULL, or fg_pass_facts.tile of an earlier pass: taken where it is legal here */
    uint64_t rows;              /* that will follow a load, about; 0: few */
    fg_pruning_use pruning;
    int has_differences; /* no log-density from products (docs/math.md, "Rounding"): which mean is nearest is then as
                            exact as float32 rows and means are */
    float row_scale;     /* a power of two that F16 and F32 rows are multiplied by while they are loaded; parameters and
                            shift are in the unit that they have then; 0: 1 */
    int has_wide_sums;   /* of all second moments as matrices, not only where the loaded ones ask for it: for statistics
                            that nobody will take again (docs/math.md, "Wide sums") */
    fg_row_facts row_facts;
    const struct fg_backend *backend; /* for tests and checks; NULL: what suits the shape on the device */
} fg_pass_options;

/* n <= batch_rows rows, dense (n,d), beginning `offset_bytes` into buffer. Where d is a multiple of four, so is the
 * element that they begin at: kernels of GPUs load four at once. */
typedef struct fg_rows {
    const fg_buffer *buffer;
    size_t offset_bytes;
    size_t n;
    const fg_buffer *weights; /* float (n), 0..1, how often each row counts, from weights_bytes on; NULL: once */
    size_t weights_bytes;
    double weight; /* sum of the weights; not used without them */
} fg_rows;

/* Should second moments as matrices be summed wide? loss: fg_cholesky_loss of the factor. */
int fg_sums_are_wide(double loss, uint64_t d);

/* A squared difference, without a pass, takes as long as so many multiplications and additions: a CPU's core makes some
 * 4e10 a second, a small GPU 2e11. */
enum { FG_DIFFERENCE_WORK = 4 };

/* What cl/common/seeding.cl is compiled with: rows whose potentials are summed on the device; on CPUs vectors of rows
 * and candidates in registers, of which 2 vectors of 16 rows times 8 candidates take 16 of 32 with AVX-512. */
enum { FG_SEEDING_BLOCK = 256 };
enum { FG_SEEDING_ROWS = 2, FG_SEEDING_CANDIDATES = 8 };

#endif
