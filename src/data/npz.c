/* npz.c - reads ZIP archives of .npy arrays, stored or deflated, in bounded memory. See npz.h; npz_write.c writes. */
#include "npz.h"

#include "size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

enum {
    LOCAL_BYTES = 30,
    ENTRY_BYTES = 46,
    END_BYTES = 22,
    LOCATOR_BYTES = 20, /* of the 64-bit form's end */
    END_64_BYTES = 56,
    LOCAL_MAGIC = 0x04034b50,
    ENTRY_MAGIC = 0x02014b50,
    END_MAGIC = 0x06054b50,
    LOCATOR_MAGIC = 0x07064b50,
    END_64_MAGIC = 0x06064b50,
    EXTRA_64 = 1, /* the kind of extra field that holds 64-bit sizes */
    MOST_COMMENT = 65535,
    CHARACTER_BYTES = 4, /* of a string: UTF-32 */
    METHOD_STORED = 0,
    METHOD_DEFLATED = 8
};

/* All arrays that are read take at most this much as doubles: with the model's copy of them, memory stays below 16
 * times the file and 64 MiB (docs/formats.md). */
enum { BYTES_PER_FILE_BYTE = 7 };
static const uint64_t LEAST_BYTES = 24u << 20;

struct fg_npz {
    fg_input *input;
    uint64_t directory, end, entries; /* where it begins, where it must end, how many there are */
    uint64_t read_bytes;              /* of arrays that have been read, as doubles */
};

static uint64_t get(const unsigned char *bytes, unsigned count)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < count; i++) value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

uint32_t fg_crc32(uint32_t crc, const void *bytes, size_t count)
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

/* ---- the directory ---- */

/* The end record is the last thing in the file but for a comment; at: its place. */
static fgmm_status find_end(uint64_t *at, unsigned char end[END_BYTES], const fg_input *input)
{
    fgmm_status status = FGMM_OK;
    unsigned char *tail = NULL, begin[2];
    const size_t count = (size_t)fg_min_u64(input->size, END_BYTES + MOST_COMMENT);
    FG_CHECK(input->size >= END_BYTES, FGMM_FORMAT, "%s: byte offset 0: no .npz file", input->path);
    FG_TRY(fg_input_read_at(input, 0, begin, sizeof begin));
    FG_CHECK(get(begin, 2) == 0x4b50, FGMM_FORMAT, "%s: byte offset 0: no .npz file", input->path);
    FG_TRY(FG_ALLOC(&tail, count, input->path));
    FG_TRY(fg_input_read_at(input, input->size - count, tail, count));
    size_t i = count - END_BYTES;
    while (i > 0 && get(tail + i, 4) != END_MAGIC) i--;
    FG_CHECK(get(tail + i, 4) == END_MAGIC, FGMM_FORMAT, "%s: has no directory: it was cut, or is no .npz file",
             input->path);
    memcpy(end, tail + i, END_BYTES);
    *at = input->size - count + i;
done:
    free(tail);
    return status;
}

/* The 64-bit form's end, which stands before the other where that is too narrow. */
static fgmm_status read_end_64(fg_npz *npz, uint64_t *at)
{
    fgmm_status status = FGMM_OK;
    unsigned char locator[LOCATOR_BYTES], end[END_64_BYTES];
    const fg_input *input = npz->input;
    if (*at < LOCATOR_BYTES) return FGMM_OK;
    FG_TRY(fg_input_read_at(input, *at - LOCATOR_BYTES, locator, sizeof locator));
    if (get(locator, 4) != LOCATOR_MAGIC) return FGMM_OK;
    const uint64_t place = get(locator + 8, 8);
    FG_CHECK(place <= *at && *at - place >= END_64_BYTES, FGMM_FORMAT,
             "%s: byte offset %llu: the directory's end is "
             "not where it should be",
             input->path, (ull)(*at - LOCATOR_BYTES));
    FG_TRY(fg_input_read_at(input, place, end, sizeof end));
    FG_CHECK(get(end, 4) == END_64_MAGIC, FGMM_FORMAT, "%s: byte offset %llu: the directory's end is damaged",
             input->path, (ull)place);
    npz->entries = get(end + 32, 8);
    npz->directory = get(end + 48, 8);
    *at = place;
done:
    return status;
}

