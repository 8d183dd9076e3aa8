/* buffers.h - the device buffers of a part as a list, from which follow the bytes that it will take, its creation and
 * its release. A part is any struct with members `fg_buffer *`; its list has a row for each of them:
 *
 *     static const fg_buffer_row rows[] = {
 *         {offsetof(fg_part, sums), "sums", sums_bytes},
 *     };
 *     static const fg_buffer_list buffers = FG_BUFFER_LIST(rows);
 */
#ifndef FG_BUFFERS_H
#define FG_BUFFERS_H

#include "shape.h"

#include <stddef.h>

typedef struct fg_buffer_row {
    size_t member;                            /* where in the part the pointer lies */
    const char *what;                         /* for the text of an error */
    uint64_t (*bytes)(const fg_shape *shape); /* 0: the part has no such buffer, its pointer stays NULL */
} fg_buffer_row;

typedef struct fg_buffer_list {
    const fg_buffer_row *rows;
    size_t count;
} fg_buffer_list;
#define FG_BUFFER_LIST(rows)                                                                                           \
    {                                                                                                                  \
        (rows), sizeof(rows) / sizeof((rows)[0])                                                                       \
    }

/* Of all buffers of the list. */
uint64_t fg_buffers_bytes(const fg_buffer_list *list, const fg_shape *shape);
/* Makes those that the part does not have yet; contents are undefined. On failure the part keeps what was made, which
 * fg_buffers_free releases. Errors: as fg_buffer_create. */
fgmm_status fg_buffers_create(void *part, const fg_buffer_list *list, fgmm_device *device, const fg_shape *shape);
/* Leaves NULL pointers. */
void fg_buffers_free(void *part, const fg_buffer_list *list);

#endif
