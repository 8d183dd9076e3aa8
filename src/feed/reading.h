/* reading.h - fills batches from a source: rows as the device wants them, checked and shifted where that is asked for.
 *
 * Where a source gives rows at any place (fg_source_kind.read_at), several threads share a batch, a chunk at a time.
 * One that copies rows takes a processor from the kernels that run meanwhile, and the one worker that it delays keeps
 * all others waiting at the end of a launch; several, each with processors of its own, delay all workers alike. Other
 * sources are read by the caller alone.
 */
#ifndef FG_READING_H
#define FG_READING_H

#include "rows.h"

typedef struct fg_reading fg_reading;

typedef struct fg_reading_options {
    fgmm_source *source; /* borrowed until close */
    uint64_t rows;       /* N; FGMM_ROWS_UNKNOWN: as the source says in its time */
    double most;         /* look for NaN, infinity and values beyond +-most; 0: only of F64 rows, as they always are */
    const fg_shift *shift; /* of F64 rows; borrowed until close */
} fg_reading_options;

/* 1 where fg_reading_seek may be called: the source gives rows at any place, and says how many there are. */
int fg_reading_is_seekable(const fgmm_source *source);

/* Starts the threads that help. Errors: MEMORY. */
fgmm_status fg_reading_open(fg_reading **reading, const fg_reading_options *options);
/* NULL is accepted. */
void fg_reading_close(fg_reading *reading);

/* Back to the first row. */
fgmm_status fg_reading_rewind(fg_reading *reading);
/* Row `first` (0 .. N) is the next. */
void fg_reading_seek(fg_reading *reading, uint64_t first);
/* The next rows, (capacity,d) of the device's type; *count < capacity: the end. By one thread at a time. Errors are the
 * source's, and DATA for a value that is not a number; of several the first row's. */
fgmm_status fg_reading_fill(fg_reading *reading, void *rows, uint64_t capacity, uint64_t *count);
/* 1 when all rows have been given. */
int fg_reading_is_at_end(const fg_reading *reading);

#endif
