/* npz.c - ZIP archives of .npy arrays: written stored, read stored or deflated. See npz.h. */
#include "npz.h"

#include "file.h"
#include "inflate.h"
#include "npy.h"
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
    MOST_COMMENT = 65535,
    CHARACTER_BYTES = 4, /* of a string: UTF-32 */
    MOST_CHARACTERS = 64,
    NPY_HEADER_BYTES = 128, /* as output.c: aligned, with room for three extents of 20 digits */
    ZIP_VERSION = 20,
    METHOD_STORED = 0,
    METHOD_DEFLATED = 8,
    DATE_1980 = 0x21 /* 1 January 1980, the earliest: the same model gives the same bytes */
};
static const uint64_t MOST_BYTES = UINT32_MAX; /* beyond, ZIP needs its 64-bit form */

static uint64_t get(const unsigned char *bytes, unsigned count)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < count; i++) value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

static void put(unsigned char *bytes, unsigned count, uint64_t value)
{
    for (unsigned i = 0; i < count; i++) bytes[i] = (unsigned char)(value >> 8 * i);
}

/* CRC-32 of ZIP (polynomial 0x04C11DB7, reflected), continued from `crc`; begin with 0. */
static uint32_t checksum(uint32_t crc, const void *bytes, size_t count)
{
    const unsigned char *from = bytes;
    uint32_t table[256];
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++) table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xEDB88320u : 0);
    }
    crc = ~crc;
    for (size_t i = 0; i < count; i++) crc = crc >> 8 ^ table[(crc ^ from[i]) & 255];
    return ~crc;
}

/* ---- writing ---- */

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
    const uint32_t crc = checksum(checksum(0, npy, sizeof npy), data, data_bytes);
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

/* ---- reading ---- */

struct fg_npz {
    char *path;
    unsigned char *bytes; /* (size) */
    size_t size;
    uint64_t directory, entries; /* where it begins, how many there are */
};

/* The end record is the last thing in the file but for a comment. */
static fgmm_status find_directory(fg_npz *npz)
{
    fgmm_status status = FGMM_OK;
    const unsigned char *b = npz->bytes;
    FG_CHECK(npz->size >= END_BYTES && get(b, 2) == 0x4b50, FGMM_FORMAT, "%s: byte offset 0: no .npz file", npz->path);
    size_t at = npz->size - END_BYTES;
    const size_t least = at > MOST_COMMENT ? at - MOST_COMMENT : 0;
    while (at > least && get(b + at, 4) != END_MAGIC) at--;
    FG_CHECK(get(b + at, 4) == END_MAGIC, FGMM_FORMAT, "%s: has no directory: it was cut, or is no .npz file",
             npz->path);
    npz->entries = get(b + at + 10, 2);
    npz->directory = get(b + at + 16, 4);
    FG_CHECK(npz->directory <= at && npz->entries * ENTRY_BYTES <= at - npz->directory, FGMM_FORMAT,
             "%s: byte offset %zu: the directory lies outside of the file", npz->path, at);
done:
    return status;
}

fgmm_status fg_npz_open(fg_npz **out, const char *path)
{
    fgmm_status status = FGMM_OK;
    fg_npz *npz = NULL;
    *out = NULL;
    FG_TRY(FG_ALLOC(&npz, 1, path));
    FG_TRY(FG_ALLOC(&npz->path, strlen(path) + 1, path));
    strcpy(npz->path, path);
    FG_TRY(fg_file_read_all(&npz->bytes, &npz->size, path, MOST_BYTES));
    FG_TRY(find_directory(npz));
    *out = npz;
    npz = NULL;
done:
    fg_npz_close(npz);
    return status;
}

void fg_npz_close(fg_npz *npz)
{
    if (!npz) return;
    free(npz->bytes);
    free(npz->path);
    free(npz);
}

