/* covariance.h - the types of covariances, as rows of a table: what each is called, and what its array holds.
 * Everything about the array follows from a row: its shape, where a component's part and a variance lie, the number of
 * free parameters. Nobody else asks which type it is. How kernels take the densities of a type is in kernels/density.h.
 */
#ifndef FG_COVARIANCE_H
#define FG_COVARIANCE_H

#include "flashgmm/model.h"

typedef struct fg_covariance_type {
    const char *name;  /* in files and on the command line */
    const char *array; /* the shape of its array, for messages: "(K,D)" */
    int is_shared;     /* one covariance for all components; else one for each */
    int is_spherical;  /* one variance for all dimensions */
    int has_matrices;  /* symmetric matrices (d,d); else variances */
} fg_covariance_type;

extern const fg_covariance_type fg_covariance_types[];

/* Is there such a type? */
int fg_covariance_is_known(int covariance);

/* Covariances in the array: 1 or k. */
static inline uint64_t fg_covariance_blocks(fgmm_covariance covariance, uint64_t k)
{
    return fg_covariance_types[covariance].is_shared ? 1 : k;
}

/* Variances of a covariance where they are kept one by one, or on the diagonal of its matrix: 1 or d. */
static inline uint64_t fg_covariance_width(fgmm_covariance covariance, uint64_t d)
{
    return fg_covariance_types[covariance].is_spherical ? 1 : d;
}

/* Numbers of a covariance: 1, d or d^2. */
static inline uint64_t fg_covariance_elements(fgmm_covariance covariance, uint64_t d)
{
    return fg_covariance_types[covariance].has_matrices ? d * d : fg_covariance_width(covariance, d);
}

/* Elements of a covariances array. */
static inline uint64_t fg_covariance_count(fgmm_covariance covariance, uint64_t k, uint64_t d)
{
    return fg_covariance_blocks(covariance, k) * fg_covariance_elements(covariance, d);
}

/* Matrices in a covariances array; 0 for types that have none. */
static inline uint64_t fg_covariance_matrices(fgmm_covariance covariance, uint64_t k)
{
    return fg_covariance_types[covariance].has_matrices ? fg_covariance_blocks(covariance, k) : 0;
}

/* Where the covariance of component c begins in a covariances array. */
static inline size_t fg_covariance_place(fgmm_covariance covariance, uint64_t d, uint64_t c)
{
    return fg_covariance_types[covariance].is_shared ? 0 : (size_t)(c * fg_covariance_elements(covariance, d));
}

/* Where the variance of component c in dimension j lies there. */
static inline size_t fg_variance_place(fgmm_covariance covariance, uint64_t d, uint64_t c, uint64_t j)
{
    const fg_covariance_type *type = &fg_covariance_types[covariance];
    const uint64_t step = type->is_spherical ? 0 : type->has_matrices ? d + 1 : 1;
    return fg_covariance_place(covariance, d, c) + (size_t)(j * step);
}

/* Extents of an array of up to 3 dimensions; those behind its rank are 0. */
typedef struct fg_array_shape {
    uint64_t rank, shape[3];
} fg_array_shape;

/* Of the covariances array of a type. */
fg_array_shape fg_covariance_shape(fgmm_covariance covariance, uint64_t k, uint64_t d);

/* A file's covariances, and what errors call them. */
typedef struct fg_covariance_array {
    const char *name;       /* "tensor covariances" */
    const char *type_place; /* where such files say the type: "in the metadata" */
    const char *type;       /* what this one says; NULL: nothing */
    fg_array_shape shape;
} fg_covariance_array;

/* The one type whose array has this shape and, where the file says one, this name. (K,D) and (D,D) are the same shape
 * when K = D: then the name decides, and for D = 1 there is no difference. On failure it is the first type. Errors:
 * FORMAT. */
fgmm_status fg_covariance_of_array(fgmm_covariance *covariance, const fg_covariance_array *array, uint64_t k,
                                   uint64_t d);

/* ARGUMENT where there is no such type: "covariance = 7; need spherical (0), diag (1) ..". */
fgmm_status fg_covariance_check(int covariance);

#endif