fgmm_status fg_npz_open(fg_npz **out, fg_input *input)
{
    fgmm_status status = FGMM_OK;
    fg_npz *npz = NULL;
    unsigned char end[END_BYTES];
    uint64_t at;
    *out = NULL;
    status = FG_ALLOC(&npz, 1, input->path);
    if (status != FGMM_OK) {
        fg_input_close(input);
        return status;
    }
    npz->input = input;
    FG_TRY(find_end(&at, end, input));
    npz->entries = get(end + 10, 2);
    npz->directory = get(end + 16, 4);
    FG_TRY(read_end_64(npz, &at));
    npz->end = at;
    FG_CHECK(npz->directory <= at && npz->entries <= (at - npz->directory) / ENTRY_BYTES, FGMM_FORMAT,
             "%s: byte offset %llu: the directory lies outside of the file", input->path, (ull)at);
    *out = npz;
    npz = NULL;
done:
    fg_npz_close(npz);
    return status;
}

void fg_npz_close(fg_npz *npz)
{
    if (!npz) return;
    fg_input_close(npz->input);
    free(npz);
}

fg_input *fg_npz_release(fg_npz *npz)
{
    fg_input *input = npz->input;
    free(npz);
    return input;
}

/* One entry of the directory. */
typedef struct entry {
    fg_npz_member member;
    uint64_t method, local, next; /* where the member and the next entry lie */
    int is_array;                 /* its name ends with .npy */
} entry;

/* Sizes that do not fit 32 bits stand in an extra field, those and no others, in this order. */
static void parse_64(entry *e, const unsigned char *extra, size_t count)
{
    uint64_t *wide[] = {&e->member.bytes, &e->member.packed, &e->local};
    size_t at = 0;
    while (at + 4 <= count && get(extra + at, 2) != EXTRA_64) at += 4 + (size_t)get(extra + at + 2, 2);
    if (at + 4 > count) return;
    const size_t end = (size_t)fg_min_u64(count, at + 4 + get(extra + at + 2, 2));
    at += 4;
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
        if (*wide[i] != UINT32_MAX || at + 8 > end) continue;
        *wide[i] = get(extra + at, 8);
        at += 8;
    }
}

static fgmm_status read_entry(entry *e, const fg_npz *npz, uint64_t at)
{
    fgmm_status status = FGMM_OK;
    const fg_input *input = npz->input;
    unsigned char fixed[ENTRY_BYTES], extra[256];
    char name[FG_NPZ_NAME_BYTES + 4] = "";
    FG_CHECK(at <= npz->end && npz->end - at >= ENTRY_BYTES, FGMM_FORMAT, "%s: the directory ends outside of the file",
             input->path);
    FG_TRY(fg_input_read_at(input, at, fixed, sizeof fixed));
    FG_CHECK(get(fixed, 4) == ENTRY_MAGIC, FGMM_FORMAT, "%s: byte offset %llu: the directory is damaged", input->path,
             (ull)at);
    const uint64_t name_bytes = get(fixed + 28, 2), extra_bytes = get(fixed + 30, 2);
    *e = (entry){.method = get(fixed + 10, 2), .local = get(fixed + 42, 4)};
    e->member.crc = (uint32_t)get(fixed + 16, 4);
    e->member.packed = get(fixed + 20, 4);
    e->member.bytes = get(fixed + 24, 4);
    e->next = at + ENTRY_BYTES + name_bytes + extra_bytes + get(fixed + 32, 2);
    FG_CHECK(e->next <= npz->end, FGMM_FORMAT, "%s: the directory ends outside of the file", input->path);
    FG_TRY(fg_input_read_at(input, at + ENTRY_BYTES, name, (size_t)fg_min_u64(name_bytes, sizeof name - 1)));
    const size_t extra_kept = (size_t)fg_min_u64(extra_bytes, sizeof extra);
    FG_TRY(fg_input_read_at(input, at + ENTRY_BYTES + name_bytes, extra, extra_kept));
    parse_64(e, extra, extra_kept);
    const size_t length = strlen(name);
    e->is_array = name_bytes >= 4 && name_bytes < sizeof name && length == name_bytes &&
                  memcmp(name + length - 4, ".npy", 4) == 0;
    if (e->is_array) name[length - 4] = 0;
    snprintf(e->member.name, sizeof e->member.name, "%.*s", (int)sizeof e->member.name - 1, name);
done:
    return status;
}

