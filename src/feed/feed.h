/* feed.h - the batches of a source on the device, as often as somebody passes over the rows.
 *
 * src/feed/ holds everything between a source and a batch on the device: reading with several threads, conversion and
 * shift of rows, weights, random order, resident batches, the memory decision, progress per batch. It computes nothing
 * from rows. Layers above it see rows (fg_rows) and no buffers.
 *
 * A reader thread fills one buffer while the device works on another, with the help of others where the source allows
 * it (reading.h). Where host and device share memory the reader writes into the device's own buffer; elsewhere into
 * pinned memory, from where rows travel on a queue of their own. Resident rows are read once and stay on the device;
 * rows that already lie in a cl_mem are used in place. The cut into batches is the same in all these cases: results do
 * not depend on where rows come from. Weights travel in the same buffers, before the rows; those of rows in a cl_mem
 * are read batch by batch in every pass (batch.h, resident.h, lent.h). memory_plan.h decides how large batches are, and
 * what stays. */
#ifndef FG_FEED_H
#define FG_FEED_H

#include "pass.h"
#include "progress.h"
#include "rows.h"
#include "weights.h"

typedef struct fg_feed fg_feed;

typedef struct fg_feed_options {
    fgmm_device *device;
    fgmm_source *source;
    fg_weights weights; /* opened, as many as rows; zero: none */
    uint64_t rows;      /* N; FGMM_ROWS_UNKNOWN: cannot be resident */
    size_t batch_rows;
    uint64_t resident_rows; /* that stay on the device after the first pass: 0, N, or less than N, whole batches of a
                               source that fg_reading_is_seekable */
    double most;            /* look for NaN, infinity and values beyond +-most while reading; 0: do not */
    const fg_shift *shift;  /* of F64 rows; borrowed until close */
} fg_feed_options;

/* Errors: MEMORY, DEVICE. */
fgmm_status fg_feed_open(fg_feed **feed, const fg_feed_options *options);
/* Ends a pass that is under way, frees; NULL is accepted. Keeps the thread's error text. */
void fg_feed_close(fg_feed *feed);

/* Begins a pass at the first row: the reader starts, and what the caller does meanwhile costs no time. Errors: those of
 * the source. */
fgmm_status fg_feed_begin(fg_feed *feed);

/* What is done with a batch, rows->n > 0, which is valid until the function returns; kernels that it has launched may
 * still read it. Anything but OK ends the loop. */
typedef fgmm_status (*fg_batch_fn)(void *user, const fg_rows *rows);

/* Calls work for each batch of the pass that was begun, in the order of rows, and reports it to progress. Errors: those
 * of work, of the source (with the reader's text), DATA (a value that is not a number, row and column named),
 * CANCELLED, and the device's; after one only close. */
fgmm_status fg_feed_each(fg_feed *feed, fg_progress *progress, fg_batch_fn work, void *user);

/* Seconds in which fg_feed_each waited for the reader, over all passes. */
double fg_feed_waited_s(const fg_feed *feed);

/* Bytes of buffers for batches on their way; resident rows themselves are not counted. batch_bytes: of rows and
 * weights; is_resident: all rows are. */
uint64_t fg_feed_bytes(const fgmm_device *device, uint64_t batch_bytes, int is_resident);

#endif