/* The directory's entry of the member NAME.npy; NULL where there is none. */
static fgmm_status find_entry(const unsigned char **entry, const fg_npz *npz, const char *name)
{
    fgmm_status status = FGMM_OK;
    uint64_t at = npz->directory;
    const size_t length = strlen(name);
    *entry = NULL;
    for (uint64_t i = 0; i < npz->entries && !*entry; i++) {
        const unsigned char *e = npz->bytes + at;
        FG_CHECK(at + ENTRY_BYTES <= npz->size && get(e, 4) == ENTRY_MAGIC, FGMM_FORMAT,
                 "%s: byte offset %llu: the directory is damaged", npz->path, (ull)at);
        const uint64_t name_bytes = get(e + 28, 2);
        at += ENTRY_BYTES + name_bytes + get(e + 30, 2) + get(e + 32, 2);
        FG_CHECK(at <= npz->size, FGMM_FORMAT, "%s: the directory ends outside of the file", npz->path);
        if (name_bytes == length + 4 && memcmp(e + ENTRY_BYTES, name, length) == 0 &&
            memcmp(e + ENTRY_BYTES + length, ".npy", 4) == 0)
            *entry = e;
    }
done:
    return status;
}

/* The bytes of a member. */
typedef struct member {
    const unsigned char *bytes; /* (count) in the archive, or in `unpacked` */
    uint64_t count;
    unsigned char *unpacked; /* owned; NULL: stored */
} member;

/* The member NAME.npy. */
static fgmm_status find_member(member *m, const fg_npz *npz, const char *name)
{
    fgmm_status status = FGMM_OK;
    const unsigned char *entry = NULL;
    *m = (member){NULL, 0, NULL};
    FG_TRY(find_entry(&entry, npz, name));
    FG_CHECK(entry, FGMM_FORMAT, "%s: has no array %s; a model has weights_, means_ and covariances_", npz->path, name);
    const uint64_t method = get(entry + 10, 2), packed = get(entry + 20, 4), local = get(entry + 42, 4);
    FG_CHECK(method == METHOD_STORED || method == METHOD_DEFLATED, FGMM_UNSUPPORTED,
             "%s: %s is compressed by method %llu; need stored or deflated, as NumPy writes them", npz->path, name,
             (ull)method);
    m->count = get(entry + 24, 4);
    FG_CHECK(local + LOCAL_BYTES <= npz->size && get(npz->bytes + local, 4) == LOCAL_MAGIC, FGMM_FORMAT,
             "%s: %s does not lie where the directory says", npz->path, name);
    const uint64_t data = local + LOCAL_BYTES + get(npz->bytes + local + 26, 2) + get(npz->bytes + local + 28, 2);
    FG_CHECK(data <= npz->size && packed <= npz->size - data && m->count > 0, FGMM_FORMAT,
             "%s: %s ends outside of the file", npz->path, name);
    m->bytes = npz->bytes + data;
    if (method == METHOD_DEFLATED) {
        status = fg_inflate(&m->unpacked, (size_t)m->count, m->bytes, (size_t)packed);
        if (status != FGMM_OK) fg_fail_prefix(status, "%s: %s", npz->path, name);
        FG_TRY(status);
        m->bytes = m->unpacked;
    }
    FG_CHECK(method == METHOD_DEFLATED || packed == m->count, FGMM_FORMAT,
             "%s: %s is stored in %llu bytes, but has %llu", npz->path, name, (ull)packed, (ull)m->count);
    FG_CHECK(checksum(0, m->bytes, (size_t)m->count) == (uint32_t)get(entry + 16, 4), FGMM_FORMAT,
             "%s: %s is damaged: its checksum differs", npz->path, name);
done:
    return status;
}