/* From the directory's entry to the bytes, by the header that stands before them. */
static fgmm_status locate(entry *e, const fg_npz *npz)
{
    fgmm_status status = FGMM_OK;
    const fg_input *input = npz->input;
    fg_npz_member *m = &e->member;
    unsigned char local[LOCAL_BYTES];
    FG_CHECK(e->method == METHOD_STORED || e->method == METHOD_DEFLATED, FGMM_UNSUPPORTED,
             "%s: %s is compressed by method %llu; need stored or deflated, as NumPy writes them", input->path, m->name,
             (ull)e->method);
    FG_CHECK(e->local <= input->size && input->size - e->local >= LOCAL_BYTES, FGMM_FORMAT,
             "%s: %s does not lie where the directory says", input->path, m->name);
    FG_TRY(fg_input_read_at(input, e->local, local, sizeof local));
    FG_CHECK(get(local, 4) == LOCAL_MAGIC, FGMM_FORMAT, "%s: %s does not lie where the directory says", input->path,
             m->name);
    m->at = e->local + LOCAL_BYTES + get(local + 26, 2) + get(local + 28, 2);
    m->is_deflated = e->method == METHOD_DEFLATED;
    FG_CHECK(m->at <= input->size && m->packed <= input->size - m->at && m->bytes > 0, FGMM_FORMAT,
             "%s: %s ends outside of the file", input->path, m->name);
    FG_CHECK(m->is_deflated || m->packed == m->bytes, FGMM_FORMAT, "%s: %s is stored in %llu bytes, but has %llu",
             input->path, m->name, (ull)m->packed, (ull)m->bytes);
done:
    return status;
}

fgmm_status fg_npz_find(fg_npz_member *member, int *is_there, const fg_npz *npz, const char *name)
{
    fgmm_status status = FGMM_OK;
    entry e = {.next = npz->directory};
    int is_found = 0;
    for (uint64_t i = 0; i < npz->entries && !is_found; i++) {
        FG_TRY(read_entry(&e, npz, e.next));
        is_found = e.is_array && strcmp(e.member.name, name) == 0;
    }
    FG_CHECK(is_found || is_there, FGMM_FORMAT, "%s: has no array %s", npz->input->path, name);
    if (is_found) FG_TRY(locate(&e, npz));
    if (is_there) *is_there = is_found;
    *member = e.member;
done:
    return status;
}

fgmm_status fg_npz_find_only(fg_npz_member *member, const fg_npz *npz)
{
    fgmm_status status = FGMM_OK;
    entry e = {.next = npz->directory}, found = {.next = 0};
    char names[256] = "";
    size_t used = 0;
    uint64_t count = 0;
    for (uint64_t i = 0; i < npz->entries; i++) {
        FG_TRY(read_entry(&e, npz, e.next));
        if (!e.is_array) continue;
        if (count++ == 0) found = e;
        if (used < sizeof names) used += (size_t)snprintf(names + used, sizeof names - used, " %s", e.member.name);
    }
    FG_CHECK(count > 0, FGMM_DATA, "%s: holds no array", npz->input->path);
    FG_CHECK(count == 1, FGMM_FORMAT,
             "%s: holds %llu arrays (%s%s); name the one to read (--dataset, fgmm_file_options.dataset)",
             npz->input->path, (ull)count, names + 1, used < sizeof names ? "" : " ...");
    FG_TRY(locate(&found, npz));
    *member = found.member;
done:
    return status;
}

/* ---- a member's bytes ---- */

fgmm_status fg_npz_stream_open(fg_npz_stream *s, const fg_npz *npz, const fg_npz_member *member)
{
    fgmm_status status = FGMM_OK;
    const fg_input *input = npz->input;
    const size_t capacity = strlen(input->path) + FG_NPZ_NAME_BYTES + 4;
    *s = (fg_npz_stream){.input = input, .member = *member};
    FG_TRY(FG_ALLOC(&s->label, capacity, "file name"));
    snprintf(s->label, capacity, "%s: %s", input->path, member->name);
    if (!member->is_deflated) goto done;
    status = fg_inflater_create(&s->inflater, input, member->at, member->packed, member->bytes);
    if (status != FGMM_OK) fg_fail_prefix(status, "%s", s->label);
done:
    return status;
}

