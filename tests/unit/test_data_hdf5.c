/* test_data_hdf5.c - .hdf5: types, layouts, what is refused; nothing on stderr. No device. */
#define _POSIX_C_SOURCE 200809L
#include "rows.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef FG_HAS_HDF5
#define H5_USE_110_API
#include <hdf5.h>

enum { ROWS = 50, DIMS = 7 };

/* A file with one dataset. chunk_rows = 0: contiguous; otherwise chunks of (chunk_rows, chunk_dims), compressed. data
 * NULL: never written. */
typedef struct recipe {
    const char *name;
    hid_t type;
    int rank;
    hsize_t shape[3];
    hsize_t chunk[2];
    const void *data;
} recipe;

static const char *write_hdf5(const recipe *r)
{
    const char *path = temporary_path("a.hdf5");
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = r->rank ? H5Screate_simple(r->rank, r->shape, NULL) : H5Screate(H5S_SCALAR);
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    if (r->chunk[0]) {
        H5Pset_chunk(creation, 2, r->chunk);
        H5Pset_fletcher32(creation);
        H5Pset_deflate(creation, 6);
    }
    hid_t dataset = H5Dcreate2(file, r->name, r->type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    ck_assert(dataset >= 0);
    if (r->data) ck_assert(H5Dwrite(dataset, r->type, H5S_ALL, H5S_ALL, H5P_DEFAULT, r->data) >= 0);
    H5Dclose(dataset);
    H5Pclose(creation);
    H5Sclose(space);
    H5Fclose(file);
    return path;
}

static hid_t half_type(void)
{
    hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(type, 15, 10, 5, 0, 10);
    H5Tset_size(type, 2);
    H5Tset_ebias(type, 15);
    return type;
}

static fgmm_status open_close(const char *path, const char *dataset)
{
    fgmm_file_options options = fgmm_file_options_init();
    options.dataset = dataset;
    fgmm_source *source;
    fgmm_status status = fgmm_source_open(&source, path, &options);
    if (status == FGMM_OK) status = read_until_failure(source, 3);
    fgmm_source_close(source);
    return status;
}

START_TEST(test_hdf5__every_type_and_layout)
{
    static unsigned char data[ROWS * DIMS * 8];
    for (int i = 0; i < ROWS * DIMS; i++) { /* small numbers in every type: the bytes of a float64 2^k */
        const double value = i;
        memcpy(data + 8 * i, &value, 8);
    }
    const struct {
        hid_t type;
        fgmm_type expected;
    } types[] = {{H5T_STD_U8LE, FGMM_U8},
                 {H5T_STD_I8LE, FGMM_I8},
                 {half_type(), FGMM_F16},
                 {H5T_IEEE_F32LE, FGMM_F32},
                 {H5T_IEEE_F64LE, FGMM_F64}};
    const hsize_t chunks[][2] = {{0, 0}, {1, 1}, {8, 3}, {64, 16}, {ROWS, DIMS}};
    for (size_t t = 0; t < 5; t++) {
        for (size_t c = 0; c < 5; c++) {
            recipe r = {"train", types[t].type, 2, {ROWS, DIMS}, {chunks[c][0], chunks[c][1]}, data};
            if (chunks[c][0] > ROWS) r.chunk[0] = 49, r.chunk[1] = 5;
            fgmm_source *source;
            fgmm_source_info info = fgmm_source_info_init();
            ck_ok(fgmm_source_open(&source, write_hdf5(&r), NULL));
            ck_ok(fgmm_source_describe(source, &info));
            ck_assert_int_eq(info.type, types[t].expected);
            ck_assert_uint_eq(info.rows, ROWS);
            ck_assert_uint_eq(info.dims, DIMS);
            ck_assert_str_eq(info.format, "hdf5");
            for (uint64_t capacity = 1; capacity <= ROWS + 1; capacity += 24) {
                uint64_t rows;
                void *all = read_rows(source, capacity, &rows);
                ck_assert_uint_eq(rows, ROWS);
                ck_assert_mem_eq(all, data, ROWS * DIMS * fgmm_type_bytes(info.type));
                free(all);
            }
            fgmm_source_close(source);
        }
    }
}
END_TEST

START_TEST(test_hdf5__byte_order_is_converted)
{
    const float values[] = {1, -2.5f, 3e10f, 4};
    const unsigned char big[] = {0x3f, 0x80, 0, 0, 0xc0, 0x20, 0, 0, 0x50, 0xdf, 0x84, 0x76, 0x40, 0x80, 0, 0};
    const recipe r = {"/deep/er/train", H5T_IEEE_F32BE, 2, {2, 2}, {0, 0}, big};
    const char *path = temporary_path("a.hdf5");
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    ck_fails(open_close(path, NULL), FGMM_FORMAT, "no dataset \"train\"; it holds: no dataset");
    file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    H5Gclose(H5Gcreate2(file, "/deep", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Gclose(H5Gcreate2(file, "/deep/er", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    hid_t space = H5Screate_simple(2, r.shape, NULL);
    hid_t dataset = H5Dcreate2(file, r.name, r.type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(H5Dwrite(dataset, r.type, H5S_ALL, H5S_ALL, H5P_DEFAULT, r.data) >= 0);
    H5Dclose(dataset);
    H5Sclose(space);
    H5Fclose(file);
    ck_fails(open_close(path, "test"), FGMM_FORMAT, "no dataset \"test\"; it holds: deep/er/train (2, 2) f32;");
    ck_fails(open_close(path, "deep"), FGMM_FORMAT, "no dataset \"deep\"");
    fgmm_file_options options = fgmm_file_options_init();
    options.dataset = "deep/er/train";
    fgmm_source *source;
    uint64_t rows;
    ck_ok(fgmm_source_open(&source, path, &options));
    float *all = read_rows(source, 3, &rows);
    ck_assert_uint_eq(rows, 2);
    ck_assert_mem_eq(all, values, sizeof values);
    free(all);
    fgmm_source_close(source);
}
END_TEST

START_TEST(test_hdf5__what_is_not_read_is_refused)
{
    static const double data[64] = {0};
    const struct {
        recipe r;
        fgmm_status code;
        const char *text;
    } cases[] = {
        {{"train", H5T_STD_REF_OBJ, 2, {2, 2}, {0, 0}, data}, FGMM_FORMAT, "neither integers nor f16, f32, f64"},
        {{"train", H5T_C_S1, 2, {2, 2}, {0, 0}, data}, FGMM_FORMAT, "neither integers nor"},
        {{"train", H5T_IEEE_F32LE, 3, {2, 2, 2}, {0, 0}, data}, FGMM_FORMAT, "is 3-D"},
        {{"train", H5T_IEEE_F32LE, 0, {0}, {0, 0}, data}, FGMM_FORMAT, "is 0-D"},
        {{"train", H5T_IEEE_F32LE, 2, {0, 2}, {0, 0}, NULL}, FGMM_DATA, "(0, 2): no rows"},
        {{"train", H5T_IEEE_F32LE, 2, {2, 0}, {0, 0}, NULL}, FGMM_DATA, "(2, 0): no rows"},
        {{"train", H5T_IEEE_F32LE, 2, {2, 2}, {0, 0}, NULL}, FGMM_DATA, "never been written"},
        {{"train", H5T_IEEE_F64LE, 2, {1ull << 20, 1ull << 10}, {1ull << 15, 1ull << 10}, NULL},
         FGMM_DATA,
         "never been written"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_fails(open_close(write_hdf5(&cases[i].r), NULL), cases[i].code, cases[i].text);
    ck_fails(open_close(write_file("text.hdf5", "no such thing", 13), NULL), FGMM_FORMAT, "signature");
}
END_TEST

/* Chunks of 256 MiB and 32 KiB, one of them written. */
START_TEST(test_hdf5__chunks_over_the_bound_are_refused)
{
    const hsize_t shape[2] = {1 << 16, 8193}, chunk[2] = {1 << 15, 8193}, start[2] = {0, 0}, one[2] = {1, 1};
    const char *path = temporary_path("chunks.hdf5");
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(2, shape, NULL), cell = H5Screate_simple(2, one, NULL);
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    const unsigned char value = 1;
    H5Pset_chunk(creation, 2, chunk);
    H5Pset_deflate(creation, 1);
    hid_t dataset = H5Dcreate2(file, "train", H5T_STD_U8LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, one, NULL);
    ck_assert(H5Dwrite(dataset, H5T_STD_U8LE, cell, space, H5P_DEFAULT, &value) >= 0);
    H5Dclose(dataset);
    H5Pclose(creation);
    H5Sclose(cell);
    H5Sclose(space);
    H5Fclose(file);
    ck_fails(open_close(path, NULL), FGMM_FORMAT, "chunks of (32768, 8193); at most 268435456 bytes");
}
END_TEST

/* A damaged layout message: libhdf5 itself would read beyond the chunk's bytes. */
START_TEST(test_hdf5__chunks_that_overhang_are_refused)
{
    static unsigned char data[ROWS * DIMS * 4], file[65536];
    const recipe r = {"train", H5T_IEEE_F32LE, 2, {ROWS, DIMS}, {13, 5}, data};
    const uint32_t layout[] = {13, 5, sizeof(float)}; /* as it stands in the file */
    FILE *stream = fopen(write_hdf5(&r), "rb");
    const size_t size = fread(file, 1, sizeof file, stream);
    fclose(stream);
    unsigned found = 0;
    for (size_t at = 0; at + sizeof layout <= size; at++) {
        if (memcmp(file + at, layout, sizeof layout) != 0) continue;
        file[at + 5] = 0x80; /* 5 becomes 0x8005 */
        found++;
    }
    ck_assert_uint_eq(found, 1);
    ck_fails(open_close(write_file("overhang.hdf5", file, size), NULL), FGMM_FORMAT,
             "chunks of (13, 32773) do not fit its (50, 7)");
}
END_TEST

/* Truncations and damaged bytes: an error or the same rows, never a crash, and nothing on stderr. */
START_TEST(test_hdf5__damage_is_silent_and_refused)
{
    static unsigned char data[ROWS * DIMS * 4], file[65536];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i * 31 + i / 256);
    const recipe r = {"train", H5T_IEEE_F32LE, 2, {ROWS, DIMS}, {8, 3}, data};
    const char *path = write_hdf5(&r);
    FILE *stream = fopen(path, "rb");
    const size_t size = fread(file, 1, sizeof file, stream);
    fclose(stream);
    const char *log = temporary_path("stderr");
    fflush(stderr);
    const int kept = dup(2);
    ck_assert_ptr_nonnull(freopen(log, "w", stderr));
    unsigned failures = 0;
    for (size_t cut = 1; cut < size; cut += 61) {
        fgmm_status status = open_close(write_file("cut.hdf5", file, cut), NULL);
        ck_assert_int_ne(status, FGMM_OK);
        ck_assert_ptr_nonnull(strstr(fgmm_last_error(), "cut.hdf5"));
    }
    for (size_t at = size - 200; at < size; at += 3) { /* the last chunk: its checksum fails */
        file[at] ^= 0x10;
        fgmm_status status = open_close(write_file("cut.hdf5", file, size), NULL);
        if (status != FGMM_OK) {
            failures++;
            ck_assert_ptr_nonnull(strstr(fgmm_last_error(), "cut.hdf5: "));
        }
        file[at] ^= 0x10;
    }
    ck_assert_uint_gt(failures, 0);
    fflush(stderr);
    ck_assert_int_eq((int)ftell(stderr), 0);
    dup2(kept, 2);
    close(kept);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {
        test_hdf5__every_type_and_layout,
        test_hdf5__byte_order_is_converted,
        test_hdf5__what_is_not_read_is_refused,
        test_hdf5__chunks_over_the_bound_are_refused,
        test_hdf5__chunks_that_overhang_are_refused,
        test_hdf5__damage_is_silent_and_refused,
    };
    Suite *s = suite_create("data_hdf5");
    ADD_CASE(s, "hdf5", NULL, NULL, 120, tests);
    return s;
}

#else

START_TEST(test_hdf5__absence_is_said)
{
    fgmm_source *source;
    ck_fails(fgmm_source_open(&source, write_file("a.h5", "x", 1), NULL), FGMM_UNSUPPORTED, "not built");
    ck_assert_ptr_null(source);
}
END_TEST

Suite *suite(void)
{
    const TTest *const tests[] = {test_hdf5__absence_is_said};
    Suite *s = suite_create("data_hdf5");
    ADD_CASE(s, "hdf5", NULL, NULL, 60, tests);
    return s;
}

#endif
