/* program.h - compiled programs: in the handle, and on disk. Nothing outside src/device includes it, except the tests
 * of this folder. */
#ifndef FG_PROGRAM_H
#define FG_PROGRAM_H

#include "device.h"

enum { FG_KERNEL_NAME_BYTES = 64 };

typedef struct fg_kernel {
    struct fg_kernel *next;
    cl_kernel kernel;
    int is_launched; /* at least once in this handle */
    char name[FG_KERNEL_NAME_BYTES];
} fg_kernel;

/* Where a compiled program lies in the cache folder: a hash of all that decides what the compiler makes. */
typedef struct fg_cache_entry {
    uint64_t key[2];
    int is_known; /* the driver has stated all of it; else nothing is kept */
} fg_cache_entry;

typedef struct fg_program {
    struct fg_program *next;
    char *label;   /* names of the files */
    char *options; /* without the base options */
    cl_program program;
    fg_kernel *kernels;
    fg_cache_entry entry;
    int is_new; /* not known from an earlier run */
} fg_program;

/* ---- programs of a handle (program.c) ---- */

/* fg_kernel_get for a source text that is already there. label: what logs and errors call it, and, together with the
 * options, what finds it again: one label means one text. */
fgmm_status fg_kernel_from_source(cl_kernel *kernel, fgmm_device *device, const char *label, const char *source,
                                  const char *options, const char *name);

/* A kernel of this handle is to be launched; 1 where the driver compiles it for that, as far as is known. */
int fg_program_begin_launch(fgmm_device *device, cl_kernel kernel);

/* Notes what has been compiled, releases all kernels and programs. In a forked child only the host's memory is
 * released. */
void fg_programs_free(fgmm_device *device);

/* ---- on disk (cache.c): failures are silent, a program is then compiled ---- */

/* The folder for fgmm_device_options.cache_dir, malloc'ed; NULL: keep nothing. Reads the environment. */
char *fg_cache_folder(const char *wanted);
/* options: all of them, as the compiler gets them. */
void fg_cache_key(fg_cache_entry *entry, const fgmm_device *device, const char *source, const char *options);
/* The built program, or NULL when there is none that is whole. */
cl_program fg_cache_load(const fgmm_device *device, const fg_cache_entry *entry, const char *options);
void fg_cache_store(const fgmm_device *device, const fg_cache_entry *entry, cl_program program);
/* For a driver with a cache of its own: that a program has been compiled, without its binary. */
int fg_cache_is_known(const fgmm_device *device, const fg_cache_entry *entry);
void fg_cache_record(const fgmm_device *device, const fg_cache_entry *entry);

#endif