static fgmm_status read_values(double **values, const fg_npy_array *npy, const unsigned char *data, uint64_t bytes,
                               const char *name)
{
    fgmm_status status = FGMM_OK;
    size_t count = 1, wanted;
    FG_CHECK(npy->type == FGMM_F32 || npy->type == FGMM_F64, FGMM_FORMAT, "%s: elements of type %s; need f4 or f8",
             name, fgmm_type_name(npy->type));
    for (unsigned i = 0; i < npy->rank; i++) FG_TRY(fg_size_product(&count, count, npy->shape[i], name));
    FG_TRY(fg_size_product(&wanted, count, fgmm_type_bytes(npy->type), name));
    FG_CHECK(count > 0 && wanted == bytes - npy->offset, FGMM_FORMAT, "%s: %llu bytes of elements; its shape needs %zu",
             name, (ull)(bytes - npy->offset), wanted);
    FG_TRY(FG_ALLOC(values, count, name));
    for (size_t i = 0; i < count; i++) {
        float narrow;
        memcpy(&narrow, data + npy->offset + i * sizeof narrow, npy->type == FGMM_F32 ? sizeof narrow : 0);
        if (npy->type == FGMM_F32)
            (*values)[i] = (double)narrow;
        else
            memcpy(*values + i, data + npy->offset + i * sizeof(double), sizeof(double));
    }
done:
    return status;
}

fgmm_status fg_npz_read(fg_npz_array *array, double **values, const fg_npz *npz, const char *name)
{
    fgmm_status status = FGMM_OK;
    unsigned char *copy = NULL;
    fg_input *input = NULL;
    fg_npy_array npy;
    member m;
    *values = NULL;
    FG_TRY(find_member(&m, npz, name));
    const uint64_t head = fg_min_u64(m.count, FG_NPY_HEADER_MAX + 16);
    FG_TRY(FG_ALLOC(&copy, head, name));
    memcpy(copy, m.bytes, (size_t)head);
    status = fg_input_wrap(&input, npz->path, copy, -1, head);
    copy = NULL; /* owned by the input, also on failure */
    FG_TRY(status);
    FG_TRY(fg_npy_read_array(&npy, input));
    status = read_values(values, &npy, m.bytes, m.count, name);
    if (status != FGMM_OK) fg_fail_prefix(status, "%s", npz->path);
    FG_TRY(status);
    *array = (fg_npz_array){name, npy.rank, {npy.shape[0], npy.shape[1], npy.shape[2]}, *values, NULL};
done:
    fg_input_close(input);
    free(copy);
    free(m.unpacked);
    return status;
}

fgmm_status fg_npz_read_text(char *text, size_t room, const fg_npz *npz, const char *name)
{
    enum { PREFIX = 10, MOST_DIGITS = 4 }; /* magic, version, length of the header */
    fgmm_status status = FGMM_OK;
    const unsigned char *entry = NULL;
    uint64_t characters = 0;
    member m = {NULL, 0, NULL};
    text[0] = 0;
    FG_TRY(find_entry(&entry, npz, name));
    if (!entry) goto done;
    FG_TRY(find_member(&m, npz, name));
    const unsigned char *bytes = m.bytes;
    const uint64_t count = m.count;
    const uint64_t begin = count >= PREFIX ? PREFIX + get(bytes + 8, 2) : count;
    FG_CHECK(begin < count && bytes[6] == 1, FGMM_FORMAT, "%s: %s is no string as numpy.savez writes it", npz->path,
             name);
    const unsigned char *type = NULL;
    for (uint64_t i = PREFIX; i + 2 + MOST_DIGITS < begin && !type; i++)
        if (memcmp(bytes + i, "<U", 2) == 0) type = bytes + i + 2;
    for (int i = 0; type && i < MOST_DIGITS && type[i] >= '0' && type[i] <= '9'; i++)
        characters = characters * 10 + (uint64_t)(type[i] - '0');
    FG_CHECK(type && count - begin == characters * CHARACTER_BYTES && characters < room, FGMM_FORMAT,
             "%s: %s is no string of less than %zu characters", npz->path, name, room);
    for (uint64_t i = 0; i < characters; i++) {
        const uint64_t character = get(bytes + begin + i * CHARACTER_BYTES, CHARACTER_BYTES);
        FG_CHECK(character < 128, FGMM_FORMAT, "%s: %s holds character %llu; need ASCII", npz->path, name,
                 (ull)character);
        text[i] = (char)character;
    }
    text[characters] = 0;
done:
    free(m.unpacked);
    return status;
}
