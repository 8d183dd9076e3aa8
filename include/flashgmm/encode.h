/* flashgmm/encode.h - Fisher vectors and VLAD: one vector for a set of rows, such as the descriptors of an image. */
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

/* n rows x_i have the responsibilities r_ik under the model's diagonal Gaussians; spherical ones count as diagonal.
 *     Fisher   u_kc = 1 / (n sqrt(pi_k))   sum_i r_ik (x_ic - m_kc) / sigma_kc
 *              v_kc = 1 / (n sqrt(2 pi_k)) sum_i r_ik ((x_ic - m_kc)^2 / sigma_kc^2 - 1)
 *     VLAD     v_kc = sum over the rows nearest to m_k of x_ic - m_kc
 * Two steps may follow: each number z becomes sign(z) sqrt(|z|), and the vector is divided by its Euclidean length.
 * These are VLFeat's definitions; with both steps the Fisher vector is the "improved" one of Perronnin et al. 2010. */
typedef struct fgmm_encode_options {
    size_t size;
    fgmm_encoding encoding;
    int has_power;  /* 1 (default): take signed square roots; VLAD is usually taken with 0 */
    int has_length; /* 1 (default): divide by the length */
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

/* How many numbers an encoding has: 2 K D or K D. */
FGMM_API uint64_t fgmm_encoding_size(const fgmm_model *model, fgmm_encoding encoding);

/* Encodes rows, at least one. out receives fgmm_encoding_size floats. options NULL: defaults. Blocks. Errors: ARGUMENT,
 * DATA (NaN or infinity; numbers that do not fit float32), UNSUPPORTED (Fisher vectors of a model that is neither
 * spherical nor diag), MEMORY, DEVICE. */
FGMM_API fgmm_status fgmm_encode(float *out, fgmm_device *device, const fgmm_model *model, const fgmm_rows *rows,
                                 const fgmm_encode_options *options);

#ifdef __cplusplus
}
#endif
#endif