void fg_npz_stream_close(fg_npz_stream *s)
{
    fg_inflater_free(s->inflater);
    free(s->label);
    *s = (fg_npz_stream){.inflater = NULL};
}

void fg_npz_stream_rewind(fg_npz_stream *s)
{
    if (s->inflater) fg_inflater_rewind(s->inflater);
    s->given = 0;
    s->crc = 0;
}

fgmm_status fg_npz_stream_read(fg_npz_stream *s, void *bytes, uint64_t count)
{
    fgmm_status status = FGMM_OK;
    const fg_npz_member *m = &s->member;
    FG_CHECK(count <= m->bytes - s->given, FGMM_FORMAT, "%s ends after %llu bytes", s->label, (ull)m->bytes);
    if (s->inflater)
        status = fg_inflater_read(s->inflater, bytes, count);
    else
        FG_TRY(fg_input_read_at(s->input, m->at + s->given, bytes, (size_t)count));
    if (status != FGMM_OK) fg_fail_prefix(status, "%s", s->label);
    FG_TRY(status);
    s->given += count;
    s->crc = fg_crc32(s->crc, bytes, (size_t)count);
    FG_CHECK(s->given < m->bytes || s->crc == m->crc, FGMM_FORMAT, "%s is damaged: its checksum differs", s->label);
done:
    return status;
}

fgmm_status fg_npz_stream_skip(fg_npz_stream *s, uint64_t count)
{
    fgmm_status status = FGMM_OK;
    unsigned char passed[4096];
    for (uint64_t part; count > 0; count -= part) {
        part = fg_min_u64(count, sizeof passed);
        FG_TRY(fg_npz_stream_read(s, passed, part));
    }
done:
    return status;
}

fgmm_status fg_npz_stream_header(fg_npy_array *array, fg_npz_stream *s)
{
    fgmm_status status = FGMM_OK;
    unsigned char *head = NULL;
    uint64_t wanted = 1;
    const uint64_t count = fg_min_u64(s->member.bytes, FG_NPY_HEADER_MAX + 12);
    fg_npz_stream_rewind(s);
    FG_TRY(FG_ALLOC(&head, count, s->label));
    FG_TRY(fg_npz_stream_read(s, head, count));
    const fg_input view = {.path = s->label, .descriptor = -1, .bytes = head, .size = count};
    FG_TRY(fg_npy_read_array(array, &view));
    for (unsigned i = 0; i < array->rank && wanted <= s->member.bytes; i++)
        wanted = array->shape[i] > s->member.bytes && wanted ? UINT64_MAX : wanted * array->shape[i];
    const uint64_t bytes = s->member.bytes - array->offset;
    FG_CHECK(wanted <= bytes && wanted * array->element.bytes == bytes, FGMM_FORMAT,
             "%s: %llu bytes of elements; its shape needs another number", s->label, (ull)bytes);
    fg_npz_stream_rewind(s);
    FG_TRY(fg_npz_stream_skip(s, array->offset));
done:
    free(head);
    return status;
}

/* ---- whole arrays ---- */

/* Where element number i of the file goes, in C order. */
static uint64_t place(const fg_npy_array *npy, uint64_t i)
{
    uint64_t index[FG_NPZ_RANK] = {0}, at = 0;
    if (!npy->is_fortran) return i;
    for (unsigned j = 0; j < npy->rank; j++) {
        index[j] = i % npy->shape[j];
        i /= npy->shape[j];
    }
    for (unsigned j = 0; j < npy->rank; j++) at = at * npy->shape[j] + index[j];
    return at;
}

static fgmm_status read_values(double *values, fg_npz_stream *s, const fg_npy_array *npy, uint64_t count)
{
    enum { CHUNK = 1024 };
    fgmm_status status = FGMM_OK;
    unsigned char stored[CHUNK * sizeof(double)];
    float narrow[CHUNK];
    double wide[CHUNK];
    const int is_narrow = npy->element.bytes == sizeof(float);
    for (uint64_t i = 0; i < count; i += CHUNK) {
        const size_t part = (size_t)fg_min_u64(CHUNK, count - i);
        FG_TRY(fg_npz_stream_read(s, stored, part * npy->element.bytes));
        fg_element_convert(is_narrow ? (void *)narrow : wide, stored, part, npy->element);
        for (size_t j = 0; j < part; j++) values[place(npy, i + j)] = is_narrow ? (double)narrow[j] : wide[j];
    }
done:
    return status;
}

