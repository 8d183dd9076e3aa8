/* npz_write.c - ZIP archives of .npy arrays, stored. See npz.h; npz.c reads them. */
#include "npz.h"

#include "file.h"
#include "size.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

enum {
    LOCAL_BYTES = 30,
    ENTRY_BYTES = 46,
    END_BYTES = 22,
    LOCAL_MAGIC = 0x04034b50,
    ENTRY_MAGIC = 0x02014b50,
    END_MAGIC = 0x06054b50,
    CHARACTER_BYTES = 4, /* of a string: UTF-32 */
    MOST_CHARACTERS = 64,
    NPY_HEADER_BYTES = 128, /* as output.c: aligned, with room for three extents of 20 digits */
    ZIP_VERSION = 20,
    DATE_1980 = 0x21 /* 1 January 1980, the earliest: the same model gives the same bytes */
};
static const uint64_t MOST_BYTES = UINT32_MAX; /* beyond, ZIP needs its 64-bit form */

static void put(unsigned char *bytes, unsigned count, uint64_t value)
{
    for (unsigned i = 0; i < count; i++) bytes[i] = (unsigned char)(value >> 8 * i);
}

static uint64_t data_bytes_of(const fg_npz_array *array)
{
    if (array->text) return strlen(array->text) * CHARACTER_BYTES;
    uint64_t count = 1;
    for (uint64_t i = 0; i < array->rank; i++) count *= array->shape[i];
    return count * sizeof(double);
}

static void npy_header(char header[NPY_HEADER_BYTES], const fg_npz_array *array)
{
    char text[NPY_HEADER_BYTES] = "";
    char type[24] = "f8";
    if (array->text) snprintf(type, sizeof type, "U%zu", strlen(array->text));
    int used = snprintf(text, sizeof text, "{'descr': '<%s', 'fortran_order': False, 'shape': (", type);
    for (uint64_t i = 0; i < array->rank; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "%" PRIu64 ", ", array->shape[i]);
    used += snprintf(text + used, sizeof text - (size_t)used, "), }");
    memset(header, ' ', NPY_HEADER_BYTES);
    static const char magic[8] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0};
    memcpy(header, magic, sizeof magic);
    put((unsigned char *)header + 8, 2, NPY_HEADER_BYTES - 10);
    memcpy(header + 10, text, (size_t)used);
    header[NPY_HEADER_BYTES - 1] = '\n';
}

/* An archive being written. */
typedef struct writing {
    fg_atomic_file *file;
    uint64_t offset;
    unsigned char *directory; /* (directory_bytes) so far */
    size_t directory_bytes;
} writing;

/* A local header, the array, and its entry for the directory. */
static fgmm_status write_array(writing *w, const fg_npz_array *array)
{
    fgmm_status status = FGMM_OK;
    char name[64], npy[NPY_HEADER_BYTES];
    unsigned char local[LOCAL_BYTES] = {0}, *entry = w->directory + w->directory_bytes;
    const size_t length = (size_t)snprintf(name, sizeof name, "%s.npy", array->name);
    const size_t data_bytes = (size_t)data_bytes_of(array), bytes = NPY_HEADER_BYTES + data_bytes;
    unsigned char characters[MOST_CHARACTERS * CHARACTER_BYTES] = {0};
    for (size_t i = 0; array->text && i < strlen(array->text) && i < MOST_CHARACTERS; i++)
        characters[i * CHARACTER_BYTES] = (unsigned char)array->text[i];
    const void *data = array->text ? (const void *)characters : array->values;
    assert(!array->text || strlen(array->text) <= MOST_CHARACTERS);
    npy_header(npy, array);
    const uint32_t crc = fg_crc32(fg_crc32(0, npy, sizeof npy), data, data_bytes);
    put(local, 4, LOCAL_MAGIC);
    put(local + 4, 2, ZIP_VERSION);
    put(local + 12, 2, DATE_1980);
    put(local + 14, 4, crc);
    put(local + 18, 4, bytes);
    put(local + 22, 4, bytes);
    put(local + 26, 2, length);
    put(entry, 4, ENTRY_MAGIC);
    put(entry + 4, 2, ZIP_VERSION);
    memcpy(entry + 6, local + 4, 26); /* from the version needed to the length of the extra field: the same order */
    put(entry + 42, 4, w->offset);
    memcpy(entry + ENTRY_BYTES, name, length);
    w->directory_bytes += ENTRY_BYTES + length;
    FG_TRY(fg_atomic_write(w->file, local, sizeof local));
    FG_TRY(fg_atomic_write(w->file, name, length));
    FG_TRY(fg_atomic_write(w->file, npy, sizeof npy));
    FG_TRY(fg_atomic_write(w->file, data, data_bytes));
    w->offset += LOCAL_BYTES + length + bytes;
done:
    return status;
}

fgmm_status fg_npz_write(const char *path, const fg_npz_array *arrays, size_t count)
{
    fgmm_status status = FGMM_OK;
    writing w = {0};
    uint64_t bytes = 0;
    unsigned char end[END_BYTES] = {0};
    for (size_t i = 0; i < count; i++) bytes += data_bytes_of(&arrays[i]) + 1024;
    FG_CHECK(bytes < MOST_BYTES, FGMM_UNSUPPORTED, "%s: %llu bytes; an .npz of less than 4 GiB is written", path,
             (ull)bytes);
    FG_TRY(FG_ALLOC(&w.directory, count * (ENTRY_BYTES + 64), path));
    FG_TRY(fg_atomic_open(&w.file, path));
    for (size_t i = 0; i < count; i++) FG_TRY(write_array(&w, &arrays[i]));
    put(end, 4, END_MAGIC);
    put(end + 8, 2, count);
    put(end + 10, 2, count);
    put(end + 12, 4, w.directory_bytes);
    put(end + 16, 4, w.offset);
    FG_TRY(fg_atomic_write(w.file, w.directory, w.directory_bytes));
    FG_TRY(fg_atomic_write(w.file, end, sizeof end));
    status = fg_atomic_commit(w.file);
    w.file = NULL;
done:
    fg_atomic_abandon(w.file);
    free(w.directory);
    return status;
}
