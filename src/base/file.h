/* file.h - files that are replaced whole or not at all, and small path helpers.
 * The only place that knows fsync, rename and temporary names. */
#ifndef FG_FILE_H
#define FG_FILE_H

#include "status.h"

#include <stdio.h>

/* A file being written beside its final name: "PATH.fgmm-tmp-0123456789abcdef", PATH's name cut where that would be too
 * long. It is locked until it has its final name. */
typedef struct fg_atomic_file fg_atomic_file;

/* Opens the temporary file, which will have the permissions of a file that it replaces; before that, temporary files in
 * the same folder that nobody holds a lock on, since their process has ended, are removed. Errors: IO names path and
 * reason, also when path is something else than a regular file. */
fgmm_status fg_atomic_open(fg_atomic_file **file, const char *path);
fgmm_status fg_atomic_write(fg_atomic_file *file, const void *bytes, size_t count);
/* Overwrites bytes already written (a header whose counts are known at the end). */
fgmm_status fg_atomic_rewrite(fg_atomic_file *file, uint64_t offset, const void *bytes, size_t count);
/* Hands everything written to the system and makes the file `bytes` long; what was never written reads as 0. The file
 * can then be read under its temporary name, and written on. */
fgmm_status fg_atomic_resize(fg_atomic_file *file, uint64_t bytes);
/* Everything written reaches the disk; what is left to do is to rename. */
fgmm_status fg_atomic_flush(fg_atomic_file *file);
const char *fg_atomic_temporary(const fg_atomic_file *file);
/* Flushes to the disk, renames, frees. On failure the temporary file is gone and an old file at path is untouched.
 * The handle is freed in either case. */
fgmm_status fg_atomic_commit(fg_atomic_file *file);
/* Gives up: removes the temporary file, frees. NULL is accepted. Keeps the thread's error text. */
void fg_atomic_abandon(fg_atomic_file *file);

/* All of the above for bytes that are at hand. */
fgmm_status fg_file_replace(const char *path, const void *bytes, size_t count);

/* Reads a whole file of at most max_bytes into malloc'ed memory with a terminating 0 behind it (not counted). */
fgmm_status fg_file_read_all(unsigned char **bytes, size_t *count, const char *path, uint64_t max_bytes);

/* Creates a folder and its parents; FGMM_IO when that fails. */
fgmm_status fg_make_folders(const char *path);
/* 1 where there is something of that name; 1 where files can be made in the folder, which is created if need be. Keep
 * the thread's error text. */
int fg_file_exists(const char *path);
int fg_folder_is_writable(const char *path);

/* A lock among processes that change the file at path: the file PATH.lock beside it, which stays. take waits; its
 * folder is created. A process that ends, however it ends, has released its locks. release accepts NULL. */
typedef struct fg_file_lock fg_file_lock;
fgmm_status fg_file_lock_take(fg_file_lock **lock, const char *path);
void fg_file_lock_release(fg_file_lock *lock);

/* Renames the file at path to PATH + ending, replacing what is there. */
fgmm_status fg_file_set_aside(const char *path, const char *ending);

/* 1 when `path` ends in `ending` (".npy"), ASCII letters compared without case. */
int fg_has_ending(const char *path, const char *ending);

/* 64-bit FNV-1a of bytes, continued from `hash` (begin with FG_HASH_BEGIN). */
#define FG_HASH_BEGIN 0xcbf29ce484222325ull
uint64_t fg_hash(uint64_t hash, const void *bytes, size_t count);

#endif
