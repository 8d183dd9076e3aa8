/* keep.c - see keep.h. */
#define _POSIX_C_SOURCE 200809L
#include "keep.h"

#include "size.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static fgmm_status open_temporary(int *descriptor, const char *name)
{
    fgmm_status status = FGMM_OK;
    char *path = NULL;
    const char *folder = getenv("TMPDIR");
    if (!folder || !*folder) folder = "/tmp";
    *descriptor = -1;
    const size_t capacity = strlen(folder) + 32;
    FG_TRY(FG_ALLOC(&path, capacity, "temporary file name"));
    snprintf(path, capacity, "%s/flashgmm-rows-XXXXXX", folder);
    *descriptor = mkstemp(path);
    FG_CHECK(*descriptor >= 0, FGMM_IO, "%s: a temporary file for it cannot be made in %s: %s", name, folder,
             strerror(errno));
    unlink(path);
done:
    free(path);
    return status;
}

static fgmm_status write_all(int descriptor, const unsigned char *bytes, uint64_t count, const char *name)
{
    while (count > 0) {
        const ssize_t part = write(descriptor, bytes, (size_t)count);
        if (part < 0 && errno == EINTR) continue;
        if (part < 0)
            return fg_fail(FGMM_IO, "%s: its temporary file cannot be written (set TMPDIR to a larger folder): %s",
                           name, strerror(errno));
        bytes += part;
        count -= (uint64_t)part;
    }
    return FGMM_OK;
}

void fg_keeper_begin(fg_keeper *keeper, const char *name, uint64_t limit)
{
    *keeper = (fg_keeper){.name = name, .limit = limit, .file = -1};
}

static fgmm_status move_to_file(fg_keeper *keeper)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(open_temporary(&keeper->file, keeper->name));
    FG_TRY(write_all(keeper->file, keeper->bytes, keeper->used, keeper->name));
    free(keeper->bytes);
    keeper->bytes = NULL;
done:
    return status;
}

fgmm_status fg_keeper_reserve(fg_keeper *keeper, uint64_t count)
{
    const uint64_t wanted = fg_max_u64(keeper->used + count, fg_min_u64(2 * keeper->capacity, keeper->limit));
    if (keeper->file >= 0 || keeper->used + count <= keeper->capacity) return FGMM_OK;
    if (keeper->used + count > keeper->limit) return move_to_file(keeper);
    unsigned char *larger = wanted <= SIZE_MAX ? realloc(keeper->bytes, (size_t)wanted) : NULL;
    if (!larger) return move_to_file(keeper);
    keeper->bytes = larger;
    keeper->capacity = wanted;
    return FGMM_OK;
}

fgmm_status fg_keeper_add(fg_keeper *keeper, const void *bytes, uint64_t count)
{
    fgmm_status status = FGMM_OK;
    if (count == 0) return FGMM_OK;
    FG_TRY(fg_keeper_reserve(keeper, count));
    if (keeper->file < 0)
        memcpy(keeper->bytes + keeper->used, bytes, (size_t)count);
    else
        FG_TRY(write_all(keeper->file, bytes, count, keeper->name));
    keeper->used += count;
done:
    return status;
}

fgmm_status fg_keeper_finish(fg_input **input, fg_keeper *keeper)
{
    const fgmm_status status = fg_input_wrap(input, keeper->name, keeper->bytes, keeper->file, keeper->used);
    keeper->bytes = NULL;
    keeper->file = -1;
    return status;
}

void fg_keeper_clear(fg_keeper *keeper)
{
    free(keeper->bytes);
    if (keeper->file >= 0) close(keeper->file);
    keeper->bytes = NULL;
    keeper->file = -1;
}
