/* cache.c - compiled programs kept on disk between runs: one file per program, named by its key.
 *
 *     file:  entry_header | binary of the driver (binary_bytes)          in the byte order of the machine that wrote it
 *
 * Without a binary, where the driver keeps its own: the program has been compiled before (program.c).
 *
 * Drivers crash on binaries that are cut off and accept others whose bits have changed, so nothing reaches a driver
 * that has not the key it is wanted under and the checksum it was written with. Everything that is wrong here leads to
 * a compilation from source, never to an error: no function of this file reports one, and none changes the thread's
 * error text.
 */
#define _POSIX_C_SOURCE 200809L
#include "handle.h"

#include "file.h"
#include "size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FILE_BYTES = 64 << 20, IDENTITY_BYTES = 1024 };

static const char magic[8] = "FGMMCL1";

typedef struct entry_header {
    char magic[8];
    uint64_t key[2];
    uint64_t binary_bytes;
    uint64_t binary_hash;
} entry_header;

/* ---- where ---- */

static char *join(const char *folder, const char *name)
{
    const size_t capacity = strlen(folder) + strlen(name) + 1;
    char *path = malloc(capacity);
    if (path) snprintf(path, capacity, "%s%s", folder, name);
    return path;
}

char *fg_cache_folder(const char *wanted)
{
    if (wanted) return *wanted ? join(wanted, "") : NULL;
    const char *base = getenv("XDG_CACHE_HOME");
    if (base && *base == '/') return join(base, "/flashgmm");
#if defined(_WIN32)
    base = getenv("LOCALAPPDATA");
    return base && *base ? join(base, "\\flashgmm\\cache") : NULL;
#else
    base = getenv("HOME");
    if (!base || !*base) return NULL;
#if defined(__APPLE__)
    return join(base, "/Library/Caches/flashgmm");
#else
    return join(base, "/.cache/flashgmm");
#endif
#endif
}

/* ---- which ---- */

/* Continues a hash with a text and its terminating zero, so that "ab","c" and "a","bc" differ. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
    return fg_hash(hash, text, strlen(text) + 1);
}

/* Everything that decides what the driver's compiler makes of the source. */
void fg_cache_key(fg_cache_entry *entry, const fgmm_device *device, const char *source, const char *options)
{
    static const cl_platform_info of_platform[] = {CL_PLATFORM_VENDOR, CL_PLATFORM_NAME, CL_PLATFORM_VERSION};
    static const cl_device_info of_device[] = {CL_DEVICE_NAME, CL_DEVICE_VENDOR, CL_DEVICE_VERSION, CL_DRIVER_VERSION};
    entry->is_known = 1;
    for (size_t word = 0; word < 2; word++) {
        uint64_t hash = fg_hash(FG_HASH_BEGIN, &word, sizeof word);
        char text[IDENTITY_BYTES];
        for (size_t i = 0; i < sizeof of_platform / sizeof of_platform[0]; i++) {
            text[0] = 0;
            if (clGetPlatformInfo(device->platform, of_platform[i], sizeof text, text, NULL) != CL_SUCCESS)
                entry->is_known = 0;
            hash = hash_text(hash, text);
        }
        for (size_t i = 0; i < sizeof of_device / sizeof of_device[0]; i++) {
            text[0] = 0;
            if (clGetDeviceInfo(device->id, of_device[i], sizeof text, text, NULL) != CL_SUCCESS) entry->is_known = 0;
            hash = hash_text(hash, text);
        }
        hash = hash_text(hash, fgmm_version());
        hash = hash_text(hash, options);
        entry->key[word] = hash_text(hash, source);
    }
}

static char *entry_path(const fgmm_device *device, const fg_cache_entry *entry)
{
    char name[64];
    if (!entry->is_known) return NULL;
    snprintf(name, sizeof name, "/%016llx%016llx.bin", (unsigned long long)entry->key[0],
             (unsigned long long)entry->key[1]);
    return join(device->cache_folder, name);
}

/* ---- loading ---- */

/* 1 when a file's bytes are exactly what was stored under this key. */
static int is_whole(const fg_cache_entry *entry, const unsigned char *bytes, size_t count)
{
    entry_header header;
    if (count < sizeof header) return 0;
    memcpy(&header, bytes, sizeof header);
    return memcmp(header.magic, magic, sizeof magic) == 0 && memcmp(header.key, entry->key, sizeof header.key) == 0 &&
           header.binary_bytes == count - sizeof header &&
           header.binary_hash == fg_hash(FG_HASH_BEGIN, bytes + sizeof header, count - sizeof header);
}