fgmm_status fg_npz_read(fg_npz_array *array, double **values, fg_npz *npz, const char *name)
{
    fgmm_status status = FGMM_OK;
    fg_npz_stream stream = {.inflater = NULL};
    fg_npz_member member;
    fg_npy_array npy;
    const uint64_t size = npz->input->size;
    *values = NULL;
    FG_TRY(fg_npz_find(&member, NULL, npz, name));
    FG_TRY(fg_npz_stream_open(&stream, npz, &member));
    FG_TRY(fg_npz_stream_header(&npy, &stream));
    FG_CHECK(npy.element.kind == FG_FLOAT && npy.element.bytes >= sizeof(float), FGMM_FORMAT,
             "%s: elements are no f4 or f8", stream.label);
    const uint64_t count = (member.bytes - npy.offset) / npy.element.bytes;
    FG_CHECK(count > 0, FGMM_FORMAT, "%s: has no elements", stream.label);
    FG_CHECK(count <= (LEAST_BYTES + BYTES_PER_FILE_BYTE * size - npz->read_bytes) / sizeof(double), FGMM_FORMAT,
             "%s: %llu numbers in a file of %llu bytes: more than a model of that size has", stream.label, (ull)count,
             (ull)size);
    npz->read_bytes += count * sizeof(double);
    FG_TRY(FG_ALLOC(values, count, name));
    FG_TRY(read_values(*values, &stream, &npy, count));
    *array = (fg_npz_array){name, npy.rank, {npy.shape[0], npy.shape[1], npy.shape[2]}, *values, NULL};
done:
    if (status != FGMM_OK) {
        free(*values);
        *values = NULL;
    }
    fg_npz_stream_close(&stream);
    return status;
}

/* The header of a str is no number's: it is read here. */
fgmm_status fg_npz_read_text(char *text, size_t capacity, const fg_npz *npz, const char *name)
{
    enum { PREFIX = 10, MOST_DIGITS = 4, MOST_BYTES = 1024 }; /* magic, version, length of the header */
    fgmm_status status = FGMM_OK;
    fg_npz_stream stream = {.inflater = NULL};
    unsigned char bytes[MOST_BYTES];
    fg_npz_member member;
    uint64_t characters = 0;
    int is_there;
    text[0] = 0;
    FG_TRY(fg_npz_find(&member, &is_there, npz, name));
    if (!is_there) goto done;
    FG_TRY(fg_npz_stream_open(&stream, npz, &member));
    const uint64_t count = member.bytes;
    FG_CHECK(count > PREFIX && count <= MOST_BYTES, FGMM_FORMAT, "%s is no short string as numpy.savez writes it",
             stream.label);
    FG_TRY(fg_npz_stream_read(&stream, bytes, count));
    const uint64_t begin = PREFIX + get(bytes + 8, 2);
    FG_CHECK(begin < count && bytes[6] == 1, FGMM_FORMAT, "%s is no string as numpy.savez writes it", stream.label);
    const unsigned char *type = NULL;
    for (uint64_t i = PREFIX; i + 2 + MOST_DIGITS < begin && !type; i++)
        if (memcmp(bytes + i, "<U", 2) == 0) type = bytes + i + 2;
    for (int i = 0; type && i < MOST_DIGITS && type[i] >= '0' && type[i] <= '9'; i++)
        characters = characters * 10 + (uint64_t)(type[i] - '0');
    FG_CHECK(type && count - begin == characters * CHARACTER_BYTES && characters < capacity, FGMM_FORMAT,
             "%s is no string of less than %zu characters", stream.label, capacity);
    for (uint64_t i = 0; i < characters; i++) {
        const uint64_t character = get(bytes + begin + i * CHARACTER_BYTES, CHARACTER_BYTES);
        FG_CHECK(character < 128, FGMM_FORMAT, "%s holds character %llu; need ASCII", stream.label, (ull)character);
        text[i] = (char)character;
    }
    text[characters] = 0;
done:
    fg_npz_stream_close(&stream);
    return status;
}
