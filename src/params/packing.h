/* packing.h - the components of a model in the numbers that kernels read, on the host: means shifted and rounded,
 * scales, what is added to distances, and what all of that rounding does to a log-density. Made once for each load.
 * packed.c writes it to the device; split_*.c and prune_*.c read it to make what else kernels ask for. Starts no
 * kernels.
 *
 * It takes K D steps, K D^2 for tied and K D^3 for full covariances, whose factors are made on the way. */
#ifndef FG_PACKING_H
#define FG_PACKING_H

#include "error_bound.h"
#include "shape.h"
#include "triangle.h"

/* What a load is made from. Borrowed for as long as the packing exists. */
typedef struct fg_packing_input {
    const fg_parameters *parameters;
    const float *shift;            /* (d) */
    const fg_triangle *tied;       /* the factor that rows are whitened by; else not read */
    const fg_row_facts *row_facts; /* as fg_pass_options */
} fg_packing_input;

/* What a pass asks about components until the next load. */
typedef struct fg_component_facts {
    double log_offset; /* nats that kernels leave out of every log-density, so that those near 1 keep their digits */
    double *log_constants; /* (k) log-densities at distance 0, less log_offset; 0 where the weight is 0 */
    double *mean_offsets;  /* (k,d) used mean (or centre) - true one, from rounding the shifted one to float */
    cl_uint *is_wide;      /* (padded_k) 1 where second moments as matrices are summed wide */
    fg_error *errors;      /* (k) 0 where the weight is 0, and with FG_ASSIGN_HARD */
} fg_component_facts;

typedef struct fg_packing {
    fg_packing_input in;
    float *packed, *scale, *offset, *normaliser, *width, *means, *shift; /* as fg_packed has them */
    cl_uint *is_exact;                                                   /* likewise */
    const float *centres;     /* (padded_k, row_stride) what rows are compared with: means, or whitened ones */
    float *white;             /* where rows are whitened: those; otherwise NULL */
    double *variances;        /* (k) the mean over the dimensions, where pruning may ask; NULL: not known */
    double *squares;          /* (k) h |m|^2: half the squared distance to the shift, in the component's deviations */
    double *product_errors;   /* (k) nats: what products in float take from a log-density near the component */
    fg_error_column *columns; /* (d) */
    int are_rows_whole;       /* rows minus shift are whole numbers below 256 in size, as u8 and i8 rows may be */
    fg_component_facts facts;
} fg_packing;

/* What differs between densities (kernels/density.h). c: a component. */
struct fg_packing_method {
    uint64_t (*floats)(const fg_shape *shape);     /* of a component in packed */
    uint64_t (*host_bytes)(const fg_shape *shape); /* beside the arrays that all have; NULL: none */
    /* log det S_c, and what the rounding of its factor or scales does to the log-density. scratch: a factor of its own.
     * Errors: MEMORY; INTERNAL where a matrix is not positive definite. */
    fgmm_status (*determine)(double *log_determinant, fg_triangle *scratch, fg_packing *packing, const fg_shape *shape,
                             uint32_t c);
    double (*scale)(const fg_packing *packing, const fg_shape *shape, uint32_t c); /* h, where it is one factor */
    /* The next three are NULL where distances are always taken about the mean. squares: h |m|^2, scales known. */
    double (*squares)(const fg_packing *packing, const fg_shape *shape, uint32_t c);
    double (*product_error)(const fg_shape *shape, double squares); /* nats near the component's own rows, at most */
    void (*add_product_error)(fg_error *error, const fg_packing *packing, const fg_shape *shape, uint32_t c);
    /* Writes the component into packed, by its panel's form; returns what its offset loses: h |m|^2 or 0. */
    double (*pack)(fg_packing *packing, const fg_shape *shape, uint32_t c);
};

/* Floats of a component in packed. */
uint64_t fg_packing_floats(const fg_shape *shape);
/* Bytes of the arrays of a packing and those of its facts, but for what fg_packed_bytes counts. */
uint64_t fg_packing_bytes(const fg_shape *shape);
/* Errors: MEMORY; INTERNAL where a matrix is not positive definite. On failure there is nothing to free. */
fgmm_status fg_packing_make(fg_packing *packing, const fg_shape *shape, const fg_packing_input *input);
void fg_packing_free(fg_packing *packing);
void fg_component_facts_free(fg_component_facts *facts);

/* Component c's mean as kernels have it, among means (padded_k, row_stride); offsets (k,d): what rounding did to it. */
void fg_packing_shift_mean(float *means, double *offsets, const fg_shape *shape, const double *mean, const float *shift,
                           uint32_t c);

#endif
