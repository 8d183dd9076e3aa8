/* atomic_file.c - write beside, flush, rename; and the removal of what dead processes have left.
 *
 * A file being written is locked until it has its final name. The lock ends with its process, however that ends, and
 * holds for all that share the folder, from containers and other hosts too: unlike a process number, which is given
 * again and means something else there. So a file with a name of ours on which a lock can be taken is nobody's. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE
#include "file.h"

#include "size.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* "NAME.fgmm-tmp-0123456789abcdef", NAME cut where that would be too long. */
static const char MARK[] = ".fgmm-tmp-";
enum { MARK_BYTES = sizeof MARK - 1, DIGITS = 16, TRIES = 100 };

struct fg_atomic_file {
    FILE *stream;
    int lock;           /* a second descriptor of the stream, which outlives it; -1: none */
    int is_replacement; /* of a file with these */
    mode_t permissions;
    char *path;
    char *temporary;
};

static void atomic_free(fg_atomic_file *file)
{
    if (!file) return;
    if (file->temporary) unlink(file->temporary);
    if (file->stream) fclose(file->stream);
    if (file->lock >= 0) close(file->lock);
    free(file->temporary);
    free(file->path);
    free(file);
}

/* Bytes of the path's folder, with the slash; 0: the present one. */
static size_t folder_bytes(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

static int is_temporary(const char *name)
{
    const size_t length = strlen(name);
    if (length <= MARK_BYTES + DIGITS) return 0;
    const char *mark = name + length - MARK_BYTES - DIGITS;
    return strncmp(mark, MARK, MARK_BYTES) == 0 && strspn(mark + MARK_BYTES, "0123456789abcdef") == DIGITS;
}

/* 1 where the descriptor's file is locked now. Where a file system knows no locks, files are written without, and none
 * is ever removed. */
static int lock(int descriptor)
{
    int result;
    do result = flock(descriptor, LOCK_EX | LOCK_NB);
    while (result != 0 && errno == EINTR);
    return result == 0;
}

static void remove_if_left(int folder, const char *name)
{
    struct stat facts;
    /* Writable, since a lock is not given otherwise on network file systems. */
    const int descriptor = openat(folder, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0) return;
    if (fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode) && lock(descriptor)) unlinkat(folder, name, 0);
    close(descriptor);
}

/* What dead processes have left in the folder of path. Whatever fails here is no failure of the write. */
static void remove_leftovers(const char *path)
{
    char *name = strdup(path);
    if (!name) return;
    const size_t length = folder_bytes(path);
    name[length] = 0;
    DIR *folder = opendir(length ? name : ".");
    if (folder) {
        for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
            if (is_temporary(entry->d_name)) remove_if_left(dirfd(folder), entry->d_name);
        closedir(folder);
    }
    free(name);
}

/* A name that no other thread, process or host is likely to take at this moment; where one does, the next try has
 * another. */
static void name_temporary(char *temporary, size_t room, const char *path, unsigned attempt)
{
    struct timespec now;
    const long process = (long)getpid();
    const void *stack = &now; /* differs between threads */
    uint64_t hash = FG_HASH_BEGIN;
    clock_gettime(CLOCK_REALTIME, &now);
    hash = fg_hash(hash, &now.tv_sec, sizeof now.tv_sec);
    hash = fg_hash(hash, &now.tv_nsec, sizeof now.tv_nsec);
    hash = fg_hash(hash, &process, sizeof process);
    hash = fg_hash(hash, &stack, sizeof stack);
    hash = fg_hash(hash, &attempt, sizeof attempt);
    size_t kept = strlen(path);
    const size_t most = folder_bytes(path) + NAME_MAX - MARK_BYTES - DIGITS;
    if (kept > most) kept = most;
    while (kept > folder_bytes(path) && ((unsigned char)path[kept] & 0xc0) == 0x80) kept--; /* no half of a character */
    snprintf(temporary, room, "%.*s%s%016llx", (int)kept, path, MARK, (unsigned long long)hash);
}

/* 1 where the descriptor's file still has this name: until it was locked it looked like one that was left. */
static int has_name(int descriptor, const char *name)
{
    struct stat own, named;
    return fstat(descriptor, &own) == 0 && stat(name, &named) == 0 && own.st_dev == named.st_dev &&
           own.st_ino == named.st_ino;
}

