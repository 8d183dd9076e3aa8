/* flashgmm/encode.h - one vector for a set of rows (the descriptors of an image, say): Fisher vectors and VLAD. */
#ifndef FLASHGMM_ENCODE_H
#define FLASHGMM_ENCODE_H

#include "flashgmm/data.h"
#include "flashgmm/device.h"
#include "flashgmm/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum fgmm_encoding {
    FGMM_FISHER = 0, /* 2 K D numbers: gradients by the means (K,D), then by the deviations (K,D) */
    FGMM_VLAD = 1    /* K D numbers: sums of differences from the nearest mean */
} fgmm_encoding;

/* Of n rows x_i, with r_ik their responsibilities under the model's diagonal Gaussians (spherical ones count as such):
 *     Fisher   u_kc = 1 / (n sqrt(pi_k))   sum_i r_ik (x_ic - m_kc) / sigma_kc
 *              v_kc = 1 / (n sqrt(2 pi_k)) sum_i r_ik ((x_ic - m_kc)^2 / sigma_kc^2 - 1)
 *     VLAD     v_kc = sum over the rows nearest to m_k of x_ic - m_kc
 * Then, as asked for, sign(z) sqrt(|z|) of each number, and division by the vector's Euclidean length. These are
 * VLFeat's definitions; both steps together make the "improved" Fisher vector of Perronnin et al. 2010. */
typedef struct fgmm_encode_options {
    size_t size;
    fgmm_encoding encoding;
    int has_power;  /* default 1; VLAD is usually taken with 0 */
    int has_length; /* default 1 */
} fgmm_encode_options;

static inline fgmm_encode_options fgmm_encode_options_init(void)
{
    fgmm_encode_options options;
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.encoding = FGMM_FISHER;
    options.has_power = 1;
    options.has_length = 1;
    return options;
}

/* Numbers of an encoding: 2 K D or K D. */
FGMM_API uint64_t fgmm_encoding_size(const fgmm_model *model, fgmm_encoding encoding);

/* Encodes rows, at least one. out: fgmm_encoding_size floats. options NULL: defaults.
 * Errors: ARGUMENT, DATA (NaN or infinity), UNSUPPORTED (Fisher vectors of a model that is neither spherical nor diag),
 * MEMORY, DEVICE. */
FGMM_API fgmm_status fgmm_encode(float *out, fgmm_device *device, const fgmm_model *model, const fgmm_rows *rows,
                                 const fgmm_encode_options *options);

#ifdef __cplusplus
}
#endif
#endif
