/* writer.h - fills the lists of a new index file with rows that come in any order. Rows wait in a buffer of bounded
 * size until there are enough of each list, so that the file is written in long runs. The file appears at path when all
 * is done. */
#ifndef FG_WRITER_H
#define FG_WRITER_H

#include "index.h"

typedef struct fg_index_writer fg_index_writer;

/* capacities (k): entries per list; copied. head is copied, what it points to is borrowed until the end.
 * buffer_bytes: of rows that wait. */
fgmm_status fg_index_writer_open(fg_index_writer **writer, const char *path, const fg_index_head *head,
                                 const uint64_t *capacities, size_t buffer_bytes);
/* Gives up, removes what was written; NULL is accepted. */
void fg_index_writer_abandon(fg_index_writer *writer);

/* Appends one row, in the type of head.info, to a list. Errors: IO, INTERNAL (the list is full). */
fgmm_status fg_index_writer_add(fg_index_writer *writer, uint64_t list, int64_t id, const void *row);

/* Writes everything that waits and the head: the file can be opened at fg_index_writer_path, though it is not yet at
 * its place. rows, next_id: head's. No rows are added afterwards: the room where they waited is given back. */
fgmm_status fg_index_writer_flush(fg_index_writer *writer, uint64_t rows, uint64_t next_id);
const char *fg_index_writer_path(const fg_index_writer *writer);

/* Sets the calibration and what it was made with; flush must follow. */
void fg_index_writer_set_calibration(fg_index_writer *writer, const fg_calibration *calibration, const fg_seen *seen);

/* Puts the flushed file into its place and frees the writer, also on failure. */
fgmm_status fg_index_writer_commit(fg_index_writer *writer);

/* Head of a new file with the same quantizer, rule and settings as an open index. */
fg_index_head fg_index_head_of(const fgmm_index *index);

/* Appends an index's live entries whose ids `is_kept` accepts (NULL: all); converts to the writer's type. */
typedef int (*fg_index_filter)(const void *user, int64_t id);
fgmm_status fg_index_writer_copy(fg_index_writer *writer, const fgmm_index *index, fg_index_filter is_kept,
                                 const void *user);

#endif