/* A new locked file beside path. */
static fgmm_status create(fg_atomic_file *file)
{
    fgmm_status status = FGMM_OK;
    const size_t room = strlen(file->path) + MARK_BYTES + DIGITS + 1;
    FG_TRY(FG_ALLOC(&file->temporary, room, "file name"));
    int descriptor = -1;
    /* While it is written, nobody reads it who could not read what it replaces; the owner's next write may remove
     * it. */
    const mode_t mode = file->is_replacement ? (file->permissions & 0666) | 0600 : 0666;
    for (unsigned attempt = 0; attempt < TRIES; attempt++) {
        name_temporary(file->temporary, room, file->path, attempt);
        descriptor = open(file->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (descriptor < 0 && errno != EEXIST) break;
        if (descriptor < 0) continue;
        const int is_refused = !lock(descriptor) && errno == EWOULDBLOCK;
        if (!is_refused && has_name(descriptor, file->temporary)) break;
        close(descriptor);
        descriptor = -1;
        errno = EAGAIN;
    }
    if (descriptor >= 0) file->stream = fdopen(descriptor, "wb");
    if (file->stream) file->lock = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (file->lock >= 0) return FGMM_OK;
    status = fg_fail(FGMM_IO, "%s: cannot be written: %s", file->path, strerror(errno));
    if (descriptor >= 0) {
        unlink(file->temporary);
        if (!file->stream) close(descriptor);
    }
    free(file->temporary);
    file->temporary = NULL;
done:
    return status;
}

fgmm_status fg_atomic_open(fg_atomic_file **out, const char *path)
{
    fgmm_status status = FGMM_OK;
    fg_atomic_file *file = NULL;
    struct stat facts;
    *out = NULL;
    /* A device or a pipe would be replaced by a file. */
    const int is_there = stat(path, &facts) == 0;
    FG_CHECK(!is_there || S_ISREG(facts.st_mode), FGMM_IO, "%s: cannot be written: it is %s", path,
             S_ISDIR(facts.st_mode) ? "a folder" : "no regular file");
    FG_CHECK(strlen(path + folder_bytes(path)) <= NAME_MAX, FGMM_IO, "%s: cannot be written: %s", path,
             strerror(ENAMETOOLONG));
    FG_TRY(FG_ALLOC(&file, 1, "output file"));
    file->lock = -1;
    file->is_replacement = is_there;
    if (is_there) file->permissions = facts.st_mode & 0777;
    FG_TRY(FG_ALLOC(&file->path, strlen(path) + 1, "file name"));
    strcpy(file->path, path);
    remove_leftovers(path);
    FG_TRY(create(file));
    *out = file;
    file = NULL;
done:
    atomic_free(file);
    return status;
}

fgmm_status fg_atomic_write(fg_atomic_file *file, const void *bytes, size_t count)
{
    if (fwrite(bytes, 1, count, file->stream) != count)
        return fg_fail(FGMM_IO, "%s: writing failed: %s", file->path, strerror(errno));
    return FGMM_OK;
}

fgmm_status fg_atomic_rewrite(fg_atomic_file *file, uint64_t offset, const void *bytes, size_t count)
{
    if (fseeko(file->stream, (off_t)offset, SEEK_SET) != 0)
        return fg_fail(FGMM_IO, "%s: writing failed: %s", file->path, strerror(errno));
    fgmm_status status = fg_atomic_write(file, bytes, count);
    if (status == FGMM_OK && fseeko(file->stream, 0, SEEK_END) != 0)
        status = fg_fail(FGMM_IO, "%s: writing failed: %s", file->path, strerror(errno));
    return status;
}

fgmm_status fg_atomic_resize(fg_atomic_file *file, uint64_t bytes)
{
    if (fflush(file->stream) != 0 || ftruncate(fileno(file->stream), (off_t)bytes) != 0)
        return fg_fail(FGMM_IO, "%s: writing failed: %s", file->path, strerror(errno));
    return FGMM_OK;
}

const char *fg_atomic_temporary(const fg_atomic_file *file)
{
    return file->temporary;
}

fgmm_status fg_atomic_flush(fg_atomic_file *file)
{
    fgmm_status status = FGMM_OK;
    FG_CHECK(fflush(file->stream) == 0, FGMM_IO, "%s: writing failed: %s", file->path, strerror(errno));
    FG_CHECK(fsync(fileno(file->stream)) == 0 || errno == EINVAL || errno == EROFS, FGMM_IO, "%s: writing failed: %s",
             file->path, strerror(errno));
done:
    return status;
}

fgmm_status fg_atomic_commit(fg_atomic_file *file)
{
    fgmm_status status = FGMM_OK;
    FG_TRY(fg_atomic_flush(file));
    if (file->is_replacement) (void)fchmod(file->lock, file->permissions); /* not every file system has them */
    int closed = fclose(file->stream);                                     /* the lock stays */
    file->stream = NULL;
    FG_CHECK(closed == 0, FGMM_IO, "%s: writing failed: %s", file->path, strerror(errno));
    FG_CHECK(rename(file->temporary, file->path) == 0, FGMM_IO, "%s: cannot be replaced: %s", file->path,
             strerror(errno));
    free(file->temporary);
    file->temporary = NULL;
done:
    atomic_free(file);
    return status;
}

void fg_atomic_abandon(fg_atomic_file *file)
{
    atomic_free(file);
}

fgmm_status fg_file_replace(const char *path, const void *bytes, size_t count)
{
    fgmm_status status = FGMM_OK;
    fg_atomic_file *file = NULL;
    FG_TRY(fg_atomic_open(&file, path));
    FG_TRY(fg_atomic_write(file, bytes, count));
    status = fg_atomic_commit(file);
    file = NULL;
done:
    fg_atomic_abandon(file);
    return status;
}
