/* blas_matrices.h - whitening, log-densities under full covariances and second moments by a BLAS, in place of the
 * backend's own kernels: where a tile says blas=2. Buffers are those of the parts in matrices.h. */
#ifndef FG_BLAS_MATRICES_H
#define FG_BLAS_MATRICES_H

#include "matrices.h"

/* Floats of fg_whitening's and fg_moments' buffers for it; 0 where the shape does not use it. */
uint64_t fg_blas_staged_floats(const fg_shape *shape);
uint64_t fg_blas_factor_floats(const fg_shape *shape);
uint64_t fg_blas_transformed_floats(const fg_shape *shape);
uint64_t fg_blas_gathered_floats(const fg_shape *shape);
uint64_t fg_blas_product_floats(const fg_shape *shape);

fgmm_status fg_blas_whitening_kernels(fg_whitening *whitening, fgmm_device *device, const fg_shape *shape);
fgmm_status fg_blas_moments_kernels(fg_moments *moments, fgmm_device *device, const fg_shape *shape);

/* As fg_whitening_launches' members. */
fgmm_status fg_blas_whiten(const fg_whitening *whitening, const fg_inputs *in);
fgmm_status fg_blas_densities(const fg_whitening *whitening, const fg_inputs *in);

/* Does a BLAS take these moments? Not where one of the components is summed wide. */
int fg_blas_takes_moments(const fg_moments *moments, const fg_inputs *in);
/* Adds a batch's nonzeros to moments->sums. A segment's are summed in float, segments in double or pairs of floats. */
fgmm_status fg_blas_moments(const fg_moments *moments, const fg_inputs *in, const fg_transpose *transpose,
                            uint32_t segments);

#endif