/* The bytes of a whole entry, malloc'ed, and the number of those behind the header; NULL: there is none. */
static unsigned char *read_entry(const fgmm_device *device, const fg_cache_entry *entry, size_t *binary_bytes)
{
    char error_text[FG_ERROR_TEXT_BYTES];
    unsigned char *bytes = NULL;
    size_t count = 0;
    if (!device->cache_folder) return NULL;
    char *path = entry_path(device, entry);
    if (!path) return NULL;
    fg_error_save(error_text);
    if (fg_file_read_all(&bytes, &count, path, MOST_FILE_BYTES) != FGMM_OK || !is_whole(entry, bytes, count)) {
        free(bytes);
        bytes = NULL;
    }
    fg_error_restore(error_text);
    free(path);
    *binary_bytes = bytes ? count - sizeof(entry_header) : 0;
    return bytes;
}

int fg_cache_is_known(const fgmm_device *device, const fg_cache_entry *entry)
{
    size_t binary_bytes = 0;
    unsigned char *bytes = read_entry(device, entry, &binary_bytes);
    free(bytes);
    return bytes != NULL;
}

static cl_program program_from_binary(const fgmm_device *device, const unsigned char *binary, size_t count,
                                      const char *options)
{
    cl_int error, of_binary = CL_SUCCESS;
    fg_driver_visit visit;
    fg_driver_calm(&visit);
    cl_program program =
        clCreateProgramWithBinary(device->context, 1, &device->id, &count, &binary, &of_binary, &error);
    if (error != CL_SUCCESS)
        program = NULL;
    else if (of_binary != CL_SUCCESS || clBuildProgram(program, 1, &device->id, options, NULL, NULL) != CL_SUCCESS) {
        clReleaseProgram(program);
        program = NULL;
    }
    fg_driver_restore(&visit);
    return program;
}

cl_program fg_cache_load(const fgmm_device *device, const fg_cache_entry *entry, const char *options)
{
    size_t binary_bytes = 0;
    cl_program program = NULL;
    unsigned char *bytes = read_entry(device, entry, &binary_bytes);
    if (bytes && binary_bytes > 0)
        program = program_from_binary(device, bytes + sizeof(entry_header), binary_bytes, options);
    free(bytes);
    return program;
}

/* ---- storing ---- */

static fgmm_status write_entry(const char *folder, const char *path, const entry_header *header,
                               const unsigned char *binary)
{
    fgmm_status status = FGMM_OK;
    fg_atomic_file *file = NULL;
    FG_TRY(fg_make_folders(folder));
    FG_TRY(fg_atomic_open(&file, path));
    FG_TRY(fg_atomic_write(file, header, sizeof *header));
    FG_TRY(fg_atomic_write(file, binary, (size_t)header->binary_bytes));
    status = fg_atomic_commit(file);
    file = NULL;
done:
    fg_atomic_abandon(file);
    return status;
}

static void store(const fgmm_device *device, const fg_cache_entry *entry, const unsigned char *binary, size_t count)
{
    char error_text[FG_ERROR_TEXT_BYTES];
    entry_header header = {.binary_bytes = count, .binary_hash = fg_hash(FG_HASH_BEGIN, binary, count)};
    char *path = entry_path(device, entry);
    if (!path) return;
    fg_error_save(error_text);
    memcpy(header.magic, magic, sizeof magic);
    memcpy(header.key, entry->key, sizeof header.key);
    write_entry(device->cache_folder, path, &header, binary);
    fg_error_restore(error_text);
    free(path);
}

void fg_cache_store(const fgmm_device *device, const fg_cache_entry *entry, cl_program program)
{
    size_t count = 0;
    unsigned char *binary = NULL;
    if (!device->cache_folder) return;
    if (clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof count, &count, NULL) == CL_SUCCESS && count > 0 &&
        count <= MOST_FILE_BYTES - sizeof(entry_header) && (binary = malloc(count)) != NULL &&
        clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL) == CL_SUCCESS)
        store(device, entry, binary, count);
    free(binary);
}

void fg_cache_record(const fgmm_device *device, const fg_cache_entry *entry)
{
    static const unsigned char none;
    if (device->cache_folder) store(device, entry, &none, 0);
}
