/* fit_callback.c - train on rows that never exist all at once: a callback makes them, and the library asks for them
 * again in every pass (or keeps them on the device when they fit). Progress goes to standard output. */
#include "check.h"

#include <math.h>

enum { N = 200000, D = 3, K = 4 };

/* Where the pass stands. The library calls both functions from one thread at a time. */
typedef struct feed {
    uint64_t position;
} feed;

static int feed_rewind(void *user)
{
    ((feed *)user)->position = 0;
    return 0;
}

/* A number in [0,1) that depends on i only: the same rows in every pass. */
static double noise(uint64_t i)
{
    i = (i ^ i >> 31) * 0x7fb5d329728ea185u;
    i = (i ^ i >> 27) * 0x81dadef4bc2dd44du;
    return (double)(i >> 33) * 0x1p-31;
}

static int feed_next(void *user, void *out, uint64_t capacity, uint64_t *count, char *message, size_t message_room)
{
    feed *f = user;
    float *rows = out;
    (void)message, (void)message_room; /* for the reason of a failure */
    *count = N - f->position < capacity ? N - f->position : capacity;
    for (uint64_t i = f->position; i < f->position + *count; i++)
        for (uint64_t j = 0; j < D; j++)
            *rows++ = (float)(20 * cos((double)(i % K * (j + 1))) + noise(i * D + j) + noise((i + N) * D + j));
    f->position += *count;
    return 0;
}

static int show(void *user, const fgmm_progress *p)
{
    (void)user;
    if (p->phase == FGMM_PHASE_EM && p->iteration_finished)
        printf("iteration %d: %.6f nats per row\n", (int)p->iteration, p->log_likelihood);
    return 0; /* anything else stops the training */
}

int main(void)
{
    feed state = {0};
    fgmm_device *device;
    fgmm_source *source;
    fgmm_model *model;
    fgmm_callback_source callbacks = fgmm_callback_source_init();
    callbacks.rows = N;
    callbacks.dims = D;
    callbacks.type = FGMM_F32;
    callbacks.rewind = feed_rewind;
    callbacks.next = feed_next;
    callbacks.user = &state;
    check(fgmm_device_open(&device, NULL));
    check(fgmm_source_from_callback(&source, &callbacks));

    fgmm_fit_options options = fgmm_fit_options_init();
    fgmm_fit_report report = fgmm_fit_report_init();
    options.components = K;
    options.covariance = FGMM_DIAG;
    options.progress = show;
    check(fgmm_fit(&model, device, source, &options, &report));
    printf("%d rows, %s in batches of %d, %.2f s, of which %.2f s waiting for rows\n", (int)report.rows,
           report.rows_resident ? "kept on the device" : "streamed in every pass", (int)report.batch_rows,
           report.total_s, report.read_s);

    fgmm_fit_report_clear(&report);
    fgmm_model_free(model);
    fgmm_source_close(source);
    fgmm_device_close(device);
    return EXIT_SUCCESS;
}
