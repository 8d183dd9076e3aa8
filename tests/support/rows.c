/* rows.c - see rows.h. */
#include "rows.h"

#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *write_file(const char *name, const void *bytes, size_t count)
{
    const char *path = temporary_path(name);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, count, file), count);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

const char *write_npy(const char *name, int version, const char *dictionary, const void *bytes, size_t count)
{
    const size_t prefix = version == 1 ? 10 : 12, length = strlen(dictionary);
    const size_t all = (prefix + length + 1 + 63) / 64 * 64; /* NumPy aligns the rows to 64 bytes */
    unsigned char *file = malloc(all + count);
    ck_assert_ptr_nonnull(file);
    memset(file, ' ', all);
    memcpy(file, "\x93NUMPY", 6);
    file[6] = (unsigned char)version;
    file[7] = 0;
    memset(file + 8, 0, prefix - 8);
    file[8] = (unsigned char)((all - prefix) & 255);
    file[9] = (unsigned char)((all - prefix) >> 8);
    memcpy(file + prefix, dictionary, length);
    file[all - 1] = '\n';
    if (count > 0) memcpy(file + all, bytes, count);
    const char *path = write_file(name, file, all + count);
    free(file);
    return path;
}

void *read_rows(fgmm_source *source, uint64_t capacity, uint64_t *rows)
{
    fgmm_source_info info = fgmm_source_info_init();
    ck_ok(fgmm_source_describe(source, &info));
    const size_t row_bytes = info.dims * fgmm_type_bytes(info.type);
    unsigned char *all = NULL;
    uint64_t count = 0;
    *rows = 0;
    ck_ok(fgmm_source_rewind(source));
    do {
        all = realloc(all, (*rows + capacity) * row_bytes);
        ck_assert_ptr_nonnull(all);
        ck_ok(fgmm_source_next(source, all + *rows * row_bytes, capacity, &count));
        *rows += count;
    } while (count > 0);
    return all;
}

fgmm_status read_until_failure(fgmm_source *source, uint64_t capacity)
{
    fgmm_source_info info = fgmm_source_info_init();
    ck_ok(fgmm_source_describe(source, &info));
    void *rows = malloc(capacity * info.dims * fgmm_type_bytes(info.type));
    ck_assert_ptr_nonnull(rows);
    uint64_t count = 1;
    fgmm_status status = fgmm_source_rewind(source);
    while (status == FGMM_OK && count > 0) status = fgmm_source_next(source, rows, capacity, &count);
    free(rows);
    return status;
}
