/* file.c - whole small files, folders, a lock among processes. Files that are replaced whole: atomic_file.c. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE
#include "file.h"

#include "size.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

fgmm_status fg_file_read_all(unsigned char **bytes, size_t *count, const char *path, uint64_t max_bytes)
{
    fgmm_status status = FGMM_OK;
    unsigned char *buffer = NULL;
    *bytes = NULL;
    *count = 0;
    FILE *stream = fopen(path, "rb");
    FG_CHECK(stream, FGMM_IO, "%s: cannot be opened: %s", path, strerror(errno));
    struct stat facts;
    FG_CHECK(fstat(fileno(stream), &facts) == 0, FGMM_IO, "%s: %s", path, strerror(errno));
    FG_CHECK(!S_ISDIR(facts.st_mode), FGMM_IO, "%s: is a folder, not a file", path);
    FG_CHECK((uint64_t)facts.st_size <= max_bytes, FGMM_FORMAT, "%s: holds %llu bytes; at most %llu are expected", path,
             (unsigned long long)facts.st_size, (unsigned long long)max_bytes);
    FG_TRY(FG_ALLOC(&buffer, (uint64_t)facts.st_size + 1, path));
    FG_CHECK(fread(buffer, 1, (size_t)facts.st_size, stream) == (size_t)facts.st_size, FGMM_IO,
             "%s: reading failed: %s", path, ferror(stream) ? strerror(errno) : "the file became shorter");
    *bytes = buffer;
    *count = (size_t)facts.st_size;
    buffer = NULL;
done:
    free(buffer);
    if (stream) fclose(stream);
    return status;
}

fgmm_status fg_make_folders(const char *path)
{
    fgmm_status status = FGMM_OK;
    char *part = NULL;
    FG_TRY(FG_ALLOC(&part, strlen(path) + 1, "folder name"));
    for (size_t i = 0; i <= strlen(path); i++) {
        const char next = path[i];
        if ((next == '/' || next == 0) && i > 0) {
            part[i] = 0;
            FG_CHECK(mkdir(part, 0777) == 0 || errno == EEXIST, FGMM_IO, "%s: cannot be created: %s", part,
                     strerror(errno));
        }
        part[i] = next;
    }
done:
    free(part);
    return status;
}

int fg_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

int fg_folder_is_writable(const char *path)
{
    char error_text[FG_ERROR_TEXT_BYTES];
    fg_error_save(error_text);
    const int is_there = fg_make_folders(path) == FGMM_OK;
    fg_error_restore(error_text);
    return is_there && access(path, W_OK | X_OK) == 0;
}

/* ---- a lock among processes ---- */

struct fg_file_lock {
    int descriptor;
};

static fgmm_status join_paths(char **joined, const char *path, const char *ending)
{
    const size_t room = strlen(path) + strlen(ending) + 1;
    const fgmm_status status = FG_ALLOC(joined, room, "file name");
    if (status == FGMM_OK) snprintf(*joined, room, "%s%s", path, ending);
    return status;
}

/* flock, not fcntl: it keeps threads of one process apart too. A file of its own, since the one at path is replaced. */
fgmm_status fg_file_lock_take(fg_file_lock **out, const char *path)
{
    fgmm_status status = FGMM_OK;
    fg_file_lock *lock = NULL;
    char *name = NULL;
    *out = NULL;
    FG_TRY(join_paths(&name, path, ".lock"));
    char *slash = strrchr(name, '/');
    if (slash && slash > name) {
        *slash = 0;
        FG_TRY(fg_make_folders(name));
        *slash = '/';
    }
    FG_TRY(FG_ALLOC(&lock, 1, "lock"));
    lock->descriptor = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    FG_CHECK(lock->descriptor >= 0, FGMM_IO, "%s: cannot be opened: %s", name, strerror(errno));
    int result;
    do result = flock(lock->descriptor, LOCK_EX);
    while (result != 0 && errno == EINTR);
    FG_CHECK(result == 0, FGMM_IO, "%s: cannot be locked: %s", name, strerror(errno));
    *out = lock;
    lock = NULL;
done:
    fg_file_lock_release(lock);
    free(name);
    return status;
}

void fg_file_lock_release(fg_file_lock *lock)
{
    if (!lock) return;
    if (lock->descriptor > 0) close(lock->descriptor);
    free(lock);
}

fgmm_status fg_file_set_aside(const char *path, const char *ending)
{
    fgmm_status status = FGMM_OK;
    char *name = NULL;
    FG_TRY(join_paths(&name, path, ending));
    FG_CHECK(rename(path, name) == 0, FGMM_IO, "%s: cannot be renamed: %s", path, strerror(errno));
done:
    free(name);
    return status;
}

int fg_has_ending(const char *path, const char *ending)
{
    const size_t length = strlen(path), tail = strlen(ending);
    return length >= tail && strcasecmp(path + length - tail, ending) == 0;
}

uint64_t fg_hash(uint64_t hash, const void *bytes, size_t count)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < count; i++) hash = (hash ^ byte[i]) * 0x100000001b3ull;
    return hash;
}
