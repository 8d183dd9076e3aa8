/* mixtures.h - for tests that train: rows drawn from a known mixture, rows from a callback that can misbehave, models
 * compared byte by byte. */
#ifndef FG_TEST_MIXTURES_H
#define FG_TEST_MIXTURES_H

#include "flashgmm/flashgmm.h"

/* A device without a cache folder. */
fgmm_device *open_test_device(void);
fgmm_device *open_test_backend(fgmm_backend backend);

/* A spherical mixture of k components: means in a box of +-10, deviations 0.5 .. 1.5, unequal weights. */
fgmm_model *make_mixture(uint64_t k, uint64_t d, uint64_t seed);

/* (n,d) rows drawn from make_mixture(k, d, seed); malloc'ed. */
float *draw_rows(uint64_t n, uint64_t d, uint64_t k, uint64_t seed);

/* Rows in memory behind a callback. */
typedef struct rows_feed {
    const void *rows; /* (n,d) */
    fgmm_type type;
    uint64_t n, d;
    uint64_t chunk;     /* most rows given at once; 0: as many as asked for */
    unsigned fail_pass; /* the pass (1-based) in which it fails; 0: never */
    uint64_t fail_row;  /* after that many rows */
    uint64_t position;
    unsigned pass;
} rows_feed;

/* feed is borrowed until the source is closed. rows: n, or FGMM_ROWS_UNKNOWN. */
fgmm_source *feed_source(rows_feed *feed, uint64_t rows);

fgmm_source *memory_source(const void *rows, fgmm_type type, uint64_t n, uint64_t d);

/* Weights, means, covariances, rows, iterations, log-likelihood and seed are equal to the bit. */
int is_same_model(const fgmm_model *a, const fgmm_model *b);

/* Fits rows in memory; the test fails when that fails. report may be NULL. */
fgmm_model *fit_rows(fgmm_device *device, const float *rows, uint64_t n, uint64_t d, const fgmm_fit_options *options,
                     fgmm_fit_report *report);

#endif
